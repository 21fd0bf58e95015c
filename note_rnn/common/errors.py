"""Input errors, which a command reports in one sentence without a traceback, and checks of single arguments."""

import errno
import io
import math
import sys
from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path


class InputError(ValueError):
    """An input from the user that cannot be used; the message is one sentence: what, where, what to do."""


def check_count(argument: str, value: int, minimum: int = 1) -> int:
    """Return `value` if it is a whole number of at least `minimum`; raises InputError naming the argument."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{argument} must be a whole number, not {value!r}.")
    if value < minimum:
        raise InputError(f"{argument} must be at least {minimum}, not {value}.")
    return value


def check_above_zero(argument: str, value: float) -> float:
    """Return `value` if it is a finite number above 0; raises InputError naming the argument."""
    if not is_number(value) or value <= 0:
        raise InputError(f"{argument} must be a number above 0, not {value!r}.")
    return value


def check_choice(argument: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`; raises InputError naming the argument and the choices."""
    if value not in choices:
        raise InputError(f"{argument} must be one of {', '.join(map(repr, choices))}, not {value!r}.")
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
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def reason(error: Exception) -> str:
    """Return why a file cannot be used, without the number and the file that the text of an OSError has."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def is_disk_full(error: OSError) -> bool:
    """Return whether the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def run_command(main: Callable[[], None]) -> None:
    """Call `main`; on an input error or an unreadable or unwritable file, print one sentence and exit with status 2.

    Characters that the console does not have are printed as escapes.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
    except InputError as error:
        sys.exit(_print_error(str(error)))
    except OSError as error:
        sentence = f"{reason(error)}: {error.filename}" if error.filename else str(error)
        more = ". Free some space, then repeat the command." if is_disk_full(error) else ""
        sys.exit(_print_error(sentence + more))
    except MemoryError:
        sys.exit(_print_error("There is not enough memory for this: ask for less at a time."))
    except KeyboardInterrupt:
        sys.exit(130)


def _print_error(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 2
