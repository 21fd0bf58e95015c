"""Collections of tunes: the tune books that come with music21, tokenised once and cached, or corpus files."""

import importlib.metadata
import importlib.util
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from joblib import cpu_count
from platformdirs import user_cache_dir

from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.command_line import other_command
from note_rnn.common.errors import check_count
from note_rnn.common.parallel import results_of
from note_rnn.common.progress import Progress
from note_rnn.corpus.corpus import Corpus, CorpusError, joined
from note_rnn.corpus.corpus_files import write_corpus
from note_rnn.corpus.sharded.shards import Shards, joined_shards, read_corpus, read_shards
from note_rnn.corpus.sharded.splits import split
from note_rnn.extraction.tune_files import DEFAULT_READING, Reading, Tune, read_tunes
from note_rnn.vocabulary import Tokens

CACHE_VARIABLE = "MELODY_RL_CACHE"
"""The environment variable for a cache folder other than the user's."""
DEFAULT_COLLECTIONS = ("oneills1850", "ryansMammoth")
EXTRACTION_VERSION = 4
"""Incremented with every change in the output of `tune_files`, so that older caches are rebuilt."""

SUFFIXES = {".abc", ".xml", ".mxl", ".musicxml", ".krn"}
"""Suffixes of tune files."""


def load_corpus(
    collections: Sequence[str] = DEFAULT_COLLECTIONS,
    cache_dir: str | Path | None = None,
    num_workers: int | None = None,
    reading: Reading = DEFAULT_READING,
) -> Corpus:
    """Return the tunes of music21 `collections`, from the cache or else parsed and cached, and of corpus files.

    :param collections: folders of music21's corpus, as listed by `known_collections`, or corpus files (`.npz`).
    :param cache_dir: by default the folder in the environment variable MELODY_RL_CACHE, else the user's cache folder.
    :param num_workers: number of parsing processes, by default one per core.
    :param reading: how tunes of music21 are read; corpus files stay as they were built.

    Raises CorpusError for an unknown name, an invalid file, or if music21 is not installed, InputError if the cache
    cannot be written.
    """
    return joined([each.whole() for each in _opened(collections, cache_dir, num_workers, reading)])


def open_corpus(
    collections: Sequence[str] = DEFAULT_COLLECTIONS,
    cache_dir: str | Path | None = None,
    num_workers: int | None = None,
    reading: Reading = DEFAULT_READING,
) -> Shards:
    """Return what `load_corpus` does, given the same, but as shards that are read one at a time."""
    return joined_shards(_opened(collections, cache_dir, num_workers, reading))


def _opened(
    collections: Sequence[str], cache_dir: str | Path | None, num_workers: int | None, reading: Reading
) -> list[Shards]:
    """Return each of the `collections`."""
    if not collections:
        raise CorpusError(f"Name at least one collection, such as {DEFAULT_COLLECTIONS[0]}.")
    folder = _cache_folder(cache_dir)
    return [_open_collection(name, folder, num_workers, reading) for name in dict.fromkeys(collections)]


def cached_corpus(
    collections: Sequence[str] = DEFAULT_COLLECTIONS, cache_dir: str | Path | None = None
) -> Corpus | None:
    """Return the corpus of `load_corpus` with its default reading if it is completely cached, else None."""
    folder = _cache_folder(cache_dir)
    corpora = [_read_cache(folder / _cache_name(name), DEFAULT_READING) for name in collections]
    return None if None in corpora else joined([corpus for corpus in corpora if corpus is not None])


def tune_books_command() -> str:
    """Return, in words, the commands that make the tune books available, in the form of the one that was typed."""
    install = "" if importlib.util.find_spec("music21") else 'pip install "melody-rl[corpus]", then '
    return f"{install}{other_command('corpus')} tune-books (once, some minutes)."


def held_out_openings(length: int, cache_dir: str | Path | None = None) -> Tokens | None:
    """Return the openings [N, `length`] of the default collections' test tunes that are long enough, if cached.

    None if the collections have not been parsed on this machine: that takes minutes, and music21.
    """
    corpus = cached_corpus(cache_dir=cache_dir)
    if corpus is None:
        return None
    test = split(corpus).test
    _, first_segments = np.unique(test.tune_of_segment, return_index=True)
    openings = [test.segments[first][:length] for first in first_segments]
    complete = [opening for opening in openings if len(opening) == length]
    return np.stack(complete) if complete else None


def known_collections() -> list[str]:
    """Return the names of the collections that come with music21; raises CorpusError if it is not installed."""
    return sorted(
        folder.name for folder in _corpus_folder().iterdir() if folder.is_dir() and folder.name[0] not in "_."
    )


