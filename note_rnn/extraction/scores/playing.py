"""The melody of a part as it is played: once through, or with its repeats."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction

from note_rnn.extraction.scores.parts import MarkKind, Part
from note_rnn.extraction.scores.repeats import Passage, as_written, once
from note_rnn.extraction.tunes import Event, Melody

_BEGIN_SECTIONS: frozenset[MarkKind] = frozenset(("start", "end", "double", "section", "label"))


def once_through(part: Part) -> Melody:
    """Return the melody of `part` without repeats, of endings that follow each other only the last."""
    return melody_of(part, once(part, Fraction(0), part.end))


def unfolded(part: Part) -> Melody:
    """Return the melody of `part` with its repeats, endings and jumps; raises UnclearRepeats if they are not clear."""
    return melody_of(part, as_written(part))


def melody_of(part: Part, passages: Iterable[Passage]) -> Melody:
    """Return the melody that `passages` of `part` are, one after another, tied notes joined.

    A section starts where the melody and where a passage goes back, and at each mark of one but before an ending.
    """
    starts = [note.start for note in part.notes]
    endings = {ending.start for ending in part.endings}
    marked = sorted({mark.place for mark in part.marks if mark.kind in _BEGIN_SECTIONS} - endings)
    notes: list[Event] = []
    lines: list[Fraction] = []
    sections: list[Fraction] = []
    now, before = Fraction(0), part.end
    for start, end in passages:
        shift = now - start
        for note in part.notes[bisect_left(starts, start) : bisect_left(starts, end)]:
            notes.append(note._replace(start=note.start + shift, duration=min(note.duration, end - note.start)))
        lines += [line + shift for line in _between(part.bar_lines, start, end)]
        begun = {*marked[bisect_left(marked, start) : bisect_left(marked, end)], *([start] if start < before else [])}
        sections += [place + shift for place in sorted(begun)]
        now, before = end + shift, end
    return Melody(merged_ties(notes), lines, sections)


def _between(lines: Sequence[Fraction], start: Fraction, end: Fraction) -> Sequence[Fraction]:
    """Return the bar lines after `start`, up to `end`."""
    return lines[bisect_right(lines, start) : bisect_right(lines, end)]


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
