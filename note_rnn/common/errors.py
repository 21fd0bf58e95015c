"""Input errors, which a command reports in one sentence without a traceback, and checks of single arguments."""

import errno
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from numbers import Integral
from pathlib import Path

from note_rnn.common.plain_text import Printable, sentence, shown

MAX_THREADS = 1024
"""More threads than any machine has use for."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-6, 1e6


class InputError(ValueError):
    """An input from the user that cannot be used; the message is one sentence: what, where, what to do.

    It is printable and of bounded length, whatever a file's name or content puts into it.
    """

    def __init__(self, message: str):
        super().__init__(sentence(message))


def check_count(argument: str, value: int, minimum: int = 1, maximum: int | None = None) -> int:
    """Return `value` if it is a whole number from `minimum` to `maximum`; raises InputError naming the argument."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{argument} must be a whole number, not {shown(value)}.")
    if value < minimum:
        raise InputError(f"{argument} must be at least {minimum}, not {shown(int(value))}.")
    if maximum is not None and value > maximum:
        raise InputError(f"{argument} must be at most {maximum:,}, not {shown(int(value))}.")
    return value


def check_seed(argument: str, value: int) -> int:
    """Return `value` if every random generator takes it as a seed; raises InputError naming the argument."""
    return check_count(argument, value, minimum=0, maximum=2**32 - 1)


def check_above_zero(argument: str, value: float) -> float:
    """Return `value` if it is a finite number above 0; raises InputError naming the argument."""
    if not is_number(value) or value <= 0:
        raise InputError(f"{argument} must be a number above 0, not {shown(value)}.")
    return value


def check_temperature(argument: str, value: float) -> float:
    """Return `value` if scores can be divided by it without loss; raises InputError naming the argument."""
    if not is_number(value) or not MIN_TEMPERATURE <= value <= MAX_TEMPERATURE:
        limits = f"{MIN_TEMPERATURE:f} to {MAX_TEMPERATURE:,.0f}"
        raise InputError(f"{argument} must be a number from {limits}, not {shown(value)}.")
    return value


def check_choice(argument: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`; raises InputError naming the argument and the choices."""
    if value not in choices:
        raise InputError(f"{argument} must be one of {', '.join(map(repr, choices))}, not {shown(value)}.")
    return value


def check_path(path: str | Path) -> None:
    """Raise InputError for a path that no file can have, since it contains the character NUL."""
    if "\0" in str(path):
        raise InputError(f"{shown(str(path))} cannot be a path: it contains the character NUL.")


def check_file_name(path: str | Path) -> None:
    """Raise InputError for a path without the name of a file, such as "." or "/"."""
    if Path(path).name in ("", ".."):
        raise InputError(f"{shown(str(path))} is a folder: add the name of a file.")


def check_suffix(option: str, path: Path, suffix: str) -> None:
    """Raise InputError if the `path` given as `option` does not end in `suffix`, such as .npy."""
    if path.suffix != suffix:
        raise InputError(f"{option} must end in {suffix}, not {path.suffix!r}.")


def is_number(value: object) -> bool:
    """Return whether `value` is a finite number and not a bool."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def reason(error: Exception) -> str:
    """Return why a file cannot be used, without the number and the file that the text of an OSError has."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def is_disk_full(error: OSError) -> bool:
    """Return whether the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def run_command(main: Callable[[], None]) -> None:
    """Call `main`; on an input error or an unreadable or unwritable file, print one sentence and exit with status 2.

    What it prints is `Printable`: no name in a file sends control characters to the terminal, and characters that the
    console does not have are escapes.
    """
    try:
        with redirect_stdout(Printable(sys.stdout)), redirect_stderr(Printable(sys.stderr)):
            main()
    except InputError as error:
        sys.exit(_print_error(str(error)))
    except BrokenPipeError:  # whoever read the output, such as head, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sentence = f"{reason(error)}: {error.filename}" if error.filename else str(error)
        more = ". Free some space, then repeat the command." if is_disk_full(error) else ""
        sys.exit(_print_error(sentence + more))
    except (MemoryError, RuntimeError) as error:
        is_memory = any(words in str(error) for words in ("out of memory", "allocate memory"))  # as PyTorch says
        if not isinstance(error, MemoryError) and not is_memory:
            raise
        sys.exit(_print_error("There is not enough memory for this: ask for less at a time."))
    except KeyboardInterrupt:
        sys.exit(130)


def _print_error(message: str) -> int:
    print(f"error: {sentence(message)}", file=Printable(sys.stderr))
    return 2
