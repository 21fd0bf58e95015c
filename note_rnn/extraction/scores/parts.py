"""The part of a score that the melody is in: its notes, bar lines, endings, marks and meters, in sixteenths."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from note_rnn.extraction.tunes import Event, TuneError, is_meter
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


MarkKind = Literal[
    "end", "double", "section", "label", "start", "segno", "coda", "to_coda", "fine", "dc", "ds", "other"
]


class Mark(NamedTuple):
    """A mark at `place` for the order in which music is played, or for where sections start.

    start, end: of a repeat, played so many `times`; double: a double bar that repeats also go back to; section: one
    that they do not; label: a section by its `name`; dc, ds: D.C., D.S.; other: a jump that is not understood.
    """

    place: Fraction
    kind: MarkKind
    name: str = ""
    times: int = 2


class Part(NamedTuple):
    """The first part of a score as written, without repeats: the notes of one voice, in order."""

    title: str
    notes: list[Event]
    bar_lines: list[Fraction]
    endings: list[Ending]
    meters: frozenset[str]
    """All meters, such as "6/8"; "" stands for free or unknown meter."""
    marks: Sequence[Mark] = ()
    order: Sequence[str] = ()
    """The labels of sections in the order in which they are played, if the score says so."""

    @property
    def end(self) -> Fraction:
        """Where the last bar or note ends."""
        last = self.notes[-1].start + self.notes[-1].duration if self.notes else Fraction(0)
        return max(last, *self.bar_lines[-1:], Fraction(0))


class PartBuilder:
    """A part in the making, bar by bar."""

    def __init__(self) -> None:
        self.notes: list[Event] = []
        self.meters: set[str] = set()
        self.bar_start = Fraction(0)
        self.marks: list[Mark] = []
        self.order: Sequence[str] = ()
        self._at_bar_end: list[MarkKind] = []
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
        self.marks += [Mark(end, kind) for kind in self._at_bar_end]
        self._at_bar_end.clear()
        self.bar_start = end

    def mark_jump(self, place: Fraction, kind: MarkKind | None) -> None:
        """Mark a jump: at the end of the bar what leads away or ends, at `place` what is led to."""
        if kind in ("segno", "coda"):
            self.marks.append(Mark(place, kind))
        elif kind:
            self._at_bar_end.append(kind)

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
        marks = list(dict.fromkeys(self.marks))
        return Part(title, self.notes, self._bar_lines, self._endings, frozenset(self.meters), marks, tuple(self.order))


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


def jump_of(words: str) -> MarkKind | None:
    """Return the mark that `words` above a staff stand for, "other" for another jump, None for anything else."""
    text = words.strip(" \t^_<>@").rstrip(" .").lower()
    if found := next((kind for kind, pattern in _JUMPS.items() if re.fullmatch(pattern, text)), None):
        return found
    return "other" if re.search(r"\bd\. ?[cs]\b|\bda capo\b|\bdal segno\b", text) else None


_AL = r"(?: al (?:fine|coda))?"
_JUMPS: dict[MarkKind, str] = {
    "dc": rf"(?:d\. ?c|da ?capo)\.?{_AL}",
    "ds": rf"(?:d\. ?s|dal segno)\.?{_AL}",
    "fine": "fine",
    "segno": "segno",
    "coda": "coda",
    "to_coda": "to coda|al coda|da ?coda",
}


def meter_name(beats: str, unit: str) -> str:
    """Return the name of a meter of `beats` ("6", "2+2+3", "(2+3)") of a note 1/`unit`, "" for anything else."""
    counts = re.fullmatch(r"\(?\s*(\d{1,2}(?:\s*\+\s*\d{1,2})*)\s*\)?", beats.strip())
    if counts is None or not re.fullmatch(r"1|2|4|8|16|32|64", unit.strip()):
        return ""
    name = f"{sum(map(int, counts[1].split('+')))}/{int(unit)}"
    return name if is_meter(name) else ""


def sharps_within(alterations: Mapping[str, float]) -> int:
    """Return the sharps (negative: flats) of the largest key signature within: two flats of Bb, Eb and F#."""
    order = (*reversed(FIFTHS), None)
    flats = next(number for number, letter in enumerate(order) if alterations.get(letter or "") != -1)
    sharps = next(number for number, letter in enumerate((*FIFTHS, None)) if alterations.get(letter or "") != 1)
    return sharps if sharps > flats else -flats
