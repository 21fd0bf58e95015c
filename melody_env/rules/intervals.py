"""Rule `interval`: from each note to the next, some steps sound better than others.

Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the original's code
(`detect_sequential_interval`, `reward_preferred_intervals`).
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from melody_env.composition import Composition, Floats
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT, NOTE_OFF, VOCABULARY_SIZE, token_to_pitch

_C, _E, _G = 0, 4, 7


class Interval(IntEnum):
    """What the newest token makes of the pitch before it."""

    OTHER = 0
    """Any interval not named here, and the first note with what comes before it."""
    HOLD = 1
    HOLD_OF_C_OR_G = 2
    REST = 3
    REST_AFTER_C_OR_G = 4
    SECOND = 5
    THIRD = 6
    THIRD_FROM_C_OR_E = 7
    FOURTH = 8
    FIFTH = 9
    FIFTH_FROM_C_OR_G = 10
    SIXTH = 11
    SEVENTH = 12
    BEYOND_OCTAVE = 13


_BY_SEMITONES = {
    2: Interval.SECOND,
    4: Interval.THIRD,
    5: Interval.FOURTH,
    7: Interval.FIFTH,
    9: Interval.SIXTH,
    11: Interval.SEVENTH,
}
_VALUE = {
    Interval.OTHER: 0.0,
    Interval.HOLD: 0.075,
    Interval.HOLD_OF_C_OR_G: 0.3,
    Interval.REST: 0.05,
    Interval.REST_AFTER_C_OR_G: 0.15,
    Interval.SECOND: 0.08,
    Interval.THIRD: 0.09,
    Interval.THIRD_FROM_C_OR_E: 0.15,
    Interval.FOURTH: 0.07,
    Interval.FIFTH: 0.02,
    Interval.FIFTH_FROM_C_OR_G: 0.1,
    Interval.SIXTH: 0.05,
    Interval.SEVENTH: -0.3,
    Interval.BEYOND_OCTAVE: -1.0,
}


def _classify(previous: int, token: int) -> Interval:
    if previous < FIRST_PITCH_TOKEN:
        return Interval.OTHER
    pitch_class = token_to_pitch(previous) % 12
    if token == NO_EVENT:
        return Interval.HOLD_OF_C_OR_G if pitch_class in (_C, _G) else Interval.HOLD
    if token == NOTE_OFF:
        return Interval.REST_AFTER_C_OR_G if pitch_class in (_C, _G) else Interval.REST
    semitones = abs(token - previous)
    if semitones > 12:
        return Interval.BEYOND_OCTAVE
    interval = _BY_SEMITONES.get(semitones, Interval.OTHER)
    if interval is Interval.FIFTH and pitch_class in (_C, _G):
        return Interval.FIFTH_FROM_C_OR_G
    if interval is Interval.THIRD and pitch_class in (_C, _E):
        return Interval.THIRD_FROM_C_OR_E
    return interval


INTERVAL_OF_PAIR: npt.NDArray[np.int8] = np.array(
    [_classify(previous, token) for previous in range(VOCABULARY_SIZE) for token in range(VOCABULARY_SIZE)], np.int8
)
"""[38 * 38]; the Interval of each pair of `Composition.pitch_pairs`."""

_VALUE_OF_PAIR = np.array([5.0 * _VALUE[Interval(interval)] for interval in INTERVAL_OF_PAIR])


def interval_kinds(composition: Composition) -> npt.NDArray[np.int8]:
    """Return the `Interval` that each of the n tokens so far makes, [n, B]."""
    n = composition.position
    pairs = composition.previous_pitches[:n].astype(np.intp) * VOCABULARY_SIZE + composition.tokens[:n]
    return INTERVAL_OF_PAIR[pairs]


def interval(composition: Composition) -> Floats:
    """5 times the value of the interval from the last pitch: consonances and steps pay, sevenths and wide leaps cost.

    As in the original, thirds, sixths and sevenths are the major ones, "from C or G" holds for fifths down as well
    as up, and a hold counts as holding the last pitch even if that was ended by a note off.
    """
    return _VALUE_OF_PAIR.take(composition.pitch_pairs(composition.position - 1))
