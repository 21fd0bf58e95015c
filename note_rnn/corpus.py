"""Corpora of melodies: the tune books that come with music21, tokenised once, cached, and split by tune.

A corpus has S segments (token arrays [T], see `tunes`) of N tunes; it is cached as one `.npz` a collection.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_dir

from note_rnn.errors import InputError
from note_rnn.files import replacing
from note_rnn.progress import Progress
from note_rnn.tune_files import Tune, read_tunes
from note_rnn.tunes import Bars
from note_rnn.variants import variant_groups
from note_rnn.vocabulary import Tokens

DEFAULT_COLLECTIONS = ("oneills1850", "ryansMammoth")
EXTRACTION_VERSION = 2
"""Raised with every change of what `tune_files` gives, so that caches of before are made anew."""

_SUFFIXES = {".abc", ".xml", ".mxl", ".musicxml", ".krn"}


class CorpusError(InputError):
    """A collection that is not there or gives no tunes."""


@dataclass(frozen=True)
class Corpus:
    """Segments [S] of tunes [N]. Every tune has at least one."""

    segments: list[Tokens]
    """Token arrays [T]."""
    tune_of_segment: npt.NDArray[np.int64]
    """The tune, 0..N-1, that each segment is part of [S]."""
    titles: list[str]
    """The title of each tune [N]."""
    sources: list[str]
    """Where each tune stands [N], as `collection/file#number`."""
    provenance: list[dict[str, Any]] = field(default_factory=list)
    """Of each collection its name, versions, and how many tunes were read, kept, cut, and dropped why."""
    bars: list[Bars] = field(default_factory=list)
    """Meter and first bar line of each segment [S]; empty if unknown."""

    @property
    def num_tokens(self) -> int:
        """The tokens in all segments."""
        return sum(map(len, self.segments))

    def by_collection(self) -> "dict[str, Corpus]":
        """Return the tunes of each collection, which is where their `sources` begin."""
        names = np.array([source.partition("/")[0] for source in self.sources])
        return {str(name): self.of_tunes(names == name) for name in np.unique(names)}

    def of_tunes(self, chosen: npt.NDArray[np.bool_]) -> "Corpus":
        """Return the corpus of the `chosen` tunes only, a mask [N]."""
        number = np.cumsum(chosen) - 1
        tunes, segments = np.flatnonzero(chosen), np.flatnonzero(chosen[self.tune_of_segment])
        return Corpus(
            [self.segments[i] for i in segments],
            number[self.tune_of_segment[segments]],
            [self.titles[i] for i in tunes],
            [self.sources[i] for i in tunes],
            self.provenance,
            [self.bars[i] for i in segments] if self.bars else [],
        )


class Split(NamedTuple):
    """A corpus in three parts that share no tune and no variant of one."""

    train: Corpus
    validation: Corpus
    test: Corpus


def load_corpus(
    collections: Sequence[str] = DEFAULT_COLLECTIONS,
    cache_dir: str | Path | None = None,
    num_workers: int | None = None,
) -> Corpus:
    """Return the tunes of `collections`, those of music21 from the cache or else parsed and cached.

    :param collections: names of folders of music21's corpus, which `known_collections` lists; paths of folders of your
        own tune files (ABC, MusicXML, kern), always parsed, or of files that `write_corpus` wrote (.npz).
    :param cache_dir: by default the user's cache folder.
    :param num_workers: processes that parse, by default one per core.

    Raises CorpusError for an unknown name, a file that is no corpus or where music21 is not installed, OSError where
    the cache cannot be written.
    """
    if not collections:
        raise CorpusError(f"Name at least one collection, such as {DEFAULT_COLLECTIONS[0]}.")
    folder = Path(cache_dir or user_cache_dir("melody-rl")) / "corpus"
    return _joined([_load_collection(name, folder, num_workers) for name in dict.fromkeys(collections)])


def cached_corpus(
    collections: Sequence[str] = DEFAULT_COLLECTIONS, cache_dir: str | Path | None = None
) -> Corpus | None:
    """Return what `load_corpus` does, if all of it is cached; None where it would have to be parsed first."""
    folder = Path(cache_dir or user_cache_dir("melody-rl")) / "corpus"
    corpora = [_read_cache(folder / _cache_name(name)) for name in collections]
    return None if None in corpora else _joined([corpus for corpus in corpora if corpus is not None])


def held_out_openings(length: int, cache_dir: str | Path | None = None) -> Tokens | None:
    """Return the openings [N, `length`] of the default collections' test tunes that are as long, if they are cached.

    None where they have not been read on this machine: that takes minutes, and music21.
    """
    corpus = cached_corpus(cache_dir=cache_dir)
    if corpus is None:
        return None
    test = split(corpus).test
    _, first_segments = np.unique(test.tune_of_segment, return_index=True)
    openings = [test.segments[first][:length] for first in first_segments]
    whole = [opening for opening in openings if len(opening) == length]
    return np.stack(whole) if whole else None


def known_collections() -> list[str]:
    """Return the names of the collections that come with music21; raises CorpusError where it is not installed."""
    return sorted(
        folder.name for folder in _corpus_folder().iterdir() if folder.is_dir() and folder.name[0] not in "_."
    )


def split(corpus: Corpus, validation: float = 0.05, test: float = 0.05) -> Split:
    """Return `corpus` split by groups of variant tunes; `validation` and `test` are the shares of groups held out.

    A hash of its melodies decides where a group goes, so neither the order of the tunes nor the other groups matter.
    Raises CorpusError where a part would be empty.
    """
    named = zip(corpus.titles, corpus.sources, strict=True)
    titles = ["" if source.endswith(f"/{title}") else title for title, source in named]  # a file's name is no title
    groups = variant_groups(corpus.segments, corpus.tune_of_segment, titles)
    hashes = np.zeros(len(groups), np.uint64)
    np.add.at(hashes, groups, _melody_hashes(corpus))  # modulo 2^64, so uniform and the same in any order
    position = hashes[groups] / 2.0**64
    part = np.where(position < test, 2, np.where(position < test + validation, 1, 0))
    parts = Split(*(corpus.of_tunes(part == number) for number in range(3)))
    if not all(each.segments for each in parts):
        raise CorpusError(f"{len(corpus.titles)} tunes are too few to hold some out: add a collection.")
    return parts


def is_own_music(collection: str) -> bool:
    """Return whether `collection` is the path of a folder or file, such as ./tunes, and no name that music21 knows."""
    return "/" in collection or os.sep in collection or collection.endswith(".npz")


def parse_collection(name: str, num_workers: int | None = None) -> Corpus:
    """Return the tunes of a collection of music21, parsed anew and never cached.

    Raises CorpusError where it has none that can be used.
    """
    return parse_folder(_corpus_folder() / name, num_workers)


def parse_folder(folder: Path, num_workers: int | None = None) -> Corpus:
    """Return the tunes of all files that music21 reads in `folder` and below it, as a collection of that name.

    Raises CorpusError where it has none that can be used.
    """
    name = folder.resolve().name
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    tunes: list[Tune] = []
    with Progress(len(files), f"Parsing {name} (once)", "files") as progress:
        for tunes_of_file in _tunes_of_files(files, num_workers or os.cpu_count() or 1):
            tunes += tunes_of_file
            progress.note(f"{len(tunes)} tunes")
            progress.advance()
    kept = [tune for tune in tunes if tune.segments]
    if not kept:
        raise CorpusError(f"Collection {name} has no tune on a grid of sixteenths: choose another.")
    provenance = {
        "collection": name,
        "music21": importlib.metadata.version("music21"),
        "extraction": EXTRACTION_VERSION,
        "files": len(files),
        "tunes_read": len(tunes),
        "tunes_kept": len(kept),
        "tunes_cut": sum(len(tune.segments) > 1 for tune in kept),
        "tunes_dropped": dict(Counter(tune.dropped for tune in tunes if not tune.segments).most_common()),
    }
    return Corpus(
        [segment for tune in kept for segment in tune.segments],
        np.repeat(np.arange(len(kept)), [len(tune.segments) for tune in kept]),
        [tune.title for tune in kept],
        [f"{name}/{tune.source}" for tune in kept],
        [provenance],
        [bars for tune in kept for bars in tune.bars],
    )


def _tunes_of_files(files: Sequence[Path], num_workers: int) -> Iterator[list[Tune]]:
    """Yield the tunes of each file in order, however many processes read them."""
    if num_workers == 1 or len(files) < 2:
        yield from map(read_tunes, files)
        return
    done = 0
    try:
        with ProcessPoolExecutor(num_workers, get_context("spawn")) as pool:
            for tunes in pool.map(read_tunes, files):
                yield tunes
                done += 1
    except BrokenProcessPool:  # as in a script without a __main__ guard, or short of memory
        yield from map(read_tunes, files[done:])


def _load_collection(name: str, folder: Path, num_workers: int | None) -> Corpus:
    if is_own_music(name):
        path = Path(name).expanduser()
        return parse_folder(path, num_workers) if path.is_dir() else read_corpus(path)
    known = known_collections()
    if name not in known:
        raise CorpusError(
            f"music21 has no collection {name!r}; it has {', '.join(known)}. A folder of your own is written ./{name}."
        )
    cache = folder / _cache_name(name)
    corpus = _read_cache(cache)
    if corpus is None:
        corpus = parse_collection(name, num_workers)
        write_corpus(corpus, cache)
    return corpus


def _cache_name(collection: str) -> str:
    """Return the file's name; it differs by version, so that two versions on one machine do not undo each other."""
    return f"{collection}-{EXTRACTION_VERSION}.npz"


