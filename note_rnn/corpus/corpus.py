"""The corpus of melodies, and its split into training, validation and test tunes.

A corpus has S segments (token arrays [T], see `tunes`) of N tunes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.common.errors import InputError
from note_rnn.corpus.variants import variant_groups
from note_rnn.extraction.tune_files import Origin, melody_hash
from note_rnn.extraction.tunes import UNKNOWN_BARS, Bars
from note_rnn.vocabulary import Tokens


class CorpusError(InputError):
    """A collection that is missing or has no usable tunes, or a file that is not a corpus."""


@dataclass(frozen=True)
class Corpus:
    """Segments [S] of tunes [N], at least one per tune."""

    segments: list[Tokens]
    """Token arrays [T]."""
    tune_of_segment: npt.NDArray[np.int64]
    """The tune, 0..N-1, of each segment [S]."""
    titles: list[str]
    """The title of each tune [N]."""
    sources: list[str]
    """The source of each tune [N], as `collection/file#number`."""
    provenance: list[dict[str, Any]] = field(default_factory=list)
    """For each collection its name, versions, and how many tunes were read, kept, cut, and dropped by reason."""
    bars: list[Bars] = field(default_factory=list)
    """Meter and pickup of each segment [S]; empty if unknown."""
    sections: list[tuple[int, ...]] = field(default_factory=list)
    """The steps of each segment [S] at which sections start, in order; empty if unknown."""
    origins: list[Origin | None] = field(default_factory=list)
    """What each tune [N] of a score was, and what reading changed; None for other tunes, empty if unknown."""

    @property
    def num_tokens(self) -> int:
        """Number of tokens in all segments."""
        return sum(map(len, self.segments))

    @property
    def all_bars(self) -> list[Bars]:
        """The bars of each segment [S], `UNKNOWN_BARS` if they are unknown."""
        return self.bars or [UNKNOWN_BARS] * len(self.segments)

    def by_collection(self) -> "dict[str, Corpus]":
        """Return the tunes of each collection, the first part of their `sources`."""
        names = np.array([source.partition("/")[0] for source in self.sources])
        return {str(name): self.of_tunes(names == name) for name in np.unique(names)}

    def of_tunes(self, chosen: npt.NDArray[np.bool_]) -> "Corpus":
        """Return the corpus of the tunes in the mask `chosen` [N]."""
        number = np.cumsum(chosen) - 1
        tunes, segments = np.flatnonzero(chosen), np.flatnonzero(chosen[self.tune_of_segment])
        return Corpus(
            [self.segments[i] for i in segments],
            number[self.tune_of_segment[segments]],
            [self.titles[i] for i in tunes],
            [self.sources[i] for i in tunes],
            self.provenance,
            [self.bars[i] for i in segments] if self.bars else [],
            [self.sections[i] for i in segments] if self.sections else [],
            [self.origins[i] for i in tunes] if self.origins else [],
        )


def joined(corpora: Sequence[Corpus]) -> Corpus:
    """Return the concatenation of `corpora`, at least one."""
    first_tunes = np.cumsum([0, *(len(corpus.titles) for corpus in corpora[:-1])])
    return Corpus(
        [segment for corpus in corpora for segment in corpus.segments],
        np.concatenate([corpus.tune_of_segment + n for corpus, n in zip(corpora, first_tunes, strict=True)]),
        [title for corpus in corpora for title in corpus.titles],
        [source for corpus in corpora for source in corpus.sources],
        [entry for corpus in corpora for entry in corpus.provenance],
        [bars for corpus in corpora for bars in corpus.all_bars],
        [sections for corpus in corpora for sections in corpus.sections or [()] * len(corpus.segments)],
        [origin for corpus in corpora for origin in corpus.origins or [None] * len(corpus.titles)],
    )


class Split(NamedTuple):
    """A corpus in three parts that share no tunes and no variants of a tune."""

    train: Corpus
    validation: Corpus
    test: Corpus


def split(
    corpus: Corpus, validation: float = 0.05, test: float = 0.05, among: npt.NDArray[np.bool_] | None = None
) -> Split:
    """Return `corpus` split by groups of variants; `validation` and `test` are the shares of groups held out.

    A hash of its melodies assigns a group to its part, so neither the order of the tunes nor the other groups matter,
    except where a part would have none of the tunes in the mask `among` [N], by default all: then the groups next to it
    by their hashes are moved there. The `Reading` of a score does not matter: its tunes are compared by their origins.
    Raises CorpusError if these tunes are of fewer than three groups.
    """
    named = zip(corpus.titles, corpus.sources, strict=True)
    titles = ["" if source.endswith(f"/{title}") else title for title, source in named]  # a file name is not a title
    melodies, tune_of_melody = _melodies(corpus)
    groups = variant_groups(melodies, tune_of_melody, titles)
    hashes = np.zeros(len(groups), np.uint64)
    np.add.at(hashes, groups, _melody_hashes(corpus))  # modulo 2^64: uniform, and independent of the order
    position = hashes[groups] / 2.0**64
    validation_end = test + validation
    test, validation_end = _ends(np.unique(position if among is None else position[among]), test, validation_end)
    part = np.where(position < test, 2, np.where(position < validation_end, 1, 0))
    return Split(*(corpus.of_tunes(part == number) for number in range(3)))


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


def _melody_hashes(corpus: Corpus) -> npt.NDArray[np.uint64]:
    """Return a hash 0..2^64 - 1 of each tune's melody."""
    segments: list[list[Tokens]] = [[] for _ in corpus.titles]
    for segment, tune in zip(corpus.segments, corpus.tune_of_segment, strict=True):
        segments[tune].append(segment)
    origins = corpus.origins or [None] * len(segments)
    codes = [origin.code if origin else melody_hash(own) for origin, own in zip(origins, segments, strict=True)]
    return np.array(codes, np.uint64)