def parse_collection(name: str, num_workers: int | None = None, reading: Reading = DEFAULT_READING) -> Corpus:
    """Return the tunes of a music21 collection, parsed without the cache.

    Raises CorpusError if none of them can be used.
    """
    files = sorted(path for path in (_corpus_folder() / name).rglob("*") if path.suffix.lower() in SUFFIXES)
    workers = cpu_count() if num_workers is None else check_count("num_workers", num_workers)
    tunes: list[Tune] = []
    with Progress(len(files), f"Parsing {name} (once)", "files") as progress:
        alone = workers == 1 or len(files) < 2
        for tunes_of_file in results_of(partial(read_tunes, reading=reading), files, 0 if alone else workers, _crashed):
            tunes += tunes_of_file
            progress.note(f"{len(tunes)} tunes")
            progress.advance()
    usable = [tune for tune in tunes if tune.segments]
    if not usable:
        raise CorpusError(f"Collection {name} has no tune on a grid of sixteenths: choose another.")
    provenance = {
        "collection": name,
        "music21": importlib.metadata.version("music21"),
        "extraction": EXTRACTION_VERSION,
        **asdict(reading),
        "files": len(files),
        "tunes_read": len(tunes),
        "tunes_kept": len(usable),
        "tunes_cut": sum(len(tune.segments) > 1 for tune in usable),
        **_changes(usable),
        "tunes_dropped": dict(Counter(tune.dropped for tune in tunes if not tune.segments).most_common()),
    }
    return Corpus(
        [segment for tune in usable for segment in tune.segments],
        np.repeat(np.arange(len(usable)), [len(tune.segments) for tune in usable]),
        [tune.title for tune in usable],
        [f"{name}/{tune.source}" for tune in usable],
        [provenance],
        [bars for tune in usable for bars in tune.bars],
        [sections for tune in usable for sections in tune.sections],
        [tune.origin for tune in usable],
    )


def _changes(tunes: Sequence[Tune]) -> dict[str, Any]:
    """Return what reading changed in `tunes` altogether."""
    origins = [tune.origin for tune in tunes if tune.origin]
    return {
        "tunes_rounded": sum(origin.moved + origin.dropped > 0 for origin in origins),
        "notes_moved": sum(origin.moved for origin in origins),
        "notes_dropped": sum(origin.dropped for origin in origins),
        "tunes_folded": dict(Counter(origin.folded for origin in origins if origin.folded).most_common()),
    }


def _crashed(file: Path) -> list[Tune]:
    return [Tune(file.stem, f"{file.name}#1", [], "crashed the process that read it, perhaps out of memory", [])]


def _open_collection(name: str, folder: Path, num_workers: int | None, reading: Reading) -> Shards:
    if name.endswith(".npz"):
        return read_shards(name)
    available = known_collections()
    if name not in available:
        raise CorpusError(
            f"music21 has no collection {name!r}; it has {', '.join(available)}. For your own music, build a corpus "
            f"first: {other_command('corpus')} build FOLDER"
        )
    cache = folder / _cache_name(name, reading)
    corpus = _read_cache(cache, reading)
    if corpus is None:
        check_out_file(cache, CACHE_VARIABLE)
        corpus = parse_collection(name, num_workers, reading)
        write_corpus(corpus, cache)
    return Shards.of(corpus)


def _cache_folder(cache_dir: str | Path | None) -> Path:
    return Path(cache_dir or os.environ.get(CACHE_VARIABLE) or user_cache_dir("melody-rl")) / "corpus"


def _cache_name(collection: str, reading: Reading = DEFAULT_READING) -> str:
    """Return the file name. It contains the version and what is not the default, so that caches do not conflict."""
    choices = zip(asdict(reading).values(), asdict(DEFAULT_READING).values(), strict=True)
    others = [value for value, default in choices if value != default]
    return "-".join([collection, str(EXTRACTION_VERSION), *others]) + ".npz"


def _read_cache(path: Path, reading: Reading) -> Corpus | None:
    """Return the corpus cached at `path`; None if it is missing, damaged, from another version or another `reading`."""
    try:
        corpus = read_corpus(path)
        (provenance,) = corpus.provenance
        current = {"music21": importlib.metadata.version("music21"), "extraction": EXTRACTION_VERSION}
        return corpus if {**current, **asdict(reading)}.items() <= provenance.items() else None
    except (OSError, ValueError, importlib.metadata.PackageNotFoundError):
        return None


def _corpus_folder() -> Path:
    """Return the folder of music21's corpus, without importing music21, which takes a second."""
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        raise CorpusError('The tune books come with music21: pip install "melody-rl[corpus]".')
    return Path(spec.submodule_search_locations[0]) / "corpus"
