"""Atomic file writing: to a temporary file beside the target, which then replaces it."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, created if missing; on success it replaces `path`.

    On an exception the temporary file is removed and `path` stays as it was. Raises OSError if the folder cannot be
    written.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to the file `path`, in UTF-8; raises OSError if the folder cannot be written."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` to the file `path` as indented JSON; values without a JSON form are written as their text.

    Raises OSError if the folder cannot be written.
    """
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")
