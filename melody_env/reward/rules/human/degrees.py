"""Rules of the key: stable notes at strong positions, and chromatic notes that lead to the next note.

Each is a count: 1 for every occurrence. The sign of its weight in a profile rewards or penalises it.
Shapes: B melodies.
"""

from functools import lru_cache

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.capped_counts import NO_CAP, capped_count
from melody_env.reward.rules.human.line import IS_INTERVAL, PITCH_CLASSES, SEMITONES, stable_notes, value_of_pair
from melody_env.reward.rules.human.phrases import half_bar, is_end_of_phrase
from melody_env.setting import Setting
from note_rnn.vocabulary import VOCABULARY_SIZE


@lru_cache
def _leading(setting: Setting) -> Floats:
    """Return a table of pairs [38 * 38] with 1 for a note outside the scale and a note a semitone from it."""
    return (IS_INTERVAL & (np.abs(SEMITONES) == 1) & ~setting.in_scale[:, None]).astype(np.float64).ravel()


@lru_cache
def _first_notes(setting: Setting) -> Floats:
    """Return a table of pairs [38 * 38] with 1 for no previous note and a tonic or dominant."""
    table = np.zeros((VOCABULARY_SIZE, VOCABULARY_SIZE))
    table[0] = np.isin(PITCH_CLASSES, (setting.tonic, setting.fifth))
    return table.ravel()


def _chromatic_steps(composition: Composition, t: int) -> Floats:
    return _leading(composition.setting).take(composition.pitch_pairs[t])


@rule(batched=True)
def chromatic_step(composition: Composition, *, cap: float = NO_CAP) -> Floats:
    """1 for a note a semitone from the previous note if that is outside the scale."""
    return capped_count(composition, _chromatic_steps, cap)


@rule(batched=True)
def stable_beat(composition: Composition) -> Floats:
    """1 for one of the `stable_notes` at the beginning of a bar or half bar."""
    if (composition.position - 1) % half_bar(composition.setting):
        return np.zeros(composition.batch_size)
    return stable_notes(composition.setting).take(composition.newest)


@rule(batched=True)
def opening(composition: Composition) -> Floats:
    """1 for a first note that is the tonic or dominant."""
    return value_of_pair(composition, _first_notes(composition.setting))


@rule(batched=True)
def stable_end(composition: Composition, *, bars: int = 2) -> Floats:
    """1 at the end of a phrase whose last note is one of the `stable_notes`."""
    if not is_end_of_phrase(composition, composition.position, bars):
        return np.zeros(composition.batch_size)
    return stable_notes(composition.setting).take(composition.previous_pitches[composition.position])
