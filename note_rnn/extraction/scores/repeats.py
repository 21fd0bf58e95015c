"""Repeats, endings and jumps of a part, as the passages to play one after another.

A repeat without a beginning goes back to the end of the repeat before it, in ABC to a double bar, else to the
beginning. A first ending alone is left out the second time. After D.C. and D.S. nothing is repeated, and last endings
are played. What can be read in more ways than one raises UnclearRepeats.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from note_rnn.extraction.scores.parts import MAX_STEPS, Ending, Mark, MarkKind, Part

_BEGINNING = Fraction(0)
_REPEATS: dict[MarkKind, int] = {"end": 0, "double": 1, "start": 2}
"""The marks of repeats, in their order at one place."""
_JUMPS: frozenset[MarkKind] = frozenset(("dc", "ds", "fine", "segno", "coda", "to_coda", "other"))


class UnclearRepeats(ValueError):
    """It is not clear in which order a tune is played; the message is the reason."""


class Passage(NamedTuple):
    """Music that is played without a jump, from `start` to `end`, in sixteenths."""

    start: Fraction
    end: Fraction


def once(part: Part, start: Fraction, end: Fraction) -> Iterator[Passage]:
    """Yield the passages from `start` to `end` without repeats; of endings that follow each other only the last."""
    for first, then in pairwise(part.endings):
        follow = first.numbers and then.numbers and first.end == then.start
        if follow and max(first.numbers) < max(then.numbers) and start <= first.start < end:
            if start < first.start:
                yield Passage(start, first.start)
            start = first.end
    if start < end:
        yield Passage(start, end)


def as_written(part: Part) -> list[Passage]:
    """Return the passages of `part` with all that is repeated.

    Raises UnclearRepeats, with the reason, if their order is not clear, or if together they are too long.
    """
    jumps = [mark for mark in part.marks if mark.kind in _JUMPS]
    if part.order and jumps:
        raise UnclearRepeats("an order of sections beside D.C., D.S. or their signs")
    played = _in_order(part) if part.order else _with_jump(part, jumps) if jumps else _strains(part)
    passages: list[Passage] = []
    total = _BEGINNING
    for passage in played:
        passages.append(passage)
        total += passage.end - passage.start
        if total > MAX_STEPS:
            raise UnclearRepeats(f"longer than {MAX_STEPS:,} sixteenths with its repeats")
    return passages


def _in_order(part: Part) -> Iterator[Passage]:
    """Yield the sections of `part` in their order by label, each with its repeats."""
    labels = [mark for mark in part.marks if mark.kind == "label"]
    ends = [*(mark.place for mark in labels[1:]), part.end]
    sections = {mark.name: Passage(mark.place, end) for mark, end in zip(labels, ends, strict=False)}
    if len(sections) < len(labels) or not sections.keys() >= set(part.order):
        raise UnclearRepeats("an order of sections that are not labelled, or labelled alike")
    if part.notes and part.notes[0].start < labels[0].place:
        raise UnclearRepeats("an order of sections, and notes before the first of them")
    places = {mark.place for mark in labels}
    part = part._replace(endings=[ending for ending in part.endings if ending.start not in places])
    for name in part.order:
        yield from _strains(part, *sections[name])


def _with_jump(part: Part, jumps: Sequence[Mark]) -> Iterator[Passage]:
    """Yield the passages of a `part` with one D.C. or D.S., which may go to a Fine or a Coda."""
    places = {mark.kind: mark.place for mark in jumps}
    if "other" in places:
        raise UnclearRepeats("a jump or a bar line that is not understood")
    if len(places) < len(jumps):
        raise UnclearRepeats("more than one D.C., D.S., Segno, Coda or Fine")
    if len(places.keys() & {"dc", "ds"}) != 1 or ("ds" in places) != ("segno" in places):
        raise UnclearRepeats("Segno, Coda or Fine without D.C. or D.S., or D.S. without Segno")
    jump, back = places.get("dc", places.get("ds", _BEGINNING)), places.get("segno", _BEGINNING)
    stop = places.get("to_coda", places.get("fine", part.end))
    again = places.get("coda", part.end)
    has_coda = len(places.keys() & {"coda", "to_coda"})
    if has_coda == 1 or (has_coda and "fine" in places) or not back < stop <= max(jump, stop) <= again:
        raise UnclearRepeats("Coda or Fine where D.C. or D.S. does not lead")
    if not has_coda and jump != part.end:
        raise UnclearRepeats("music after D.C. or D.S.")
    yield from _strains(part, _BEGINNING, jump)
    yield from once(part, back, stop)
    yield from _strains(part, again)


def _strains(part: Part, first: Fraction = _BEGINNING, last: Fraction | None = None) -> Iterator[Passage]:
    """Yield the passages from `first` to `last`, by default the end, with their repeats."""
    last = part.end if last is None else last
    begin, is_open = first, False
    unused = {ending for ending in part.endings if first <= ending.start < last}
    marks = [mark for mark in part.marks if mark.kind in _REPEATS and first <= mark.place <= last]
    ends = {mark.place for mark in marks if mark.kind == "end"}
    for mark in sorted(marks, key=lambda mark: (mark.place, _REPEATS[mark.kind])):
        if mark.place < begin or (is_open and mark.kind == "double"):
            continue
        if mark.kind == "end" and mark.place > begin:
            endings = _endings(part.endings, begin, mark.place)
            yield from _repeated(begin, mark, endings, ends)
            unused.difference_update(endings)
            begin, is_open = endings[-1].end if endings else mark.place, False
        elif mark.kind != "end":
            if is_open and mark.place > begin:
                raise UnclearRepeats("a repeat that begins and does not end")
            if begin < mark.place:
                yield Passage(begin, mark.place)
            begin, is_open = mark.place, mark.kind == "start"
    if is_open and begin < last:
        raise UnclearRepeats("a repeat that begins and does not end")
    if unused:
        raise UnclearRepeats("an ending without its repeat")
    if begin < last:
        yield Passage(begin, last)


def _endings(endings: Sequence[Ending], begin: Fraction, place: Fraction) -> list[Ending]:
    """Return the endings of a repeat from `begin` whose first, the only one before it, ends at `place`."""
    first = bisect_right(endings, begin, key=lambda ending: ending.start)
    group: list[Ending] = []
    for ending in endings[first:]:
        if ending.end == place if not group else ending.start == group[-1].end and max(ending.numbers, default=0) > 1:
            group.append(ending)
        else:
            break
    return group


def _repeated(begin: Fraction, mark: Mark, endings: Sequence[Ending], ends: set[Fraction]) -> Iterator[Passage]:
    """Yield the passages of the repeat from `begin` that ends at `mark`, or before the second of `endings`.

    :param ends: places of all ends of repeats.
    """
    if not endings:
        for _ in range(mark.times):
            yield Passage(begin, mark.place)
        return
    by_number = {number: ending for ending in endings for number in ending.numbers}
    if sorted(number for ending in endings for number in ending.numbers) != list(range(1, len(by_number) + 1)):
        raise UnclearRepeats("endings that are not numbered 1, 2 ...")
    if not ends.issuperset(ending.end for ending in endings[:-1]):
        raise UnclearRepeats("an ending without its repeat")
    first, last = endings[0], endings[-1]
    if first != last and last.end in ends and last.end - last.start != first.end - first.start:
        raise UnclearRepeats("a repeat at the end of the last ending")
    for number in range(1, len(by_number) + 1 + (first == last)):
        yield Passage(begin, first.start)
        if number in by_number:
            yield Passage(*by_number[number][:2])
