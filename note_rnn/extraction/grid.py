"""A melody on the grid of sixteenths, where triplets, thirty-seconds and the like are not.

Bar lines go to the nearest step, so whole bars keep their length and none drifts. What begins in a bar goes to one of
the two steps around it, counted from the bar line, or is dropped if both are taken, and leaves its time to what is
before it. Of all ways to do so the one taken drops the fewest notes, then the fewest rests, then moves them least; of
equal ones it moves halves to the later step and drops the later notes. Times are in sixteenths.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from math import ceil, floor, inf
from typing import Any, NamedTuple

from note_rnn.extraction.tunes import Event, Melody, without_gaps


class Rounded(NamedTuple):
    """A melody on the grid, and how many of its notes were `moved` within their bars, and `dropped`."""

    melody: Melody
    moved: int
    dropped: int


class _Choice(NamedTuple):
    """The steps of the first events of a bar, as nested pairs with the newest first, None where one is dropped."""

    cost: tuple[int, int, Fraction]
    """Notes dropped, rests dropped, sixteenths moved."""
    steps: Any


def on_grid(melody: Melody) -> Rounded:
    """Return `melody` with every note, rest, bar line and section on a whole step."""
    events = without_gaps(melody.notes)
    grid = _Grid(melody.bar_lines)
    kept: list[Event] = []
    moved = dropped = 0
    for bar, in_bar in groupby(events, lambda event: grid.bar(event.start)):
        inside = list(in_bar)
        times = [event.start - grid.lines[bar] for event in inside]
        steps = steps_in_bar(times, [event.pitch is not None for event in inside], grid.length(bar))
        for event, time, step in zip(inside, times, steps, strict=True):
            if step is not None:
                kept.append(event._replace(start=Fraction(grid.steps[bar] + step)))
            moved += event.pitch is not None and step is not None and step != time
            dropped += event.pitch is not None and step is None
    if kept:
        end = max(grid.place(events[-1].start + events[-1].duration), kept[-1].start + 1)
        ends = [*(event.start for event in kept[1:]), end]
        kept = [event._replace(duration=end - event.start) for event, end in zip(kept, ends, strict=True)]
    lines = [Fraction(line) for line in grid.steps[1:]]
    return Rounded(Melody(kept, lines, [grid.place(section) for section in melody.sections]), moved, dropped)


def steps_in_bar(times: Sequence[Fraction], is_note: Sequence[bool], length: float = inf) -> list[int | None]:
    """Return the step in a bar of `length` steps of each event, None for those dropped; no two have the same.

    :param times: when the events, notes or rests, begin in the bar; at least one, in order, no two alike.
    """
    if all(time.denominator == 1 for time in times) and times[-1] < length:
        return [int(time) for time in times]
    choices = {-1: _Choice((0, 0, Fraction(0)), None)}
    for time, note in zip(times, is_note, strict=True):
        choices = _cheapest((max(last, floor(time) - 1), choice) for last, choice in choices.items())
        choices = _cheapest(
            option for last, choice in choices.items() for option in _options(last, choice, time, note, length)
        )
    steps: list[int | None] = []
    _, path = min(choices.values(), key=lambda choice: choice.cost)
    while path is not None:
        step, path = path
        steps.append(step)
    return steps[::-1]


def _options(last: int, choice: _Choice, time: Fraction, note: bool, length: float) -> Iterable[tuple[int, _Choice]]:
    """Yield each way to go on from `choice`, whose events are on steps up to `last`, with the last step then taken."""
    notes, rests, distance = choice.cost
    for step in dict.fromkeys((ceil(time), floor(time))):
        if last < step < length:
            yield step, _Choice((notes, rests, distance + abs(step - time)), (step, choice.steps))
    yield last, _Choice((notes + note, rests + (not note), distance), (None, choice.steps))


def _cheapest(options: Iterable[tuple[int, _Choice]]) -> dict[int, _Choice]:
    """Return the cheapest choice for each last step, of equal ones the first."""
    best: dict[int, _Choice] = {}
    for last, choice in options:
        if last not in best or choice.cost < best[last].cost:
            best[last] = choice
    return best


class _Grid:
    """The bar lines of a melody, from its beginning on, and the steps that they go to."""

    def __init__(self, bar_lines: Sequence[Fraction]) -> None:
        self.lines = [Fraction(0), *bar_lines]
        self.steps = [_nearest(line) for line in self.lines]

    def bar(self, time: Fraction) -> int:
        """Return the index of the bar that `time` is in."""
        return bisect_right(self.lines, time) - 1

    def length(self, bar: int) -> float:
        """Return the steps of a bar, without limit after the last bar line."""
        return self.steps[bar + 1] - self.steps[bar] if bar + 1 < len(self.steps) else inf

    def place(self, time: Fraction) -> Fraction:
        """Return the step of a time at which no note need begin, in its bar or at the bar's end."""
        bar = self.bar(time)
        return Fraction(self.steps[bar] + int(min(_nearest(time - self.lines[bar]), self.length(bar))))


def _nearest(time: Fraction) -> int:
    """Return the whole number nearest to `time`, of two the later."""
    return floor(time + Fraction(1, 2))
