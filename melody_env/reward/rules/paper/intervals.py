"""Rule `interval`: the value of the interval from each note to the next.

Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the original's code
(`detect_sequential_interval`, `reward_preferred_intervals`).
"""

from enum import IntEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.setting import Setting
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT, NOTE_OFF, VOCABULARY_SIZE, token_to_pitch


class Interval(IntEnum):
    """The relation of the newest token to the previous pitch; tonic, third and fifth are those of the key."""

    OTHER = 0
    """Any interval not named here, and everything up to the first note."""
    HOLD = 1
    HOLD_OF_TONIC_OR_FIFTH = 2
    REST = 3
    REST_AFTER_TONIC_OR_FIFTH = 4
    SECOND = 5
    THIRD = 6
    THIRD_FROM_TONIC_OR_THIRD = 7
    FOURTH = 8
    FIFTH = 9
    FIFTH_FROM_TONIC_OR_FIFTH = 10
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
    Interval.HOLD_OF_TONIC_OR_FIFTH: 0.3,
    Interval.REST: 0.05,
    Interval.REST_AFTER_TONIC_OR_FIFTH: 0.15,
    Interval.SECOND: 0.08,
    Interval.THIRD: 0.09,
    Interval.THIRD_FROM_TONIC_OR_THIRD: 0.15,
    Interval.FOURTH: 0.07,
    Interval.FIFTH: 0.02,
    Interval.FIFTH_FROM_TONIC_OR_FIFTH: 0.1,
    Interval.SIXTH: 0.05,
    Interval.SEVENTH: -0.3,
    Interval.BEYOND_OCTAVE: -1.0,
}


def _classify(previous: int, token: int, tonic: int, third: int, fifth: int) -> Interval:
    """Return the interval from the token `previous` to `token`, given pitch classes of the key."""
    if previous < FIRST_PITCH_TOKEN:
        return Interval.OTHER
    pitch_class = token_to_pitch(previous) % 12
    if token == NO_EVENT:
        return Interval.HOLD_OF_TONIC_OR_FIFTH if pitch_class in (tonic, fifth) else Interval.HOLD
    if token == NOTE_OFF:
        return Interval.REST_AFTER_TONIC_OR_FIFTH if pitch_class in (tonic, fifth) else Interval.REST
    semitones = abs(token - previous)
    if semitones > 12:
        return Interval.BEYOND_OCTAVE
    interval = _BY_SEMITONES.get(semitones, Interval.OTHER)
    if interval is Interval.FIFTH and pitch_class in (tonic, fifth):
        return Interval.FIFTH_FROM_TONIC_OR_FIFTH
    if interval is Interval.THIRD and pitch_class in (tonic, third):
        return Interval.THIRD_FROM_TONIC_OR_THIRD
    return interval


@lru_cache
def _interval_of_pair(tonic: int, third: int, fifth: int) -> npt.NDArray[np.int8]:
    """Return the Interval [38 * 38] of each pair of `Composition.pitch_pairs`, given pitch classes of the key."""
    tokens = range(VOCABULARY_SIZE)
    return np.array(
        [_classify(previous, token, tonic, third, fifth) for previous in tokens for token in tokens], np.int8
    )


@lru_cache
def _value_of_pair(tonic: int, third: int, fifth: int) -> Floats:
    """Return the value [38 * 38] of each pair."""
    return np.array([5.0 * _VALUE[Interval(interval)] for interval in _interval_of_pair(tonic, third, fifth)])


def _degrees(setting: Setting) -> tuple[int, int, int]:
    return setting.tonic, setting.third, setting.fifth


def interval_kinds(composition: Composition) -> npt.NDArray[np.int8]:
    """Return the `Interval` [n, B] of each of the n tokens so far."""
    return _interval_of_pair(*_degrees(composition.setting)).take(composition.pitch_pairs[: composition.position])


@rule(batched=True)
def interval(composition: Composition) -> Floats:
    """5 times the value of the interval from the previous pitch.

    Consonances and steps have positive values, sevenths and leaps beyond an octave negative ones; some are higher from
    the tonic, third or fifth of the key. As in the original, thirds, sixths and sevenths are the major ones, "from C or
    G" holds for fifths down as well as up, and a hold counts as holding the last pitch even after a note off.
    """
    values = _value_of_pair(*_degrees(composition.setting))
    return values.take(composition.pitch_pairs[composition.position - 1])
