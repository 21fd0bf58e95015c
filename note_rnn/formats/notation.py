"""Melodies in staff notation: note values tied over bar lines, and pitches spelled by the key signature.

T steps of a sixteenth. On the line of fifths F is -1, C 0, G 1 ... B 5, F# 6; seven further is the same letter a
semitone higher.
"""

from typing import NamedTuple

import numpy.typing as npt

from note_rnn.notes import LETTERS, tokens_to_notes
from note_rnn.vocabulary import check_tokens

FIFTHS = "FCGDAEB"
"""The letters along the line of fifths, starting at -1."""
SIGNATURE_MODES = ("lydian", "major", "mixolydian", "dorian", "minor", "phrygian")
"""The modes of one key signature, ordered by their tonics on the line of fifths: from F to E without sharps.

Locrian is left out: music21's ABC reader takes it for major."""
_PRINTABLE = (16, 12, 8, 6, 4, 3, 2, 1)
"""Steps of the values that a single note can have: whole, dotted half, half ... sixteenth."""


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


def note_values(tokens: npt.ArrayLike, steps_per_bar: int) -> list[Value]:
    """Return the notes and rests written for `tokens` [T], in order, without gaps; none crosses a bar line.

    Raises VocabularyError for tokens that are not a melody.
    """
    length = len(check_tokens(tokens, ndim=1))
    values: list[Value] = []
    now = 0
    for start, end, pitch in zip(*(column.tolist() for column in tokens_to_notes(tokens)), strict=True):
        values += _split(now, start, None, steps_per_bar) + _split(start, end, pitch, steps_per_bar)
        now = end
    return values + _split(now, length, None, steps_per_bar)


def _split(start: int, end: int, pitch: int | None, steps_per_bar: int) -> list[Value]:
    values = []
    while start < end:
        room = min(end - start, steps_per_bar - start % steps_per_bar)
        steps = next(steps for steps in _PRINTABLE if steps <= room)
        values.append(Value(start, steps, pitch, pitch is not None and start + steps < end))
        start += steps
    return values


def _named(fifths: int) -> tuple[str, int]:
    """Return the letter and the alteration of a position on the line of fifths."""
    alteration, letter = divmod(fifths + 1, 7)
    return FIFTHS[letter], alteration
