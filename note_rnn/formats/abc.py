"""Melodies as ABC (https://abcnotation.com/wiki/abc:standard:v2.1), the plain-text notation of folk musicians."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy.typing as npt

from note_rnn.common.atomic_files import write_text
from note_rnn.formats.notation import C_MAJOR, Spelling, Staff, Value, bars_of, beamed, note_values, one_line, spelled

_BARS_PER_LINE = 4
_ACCIDENTALS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}


def write_abc(tokens: npt.ArrayLike, path: str | Path, staff: Staff = C_MAJOR, title: str = "Melody") -> None:
    """Write `tokens` [T] as an ABC file.

    Raises VocabularyError for tokens outside 0..37, OSError where `path` cannot be written.
    """
    write_text(path, abc_text(tokens, staff, title))


def abc_text(tokens: npt.ArrayLike, staff: Staff = C_MAJOR, title: str = "Melody") -> str:
    """Return `tokens` [T] as ABC. Every note outside the key signature has its accidental, even if repeated in a bar.

    So readers in which accidentals last to the bar line and readers in which they do not agree. A note over which the
    chord changes is tied there, since a chord symbol stands before a note.
    """
    chords = {start: f'"{chord.symbol}"' for start, chord in staff.chords}
    bars = [_bar(bar, staff, chords) for bar in bars_of(note_values(tokens, staff, [*chords]), staff)]
    lines = [" | ".join(bars[first : first + _BARS_PER_LINE]) for first in range(0, len(bars), _BARS_PER_LINE)]
    tempo = f"{Fraction(staff.steps_per_beat, 16)}={staff.beats_per_minute:g}"
    head = f"X:1\nT:{one_line(title)}\nM:{staff.meter}\nL:1/16\nQ:{tempo}\nK:{staff.tonic}{staff.mode[:3]}\n"
    return head + " |\n".join(lines) + " |]\n"


def _bar(bar: list[Value], staff: Staff, chords: Mapping[int, str]) -> str:
    """Return a bar: beamed notes together, and an accidental also where a letter returns to the key signature.

    `chords` are the symbols by their steps.
    """
    altered: set[str] = set()
    groups = [
        [chords.get(value.start, "") + _note(value, staff, altered) for value in group] for group in beamed(bar, staff)
    ]
    return " ".join(map("".join, groups))


def _note(value: Value, staff: Staff, altered: set[str]) -> str:
    """Return a note or rest of a bar in which the letters `altered` have already had accidentals."""
    steps = "" if value.steps == 1 else str(value.steps)
    if value.pitch is None:
        return f"z{steps}"
    spelling = spelled(value.pitch, staff.sharps)
    accidental = ""
    if spelling.alteration != staff.alteration(spelling.letter) or spelling.letter in altered:
        altered.add(spelling.letter)
        accidental = _ACCIDENTALS[spelling.alteration]
    return f"{accidental}{_in_octave(spelling)}{steps}{'-' if value.tied else ''}"


def _in_octave(spelling: Spelling) -> str:
    if spelling.octave >= 5:
        return spelling.letter.lower() + "'" * (spelling.octave - 5)
    return spelling.letter + "," * (4 - spelling.octave)
