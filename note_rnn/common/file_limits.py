"""Limits of the music files that are read, so that none takes all memory."""

import stat
import zipfile
from pathlib import Path

MAX_BYTES = 1 << 24
"""Bytes of a file, and of what is packed in it."""
_PACKED = ".mxl"


def refusal(path: str | Path) -> str:
    """Return why the file `path` is not read, "" if it can be; raises OSError if it cannot be examined."""
    status = Path(path).stat()
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if status.st_size > MAX_BYTES:
        return f"larger than {MAX_BYTES >> 20} MiB"
    if status.st_size == 0:
        return "empty file"
    if Path(path).suffix.lower() == _PACKED and _unpacked_bytes(path) > MAX_BYTES:
        return f"larger than {MAX_BYTES >> 20} MiB when unpacked"
    return ""


def _unpacked_bytes(path: str | Path) -> int:
    """Return the bytes that the files in an archive unpack to, as it declares: no more is unpacked; 0 if damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return 0
