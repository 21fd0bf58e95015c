"""Rule `leap`: leaps that are resolved by a return in the opposite direction.

Shapes: B melodies. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the original's
code (`detect_leap_up_back`).
"""

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE

_tokens = np.arange(VOCABULARY_SIZE, dtype=np.int8)
_previous, _next = _tokens[:, None], _tokens[None, :]
_SEMITONES = np.where((_previous >= FIRST_PITCH_TOKEN) & (_next >= FIRST_PITCH_TOKEN), _next - _previous, 0).ravel()
"""[38 * 38]; the interval of each pair of `Composition.pitch_pairs`, 0 where one of them is not a pitch."""


class Leaps:
    """Each melody's pending leap: one that is not resolved yet."""

    def __init__(self, composition: Composition, min_semitones: int, patience: int):
        size = composition.batch_size
        self._direction_of_pair = np.sign(_SEMITONES) * (np.abs(_SEMITONES) >= min_semitones)
        self.patience = patience
        self.direction = np.zeros(size, np.int8)
        """[B]; +1 up, -1 down, 0 when no leap is pending."""
        self.origin = np.zeros(size, np.int8)
        """[B]; the pitch from which the pending leap started."""
        self.steps = np.zeros(size, np.int32)
        """[B]; steps since the last leap, pending or not."""
        self.outcome = np.zeros(size, np.int8)
        """[B]; +1 where the newest token resolves the pending leap, -1 where it doubles it, else 0."""

    def update(self, composition: Composition, t: int) -> None:
        """Compare token `t` with the pending leap; the first token of a piece is ignored."""
        if t == 0:
            return
        token = composition.tokens[t]
        leap = self._direction_of_pair.take(composition.pitch_pairs(t))
        is_leap = leap != 0
        agreement = leap * self.direction
        leaps_back = agreement < 0
        returns = (token >= FIRST_PITCH_TOKEN) & ~is_leap
        returns &= (self.direction != 0) & ((token - self.origin) * self.direction <= 0)
        resolves = returns | (leaps_back & (self.steps > self.patience))
        self.outcome = resolves.view(np.int8) - (agreement > 0).view(np.int8)

        begins = is_leap & (self.direction == 0)
        np.copyto(self.origin, composition.previous_pitches[t], where=begins)
        self.direction *= ~(returns | leaps_back)
        np.copyto(self.direction, leap, where=begins)
        self.steps += 1
        self.steps *= ~is_leap


@rule(batched=True)
def leap(composition: Composition, *, min_semitones: int = 7, patience: int = 6) -> Floats:
    """5 when a leap of at least `min_semitones` is resolved, -5 when another follows in the same direction.

    `reward_leap_up_back`. A leap is resolved by a note at or beyond its origin, or by a leap back more than `patience`
    steps later; an earlier leap back ends it without reward, and a doubled leap keeps the origin of the first.
    """
    return 5.0 * composition.memory(Leaps, min_semitones, patience).outcome.astype(np.float64)
