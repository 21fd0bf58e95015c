"""Rules `motif` and `repeated_motif`: two beats with several pitches, and their exact repetition.

Shapes: B melodies, W steps in a window. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3,
and the original's code, where a "bar" is eight sixteenths and motifs are detected at every step, not once per bar.
"""

from functools import lru_cache

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.capped_counts import NO_CAP, capped_count
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE

_tokens = np.arange(VOCABULARY_SIZE)
_PITCH_BIT = np.where(_tokens < FIRST_PITCH_TOKEN, 0, 1 << _tokens)
"""[38]; one bit for each pitch, none for note off and hold."""


class PitchWindow:
    """The number of distinct pitches in the last W tokens of each melody."""

    def __init__(self, composition: Composition, window: int):
        self._bits = np.zeros((window, composition.batch_size), np.int64)
        self.distinct = np.zeros(composition.tokens.shape, np.uint8)
        """[T, B]; 0 while there are fewer than W tokens."""

    def update(self, composition: Composition, t: int) -> None:
        """Replace the token that leaves the window by token `t`."""
        self._bits[t % len(self._bits)] = _PITCH_BIT.take(composition.tokens[t])
        if t + 1 >= len(self._bits):
            np.bitwise_count(np.bitwise_or.reduce(self._bits, axis=0), out=self.distinct[t])


class LaggedMatches:
    """For each lag from W on, the number of latest tokens equal to those at that lag before them."""

    def __init__(self, composition: Composition, window: int):
        self.window = window
        lags = max(composition.length - window, 0)
        self._lengths = np.zeros((lags, composition.batch_size), np.uint16)
        self.longest = np.zeros(composition.tokens.shape, np.uint16)
        """[T, B]; the length of the longest suffix of the melody so far that also occurs W steps earlier or more."""

    def update(self, composition: Composition, t: int) -> None:
        """Extend the matches that token `t` continues and end the others."""
        if t < self.window:
            return
        tokens = composition.tokens
        lengths = self._lengths[: t - self.window + 1]
        lengths += 1
        lengths *= tokens[t - self.window :: -1] == tokens[t]
        np.maximum.reduce(lengths, out=self.longest[t])


def _window(composition: Composition, beats: float) -> int:
    """Return the number of steps in `beats`."""
    return max(round(beats * composition.setting.steps_per_beat), 1)


@lru_cache
def _values(min_pitches: int, first: float, further: float) -> Floats:
    """Return `first` for `min_pitches` distinct pitches and `further` for each further one, by their number [37]."""
    distinct = np.arange(VOCABULARY_SIZE - FIRST_PITCH_TOKEN + 1)
    return np.where(distinct >= min_pitches, first + further * (distinct - float(min_pitches)), 0.0)


@rule(batched=True)
def motif(composition: Composition, *, beats: float = 2.0, min_pitches: int = 3) -> Floats:
    """3 when the last `beats` have `min_pitches` distinct pitches, and 0.3 for each further one (`reward_motif`)."""
    distinct = composition.memory(PitchWindow, _window(composition, beats)).distinct[composition.position - 1]
    return _values(min_pitches, 3.0, 0.3).take(distinct)


def _repetitions(composition: Composition, t: int, window: int, min_pitches: int) -> Floats:
    distinct = composition.memory(PitchWindow, window).distinct[t]
    is_repeated = composition.memory(LaggedMatches, window).longest[t] >= window
    return _values(min_pitches, 4.0, 1.0).take(distinct) * is_repeated


@rule(batched=True)
def repeated_motif(
    composition: Composition, *, beats: float = 2.0, min_pitches: int = 3, cap: float = NO_CAP
) -> Floats:
    """4 when a motif (see `motif`) that occurred before ends, and 1 for each further pitch (`reward_repeated_motif`).

    The same tokens must occur consecutively before it, without overlap. `cap` limits the sum per bar, over the piece so
    far.
    """
    return capped_count(composition, _repetitions, cap, _window(composition, beats), min_pitches)
