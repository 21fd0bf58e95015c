"""Melodies in staff notation: note values that show the beats, beams, and pitches spelled by the key signature.

T steps of a sixteenth. On the line of fifths F is -1, C 0, G 1 ... B 5, F# 6; seven further is the same letter a
semitone higher. Source of the conventions for values and beams: E. Gould, Behind Bars, 2011, pages 151 to 172.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple

import numpy.typing as npt

from note_rnn.chords import ChordStart
from note_rnn.notes import LETTERS, tokens_to_notes
from note_rnn.vocabulary import check_tokens

FIFTHS = "FCGDAEB"
"""The letters along the line of fifths, starting at -1."""
SIGNATURE_MODES = ("lydian", "major", "mixolydian", "dorian", "minor", "phrygian")
"""The modes of one key signature, ordered by their tonics on the line of fifths: from F to E without sharps.

Locrian is left out: some programs, such as music21, read it in ABC as major."""
_PRINTABLE = {1, 2, 3, 4, 6, 8, 12, 16, 24}
"""Steps of the values that a single note can have: sixteenth, eighth, dotted eighth ... dotted whole."""
_QUARTER = 4


class Staff(NamedTuple):
    """Meter, key signature and tempo of a staff, and the lengths of its bars and beats."""

    meter: str = "4/4"
    steps_per_bar: int = 16
    steps_per_beat: int = 4
    sharps: int = 0
    """Sharps of the key signature, -7..7; negative for flats."""
    mode: str = "major"
    """One of `SIGNATURE_MODES`; with `sharps` it determines the tonic."""
    bpm: float = 120.0
    """Quarter notes per minute."""
    pickup: int = 0
    """Steps before the first bar line."""
    marks: tuple[tuple[int, str], ...] = ()
    """Rehearsal marks at the beginning of bars: their steps, from the first token on, and texts."""
    chords: tuple[ChordStart, ...] = ()
    """Chords in order, their steps counted from the first token on; each lasts until the next."""

    @property
    def beats_per_minute(self) -> float:
        """The tempo in beats: in 6/8 dotted quarters."""
        return self.bpm * _QUARTER / self.steps_per_beat

    @property
    def levels(self) -> tuple[int, ...]:
        """The steps of the metrical units, each a multiple of the next: in 4/4 16, 8, 4, 2, 1, in 6/8 12, 6, 2, 1."""
        beats = self.steps_per_bar // self.steps_per_beat
        groups = [count * self.steps_per_beat for count in (2, 3) if beats > count and beats % (2 * count) == 0][-1:]
        within = [self.steps_per_beat // 3] if self.steps_per_beat % 3 == 0 else []
        units = [self.steps_per_bar, *groups, self.steps_per_beat, *within]
        while units[-1] > 1:
            units.append(units[-1] // 2)
        return tuple(dict.fromkeys(units))

    def place(self, step: int) -> tuple[int, int]:
        """Return the bar of a `step`, -1 for the pickup, and the steps from its bar line."""
        return divmod(step - self.pickup, self.steps_per_bar)

    def chords_within(self, start: int, end: int) -> tuple[ChordStart, ...]:
        """Return the chords that begin from the step `start` on, before `end`."""
        first, last = (bisect_left(self.chords, step, key=lambda chord: chord.step) for step in (start, end))
        return self.chords[first:last]

    @property
    def tonic(self) -> str:
        """The name of the tonic: C, F#, Bb ..."""
        letter, alteration = _named(self.sharps + SIGNATURE_MODES.index(self.mode) - 1)
        return letter + ("#" * alteration or "b" * -alteration)

    def alteration(self, letter: str) -> int:
        """Return the semitones by which the key signature alters the notes named `letter`."""
        return -((FIFTHS.index(letter) - self.sharps) // 7)


C_MAJOR = Staff()
"""C major in 4/4."""


class Spelling(NamedTuple):
    """A pitch's name: C4 is middle C, and B#3 sounds the same."""

    letter: str
    alteration: int
    """Semitones up."""
    octave: int


class Value(NamedTuple):
    """A note, or a rest (`pitch` None), of `steps` from the step `start` on; a note may be tied to the next."""

    start: int
    steps: int
    pitch: int | None
    tied: bool


def spelled(pitch: int, sharps: int) -> Spelling:
    """Return the spelling of MIDI `pitch` under a key signature of `sharps`.

    Notes outside the signature are written as the raised degrees 1, 4, 5 or the lowered degrees 3, 7 of the major key.
    """
    lowest = sharps - 3
    letter, alteration = _named((7 * pitch - lowest) % 12 + lowest)
    return Spelling(letter, alteration, (pitch - LETTERS[letter] - alteration) // 12 - 1)


def one_line(title: str) -> str:
    """Return `title` with blanks for line breaks and whatever else neither XML nor a field of ABC can hold."""
    return "".join(letter if letter.isprintable() else " " for letter in title)


def note_values(tokens: npt.ArrayLike, staff: Staff, breaks: Sequence[int] = ()) -> list[Value]:
    """Return the notes and rests written for `tokens` [T], in order, without gaps; none crosses a bar line.

    A note is written as few tied values, which show the beats: none hides a stronger beat than the one it begins on,
    but for whole beats and simple syncopation. None lasts over one of `breaks`, steps in ascending order.
    Raises VocabularyError for tokens that are not a melody.
    """
    length = len(check_tokens(tokens, ndim=1))
    values: list[Value] = []
    now = 0
    for start, end, pitch in zip(*(column.tolist() for column in tokens_to_notes(tokens)), strict=True):
        values += _split(now, start, None, staff, breaks) + _split(start, end, pitch, staff, breaks)
        now = end
    return values + _split(now, length, None, staff, breaks)


def bars_of(values: list[Value], staff: Staff) -> list[list[Value]]:
    """Return `values` by bars."""
    return [list(bar) for _, bar in groupby(values, lambda value: staff.place(value.start)[0])]


def beamed(bar: list[Value], staff: Staff) -> list[list[Value]]:
    """Return the values of a `bar` in groups that a beam connects: a beat, or half a bar of 4/4 in plain eighths."""
    beat = staff.steps_per_beat if staff.steps_per_beat > 2 else _QUARTER
    last = max(staff.steps_per_bar // beat, 1) - 1

    def group(value: Value) -> int:
        return min(staff.place(value.start)[1] // beat, last)

    groups = [list(values) for _, values in groupby(bar, group)]
    if beat != _QUARTER or 2 * _QUARTER not in staff.levels:
        return groups
    joined: list[list[Value]] = []
    for values in groups:
        if joined and group(values[0]) % 2 and _only_eighths(joined[-1]) and _only_eighths(values):
            joined[-1].extend(values)
        else:
            joined.append(values)
    return joined


def _only_eighths(values: list[Value]) -> bool:
    return len(values) == 2 and all(value.steps == 2 and value.pitch is not None for value in values)


def _split(start: int, end: int, pitch: int | None, staff: Staff, breaks: Sequence[int]) -> list[Value]:
    """Return the values of a note or rest from the step `start` to `end`."""
    values = []
    while start < end:
        place = staff.place(start)[1]
        following = bisect_right(breaks, start)
        stop = min([end, *breaks[following : following + 1]])
        within = min(place + stop - start, staff.steps_per_bar)
        for steps in _values(place, within, staff.levels, pitch is None):
            values.append(Value(start, steps, pitch, pitch is not None and start + steps < end))
            start += steps
    return values


@cache
def _values(start: int, end: int, levels: tuple[int, ...], is_rest: bool) -> tuple[int, ...]:
    """Return the steps of the fewest values from `start` to `end` in a bar, divided at the strongest place."""
    is_one = _is_one_rest if is_rest else _is_one_note
    if start == end or is_one(start, end, levels):
        return (end - start,) if start < end else ()
    divided = {
        middle: (middle - start, *_values(middle, end, levels, is_rest))
        for middle in range(start + 1, end)
        if is_one(start, middle, levels)
    }
    strength = {middle: next(level for level in levels if middle % level == 0) for middle in divided}
    return divided[min(divided, key=lambda middle: (len(divided[middle]), -strength[middle]))]


def _is_one_note(start: int, end: int, levels: tuple[int, ...]) -> bool:
    """Return whether a note from `start` to `end` in a bar of metrical `levels` can be read as a single value."""
    steps = end - start
    if steps not in _PRINTABLE:
        return False
    for level, below in zip(levels, (*levels[1:], 1), strict=True):
        if start // level == (end - 1) // level:  # hides none of these beats
            continue
        aligned = (start % level == 0) + (end % level == 0)
        is_ternary = level == 3 * below
        is_syncopated = steps == level and level == 2 * below and start % below == 0
        if not (aligned == 2 or (aligned == 1 and not is_ternary) or is_syncopated):
            return False
    return True


def _is_one_rest(start: int, end: int, levels: tuple[int, ...]) -> bool:
    """Return whether a rest from `start` to `end` in a bar is one of its metrical units."""
    steps = end - start
    return steps in _PRINTABLE and steps in levels and start % steps == 0


def _named(fifths: int) -> tuple[str, int]:
    """Return the letter and the alteration of a position on the line of fifths."""
    alteration, letter = divmod(fifths + 1, 7)
    return FIFTHS[letter], alteration
