"""Masks: which tokens may come next, whatever they would be worth.

A mask takes a `Composition` of B melodies (and parameters by keyword) and returns flags [B, A]: True may come next.
Shapes: B melodies, A = 38 tokens.
"""

import numpy as np

from melody_env.composition import Composition
from melody_env.setting import Flags
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE

_tokens = np.arange(VOCABULARY_SIZE)


def in_scale(composition: Composition) -> Flags:
    """Only notes of the scale, note offs and holds."""
    return np.broadcast_to(composition.setting.in_scale, (composition.batch_size, VOCABULARY_SIZE))


def no_wide_leaps(composition: Composition, *, max_semitones: int = 12) -> Flags:
    """No note more than `max_semitones` from the note before it."""
    previous = composition.previous_pitches[composition.position].astype(np.intp)[:, None]
    near = np.abs(_tokens - previous) <= max_semitones
    return near | (_tokens < FIRST_PITCH_TOKEN) | (previous < FIRST_PITCH_TOKEN)
