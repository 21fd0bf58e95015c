"""Corpora of melodies: the tune books that come with music21, tokenised once, cached, and split by tune.

A corpus has S segments (token arrays [T], see `tunes`) of N tunes. Cached as one `.npz` per collection, with provenance.
"""

import hashlib
import importlib.metadata
import importlib.util
import io
import json
import multiprocessing
import os
import sys
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_dir
from tqdm import tqdm

from note_rnn.files import replacing
from note_rnn.tunes import Segment, TuneError, split_abc, tune_segments
from note_rnn.variants import variant_groups

DEFAULT_COLLECTIONS = ("oneills1850", "ryansMammoth")
EXTRACTION_VERSION = 1
"""Raised with every change of what extraction gives, so that older caches are rebuilt."""


class CorpusError(ValueError):
    """A collection that is not there, or cannot be read."""


class Tune(NamedTuple):
    """A tune's title, its place (`file#number`), its segments, and why it has none or several ("" if neither)."""

    title: str
    source: str
    segments: list[Segment]
    remark: str


@dataclass(frozen=True)
class Corpus:
    """S segments of N tunes: token arrays [T], the tune of each segment [S], titles and places [N]."""

    segments: list[Segment]
    tune_of_segment: npt.NDArray[np.int64]
    titles: list[str]
    sources: list[str]
    provenance: list[dict[str, Any]] = field(default_factory=list)

    @property
    def num_tokens(self) -> int:
        """The tokens in all segments."""
        return sum(map(len, self.segments))

    def of_tunes(self, chosen: npt.NDArray[np.bool_]) -> "Corpus":
        """Return the corpus of the `chosen` tunes only, a mask [N]."""
        number = np.cumsum(chosen) - 1
        kept = np.flatnonzero(chosen[self.tune_of_segment])
        return Corpus(
            [self.segments[i] for i in kept],
            number[self.tune_of_segment[kept]],
            [title for title, keep in zip(self.titles, chosen, strict=True) if keep],
            [source for source, keep in zip(self.sources, chosen, strict=True) if keep],
            self.provenance,
        )


class Split(NamedTuple):
    """A corpus in three parts that share no tune and no variant of one."""

    train: Corpus
    validation: Corpus
    test: Corpus


def split(corpus: Corpus, validation: float = 0.05, test: float = 0.05) -> Split:
    """Return `corpus` split by groups of variant tunes, about `validation` and `test` of the groups set apart.

    Which part a group goes to follows from a hash of its melodies alone: neither the order of the tunes
    nor tunes in other groups matter.
    """
    groups = variant_groups(corpus.segments, corpus.tune_of_segment, corpus.titles)
    hashes = np.zeros(len(groups), np.uint64)
    np.add.at(hashes, groups, _melody_hashes(corpus))  # modulo 2^64, so uniform and the same in any order
    position = hashes[groups] / 2.0**64
    return Split(
        corpus.of_tunes(position >= test + validation),
        corpus.of_tunes((position >= test) & (position < test + validation)),
        corpus.of_tunes(position < test),
    )


def _melody_hashes(corpus: Corpus) -> npt.NDArray[np.uint64]:
    """Return a number 0..2^64 - 1 for each tune, from its melody alone."""
    digests = [hashlib.sha256() for _ in corpus.titles]
    for segment, tune in zip(corpus.segments, corpus.tune_of_segment, strict=True):
        digests[tune].update(segment.tobytes() + b"\xff")
    return np.array([int.from_bytes(digest.digest()[:8], "big") for digest in digests], np.uint64)


def load_corpus(
    collections: Sequence[str] = DEFAULT_COLLECTIONS,
    cache_dir: str | Path | None = None,
    num_workers: int | None = None,
) -> Corpus:
    """Return the tunes of the named `collections` of music21, from the cache or parsed anew and cached.

    `cache_dir` is by default the user's cache folder; `num_workers` processes parse, by default one per core.
    Raises CorpusError for an unknown name, or where music21 is not installed.
    """
    folder = Path(cache_dir or user_cache_dir("melody-rl")) / "corpus"
    return _joined([_load_collection(name, folder, num_workers) for name in dict.fromkeys(collections)])


def _joined(corpora: Sequence[Corpus]) -> Corpus:
    first_tune = np.cumsum([0, *(len(corpus.titles) for corpus in corpora)])
    return Corpus(
        [segment for corpus in corpora for segment in corpus.segments],
        np.concatenate(
            [c.tune_of_segment + first for c, first in zip(corpora, first_tune[:-1], strict=True)]
        ),
        [title for corpus in corpora for title in corpus.titles],
        [source for corpus in corpora for source in corpus.sources],
        [entry for corpus in corpora for entry in corpus.provenance],
    )


