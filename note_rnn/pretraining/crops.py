"""Batches of crops of tunes, and the tunes that they are drawn from: those of one shard of a corpus after another.

Shapes: N tunes, B crops, T steps, K shards.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from note_rnn.extraction.tunes import UNKNOWN_BARS, Bars, bar_steps
from note_rnn.vocabulary import NO_EVENT, VOCABULARY_SIZE, Tokens

IGNORED = -100


class Crops(NamedTuple):
    """A batch of B crops of tunes."""

    inputs: Tensor
    """[T, B]; the first is the priming token."""
    targets: Tensor
    """[T, B], the token after each input; IGNORED after the end of a tune."""
    bars: Sequence[Bars] | None
    """Their bars [B], if known: at the first target, without the priming token."""

    def part(self, which: slice) -> "Crops":
        """Return the crops `which` alone."""
        return Crops(self.inputs[:, which], self.targets[:, which], self.bars and self.bars[which])


class Tunes(NamedTuple):
    """Tunes that are in memory."""

    segments: Sequence[Tokens]
    """Token arrays [N]."""
    bars: Sequence[Bars] | None = None
    """Their bars [N]; if given, crops begin on bar lines."""


class TuneStream(NamedTuple):
    """Tunes in K shards, of which one is in memory at a time, in an order that the seed decides.

    In each round every shard has its turn, for as many updates as its tokens last.
    """

    tokens: Sequence[int]
    """The number of tokens of each shard [K]."""
    read: Callable[[int], Tunes]
    """What returns the tunes of a shard, 0..K-1."""
    seed: int = 0

    @classmethod
    def of(cls, segments: Sequence[Tokens], bars: Sequence[Bars] | None = None) -> "TuneStream":
        """Return a stream of the tunes `segments` [N] with their `bars` [N], all in one shard."""
        return cls([sum(map(len, segments))], lambda _: Tunes(segments, bars))

    def turns(self, update: int, tokens_per_update: int) -> Iterator[tuple[Tunes, int]]:
        """Yield without end the tunes for the updates from number `update` (from 1) on, and for how many of them."""
        updates = [max(round(tokens / tokens_per_update), 1) if tokens else 0 for tokens in self.tokens]
        before = update - 1
        for turn in count():
            for shard in np.random.default_rng([self.seed, turn]).permutation(len(updates)).tolist():
                if before < updates[shard]:
                    yield self.read(shard), updates[shard] - before
                before = max(before - updates[shard], 0)


def crop_batches(tunes: Tunes, batch_size: int, length: int, rng: np.random.Generator) -> Iterator[Crops]:
    """Yield batches of B random crops of at most `length` steps without end; targets after a tune are IGNORED.

    Tunes are drawn in proportion to their lengths. Half of the crops start with the tune (after NO_EVENT), half
    anywhere in it, so that every token occurs as the first input. If the `bars` of the tunes are given, the latter
    start on bar lines, and all crops after a random token as composed pieces do.
    """
    segments, bars = tunes
    lengths = np.array([len(tune) for tune in segments])
    starts = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]])
    inputs = np.concatenate([np.concatenate([[NO_EVENT], tune]) for tune in segments] + [np.full(length + 1, NO_EVENT)])
    steps = np.arange(length + 1)[:, None]
    pickups = np.array([each.pickup for each in bars or [UNKNOWN_BARS] * len(segments)])
    steps_of_bar = np.array([bar_steps(each.meter) or 1 for each in bars or [UNKNOWN_BARS] * len(segments)])
    while True:
        tune = rng.choice(len(segments), size=batch_size, p=lengths / lengths.sum())
        inside = rng.integers(0, np.maximum(lengths[tune] - length // 2, 1))
        inside -= (inside - pickups[tune]) % steps_of_bar[tune]
        first = np.where((rng.random(batch_size) < 0.5) | (inside < 0), 0, inside)
        windows = inputs[starts[tune] + first + steps]
        targets = np.where(first + steps[1:] <= lengths[tune], windows[1:], IGNORED)
        of_crops = None
        if bars is not None:
            windows[0] = rng.integers(VOCABULARY_SIZE, size=batch_size)
            of_crops = [
                bars[i] if start == 0 else bars[i]._replace(pickup=0) for i, start in zip(tune, first, strict=True)
            ]
        yield Crops(torch.from_numpy(windows[:-1]), torch.from_numpy(targets), of_crops)
