"""The part of a score that the melody is in: its notes, bar lines, endings and meters, in sixteenths."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import NamedTuple

from note_rnn.extraction.tunes import Event, TuneError
from note_rnn.formats.notation import FIFTHS

MAX_STEPS = 1 << 20
"""Sixteenths of a part at most."""
MAX_CHARACTERS = 1 << 16
"""Characters of a tune in ABC at most."""


class Ending(NamedTuple):
    """The music from `start` to `end` under a bracket with these `numbers`."""

    start: Fraction
    end: Fraction
    numbers: frozenset[int]


class Part(NamedTuple):
    """The first part of a score as written, without repeats: the notes of one voice, in order."""

    title: str
    notes: list[Event]
    bar_lines: list[Fraction]
    endings: list[Ending]
    meters: frozenset[str]
    """All meters, such as "6/8"; "" stands for free or unknown meter."""


class PartBuilder:
    """A part in the making, bar by bar."""

    def __init__(self) -> None:
        self.notes: list[Event] = []
        self.meters: set[str] = set()
        self.bar_start = Fraction(0)
        self._bar_lines: list[Fraction] = []
        self._endings: list[Ending] = []
        self._open_ending: tuple[Fraction, frozenset[int]] | None = None

    def end_bar(self, voices: Sequence[Sequence[Event]], end: Fraction) -> None:
        """Add the notes of the upper one of `voices`, and a bar line at `end`; raises TuneError beyond MAX_STEPS."""
        if end > MAX_STEPS:
            raise TuneError(f"longer than {MAX_STEPS:,} sixteenths")
        self.notes += sorted(event for event in upper_voice(voices) if event.pitch is not None)
        if end > self.bar_start:
            self._bar_lines.append(end)
        self.bar_start = end

    def begin_ending(self, place: Fraction, numbers: str) -> None:
        """End what ending is open, and begin one at `place`."""
        self.end_ending(place)
        self._open_ending = place, ending_numbers(numbers)

    def end_ending(self, place: Fraction) -> None:
        """End the ending that is open, if any."""
        if self._open_ending is not None:
            start, numbers = self._open_ending
            self._endings.append(Ending(start, place, numbers))
        self._open_ending = None

    def part(self, title: str) -> Part:
        """Return what was read, all bars ended."""
        self.end_ending(self.bar_start)
        return Part(title, self.notes, self._bar_lines, self._endings, frozenset(self.meters))


def upper_voice(voices: Sequence[Sequence[Event]]) -> Sequence[Event]:
    """Return the one of simultaneous `voices`, those of a staff in a bar, whose notes are highest on average.

    The average is weighted by duration; of equal voices the first. A voice of rests counts only if all are.
    """
    return voices[0] if len(voices) == 1 else max(voices, key=_height, default=[])


def _height(voice: Sequence[Event]) -> Fraction:
    notes = [(event.pitch, event.duration) for event in voice if event.pitch is not None]
    duration = sum((length for _, length in notes), Fraction(0))
    return sum((pitch * length for pitch, length in notes), Fraction(0)) / duration if duration else Fraction(-1)


def ending_numbers(text: str) -> frozenset[int]:
    """Return the numbers of an ending such as "1", "1,2", "1, 2" or "1-3"."""
    numbers: set[int] = set()
    for first, last in re.findall(r"(\d{1,2})(?:\s*-\s*(\d{1,2}))?", text):
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def meter_name(beats: str, unit: str) -> str:
    """Return the name of a meter of `beats` ("6", "2+2+3", "(2+3)") of a note 1/`unit`, "" for anything else."""
    counts = re.fullmatch(r"\(?\s*(\d{1,2}(?:\s*\+\s*\d{1,2})*)\s*\)?", beats.strip())
    if counts is None or not re.fullmatch(r"1|2|4|8|16|32|64", unit.strip()):
        return ""
    total = sum(map(int, counts[1].split("+")))
    return f"{total}/{int(unit)}" if total else ""


def once_through(part: Part) -> tuple[list[Event], list[Fraction]]:
    """Return the notes and bar lines of `part`, of endings that follow each other only the last, tied notes joined."""
    skipped = [
        (first.start, first.end)
        for first, then in pairwise(part.endings)
        if first.numbers and then.numbers and first.end == then.start and max(first.numbers) < max(then.numbers)
    ]

    starts = [start for start, _ in skipped]
    lengths = [Fraction(0), *accumulate(end - start for start, end in skipped)]

    def moved(time: Fraction) -> Fraction | None:
        """Return where `time` comes to lie, None within what is skipped."""
        before = bisect_right(starts, time)
        return None if before and time < skipped[before - 1][1] else time - lengths[before]

    notes = [note._replace(start=start) for note in part.notes if (start := moved(note.start)) is not None]
    return merged_ties(notes), [line for time in part.bar_lines if (line := moved(time))]


def merged_ties(notes: Sequence[Event]) -> list[Event]:
    """Return `notes` with those tied to an equal one that follows at once joined; other ties are slurs."""
    merged: list[Event] = []
    for note in notes:
        last = merged[-1] if merged else None
        if last and last.tied and (last.pitch, last.start + last.duration) == (note.pitch, note.start):
            merged[-1] = last._replace(duration=last.duration + note.duration, tied=note.tied)
        else:
            merged.append(note)
    return merged


def sharps_within(alterations: Mapping[str, float]) -> int:
    """Return the sharps (negative: flats) of the largest key signature within: two flats of Bb, Eb and F#."""
    order = (*reversed(FIFTHS), None)
    flats = next(number for number, letter in enumerate(order) if alterations.get(letter or "") != -1)
    sharps = next(number for number, letter in enumerate((*FIFTHS, None)) if alterations.get(letter or "") != 1)
    return sharps if sharps > flats else -flats