def known_collections() -> list[str]:
    """Return the names of the collections that come with music21; raises CorpusError where it is not installed."""
    return sorted(
        path.name for path in _corpus_folder().iterdir() if path.is_dir() and path.name[0] not in "_."
    )


def _corpus_folder() -> Path:
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        raise CorpusError('Tune collections come with music21: pip install "melody-rl[corpus]".')
    return Path(spec.submodule_search_locations[0]) / "corpus"


def _load_collection(name: str, folder: Path, num_workers: int | None) -> Corpus:
    if name not in known_collections():
        raise CorpusError(f"No collection {name!r} in music21; known are {', '.join(known_collections())}.")
    cache = folder / f"{name}.npz"
    versions = {"extraction": EXTRACTION_VERSION, "music21": importlib.metadata.version("music21")}
    corpus = _read_cache(cache, versions)
    if corpus is None:
        corpus = parse_collection(name, num_workers)
        corpus.provenance[0].update(versions)
        _write_cache(corpus, cache)
    return corpus


def _read_cache(path: Path, versions: dict[str, Any]) -> Corpus | None:
    """Return the corpus cached at `path`; None where there is none, it is damaged, or of other `versions`."""
    try:
        with np.load(path) as data:
            provenance = json.loads(str(data["provenance"]))
            if any(provenance.get(key) != value for key, value in versions.items()):
                return None
            segments = np.split(data["tokens"], data["starts"][1:])
            return Corpus(
                segments,
                data["tune_of_segment"],
                data["titles"].tolist(),
                data["sources"].tolist(),
                [provenance],
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write_cache(corpus: Corpus, path: Path) -> None:
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            tokens=np.concatenate(corpus.segments),
            starts=np.cumsum([0, *map(len, corpus.segments[:-1])]),
            tune_of_segment=corpus.tune_of_segment,
            titles=np.array(corpus.titles),
            sources=np.array(corpus.sources),
            provenance=np.array(json.dumps(corpus.provenance[0])),
        )


def parse_collection(name: str, num_workers: int | None = None) -> Corpus:
    """Return the tunes of a collection of music21 parsed anew, with counts of what was kept, cut and dropped.

    Raises CorpusError where no tune of it can be used.
    """
    files = sorted(path for path in (_corpus_folder() / name).rglob("*") if path.suffix.lower() in _SUFFIXES)
    bar = tqdm(
        _map(read_tunes, files, num_workers),
        desc=f"parsing {name} (once)",
        total=len(files),
        unit="file",
        mininterval=0.1 if sys.stderr.isatty() else 10,
    )
    tunes = [tune for tunes_of_file in bar for tune in tunes_of_file]
    kept = [tune for tune in tunes if tune.segments]
    if not kept:
        raise CorpusError(f"Collection {name!r} has no tune on a grid of sixteenths.")
    provenance = {
        "collection": name,
        "files": [path.name for path in files],
        "tunes_read": len(tunes),
        "tunes_kept": len(kept),
        "remarks": dict(Counter(tune.remark for tune in tunes if tune.remark).most_common()),
    }
    return Corpus(
        [segment for tune in kept for segment in tune.segments],
        np.repeat(np.arange(len(kept)), [len(tune.segments) for tune in kept]),
        [tune.title for tune in kept],
        [f"{name}/{tune.source}" for tune in kept],
        [provenance],
    )


_SUFFIXES = {".abc", ".xml", ".mxl", ".musicxml", ".krn", ".md", ".rntxt"}


def _map(function: Any, items: Sequence[Any], num_workers: int | None) -> Iterator[Any]:
    """Yield `function` of each of `items`, in order, computed in `num_workers` processes (by default one per core)."""
    num_workers = min(num_workers or os.cpu_count() or 1, len(items))
    if num_workers < 2:
        yield from map(function, items)
        return
    with ProcessPoolExecutor(num_workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(function, items)


def read_tunes(path: Path) -> list[Tune]:
    """Return the tunes in a file that music21 reads; of those that cannot be used, the reason alone."""
    from music21 import converter

    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        if path.suffix == ".abc":
            texts = split_abc(_text(path))
            return [
                _read_tune(f"{path.name}#{number}", lambda text=text: converter.parse(text, format="abc"))
                for number, text in enumerate(texts, 1)
            ]
        return [_read_tune(path.name, lambda: converter.parse(path))]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return path.read_text(encoding="latin-1")


def _read_tune(source: str, parse: Any) -> Tune:
    title = ""
    try:
        score = parse()
        title = (score.metadata and score.metadata.title) or source
        segments = tune_segments(score)
    except TuneError as error:
        return Tune(title or source, source, [], f"dropped: {error}")
    except (
        Exception
    ) as error:  # music21 raises anything on a tune it cannot read, and one tune must not stop the rest
        return Tune(title or source, source, [], f"dropped: unreadable ({type(error).__name__})")
    return Tune(title, source, segments, "cut" if len(segments) > 1 else "")
