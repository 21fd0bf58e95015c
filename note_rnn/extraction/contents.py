"""The bytes of a music file, read within limits, so that none takes all memory."""

import stat
from pathlib import Path

from note_rnn.extraction.tunes import TuneError

MAX_BYTES = 1 << 24
"""Bytes of a file at most, and of what is unpacked from it."""


def read_content(path: str | Path) -> bytes:
    """Return the bytes in the file `path`.

    Raises TuneError, with the reason, if it is empty, larger than `MAX_BYTES` or no regular file, OSError if it cannot
    be opened.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe would wait for ever
        raise TuneError("not a regular file")
    with Path(path).open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TuneError(f"larger than {MAX_BYTES >> 20} MiB")
    if not content:
        raise TuneError("empty file")
    return content
