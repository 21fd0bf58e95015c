"""Memories of the melodic line: intervals, changes of direction and onsets; and tables of pitch relations.

Values that other memories read are stored for every step, so that those can be built at any time. An interval is from
one note to the next, across rests. Shapes: B melodies, T steps.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.setting import Setting
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, VOCABULARY_SIZE

_MAX_INTERVAL = VOCABULARY_SIZE
"""More semitones than any interval has; offset of intervals in the table of their pairs."""

_tokens = np.arange(VOCABULARY_SIZE)
_is_note = _tokens >= FIRST_PITCH_TOKEN
IS_INTERVAL = _is_note[:, None] & _is_note
"""[38, 38]; whether the previous pitch and a token are both notes."""
SEMITONES = np.where(IS_INTERVAL, _tokens - _tokens[:, None], 0)
"""[38, 38]; the interval from the previous pitch to a token, 0 where one of them is not a note."""
PITCH_CLASSES = np.where(_is_note, (_tokens - FIRST_PITCH_TOKEN + MIN_PITCH) % 12, 12)
"""[38]; 0 for C to 11 for B, 12 for note off and hold."""
_SEMITONES_OF_PAIR = SEMITONES.astype(np.int8).ravel()


class Line:
    """Each token as a note of the line, and its interval from the previous note."""

    def __init__(self, composition: Composition):
        shape = composition.tokens.shape
        self.is_note = np.zeros(shape, np.bool_)
        """[T, B]."""
        self.semitones = np.zeros(shape, np.int8)
        """[T, B]; the interval to each note; 0 for a first note, a hold and a note off."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        np.greater_equal(composition.tokens[t], FIRST_PITCH_TOKEN, out=self.is_note[t])
        _SEMITONES_OF_PAIR.take(composition.pitch_pairs[t], out=self.semitones[t], mode="clip")


class Turns:
    """Each interval together with the previous one."""

    def __init__(self, composition: Composition):
        self._line = composition.memory(Line)
        self._last = np.full(composition.batch_size, _MAX_INTERVAL, np.intp)
        self.pairs = np.zeros(composition.tokens.shape, np.intp)
        """[T, B]; an index into a table [77 * 77] of `interval_pairs`, with interval 0 where no note begins."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        semitones = self._line.semitones[t] + np.int8(_MAX_INTERVAL)
        np.multiply(self._last, 2 * _MAX_INTERVAL + 1, out=self.pairs[t])
        self.pairs[t] += semitones
        np.copyto(self._last, semitones, where=self._line.is_note[t])


def interval_pairs() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the previous and the newest interval, -38..38 semitones, of each entry of a table [77, 77]."""
    intervals = np.arange(-_MAX_INTERVAL, _MAX_INTERVAL + 1)
    return intervals[:, None], intervals[None, :]


class Onsets:
    """When each melody's last note began, and the distances between onsets."""

    def __init__(self, composition: Composition):
        self._line = composition.memory(Line)
        self.last = np.full(composition.batch_size, -1, np.int32)
        """[B]; the step at which the last note began, -1 if there is none."""
        self.distances = np.zeros(composition.tokens.shape, np.int32)
        """[T, B]; steps since the onset of the last note before each step."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        np.subtract(t, self.last, out=self.distances[t])
        np.copyto(self.last, t, where=self._line.is_note[t])


def value_of_pair(composition: Composition, table: Floats) -> Floats:
    """Return the entry [B] of `table` [38 * 38] for the newest token and the previous pitch."""
    return table.take(composition.pitch_pairs[composition.position - 1])


@lru_cache
def scale_positions(setting: Setting) -> npt.NDArray[np.int64]:
    """Return the height [38] of each note in half steps of the scale: 2 between degrees, 1 to a note in between.

    The tonic that pieces start from is at 0, and so are note off and hold.
    """
    above = _tokens - FIRST_PITCH_TOKEN + MIN_PITCH - setting.tonic_pitch
    octaves, within = np.divmod(above, 12)
    scale = np.array(setting.scale)
    degree = np.searchsorted(scale, within, side="right") - 1
    positions = 2 * (octaves * len(scale) + degree) + (scale[degree] != within)
    return np.where(_is_note, positions, 0)


@lru_cache
def stable_notes(setting: Setting) -> npt.NDArray[np.float64]:
    """Return 1 for the stable notes [38], else 0: the tonic triad of the key, and the tonic of its relative key.

    In C major and in A minor these are C, E, G and A.
    """
    is_minor = (setting.third - setting.tonic) % 12 == 3
    stable = (setting.tonic, setting.third, setting.fifth, (setting.tonic + (10 if is_minor else 9)) % 12)
    return np.isin(PITCH_CLASSES, stable).astype(np.float64)
