"""Geometry of a sweep's pictures: parallel coordinates of all trials, and one metric against another."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from agents.sweeps.results import Summary
from agents.sweeps.settings import Value

WIDTH, HEIGHT = 960.0, 320.0
_TOP, _BOTTOM, _SIDE = 34.0, 14.0, 60.0
_LOG_FROM = 20.0
"""Ratio of the largest to the least positive number from which an axis is logarithmic."""

_GAP = 0.1
"""Least distance of marks."""

Number = int | float


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    text: str


class Scale(NamedTuple):
    """Places from 0 to 1 of the values on an axis."""

    places: Mapping[Value, float]
    marks: Mapping[str, float]
    """Text by place."""


class Axis(NamedTuple):
    """An upright axis of the parallel coordinates."""

    label: str
    x: float
    ticks: list[Tick]


class Line(NamedTuple):
    """A trial across all axes: SVG points, with a gap where it has no value."""

    summary: Summary
    points: str


class Dot(NamedTuple):
    """A trial in the plane of two metrics."""

    summary: Summary
    x: float
    y: float


class Plane(NamedTuple):
    """One metric against another."""

    x_label: str
    y_label: str
    dots: list[Dot]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def scale(values: Sequence[Value]) -> Scale:
    """Return the scale of `values`: numbers linear, or logarithmic if they span a lot; others evenly, as they come."""
    numbers = [each for each in values if isinstance(each, Number) and not isinstance(each, bool)]
    if len(numbers) < len(values) or not numbers:
        names = list(dict.fromkeys(values))
        places = {name: (i + 0.5) / len(names) for i, name in enumerate(names)}
        return Scale(places, {"none" if name is None else str(name): place for name, place in places.items()})
    low, high = min(numbers), max(numbers)
    distinct = sorted(set(numbers))
    if low == high:
        return Scale(dict.fromkeys(numbers, 0.5), {f"{low:.4g}": 0.5})
    is_log = low > 0 and high / low >= _LOG_FROM
    middle = math.sqrt(low * high) if is_log else (low + high) / 2

    def place(number: float) -> float:
        if is_log:
            return math.log(number / low) / math.log(high / low)
        return (number - low) / (high - low)

    gaps = [place(after) - place(before) for before, after in pairwise(distinct)]
    marked = distinct if min(gaps) >= _GAP else [low, middle, high]
    return Scale({each: place(each) for each in distinct}, {f"{each:.4g}": place(each) for each in marked})


def parallel(
    summaries: Sequence[Summary], settings: Sequence[str], metrics: Sequence[str]
) -> tuple[list[Axis], list[Line]]:
    """Return axes of `settings` and `metrics`, and a line for each of `summaries`."""
    columns: dict[str, dict[int, Value]] = {name: {s.trial: s.settings[name] for s in summaries} for name in settings}
    columns |= {name: {s.trial: s.means[name] for s in summaries if name in s.means} for name in metrics}
    shown = {name: column for name, column in columns.items() if column}
    step = (WIDTH - 2 * _SIDE) / max(len(shown) - 1, 1)
    axes, points = [], {summary.trial: list[str]() for summary in summaries}
    for number, (name, column) in enumerate(shown.items()):
        x, on_axis = _SIDE + number * step, scale(list(column.values()))
        axes.append(Axis(name, round(x, 1), [Tick(_y(place), text) for text, place in on_axis.marks.items()]))
        for trial, value in column.items():
            points[trial].append(f"{x:.1f},{_y(on_axis.places[value])}")
    return axes, [Line(summary, " ".join(points[summary.trial])) for summary in summaries]


def plane(summaries: Sequence[Summary], x_name: str, y_name: str) -> Plane:
    """Return the dots of those of `summaries` that have both metrics."""
    shown = [each for each in summaries if x_name in each.means and y_name in each.means]
    if not shown:
        return Plane(x_name, y_name, [], [], [])
    x_scale, y_scale = (scale([each.means[name] for each in shown]) for name in (x_name, y_name))
    dots = [Dot(s, _x(x_scale.places[s.means[x_name]]), _y(y_scale.places[s.means[y_name]])) for s in shown]
    x_ticks = [Tick(_x(place), text) for text, place in x_scale.marks.items()]
    return Plane(x_name, y_name, dots, x_ticks, [Tick(_y(place), text) for text, place in y_scale.marks.items()])


def _x(place: float) -> float:
    return round(_SIDE + place * (WIDTH - 2 * _SIDE), 1)


def _y(place: float) -> float:
    return round(HEIGHT - _BOTTOM - place * (HEIGHT - _TOP - _BOTTOM), 1)