def _read_cache(path: Path) -> Corpus | None:
    """Return the corpus cached at `path`; None where there is none, it is damaged, or made by other versions."""
    try:
        corpus = read_corpus(path)
        (made,) = corpus.provenance
        current = (importlib.metadata.version("music21"), EXTRACTION_VERSION)
        return corpus if (made["music21"], made["extraction"]) == current else None
    except (CorpusError, KeyError, importlib.metadata.PackageNotFoundError):
        return None


def read_corpus(path: Path) -> Corpus:
    """Return the corpus in a file that `write_corpus` wrote; raises CorpusError if it is missing or another."""
    try:
        with path.open("rb") as file, np.load(file) as data:
            return Corpus(
                np.split(data["tokens"].astype(np.int64), data["starts"][1:]),
                data["tune_of_segment"],
                data["titles"].tolist(),
                data["sources"].tolist(),
                [json.loads(str(data["provenance"]))],
                [Bars(meter, int(pickup)) for meter, pickup in zip(data["meters"], data["pickups"], strict=True)],
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path} is no folder of tunes and no corpus that can be read ({error}).") from error


def write_corpus(corpus: Corpus, path: Path) -> None:
    """Write a `corpus` of one collection to the file `path` (.npz); raises OSError where it cannot be written."""
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            tokens=np.concatenate(corpus.segments).astype(np.int8),
            starts=np.cumsum([0, *map(len, corpus.segments[:-1])]),
            tune_of_segment=corpus.tune_of_segment,
            titles=np.array(corpus.titles),
            sources=np.array(corpus.sources),
            meters=np.array([bars.meter for bars in corpus.bars]),
            pickups=np.array([bars.pickup for bars in corpus.bars], np.int64),
            provenance=np.array(json.dumps(corpus.provenance[0])),
        )


