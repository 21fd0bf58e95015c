"""Bad input: the base of the errors that a command tells in one sentence, without a traceback."""

import sys
from collections.abc import Callable


class InputError(ValueError):
    """Something given by the user cannot be used; the message is one sentence: what, where, what to do."""


def run_command(main: Callable[[], None]) -> None:
    """Call `main`; on bad input or a file that cannot be read or written, print one sentence and exit with status 2."""
    try:
        main()
    except InputError as error:
        sys.exit(_told(str(error)))
    except OSError as error:
        sys.exit(_told(f"{error.strerror or error}: {error.filename}" if error.filename else str(error)))
    except KeyboardInterrupt:
        sys.exit(130)


def _told(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 2
