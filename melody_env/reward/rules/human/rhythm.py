"""Rules of rhythm: where notes begin, what they hold over, and how phrases end.

Each counts: 1 for what the rule is named for. Whether that is good, a profile's weight says. Shapes: B melodies.
"""

from collections.abc import Sequence

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.capped_counts import NO_LIMIT, enough
from melody_env.reward.rules.human.line import Line, Onsets
from melody_env.reward.rules.human.phrases import beat_strengths, is_end_of_phrase
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT, NOTE_OFF

_SILENT = 100
"""What no beat is stronger than."""


def _rhythm_matches(composition: Composition, t: int) -> Floats:
    is_note, earlier = composition.memory(Line).is_note, t - composition.setting.steps_per_bar
    if earlier < 0:
        return np.zeros(composition.batch_size)
    now, then = is_note[t], is_note[earlier]
    return (now & then).astype(np.float64) - (now ^ then)


@rule(batched=True)
def bar_rhythm(composition: Composition, *, most: float = NO_LIMIT) -> Floats:
    """1 for a note where the bar before has one too, -1 for a note where only one of the two has one."""
    return enough(composition, _rhythm_matches, most)


@rule(batched=True)
def off_eighth(composition: Composition) -> Floats:
    """1 for a note that begins between two eighths."""
    if composition.position % 2 == 1:
        return np.zeros(composition.batch_size)
    return composition.memory(Line).is_note[composition.position - 1].astype(np.float64)


@rule(batched=True)
def onset(composition: Composition, *, worth: Sequence[float] = ()) -> Floats:
    """What a note is `worth` that begins so many sixteenths after a bar line; 0 for places that are not told."""
    place = (composition.position - 1) % composition.setting.steps_per_bar
    value = worth[place] if place < len(worth) else 0.0
    return composition.memory(Line).is_note[composition.position - 1] * float(value)


class HeldOver:
    """The beat on which each melody's sounding note began."""

    def __init__(self, composition: Composition):
        self._strengths = beat_strengths(composition.setting)
        self._begun = np.full(composition.batch_size, _SILENT, np.int8)
        self.stronger = np.zeros(composition.batch_size, np.bool_)
        """[B]; whether the newest token holds a note over a stronger beat than any that it has sounded on."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        token, strength = composition.tokens[t], self._strengths[t % len(self._strengths)]
        self.stronger = (token == NO_EVENT) & (self._begun < strength)
        np.copyto(self._begun, strength, where=self.stronger | (token >= FIRST_PITCH_TOKEN))
        np.copyto(self._begun, _SILENT, where=token == NOTE_OFF)


@rule(batched=True)
def syncopation(composition: Composition) -> Floats:
    """1 for a hold that carries a note over a stronger beat than it began on: an eighth, a beat, half a bar, a bar."""
    return composition.memory(HeldOver).stronger.astype(np.float64)


@rule(batched=True)
def rest(composition: Composition) -> Floats:
    """1 for a note off; how long the rest lasts is free."""
    return (composition.newest == NOTE_OFF).astype(np.float64)


@rule(batched=True)
def standstill(composition: Composition, *, bars: int = 2) -> Floats:
    """1 at the end of a bar if no note began in it and in those before it, so many `bars` together."""
    last = composition.memory(Onsets).last
    if not is_end_of_phrase(composition, composition.position, 1):
        return np.zeros(composition.batch_size)
    return (composition.position - last > bars * composition.setting.steps_per_bar).astype(np.float64)


@rule(batched=True)
def long_end(composition: Composition, *, steps: int = 3, bars: int = 2) -> Floats:
    """1 at the end of a phrase whose last note began `steps` sixteenths ago or more; 0 where no note began in it."""
    last = composition.memory(Onsets).last
    if not is_end_of_phrase(composition, composition.position, bars):
        return np.zeros(composition.batch_size)
    age = composition.position - last
    return ((age >= steps) & (age <= bars * composition.setting.steps_per_bar)).astype(np.float64)
