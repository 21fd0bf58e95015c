"""Masks: the tokens that are allowed next, whatever their reward.

A mask takes a `Composition` of B melodies (and parameters by keyword) and returns flags [B, A]: True is allowed.
Shapes: B melodies, A = 38 tokens.
"""

from functools import lru_cache

import numpy as np

from melody_env.reward.composition import Composition
from melody_env.reward.plugins import mask
from melody_env.reward.rules.chords import Sounding, harmony_of
from melody_env.reward.rules.human.line import PITCH_CLASSES
from melody_env.setting import Flags
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT, VOCABULARY_SIZE


@mask(batched=True)
def in_scale(composition: Composition) -> Flags:
    """Allow only notes of the scale, note offs and holds."""
    return np.broadcast_to(composition.setting.in_scale, (composition.batch_size, VOCABULARY_SIZE))


@mask(batched=True)
def no_wide_leaps(composition: Composition, *, max_semitones: int = 12) -> Flags:
    """Forbid notes more than `max_semitones` from the previous note."""
    return _within(max_semitones).take(composition.previous_pitches[composition.position], axis=0)


@mask(batched=True)
def chord_tones_on_strong_beats(composition: Composition) -> Flags:
    """On strong beats (`melody_env.chord_steps`), allow only tones of the chord to begin or to be held, and silence."""
    allowed = np.ones((composition.batch_size, VOCABULARY_SIZE), np.bool_)
    harmony, t = harmony_of(composition, "chord_tones_on_strong_beats"), composition.position
    if harmony is None or not harmony.is_strong[t].any():
        return allowed
    tones = harmony.table.tones[harmony.chord[t]]
    allowed[:, FIRST_PITCH_TOKEN:] = tones[:, PITCH_CLASSES[FIRST_PITCH_TOKEN:]]
    held = composition.memory(Sounding).notes[t - 1] if t else np.zeros_like(composition.tokens[0])
    allowed[:, NO_EVENT] = (held == 0) | np.take_along_axis(tones, PITCH_CLASSES[held][:, None], axis=1)[:, 0]
    return allowed | ~harmony.is_strong[t][:, None]


@lru_cache
def _within(max_semitones: int) -> Flags:
    """Return [38, 38] whether each token may follow each previous note, or no note yet (0)."""
    tokens = np.arange(VOCABULARY_SIZE)
    is_note = tokens >= FIRST_PITCH_TOKEN
    return (np.abs(tokens[:, None] - tokens) <= max_semitones) | ~is_note | ~is_note[:, None]
