"""Rules of rhythm: onsets, syncopation, rests, and the ends of phrases.

Each is a count: 1 for every occurrence. The sign of its weight in a profile rewards or penalises it.
Shapes: B melodies.
"""

from collections.abc import Sequence

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.capped_counts import NO_CAP, capped_count
from melody_env.reward.rules.human.line import Line, Onsets
from melody_env.reward.rules.human.phrases import beat_strengths, is_end_of_phrase
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT, NOTE_OFF

_SILENT = 100
"""The strength of silence: no beat is stronger."""


def _rhythm_matches(composition: Composition, t: int) -> Floats:
    is_note, earlier = composition.memory(Line).is_note, t - composition.setting.steps_per_bar
    if earlier < 0:
        return np.zeros(composition.batch_size)
    now, then = is_note[t], is_note[earlier]
    return (now & then).astype(np.float64) - (now ^ then)


@rule(batched=True)
def bar_rhythm(composition: Composition, *, cap: float = NO_CAP) -> Floats:
    """1 where both this bar and the previous one have an onset, -1 where only one of them has."""
    return capped_count(composition, _rhythm_matches, cap)


@rule(batched=True)
def off_eighth(composition: Composition) -> Floats:
    """1 for a note that begins between two eighths."""
    if composition.position % 2 == 1:
        return np.zeros(composition.batch_size)
    return composition.memory(Line).is_note[composition.position - 1].astype(np.float64)


@rule(batched=True)
def onset(composition: Composition, *, worth: Sequence[float] = ()) -> Floats:
    """The `worth` of a note by its onset in sixteenths after the bar line; 0 beyond the end of the list."""
    step = (composition.position - 1) % composition.setting.steps_per_bar
    value = worth[step] if step < len(worth) else 0.0
    return composition.memory(Line).is_note[composition.position - 1] * float(value)


class HeldOver:
    """The strongest beat on which each melody's current note has sounded."""

    def __init__(self, composition: Composition):
        self._strengths = beat_strengths(composition.setting)
        self._strength = np.full(composition.batch_size, _SILENT, np.int8)
        self.stronger = np.zeros(composition.batch_size, np.bool_)
        """[B]; whether the newest token holds a note over a beat stronger than any it has sounded on."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        token, strength = composition.tokens[t], self._strengths[t % len(self._strengths)]
        self.stronger = (token == NO_EVENT) & (self._strength < strength)
        np.copyto(self._strength, strength, where=self.stronger | (token >= FIRST_PITCH_TOKEN))
        np.copyto(self._strength, _SILENT, where=token == NOTE_OFF)


@rule(batched=True)
def syncopation(composition: Composition) -> Floats:
    """1 for a hold of a note over a stronger beat than it began on: an eighth, a beat, half a bar or a bar."""
    return composition.memory(HeldOver).stronger.astype(np.float64)


@rule(batched=True)
def rest(composition: Composition) -> Floats:
    """1 for a note off, however long the rest."""
    return (composition.newest == NOTE_OFF).astype(np.float64)


@rule(batched=True)
def standstill(composition: Composition, *, bars: int = 2) -> Floats:
    """1 at the end of a bar if no note began in the last `bars` bars."""
    last = composition.memory(Onsets).last
    if not is_end_of_phrase(composition, composition.position, 1):
        return np.zeros(composition.batch_size)
    return (composition.position - last > bars * composition.setting.steps_per_bar).astype(np.float64)


@rule(batched=True)
def long_end(composition: Composition, *, steps: int = 3, bars: int = 2) -> Floats:
    """1 at the end of a phrase whose last note began in it, at least `steps` sixteenths ago."""
    last = composition.memory(Onsets).last
    if not is_end_of_phrase(composition, composition.position, bars):
        return np.zeros(composition.batch_size)
    age = composition.position - last
    return ((age >= steps) & (age <= bars * composition.setting.steps_per_bar)).astype(np.float64)
