"""Melody files found in folders, of this machine or at a URL, and their names in a report."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from note_rnn.corpus.corpus import CorpusError
from note_rnn.corpus.file_systems import is_url, name_of_url, walk_url
from note_rnn.corpus.reading import ALL_SUFFIXES


class File(NamedTuple):
    """A file's path or URL, and its printable name, relative to the parent of the folder searched."""

    path: str
    name: str


class Files(NamedTuple):
    """The melody files, the number of other files by suffix, and the unreadable folders with their errors."""

    files: list[File]
    others: Counter[str]
    unread: dict[str, str]


def find_files(folders: Sequence[str | Path], suffixes: Collection[str] = ALL_SUFFIXES) -> Files:
    """Return the files in `folders` and all their subfolders, sorted by name within each; each file once.

    Melody files are those with one of the `suffixes`.

    Links to folders are not followed. Raises CorpusError if one of `folders` does not exist.
    """
    found: dict[str, File] = {}
    others: Counter[str] = Counter()
    unread: dict[str, str] = {}

    def record(error: OSError) -> None:
        unread[_shown(str(error.filename))] = error.strerror or type(error).__name__

    if not folders:
        raise CorpusError("Name at least one folder of music.")
    for folder in map(str, folders):
        for shown, path in _walk(folder, record):
            suffix = os.path.splitext(shown)[1].lower()
            if suffix in suffixes:
                found.setdefault(path, File(path, _shown(shown)))
            else:
                others[_shown(suffix)] += 1
    return Files(list(found.values()), others, unread)


def _walk(folder: str, record: Callable[[OSError], None]) -> Iterator[tuple[str, str]]:
    """Yield the name and the path of each file in `folder`; errors of folders that cannot be read go to `record`."""
    if is_url(folder):
        top = name_of_url(folder)
        yield from ((os.path.normpath(os.path.join(top, inside)), url) for inside, url in walk_url(folder, record))
        return
    folder = os.path.abspath(folder)
    if not os.path.isdir(folder):
        raise CorpusError(f"There is no folder {_shown(folder)}.")
    for parent, subfolders, names in os.walk(folder, onerror=record):
        subfolders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            yield os.path.join(os.path.basename(folder), os.path.relpath(path, folder)), path


def _shown(path: str) -> str:
    """Return `path` as printable text, with bytes that are not UTF-8 as \\x.. ."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
