"""Collections of tunes: the tune books that come with music21, tokenised once and cached, and corpus files."""

import importlib.metadata
import importlib.util
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from platformdirs import user_cache_dir

from note_rnn.common.progress import Progress
from note_rnn.corpus.corpus import Corpus, CorpusError, joined, split
from note_rnn.corpus.corpus_files import read_corpus, write_corpus
from note_rnn.extraction.tune_files import Tune, read_tunes
from note_rnn.vocabulary import Tokens

CACHE_VARIABLE = "MELODY_RL_CACHE"
"""The environment variable that names a cache folder in place of the user's."""
DEFAULT_COLLECTIONS = ("oneills1850", "ryansMammoth")
EXTRACTION_VERSION = 2
"""Raised with every change of what `tune_files` gives, so that caches of before are made anew."""

SUFFIXES = {".abc", ".xml", ".mxl", ".musicxml", ".krn"}
"""Of the files that music21 reads."""


def load_corpus(
    collections: Sequence[str] = DEFAULT_COLLECTIONS,
    cache_dir: str | Path | None = None,
    num_workers: int | None = None,
) -> Corpus:
    """Return the tunes of `collections` of music21, from the cache or else parsed and cached, and of corpus files.

    :param collections: folders of music21's corpus, which `known_collections` lists, or corpus files (`.npz`).
    :param cache_dir: by default the folder that the environment variable MELODY_RL_CACHE names, or else the user's
        cache folder.
    :param num_workers: processes that parse, by default one per core.

    Raises CorpusError for an unknown name, a file that is none, or where music21 is not installed, OSError where the
    cache cannot be written.
    """
    if not collections:
        raise CorpusError(f"Name at least one collection, such as {DEFAULT_COLLECTIONS[0]}.")
    folder = _cache_folder(cache_dir)
    return joined([_load_collection(name, folder, num_workers) for name in dict.fromkeys(collections)])


def cached_corpus(
    collections: Sequence[str] = DEFAULT_COLLECTIONS, cache_dir: str | Path | None = None
) -> Corpus | None:
    """Return what `load_corpus` does, if all of it is cached; None where it would have to be parsed first."""
    folder = _cache_folder(cache_dir)
    corpora = [_read_cache(folder / _cache_name(name)) for name in collections]
    return None if None in corpora else joined([corpus for corpus in corpora if corpus is not None])


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


def parse_collection(name: str, num_workers: int | None = None) -> Corpus:
    """Return the tunes of a collection of music21, parsed anew and never cached.

    Raises CorpusError where it has none that can be used.
    """
    files = sorted(path for path in (_corpus_folder() / name).rglob("*") if path.suffix.lower() in SUFFIXES)
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
    if name.endswith(".npz"):
        return read_corpus(name)
    known = known_collections()
    if name not in known:
        raise CorpusError(
            f"music21 has no collection {name!r}; it has {', '.join(known)}. Of music of your own, make a corpus "
            "first: python -m note_rnn.corpus build FOLDER"
        )
    cache = folder / _cache_name(name)
    corpus = _read_cache(cache)
    if corpus is None:
        corpus = parse_collection(name, num_workers)
        write_corpus(corpus, cache)
    return corpus


def _cache_folder(cache_dir: str | Path | None) -> Path:
    return Path(cache_dir or os.environ.get(CACHE_VARIABLE) or user_cache_dir("melody-rl")) / "corpus"


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
    except (OSError, ValueError, KeyError, importlib.metadata.PackageNotFoundError):
        return None


def _corpus_folder() -> Path:
    """Return where music21 keeps its corpus, without the second that importing it takes."""
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        raise CorpusError('The tune books come with music21: pip install "melody-rl[corpus]".')
    return Path(spec.submodule_search_locations[0]) / "corpus"
