"""Splits of a corpus into training, validation and test tunes, by groups of variants.

Shapes: N tunes of all shards of a corpus, one shard's after another's.
"""

from collections.abc import Iterable
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.corpus.corpus import Corpus, CorpusError
from note_rnn.corpus.sharded.variants import ShingleSets, title_codes, variant_groups
from note_rnn.extraction.tune_files import melody_hash
from note_rnn.vocabulary import Tokens

Hashes = npt.NDArray[np.uint64]
TRAIN, VALIDATION, TEST = range(3)
"""The parts, in the order of `Split`."""


class Split(NamedTuple):
    """A corpus in three parts that share no tunes and no variants of a tune."""

    train: Corpus
    validation: Corpus
    test: Corpus


class TuneGroups(NamedTuple):
    """What decides on the parts of the tunes of a corpus."""

    hashes: Hashes
    """For each tune the sum of the melody hashes of its group of variants [N], modulo 2^64: uniform, and independent of
    the order of the tunes."""
    number: int
    """Groups of variants."""
    duplicates: int
    """Tunes with the melody of an earlier one."""


def split(
    corpus: Corpus, validation: float = 0.05, test: float = 0.05, among: npt.NDArray[np.bool_] | None = None
) -> Split:
    """Return `corpus` split by groups of variants; `validation` and `test` are the shares of groups held out.

    A hash of its melodies assigns a group to its part, so neither the order of the tunes nor the other groups matter,
    except where a part would have none of the tunes in the mask `among` [N], by default all: then the groups next to it
    by their hashes are moved there. The `Reading` of a score does not matter: its tunes are compared by their origins.
    Raises CorpusError if these tunes are of fewer than three groups.
    """
    part = parts_of_tunes(tune_groups([corpus]).hashes, validation, test, among)
    return Split(*(corpus.of_tunes(part == number) for number in range(3)))


def parts_of_tunes(
    hashes: Hashes, validation: float = 0.05, test: float = 0.05, among: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.int64]:
    """Return the part of each tune [N], TRAIN, VALIDATION or TEST, given the `hashes` [N] of their groups.

    The other arguments, and errors, are those of `split`.
    """
    position = hashes / 2.0**64
    validation_end = test + validation
    test, validation_end = _ends(np.unique(position if among is None else position[among]), test, validation_end)
    return np.where(position < test, TEST, np.where(position < validation_end, VALIDATION, TRAIN))


def tune_groups(shards: Iterable[Corpus]) -> TuneGroups:
    """Return the groups of the tunes of all `shards`, read one after another.

    Shingles go to a temporary file; what stays in memory are some numbers for each tune.
    """
    sizes, hashes, titles, melodies = [], [], [], []
    with TemporaryFile() as file:
        for shard in shards:
            sets = ShingleSets.of(*_melodies(shard), len(shard.titles))
            file.write(sets.codes.tobytes())
            sizes.append(sets.sizes)
            hashes.append(sets.hashes)
            titles.append(title_codes(_real_titles(shard)))
            melodies.append(_melody_hashes(shard))
        file.flush()
        codes = np.memmap(file, np.int64, "r") if file.tell() else np.zeros(0, np.int64)
        starts = np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes]))
        groups = variant_groups(ShingleSets(codes, starts, np.concatenate(hashes)), np.concatenate(titles))
    of_melodies = np.concatenate(melodies)
    sums = np.zeros(len(groups), np.uint64)
    np.add.at(sums, groups, of_melodies)
    return TuneGroups(sums[groups], len(np.unique(groups)), len(groups) - len(np.unique(of_melodies)))


def _real_titles(corpus: Corpus) -> list[str]:
    """Return the titles of tunes, empty for those that are the names of their files."""
    named = zip(corpus.titles, corpus.sources, strict=True)
    return ["" if source.endswith(f"/{title}") else title for title, source in named]


def _ends(positions: npt.NDArray[np.float64], test: float, validation: float) -> tuple[float, float]:
    """Return where the parts `test` and `validation` end, moved as far as each of three parts needs one of `positions`.

    `positions` [G] are in ascending order. Raises CorpusError for fewer than three.
    """
    if len(positions) < 3:
        raise CorpusError(
            "Training, validation and test need a tune each, of which none is a variant of another; "
            f"there {'is' if len(positions) == 1 else 'are'} {len(positions)}: add a collection."
        )
    beyond = np.nextafter(positions, 1)
    test = float(np.clip(test, beyond[0], positions[-2]))
    return test, float(np.clip(validation, beyond[np.searchsorted(positions, test)], positions[-1]))


def _melodies(corpus: Corpus) -> tuple[list[Tokens], npt.NDArray[np.int64]]:
    """Return the melodies by which tunes are compared, notes as written or else segments, and the tune of each."""
    origins = corpus.origins or [None] * len(corpus.titles)
    written = [(np.array(origin.notes), tune) for tune, origin in enumerate(origins) if origin]
    others = zip(corpus.segments, corpus.tune_of_segment.tolist(), strict=True)
    pairs = [*written, *(pair for pair in others if origins[pair[1]] is None)]
    return [melody for melody, _ in pairs], np.array([tune for _, tune in pairs], np.int64)


def _melody_hashes(corpus: Corpus) -> Hashes:
    """Return a hash 0..2^64 - 1 of each tune's melody."""
    segments: list[list[Tokens]] = [[] for _ in corpus.titles]
    for segment, tune in zip(corpus.segments, corpus.tune_of_segment, strict=True):
        segments[tune].append(segment)
    origins = corpus.origins or [None] * len(segments)
    codes = [origin.code if origin else melody_hash(own) for origin, own in zip(origins, segments, strict=True)]
    return np.array(codes, np.uint64)
