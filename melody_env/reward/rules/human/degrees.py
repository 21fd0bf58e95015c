"""Rules of the key: stable notes where it matters, notes outside the scale that lead somewhere.

Each counts: 1 for what the rule is named for. Whether that is good, a profile's weight says. Shapes: B melodies.
"""

from functools import lru_cache

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.capped_counts import NO_LIMIT, enough
from melody_env.reward.rules.human.line import IS_INTERVAL, PITCH_CLASSES, SEMITONES, Line, stable_notes, value_of_pair
from melody_env.reward.rules.human.phrases import half_bar, is_end_of_phrase
from melody_env.setting import Setting
from note_rnn.vocabulary import VOCABULARY_SIZE


@lru_cache
def _leading(setting: Setting) -> Floats:
    """Return 1 for each pair [38 * 38] of a note outside the scale and the note a semitone from it."""
    return (IS_INTERVAL & (np.abs(SEMITONES) == 1) & ~setting.in_scale[:, None]).astype(np.float64).ravel()


@lru_cache
def _first_notes(setting: Setting) -> Floats:
    """Return 1 for each pair [38 * 38] of no note yet and a tonic or dominant."""
    table = np.zeros((VOCABULARY_SIZE, VOCABULARY_SIZE))
    table[0] = np.isin(PITCH_CLASSES, (setting.tonic, setting.fifth))
    return table.ravel()


def _chromatic_steps(composition: Composition, t: int) -> Floats:
    return _leading(composition.setting).take(composition.memory(Line).pairs[t])


@rule(batched=True)
def chromatic_step(composition: Composition, *, most: float = NO_LIMIT) -> Floats:
    """1 for a note a semitone from a note outside the scale that it follows."""
    return enough(composition, _chromatic_steps, most)


@rule(batched=True)
def stable_beat(composition: Composition) -> Floats:
    """1 for a note on a bar or half bar that is one of the `stable_notes`."""
    if (composition.position - 1) % half_bar(composition.setting):
        return np.zeros(composition.batch_size)
    return stable_notes(composition.setting).take(composition.newest)


@rule(batched=True)
def opening(composition: Composition) -> Floats:
    """1 for a first note that is tonic or dominant."""
    return value_of_pair(composition, _first_notes(composition.setting))


@rule(batched=True)
def stable_end(composition: Composition, *, bars: int = 2) -> Floats:
    """1 at the end of a phrase whose last note is one of the `stable_notes`."""
    if not is_end_of_phrase(composition, composition.position, bars):
        return np.zeros(composition.batch_size)
    return stable_notes(composition.setting).take(composition.previous_pitches[composition.position])
