"""Masks: the tokens that are allowed next, whatever their reward.

A mask takes a `Composition` of B melodies (and parameters by keyword) and returns flags [B, A]: True is allowed.
Shapes: B melodies, A = 38 tokens.
"""

from functools import lru_cache

import numpy as np

from melody_env.reward.composition import Composition
from melody_env.reward.plugins import mask
from melody_env.setting import Flags
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE


@mask(batched=True)
def in_scale(composition: Composition) -> Flags:
    """Allow only notes of the scale, note offs and holds."""
    return np.broadcast_to(composition.setting.in_scale, (composition.batch_size, VOCABULARY_SIZE))


@mask(batched=True)
def no_wide_leaps(composition: Composition, *, max_semitones: int = 12) -> Flags:
    """Forbid notes more than `max_semitones` from the previous note."""
    return _within(max_semitones).take(composition.previous_pitches[composition.position], axis=0)


@lru_cache
def _within(max_semitones: int) -> Flags:
    """Return [38, 38] whether each token may follow each previous note, or no note yet (0)."""
    tokens = np.arange(VOCABULARY_SIZE)
    is_note = tokens >= FIRST_PITCH_TOKEN
    return (np.abs(tokens[:, None] - tokens) <= max_semitones) | ~is_note | ~is_note[:, None]
