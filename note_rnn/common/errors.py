"""Input errors, which a command reports in one sentence without a traceback, and checks of single arguments."""

import math
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from numbers import Integral
from pathlib import Path

from note_rnn.common.plain_text import Printable, sentence, shown


class InputError(ValueError):
    """An input from the user that cannot be used; the message is one sentence: what, where, what to do.

    It is printable and of bounded length, whatever a file's name or content puts into it.
    """

    def __init__(self, message: str):
        super().__init__(sentence(message))


def check_count(argument: str, value: int, minimum: int = 1) -> int:
    """Return `value` if it is a whole number of at least `minimum`; raises InputError naming the argument."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{argument} must be a whole number, not {shown(value)}.")
    if value < minimum:
        raise InputError(f"{argument} must be at least {minimum}, not {shown(int(value))}.")
    return value


def check_above_zero(argument: str, value: float) -> float:
    """Return `value` if it is a finite number above 0; raises InputError naming the argument."""
    if not is_number(value) or value <= 0:
        raise InputError(f"{argument} must be a number above 0, not {shown(value)}.")
    return value


def check_choice(argument: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`; raises InputError naming the argument and the choices."""
    if value not in choices:
        raise InputError(f"{argument} must be one of {', '.join(map(repr, choices))}, not {shown(value)}.")
    return value


def check_out_file(out: Path) -> None:
    """Raise InputError if `out` is a folder."""
    if out.is_dir():
        raise InputError(f"{out} is a folder: --out must be a file.")


def check_out_folder(out: Path) -> None:
    """Raise InputError if `out` is a file."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is not a folder: choose another --out.")


def is_number(value: object) -> bool:
    """Return whether `value` is a finite number and not a bool."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def run_command(main: Callable[[], None]) -> None:
    """Call `main`; on an input error or an unreadable or unwritable file, print one sentence and exit with status 2.

    What it prints is `Printable`: no name in a file sends control characters to the terminal.
    """
    try:
        with redirect_stdout(Printable(sys.stdout)), redirect_stderr(Printable(sys.stderr)):
            main()
    except InputError as error:
        sys.exit(_print_error(str(error)))
    except OSError as error:
        sys.exit(_print_error(f"{error.strerror or error}: {error.filename}" if error.filename else str(error)))
    except KeyboardInterrupt:
        sys.exit(130)


def _print_error(message: str) -> int:
    print(f"error: {sentence(message)}", file=sys.stderr)
    return 2
