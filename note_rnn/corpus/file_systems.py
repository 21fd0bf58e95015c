"""Files that are not in a folder of this machine: in archives, object stores, or whatever else fsspec opens by a URL.

Such as `zip://::music.zip`, `s3://bucket/music` or, in tests, `memory://music`. An archive stays open once opened.
"""

import os
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from tempfile import TemporaryDirectory
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from note_rnn.corpus.corpus import CorpusError
from note_rnn.extraction.contents import MAX_BYTES


def is_url(path: str) -> bool:
    """Return whether `path` is a URL."""
    return "://" in path


def walk_url(url: str, record: Callable[[OSError], None]) -> Iterator[tuple[str, str]]:
    """Yield the path, relative to `url`, and the URL of each file there and below, those of a folder in order.

    A folder that cannot be read is passed to `record` as its error. Raises CorpusError if there is nothing at `url`, or
    fsspec cannot open it.
    """
    try:
        system, root = _opened(url)
        is_folder = not root.strip("/") or system.isdir(root)
    except Exception as error:  # each file system fails in its own way
        raise CorpusError(f"{url} cannot be opened ({error}): give a folder, or a URL that fsspec opens.") from error
    if not is_folder:
        raise CorpusError(f"There is no folder {url}.")
    _, chain, outer = url.partition("::")
    for parent, folders, names in system.walk(root, on_error=record):
        folders.sort()
        inside = posixpath.relpath(f"/{parent}", f"/{root}")
        base = system.unstrip_protocol(parent)
        base += "" if base.endswith("/") else "/"
        yield from ((posixpath.join(inside, name), f"{base}{name}{chain}{outer}") for name in sorted(names))


def name_of_url(url: str) -> str:
    """Return the last part of the path in `url`, or else the name of its archive."""
    first, _, outer = url.partition("::")
    protocol, _, inside = first.partition("://")
    return posixpath.basename(inside.rstrip("/")) or posixpath.basename(outer) or protocol


@contextmanager
def local_file(path: str) -> Iterator[str]:
    """Yield the path of a local file with the content of `path`, a path already or a URL.

    Of a URL's content no more is copied than shows that it is too large. Raises OSError, or what its file system
    raises, if it cannot be read.
    """
    if not is_url(path):
        yield path
        return
    system, inside = _opened(path)
    with TemporaryDirectory() as folder:
        local = os.path.join(folder, posixpath.basename(inside))
        with system.open(inside, "rb") as source, open(local, "wb") as target:
            target.write(source.read(MAX_BYTES + 1))
        yield local


def version_of(path: str) -> Any:
    """Return what changes whenever the file `path` does, as plain data: its size and time, or those of a URL."""
    try:
        if is_url(path):
            system, inside = _opened(path)
            return system.ukey(inside)
        status = os.stat(path)
    except Exception:  # reading it will give the reason
        return None
    return status.st_size, status.st_mtime_ns


def _opened(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of `url` and the path in it."""
    first, chain, outer = url.partition("::")
    if not chain:
        return url_to_fs(url)
    protocol, _, inside = first.partition("://")
    return _opened_within(protocol, outer), inside


@lru_cache(maxsize=4)
def _opened_within(protocol: str, outer: str) -> AbstractFileSystem:
    return url_to_fs(f"{protocol}://::{outer}")[0]
