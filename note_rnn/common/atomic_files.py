"""Atomic file writing: to a temporary file beside the target, which then replaces it."""

import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from note_rnn.common.errors import InputError, check_path, reason

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
    temporary = _temporary_path(target)
    try:
        _create(temporary)
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


def check_out_file(out: Path, option: str = "--out") -> None:
    """Raise InputError, which names the `option`, if the file `out` cannot be written: before the work, not after.

    The temporary file of `replacing` is made for a trial, so that no permission or file system is misjudged; nothing of
    it stays.
    """
    check_path(out)
    if os.path.isdir(out):  # which, unlike a Path's, answers for any name
        raise InputError(f"{out} is a folder: {option} must be a file.")
    if os.path.exists(out) and not os.path.isfile(out):
        raise InputError(f"{out} is a device, which would be replaced by a file: choose another {option}.")
    _check_writable(out, out, option)


def check_out_folder(out: Path, option: str = "--out") -> None:
    """Raise InputError, which names the `option`, if files cannot be written to the folder `out`, new or not.

    For how this is known see `check_out_file`.
    """
    check_path(out)
    if os.path.exists(out) and not os.path.isdir(out):
        raise InputError(f"{out} is not a folder: choose another {option}.")
    _check_writable(out / "file", out, option)


def _check_writable(target: Path, out: Path, option: str) -> None:
    target = target.absolute()
    existing = next(parent for parent in target.parents if os.path.exists(parent))
    if not os.path.isdir(existing):
        raise InputError(f"{out} cannot be written, since {existing} is a file: choose another {option}.")
    is_new = existing != target.parent
    try:
        with TemporaryDirectory(dir=existing, prefix=".") if is_new else nullcontext(existing) as folder:
            temporary = _temporary_path(Path(folder) / target.relative_to(existing))
            temporary.parent.mkdir(parents=True, exist_ok=True)
            _create(temporary)
            temporary.unlink()
    except OSError as error:
        raise InputError(
            f"{out} cannot be written in {existing} ({reason(error)}): choose another {option}."
        ) from error


def _temporary_path(target: Path) -> Path:
    return target.with_name(f".{target.stem}-{secrets.token_hex(4)}.{_TEMPORARY}{target.suffix}")


def _create(path: Path) -> None:
    """Make the empty file `path`, which must be new, with the mode of any new file."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


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
