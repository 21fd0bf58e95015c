"""Learning curves: read from TensorBoard's event files, and placed on charts.

Shapes: K points.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tb_logging import get_logger

WIDTH, HEIGHT = 320, 180
"""Size of a chart, in its own units."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 22


class Curve(NamedTuple):
    """One scalar during training: environment steps [K] and values [K]."""

    steps: Sequence[int]
    values: Sequence[float]
    low: Sequence[float] = ()
    """[K]; with `high`, the band around the values; empty without a band."""
    high: Sequence[float] = ()


class Tick(NamedTuple):
    """A grid line of a chart: its coordinate and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Curves of one scalar, on a canvas of `WIDTH` x `HEIGHT` with its origin at the top left."""

    title: str
    lines: dict[str, str]
    """Run -> the points of its polyline, in SVG's notation."""
    bands: dict[str, str]
    """Run -> the points of the polygon around its line, for runs with a band."""
    last: dict[str, float]
    """Run -> its last value."""
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def read_curves(run: str | Path) -> dict[str, Curve]:
    """Return tag -> curve of the scalars that the run in the folder `run` logged; empty without event files."""
    if not any(Path(run).glob("events.out.tfevents.*")):
        return {}
    unlimited, minimum = 0, 1
    guidance = {"scalars": unlimited, **dict.fromkeys(("images", "audio", "tensors", "histograms"), minimum)}
    with _without_warnings():
        events = EventAccumulator(str(run), size_guidance=guidance).Reload()
    points = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    return {tag: Curve([p.step for p in those], [p.value for p in those]) for tag, those in points.items()}


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep TensorBoard from warning, within the context, of what a run that went on has replaced."""
    logger = get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def chart(title: str, curves: Mapping[str, Curve]) -> Chart:
    """Return the `curves` (run -> its curve) on one chart; points that are not finite are left out."""
    finite = {name: _finite(curve) for name, curve in curves.items()}
    x_ticks = _ticks([step for curve in finite.values() for step in curve.steps])
    y_ticks = _ticks([value for curve in finite.values() for value in (*curve.values, *curve.low, *curve.high)])
    (left, right), (low, high) = (x_ticks[0], x_ticks[-1]), (y_ticks[0], y_ticks[-1])

    def x(step: float) -> float:
        return _LEFT + (step - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    def points(steps: Iterable[float], values: Iterable[float]) -> str:
        return " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in zip(steps, values, strict=True))

    return Chart(
        title,
        {name: points(curve.steps, curve.values) for name, curve in finite.items()},
        {
            name: points((*curve.steps, *curve.steps[::-1]), (*curve.low, *curve.high[::-1]))
            for name, curve in finite.items()
            if curve.low
        },
        {name: curve.values[-1] for name, curve in finite.items() if curve.values},
        [Tick(round(x(tick), 1), _short(tick)) for tick in x_ticks],
        [Tick(round(y(tick), 1), _short(tick)) for tick in y_ticks],
    )


def _finite(curve: Curve) -> Curve:
    finite = [i for i, value in enumerate(curve.values) if np.isfinite(value)]
    low, high = ([side[i] for i in finite] if side else () for side in (curve.low, curve.high))
    return Curve([curve.steps[i] for i in finite], [curve.values[i] for i in finite], low, high)


def _ticks(values: Sequence[float]) -> list[float]:
    """Return round numbers, at least two, that enclose `values`."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high)]


def _short(number: float) -> str:
    """Return `number` in short form: 250k, 1.5M, -0.25."""
    text = f"{number:g}"
    for unit, name in ((1e3, "k"), (1e6, "M")):
        if abs(number) >= unit:
            text = f"{number / unit:g}{name}"
    return text.replace("-", "\N{MINUS SIGN}")
