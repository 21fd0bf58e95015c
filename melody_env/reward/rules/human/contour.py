"""Rules of contour: the intervals of a line, what answers a leap, and how often it turns.

Each counts: 1 for a note that makes what the rule is named for. Whether that is good, a profile's weight says.
Shapes: B melodies.
"""

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.capped_counts import NO_LIMIT, enough
from melody_env.reward.rules.human.line import IS_INTERVAL, SEMITONES, Line, Turns, interval_pairs, value_of_pair
from note_rnn.vocabulary import VOCABULARY_SIZE


def _sizes(*semitones: int) -> Floats:
    """Return the table [38 * 38] of 1 for intervals of so many semitones up or down."""
    return (IS_INTERVAL & np.isin(np.abs(SEMITONES), semitones)).astype(np.float64).ravel()


_REPEATED, _STEP, _FOURTH_OR_FIFTH = _sizes(0), _sizes(1, 2), _sizes(5, 7)
_DISSONANT, _BEYOND_OCTAVE = _sizes(6, 10, 11), _sizes(*range(13, VOCABULARY_SIZE))

_last, _next = interval_pairs()
_TURN = (_last * _next < 0).astype(np.float64).ravel()
_IS_LEAP = np.abs(_last) >= 5
_ANSWERED = (_IS_LEAP & (_last * _next < 0) & (np.abs(_next) <= 4)).astype(np.float64).ravel()
_CONTINUED = (_IS_LEAP & (_last * _next > 0)).astype(np.float64).ravel()


def _steps(composition: Composition, t: int) -> Floats:
    return _STEP.take(composition.memory(Line).pairs[t])


@rule(batched=True)
def stepwise(composition: Composition, *, most: float = NO_LIMIT) -> Floats:
    """1 for a note a semitone or a whole tone from the note before."""
    return enough(composition, _steps, most)


class ScaleRun:
    """How many steps in one direction each melody has just made."""

    def __init__(self, composition: Composition):
        self._line = composition.memory(Line)
        self._steps = np.zeros(composition.batch_size, np.int8)
        self.steps = np.zeros(composition.tokens.shape, np.int8)
        """[T, B]; the steps in a row that each note is the last of, 0 for a hold and a note off."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        semitones = self._line.semitones[t]
        up = (semitones == 1) | (semitones == 2)
        down = (semitones == -1) | (semitones == -2)
        steps = (np.maximum(self._steps, 0) + 1) * up + (np.minimum(self._steps, 0) - 1) * down
        np.copyto(self._steps, steps, where=self._line.is_note[t])
        np.abs(steps, out=self.steps[t])


def _run_notes(composition: Composition, t: int, notes: int) -> Floats:
    return (composition.memory(ScaleRun).steps[t] >= notes - 1).astype(np.float64)


@rule(batched=True)
def scale_run(composition: Composition, *, notes: int = 4, most: float = NO_LIMIT) -> Floats:
    """1 for a note that is the fourth or a later one (`notes`) of a scale, by steps up or by steps down."""
    return enough(composition, _run_notes, most, notes)


@rule(batched=True)
def turn(composition: Composition) -> Floats:
    """1 for a note that goes the other way than the interval before it."""
    return _TURN.take(composition.memory(Turns).pairs[composition.position - 1])


@rule(batched=True)
def repeated_note(composition: Composition) -> Floats:
    """1 for a note of the same pitch as the note before."""
    return value_of_pair(composition, _REPEATED)


@rule(batched=True)
def fourth_or_fifth(composition: Composition) -> Floats:
    """1 for a note a perfect fourth or fifth from the note before."""
    return value_of_pair(composition, _FOURTH_OR_FIFTH)


@rule(batched=True)
def tritone_or_seventh(composition: Composition) -> Floats:
    """1 for a note a tritone or a seventh from the note before."""
    return value_of_pair(composition, _DISSONANT)


@rule(batched=True)
def beyond_octave(composition: Composition) -> Floats:
    """1 for a note more than an octave from the note before."""
    return value_of_pair(composition, _BEYOND_OCTAVE)


def _answers(composition: Composition, t: int) -> Floats:
    return _ANSWERED.take(composition.memory(Turns).pairs[t])


@rule(batched=True)
def leap_answered(composition: Composition, *, most: float = NO_LIMIT) -> Floats:
    """1 for a note that goes back at most a third after a leap of a fourth or more."""
    return enough(composition, _answers, most)


@rule(batched=True)
def leap_continued(composition: Composition) -> Floats:
    """1 for a note that goes on in the direction of a leap of a fourth or more."""
    return _CONTINUED.take(composition.memory(Turns).pairs[composition.position - 1])
