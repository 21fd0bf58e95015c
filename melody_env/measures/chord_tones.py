"""Notes on strong beats, and those of them that are tones of the chord.

Shapes: B melodies, T steps.
"""

import numpy as np
import numpy.typing as npt

from melody_env.chord_steps import HarmonySteps
from melody_env.reward.rules.human.line import PITCH_CLASSES
from note_rnn.vocabulary import NO_EVENT, Tokens

Counts = npt.NDArray[np.int64]


def sounding_notes(melodies: Tokens) -> Tokens:
    """Return the token of the note that sounds at each step of `melodies` [B, T], 0 in silence."""
    steps = np.arange(melodies.shape[1])
    last = np.maximum.accumulate(np.where(melodies != NO_EVENT, steps, 0), axis=1)
    notes = np.take_along_axis(melodies, last, axis=1)
    return np.where(notes == NO_EVENT, 0, notes)


def chord_tone_counts(melodies: Tokens, harmony: HarmonySteps) -> tuple[Counts, Counts]:
    """Return for each of `melodies` [B, T] on how many strong beats a tone of its chord sounds [B], and a note [B]."""
    notes = sounding_notes(melodies)
    counted = harmony.is_strong.T & (notes > 0)
    is_tone = harmony.table.tones[harmony.chord.T, PITCH_CLASSES.take(notes)]
    return (is_tone & counted).sum(axis=1), counted.sum(axis=1)
