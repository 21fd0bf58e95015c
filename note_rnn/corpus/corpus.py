"""The corpus of melodies.

A corpus has S segments (token arrays [T], see `tunes`) of N tunes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from note_rnn.common.errors import InputError
from note_rnn.extraction.tune_files import Origin
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
