"""Rule `leap`: leaps that are resolved by a return in the opposite direction.

Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the original's code
(`detect_leap_up_back`).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from melody_env.reward.automaton import Automaton, Followed
from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE

_UNISON = VOCABULARY_SIZE
"""The symbol of an interval of 0 semitones, of a hold and of a note off; n more for n semitones up."""

_tokens = np.arange(VOCABULARY_SIZE)
_previous, _next = _tokens[:, None], _tokens
_are_pitches = (_previous >= FIRST_PITCH_TOKEN) & (_next >= FIRST_PITCH_TOKEN)
_INTERVAL_OF_PAIR = (_UNISON + np.where(_are_pitches, _next - _previous, 0)).ravel()
"""[38 * 38]; the symbol of each pair of `Composition.pitch_pairs`."""


class _PendingLeap(NamedTuple):
    """A leap that is not resolved yet."""

    direction: int
    """+1 up, -1 down."""
    distance: int
    """Semitones from the pitch from which it started to the last pitch, in its direction; above 0."""
    steps: int
    """Steps since the last leap, at most one more than the patience."""


@lru_cache
def _leaps(min_semitones: int, patience: int) -> Automaton[_PendingLeap | None]:
    def step(pending: _PendingLeap | None, symbol: int) -> tuple[_PendingLeap | None, float]:
        semitones = symbol - _UNISON
        is_leap = abs(semitones) >= min_semitones
        if pending is None:
            return (_PendingLeap(1 if semitones > 0 else -1, abs(semitones), 0) if is_leap else None), 0.0
        direction, distance, steps = pending
        distance += direction * semitones
        if not is_leap and distance <= 0:
            return None, 5.0
        if not is_leap:
            return _PendingLeap(direction, distance, min(steps, patience) + 1), 0.0
        if direction * semitones > 0:
            return _PendingLeap(direction, distance, 0), -5.0
        return None, 5.0 if steps > patience else 0.0

    return Automaton(None, _INTERVAL_OF_PAIR, step)


@rule(batched=True)
def leap(composition: Composition, *, min_semitones: int = 7, patience: int = 6) -> Floats:
    """5 when a leap of at least `min_semitones` is resolved, -5 when another follows in the same direction.

    `reward_leap_up_back`. A leap is resolved by a note at or beyond its origin, or by a leap back more than `patience`
    steps later; an earlier leap back ends it without reward, and a doubled leap keeps the origin of the first.
    """
    return composition.memory(Followed, _leaps(min_semitones, patience)).values
