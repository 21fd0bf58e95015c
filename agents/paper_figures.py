"""The paper's Table 1, Figure 2 and Figure 3, remade: as text, as pictures, and as rows of plain numbers.

Shapes: T steps, A = 38 tokens.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.bootstrap import Estimate, holm, p_value
from agents.evaluation import ROWS, written
from agents.paper import TABLE_1, published
from agents.samples import Sample
from melody_env.pictures import draw_probabilities

SIGNIFICANT = 0.05
_CURVES = (
    ("log_prob", "log p(a|s), sum over a piece"),
    ("music_theory", "r_MT, sum over a piece"),
    ("last_log_prob", "log p(a|s), last step only (as the original logged it)"),
    ("last_music_theory", "r_MT, last step only (as the original logged it)"),
)


@dataclass(frozen=True)
class Cell:
    """What one composer came to in one statistic."""

    metric: str
    composer: str
    value: float
    low: float | None = None
    high: float | None = None
    """The 95 % interval; None for a statistic of all pieces together."""
    p: float | None = None
    """That of no difference from the Note RNN, adjusted for the number of comparisons; None if not compared."""
    verdict: str = ""
    """"better" or "worse" than the Note RNN where p < .05 and the paper says which way is better, else empty."""
    paper: float | None = None
    """The published value."""


def cells(
    estimates: Mapping[str, Mapping[str, Estimate]],
    metrics: Mapping[str, Mapping[str, float]],
    baseline: str,
    columns: Mapping[str, str],
) -> list[Cell]:
    """Return the cells of all composers, row by row of the table.

    :param estimates: per composer and statistic.
    :param metrics: per composer what has no interval.
    :param baseline: the composer that the others are compared with.
    :param columns: the name of its column in the paper, of composers that have one.
    """
    compared = {
        f"{composer}/{metric}": p_value(estimate, estimates[baseline][metric])
        for composer, own in estimates.items()
        for metric, estimate in own.items()
        if composer != baseline and metric in TABLE_1
    }
    adjusted = holm(compared)
    found = []
    for row in ROWS:
        for composer in estimates:
            told = published(row.metric, columns[composer]) if composer in columns else None
            estimate = estimates[composer].get(row.metric)
            if estimate is None:
                value = metrics[composer].get(row.metric)
                if value is not None:
                    found.append(Cell(row.metric, composer, value))
                continue
            p = adjusted.get(f"{composer}/{row.metric}")
            verdict = _verdict(row.metric, estimate.value, estimates[baseline][row.metric].value, p)
            found.append(Cell(row.metric, composer, estimate.value, estimate.low, estimate.high, p, verdict, told))
    return found


def _verdict(metric: str, value: float, baseline: float, p: float | None) -> str:
    if p is None or not p < SIGNIFICANT:
        return ""
    if metric.startswith("autocorrelation"):
        value, baseline = abs(value), abs(baseline)
    return "better" if (value < baseline) == (TABLE_1[metric].better == "less") else "worse"


def markdown(found: Iterable[Cell], composers: Sequence[str]) -> str:
    """Return the table of `composers`: value and interval, bold where significantly better than the Note RNN.

    A dagger where worse. Beside a composer that the paper has stands the published value.
    """
    by_place = {(cell.metric, cell.composer): cell for cell in found}
    with_paper = {composer for (_, composer), cell in by_place.items() if cell.paper is not None}
    columns: list[str] = []
    for composer in composers:
        columns += [composer, f"paper: {composer}"] if composer in with_paper else [composer]
    lines = [f"| | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for row in ROWS:
        texts = []
        for composer in composers:
            cell = by_place.get((row.metric, composer))
            texts.append("-" if cell is None else _text(cell, row.form))
            if composer in with_paper:
                texts.append("-" if cell is None else written(cell.paper, row.form))
        if set(texts) != {"-"}:
            lines.append(f"| {row.label} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def _text(cell: Cell, form: str) -> str:
    value = written(cell.value, form)
    value = f"**{value}**" if cell.verdict == "better" else f"{value}†" if cell.verdict == "worse" else value
    if cell.low is None or cell.high is None or np.isnan(cell.low):
        return value
    return f"{value} ({written(cell.low, form)} to {written(cell.high, form)})"


def learning_figure(curves: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]) -> Figure:
    """Return Figure 2: log p and r_MT of pieces while agents learn, per piece and as the original logged them.

    `curves` has per composer, of every seed, what its checkpoints composed: steps and means over the pieces. The line
    is the mean of the seeds; the band reaches from the lowest to the highest.
    """
    figure = Figure(figsize=(12, 8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, label) in zip(figure.subplots(2, 2).flat, _CURVES, strict=True):
        for composer, seeds in curves.items():
            _draw_curve(axes, composer, seeds, name)
        axes.set_xlabel("steps (tokens composed while learning)")
        axes.set_ylabel(label, fontsize=9)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    return figure


def _draw_curve(axes: Axes, composer: str, seeds: Sequence[Sequence[Mapping[str, float]]], name: str) -> None:
    points = min(len(seed) for seed in seeds)
    steps = [row["steps"] for row in seeds[0][:points]]
    values = np.array([[row[name] for row in seed[:points]] for seed in seeds])
    (line,) = axes.plot(steps, values.mean(axis=0), label=composer)
    if len(seeds) > 1:
        axes.fill_between(steps, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2, lw=0)


def composition_figure(samples: Mapping[str, Sample]) -> Figure:
    """Return Figure 3: the probability of each note while the first melody of each sample was composed.

    All begin after the same priming token. What was played is outlined.
    """
    shown = {name: sample for name, sample in samples.items() if len(sample.probabilities)}
    rows = -(-len(shown) // 2)
    figure = Figure(figsize=(14, 3.6 * rows + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axes, (name, sample) in zip(panels, shown.items(), strict=False):
        picture = draw_probabilities(axes, sample.melodies[0], sample.probabilities)
        axes.set_title(name, loc="left", fontsize=10)
        axes.tick_params(axis="x", labelsize=7)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    figure.colorbar(picture, ax=panels, fraction=0.02, pad=0.01, label="probability")
    return figure


def composition_rows(samples: Mapping[str, Sample]) -> list[dict[str, Any]]:
    """Return the numbers of Figure 3, a row for each composer, step and token."""
    return [
        {
            "composer": name,
            "step": step,
            "token": token,
            "probability": float(probability),
            "played": int(sample.melodies[0, step] == token),
        }
        for name, sample in samples.items()
        for step, chances in enumerate(sample.probabilities)
        for token, probability in enumerate(chances)
    ]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return `rows`, which all have the same keys, as CSV with a header; an empty field for None."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
