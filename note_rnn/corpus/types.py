"""A corpus: S segments (token arrays [T], see `tunes`) of N tunes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.errors import InputError
from note_rnn.vocabulary import Tokens


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
        )


class Split(NamedTuple):
    """A corpus in three parts that share no tune and no variant of one."""

    train: Corpus
    validation: Corpus
    test: Corpus


def joined(corpora: Sequence[Corpus]) -> Corpus:
    """Return the tunes of all `corpora`, at least one, in that order."""
    first_tunes = np.cumsum([0, *(len(corpus.titles) for corpus in corpora[:-1])])
    return Corpus(
        [segment for corpus in corpora for segment in corpus.segments],
        np.concatenate([corpus.tune_of_segment + n for corpus, n in zip(corpora, first_tunes, strict=True)]),
        [title for corpus in corpora for title in corpus.titles],
        [source for corpus in corpora for source in corpus.sources],
        [entry for corpus in corpora for entry in corpus.provenance],
    )