def _joined(corpora: Sequence[Corpus]) -> Corpus:
    first_tunes = np.cumsum([0, *(len(corpus.titles) for corpus in corpora[:-1])])
    return Corpus(
        [segment for corpus in corpora for segment in corpus.segments],
        np.concatenate([corpus.tune_of_segment + n for corpus, n in zip(corpora, first_tunes, strict=True)]),
        [title for corpus in corpora for title in corpus.titles],
        [source for corpus in corpora for source in corpus.sources],
        [entry for corpus in corpora for entry in corpus.provenance],
        [bars for corpus in corpora for bars in corpus.bars],
    )


def _corpus_folder() -> Path:
    """Return where music21 keeps its corpus, without the second that importing it takes."""
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        raise CorpusError('The tune books come with music21: pip install "melody-rl[corpus]".')
    return Path(spec.submodule_search_locations[0]) / "corpus"


def _melody_hashes(corpus: Corpus) -> npt.NDArray[np.uint64]:
    """Return a number 0..2^64 - 1 for each tune, from its melody alone."""
    digests = [hashlib.sha256() for _ in corpus.titles]
    for segment, tune in zip(corpus.segments, corpus.tune_of_segment, strict=True):
        digests[tune].update(segment.astype(np.int8).tobytes() + b"\xff")
    return np.array([int.from_bytes(digest.digest()[:8], "big") for digest in digests], np.uint64)
