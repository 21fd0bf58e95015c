"""The training tunes of a corpus, read shard by shard, and its validation and test tunes, in memory.

Shapes: K shards, of N tunes in all.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.corpus import Corpus, CorpusError, Shards, Split
from note_rnn.corpus.corpus import joined
from note_rnn.corpus.sharded.splits import TEST, TRAIN, VALIDATION, parts_of_tunes
from note_rnn.corpus.windows import from_first_bar, tunes_in_meter
from note_rnn.pretraining.crops import Tunes, TuneStream

MAX_HELD_OUT = 10_000
"""Validation tunes at most, and test tunes, approximately: of larger corpora a smaller share is held out."""
_SHARE = 0.05


class Size(NamedTuple):
    """What a part of a corpus has."""

    tunes: int
    segments: int
    tokens: int

    @classmethod
    def of(cls, corpus: Corpus) -> "Size":
        """Return the size of `corpus`."""
        return cls(len(corpus.titles), len(corpus.segments), corpus.num_tokens)


@dataclass(frozen=True)
class TrainingTunes:
    """The training tunes of `shards`, which are read again whenever they are asked for."""

    shards: Shards
    chosen: list[npt.NDArray[np.bool_]]
    """For each shard the mask of its training tunes [K]."""
    sizes: list[Size]
    """What each shard has of them [K]."""
    meter: str | None
    """If given, the tunes are those in such a meter, from their first bar lines on."""

    def read(self, shard: int) -> Corpus:
        """Return the training tunes of the shard of that number, 0..K-1."""
        return _in_meter(self.shards.readers[shard]().of_tunes(self.chosen[shard]), self.meter)

    def stream(self, seed: int, with_bars: bool) -> TuneStream:
        """Return the tunes as a stream for training, with their bars or without."""

        def read(shard: int) -> Tunes:
            corpus = self.read(shard)
            return Tunes(corpus.segments, corpus.all_bars if with_bars else None)

        return TuneStream([size.tokens for size in self.sizes], read, seed)


class Parts(NamedTuple):
    """A corpus in three parts that share no tunes and no variants of a tune."""

    train: TrainingTunes
    validation: Corpus
    test: Corpus

    @property
    def sizes(self) -> dict[str, Size]:
        """What each part has."""
        train = Size(*(sum(column) for column in zip(*self.train.sizes, strict=True)))
        return {"train": train, "validation": Size.of(self.validation), "test": Size.of(self.test)}

    def sample(self) -> Split:
        """Return the parts with the training tunes of one shard alone, a random sample where there are several."""
        largest = int(np.argmax([size.tokens for size in self.train.sizes]))
        return Split(self.train.read(largest), self.validation, self.test)


def split_shards(shards: Shards, meter: str | None = None) -> Parts:
    """Return the parts of a corpus, or of its tunes in a kind of `meter`, as `split` divides it.

    Raises CorpusError for too few tunes, or if the index of the corpus is not that of its shards.
    """
    hashes = shards.hashes
    share = min(_SHARE, MAX_HELD_OUT / max(len(hashes), 1))
    try:
        among = None if meter is None else np.concatenate([tunes_in_meter(shard, meter) for shard in shards])
        part = parts_of_tunes(hashes, share, share, among)
    except CorpusError as error:
        few = f"Too few tunes are in a meter like {meter}. " if meter else ""
        raise CorpusError(f"{few}{error}") from error
    chosen, sizes = [], []
    validation: list[Corpus] = []
    test: list[Corpus] = []
    first = 0
    for shard in shards:
        own = part[first : first + len(shard.titles)]
        first += len(shard.titles)
        if first > len(part):
            break
        chosen.append(own == TRAIN)
        train, *held_out = (_in_meter(shard.of_tunes(own == number), meter) for number in (TRAIN, VALIDATION, TEST))
        sizes.append(Size.of(train))
        for corpora, corpus in zip((validation, test), held_out, strict=True):
            corpora.append(corpus)
    if first != len(part):
        raise CorpusError("The index of the corpus is not that of its shards: build the corpus again.")
    return Parts(TrainingTunes(shards, chosen, sizes, meter), _joined(validation), _joined(test))


def _in_meter(corpus: Corpus, meter: str | None) -> Corpus:
    return corpus if meter is None else from_first_bar(corpus, meter)


def _joined(corpora: list[Corpus]) -> Corpus:
    return corpora[0] if len(corpora) == 1 else joined(corpora)
