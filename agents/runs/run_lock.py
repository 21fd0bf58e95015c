"""The lock of a run's folder: one process at a time writes to it."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from agents.runs.run_directory import RunError

_NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run in `folder`, created if missing, for the body; the system ends the hold of a process that dies.

    Raises RunError, which names the holder, if another holds it, or if the folder cannot be written.
    """
    path = folder / _NAME
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise RunError(f"TensorBoard cannot write to {folder}, whose name is not UTF-8: choose another.") from error
    lock = FileLock(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunError(f"{folder} is in use by {_holder(path)}: wait for its end, or stop it.") from error
    except OSError as error:
        raise RunError(f"Cannot write to the run directory {folder}: {error.strerror or error}.") from error
    try:
        with suppress(OSError):  # on some systems nothing can be written to a locked file
            path.write_text(f"process {os.getpid()} on {platform.node()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        if text := path.read_text():
            return text
    return "another process"
