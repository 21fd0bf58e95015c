"""Rules of contour: intervals, scale runs, changes of direction, and the notes after leaps.

Each is a count: 1 for a note that completes what the rule is named for. The sign of its weight in a profile rewards or
penalises it. Shapes: B melodies.
"""

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.capped_counts import NO_CAP, capped_count
from melody_env.reward.rules.human.line import IS_INTERVAL, SEMITONES, Line, Turns, interval_pairs, value_of_pair
from note_rnn.vocabulary import VOCABULARY_SIZE


def _sizes(*semitones: int) -> Floats:
    """Return a table [38 * 38] with 1 for intervals of these sizes in `semitones`, up or down."""
    return (IS_INTERVAL & np.isin(np.abs(SEMITONES), semitones)).astype(np.float64).ravel()


_REPEATED, _STEP, _FOURTH_OR_FIFTH = _sizes(0), _sizes(1, 2), _sizes(5, 7)
_DISSONANT, _BEYOND_OCTAVE = _sizes(6, 10, 11), _sizes(*range(13, VOCABULARY_SIZE))

_last, _next = interval_pairs()
_TURN = (_last * _next < 0).astype(np.float64).ravel()
_IS_LEAP = np.abs(_last) >= 5
_ANSWERED = (_IS_LEAP & (_last * _next < 0) & (np.abs(_next) <= 4)).astype(np.float64).ravel()
_CONTINUED = (_IS_LEAP & (_last * _next > 0)).astype(np.float64).ravel()


def _steps(composition: Composition, t: int) -> Floats:
    return _STEP.take(composition.pitch_pairs[t])


@rule(batched=True)
def stepwise(composition: Composition, *, cap: float = NO_CAP) -> Floats:
    """1 for a note a semitone or a whole tone from the previous note."""
    return capped_count(composition, _steps, cap)


class ScaleRun:
    """The length of each melody's current run of steps in one direction."""

    def __init__(self, composition: Composition):
        self._line = composition.memory(Line)
        self._steps = np.zeros(composition.batch_size, np.int8)
        self.steps = np.zeros(composition.tokens.shape, np.int8)
        """[T, B]; the number of consecutive steps that end with each note, 0 for a hold and a note off."""

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
def scale_run(composition: Composition, *, notes: int = 4, cap: float = NO_CAP) -> Floats:
    """1 for a note that is at least the fourth (`notes`) of a scale, in steps up or in steps down."""
    return capped_count(composition, _run_notes, cap, notes)


@rule(batched=True)
def turn(composition: Composition) -> Floats:
    """1 for a note that reverses the direction of the previous interval."""
    return _TURN.take(composition.memory(Turns).pairs[composition.position - 1])


@rule(batched=True)
def repeated_note(composition: Composition) -> Floats:
    """1 for a note of the same pitch as the previous note."""
    return value_of_pair(composition, _REPEATED)


@rule(batched=True)
def fourth_or_fifth(composition: Composition) -> Floats:
    """1 for a note a perfect fourth or fifth from the previous note."""
    return value_of_pair(composition, _FOURTH_OR_FIFTH)


@rule(batched=True)
def tritone_or_seventh(composition: Composition) -> Floats:
    """1 for a note a tritone or a seventh from the previous note."""
    return value_of_pair(composition, _DISSONANT)


@rule(batched=True)
def beyond_octave(composition: Composition) -> Floats:
    """1 for a note more than an octave from the previous note."""
    return value_of_pair(composition, _BEYOND_OCTAVE)


def _answers(composition: Composition, t: int) -> Floats:
    return _ANSWERED.take(composition.memory(Turns).pairs[t])


@rule(batched=True)
def leap_answered(composition: Composition, *, cap: float = NO_CAP) -> Floats:
    """1 for a note that follows a leap of a fourth or more in the opposite direction, by at most a third."""
    return capped_count(composition, _answers, cap)


@rule(batched=True)
def leap_continued(composition: Composition) -> Floats:
    """1 for a note that continues in the direction of a leap of a fourth or more."""
    return _CONTINUED.take(composition.memory(Turns).pairs[composition.position - 1])
