"""Rules of contour: the intervals of a line, what answers a leap, and how often it turns.

Each counts: 1 for a note that makes what the rule is named for. Whether that is good, a profile's weight says.
Shapes: B melodies.
"""

import numpy as np

from melody_env.composition import Composition, Floats
from melody_env.rules.line import IS_INTERVAL, SEMITONES, Line, Turns, interval_pairs, value_of_pair
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


def repeated_note(composition: Composition) -> Floats:
    """1 for a note of the same pitch as the note before."""
    return value_of_pair(composition, _REPEATED)


def stepwise(composition: Composition) -> Floats:
    """1 for a note a semitone or a whole tone from the note before."""
    return value_of_pair(composition, _STEP)


def fourth_or_fifth(composition: Composition) -> Floats:
    """1 for a note a perfect fourth or fifth from the note before."""
    return value_of_pair(composition, _FOURTH_OR_FIFTH)


def tritone_or_seventh(composition: Composition) -> Floats:
    """1 for a note a tritone or a seventh from the note before."""
    return value_of_pair(composition, _DISSONANT)


def beyond_octave(composition: Composition) -> Floats:
    """1 for a note more than an octave from the note before."""
    return value_of_pair(composition, _BEYOND_OCTAVE)


def turn(composition: Composition) -> Floats:
    """1 for a note that goes the other way than the interval before it."""
    return _TURN.take(composition.memory(Turns).pairs)


def leap_answered(composition: Composition) -> Floats:
    """1 for a note that goes back at most a third after a leap of a fourth or more."""
    return _ANSWERED.take(composition.memory(Turns).pairs)


def leap_continued(composition: Composition) -> Floats:
    """1 for a note that goes on in the direction of a leap of a fourth or more."""
    return _CONTINUED.take(composition.memory(Turns).pairs)


class ScaleRun:
    """How many steps in one direction each melody has just made."""

    def __init__(self, composition: Composition):
        self._line = composition.memory(Line)
        self.steps = np.zeros(composition.batch_size, np.int8)
        """[B]; steps in a row, positive upwards and negative downwards."""
        self.counts = np.zeros(composition.batch_size, np.bool_)
        """[B]; whether the newest token is a note."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        semitones = self._line.semitones[t]
        self.counts = self._line.is_note[t]
        up = (semitones == 1) | (semitones == 2)
        down = (semitones == -1) | (semitones == -2)
        steps = (np.maximum(self.steps, 0) + 1) * up + (np.minimum(self.steps, 0) - 1) * down
        np.copyto(self.steps, steps, where=self.counts)


def scale_run(composition: Composition, *, notes: int = 4) -> Floats:
    """1 for a note that is the fourth or a later one (`notes`) of a scale, by steps up or by steps down."""
    run = composition.memory(ScaleRun)
    return ((np.abs(run.steps) >= notes - 1) & run.counts).astype(np.float64)
