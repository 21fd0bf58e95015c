"""Atomic file writing: to a temporary file beside the target, which then replaces it."""

import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from note_rnn.common.errors import check_path

_TEMPORARY = "partial"
"""Last part but the suffix of the names of temporary files, so that those of a dead process are recognised."""


@contextmanager
def replacing(path: str | Path, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, created if missing; on success it replaces `path`.

    A `durable` file survives a power failure from then on: file and folder are written through to the disk. The mode of
    the file is that of any new file, by the umask. On an exception the temporary file is removed and `path` stays as it
    was. Raises InputError for a path that no file can have, OSError, which names `path`, if it cannot be written.
    """
    check_path(path)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    name = f".{target.stem}-{secrets.token_hex(4)}.{_TEMPORARY}{target.suffix}"
    temporary = target.with_name(name)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        if durable:
            _write_through(temporary, os.O_RDWR)
        temporary.replace(target)
        if durable:
            with suppress(OSError):  # not every system can write a folder through
                _write_through(target.parent, os.O_RDONLY)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(target)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, stem: str = "*") -> None:
    """Remove the temporary files that a dead process left in `folder` and below, or of files named `stem` alone.

    No living process may be writing there.
    """
    for path in folder.rglob(f".{stem}-*.{_TEMPORARY}*"):
        path.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes, durable: bool = False) -> None:
    """Write `content` to the file `path`; for `durable` and errors see `replacing`."""
    with replacing(path, durable) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str, durable: bool = False) -> None:
    """Write `text` to the file `path`, in UTF-8, with escapes for what is no text, such as bytes of file names.

    For `durable` and errors see `replacing`.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"), durable)


def write_json(path: str | Path, content: Any, durable: bool = False) -> None:
    """Write `content` to the file `path` as `json_text`; for `durable` and errors see `replacing`."""
    write_text(path, json_text(content) + "\n", durable)


def json_text(content: Any, indent: int | None = 2) -> str:
    """Return `content` as JSON that every reader accepts: numbers that are not finite are null.

    Values without a JSON form are written as their text. Raises ValueError for content that contains itself.
    """
    return json.dumps(_finite(json.loads(json.dumps(content, default=str))), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    """Return `value`, which consists of JSON's own types, with None for numbers that are not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return value


def _write_through(path: Path, mode: int) -> None:
    """Return once `path`, a file or a folder, opened in `mode`, is on the disk."""
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
