"""Figure and table of a frontier: r_MT, log p and distinct share against KL."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.table import Table

Record = Mapping[str, Any]
"""An agent: algorithm, "c" or "kl_budget" with its value, seed, CPU seconds, and `table_metrics`."""

_PANELS = (
    ("paper_music_theory", "r_MT per step, the paper's rules"),
    ("log_prob", "log p per step, nats"),
    ("distinct_compositions", "distinct compositions"),
)
_COLUMNS = {
    "kl": "KL",
    "paper_music_theory": "r_MT",
    "log_prob": "log p",
    "distinct_compositions": "distinct",
    "entropy": "entropy",
    "largest_bar_share": "most frequent bar",
}
_MARKERS = "osD^vP*X<>ph"
_CONTROLS = {"c": "c", "kl_budget": "KL budget"}


class Spread(NamedTuple):
    """A metric over the seeds of an agent: mean, minimum and maximum."""

    mean: float
    low: float
    high: float


def figure(records: Sequence[Record], references: Mapping[str, Any]) -> Figure:
    """Return the figure of `records`, beside the Note RNN and the best melody found, of the `references`.

    A point is the mean of an agent's seeds, its bars span their minimum and maximum; lines join the values of c or the
    budgets of an algorithm.
    """
    drawn = Figure(figsize=(13.5, 4.4), layout="constrained")
    FigureCanvasAgg(drawn)
    marker = _markers(records)
    for axes, (metric, label) in zip(drawn.subplots(1, len(_PANELS)), _PANELS, strict=True):
        for number, algo in enumerate(dict.fromkeys(record["algo"] for record in records)):
            _draw_agents(axes, [record for record in records if record["algo"] == algo], metric, f"C{number}", marker)
        axes.plot(0, references["note_rnn"][metric], "k*", markersize=11, label="Note RNN")
        axes.set_xlabel("KL from the Note RNN per piece, nats")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    found = f"best melody found ({references['limit_evaluations']:,} tried)"
    drawn.axes[0].axhline(references["limit"], color="k", linestyle=":", label=found)
    lines, labels = drawn.axes[0].get_legend_handles_labels()
    for (control, value), shape in marker.items():
        lines.append(Line2D([], [], color="0.4", linestyle="", marker=shape))
        labels.append(f"{_CONTROLS[control]} {value:g}")
    seeds = len({record["seed"] for record in records})
    title = f"mean and range of {seeds} seeds" if seeds > 1 else None
    drawn.legend(lines, labels, loc="outside right center", fontsize=8, title=title, title_fontsize=8)
    drawn.axes[-1].set_ylim(top=1.005)  # a share
    return drawn


def _markers(records: Iterable[Record]) -> dict[tuple[str, float], str]:
    """Return the shape of the points of each c or budget, in ascending order."""
    controls = sorted({(record["control"], record["value"]) for record in records})
    return {each: _MARKERS[number % len(_MARKERS)] for number, each in enumerate(controls)}


def _draw_agents(
    axes: Axes, records: Sequence[Record], metric: str, colour: str, markers: Mapping[tuple[str, float], str]
) -> None:
    """Draw the agents of one algorithm, each c or budget at the mean of its seeds."""
    points = []
    for (control, value), shape in markers.items():
        seeds = [record["metrics"] for record in records if (record["control"], record["value"]) == (control, value)]
        if seeds:
            kl, height = spread([seed["kl"] for seed in seeds]), spread([seed[metric] for seed in seeds])
            bars = [[[each.mean - each.low], [each.high - each.mean]] for each in (kl, height)]
            axes.errorbar(kl.mean, height.mean, bars[1], bars[0], color=colour, marker=shape, capsize=2, elinewidth=1)
            points.append((kl.mean, height.mean))
    axes.plot(*zip(*points, strict=True), color=colour, alpha=0.6, zorder=1, label=records[0]["algo"])


def spread(values: Sequence[float]) -> Spread:
    """Return mean, minimum and maximum of the `values` of several seeds."""
    return Spread(float(np.mean(values)), min(values), max(values))


def table(records: Iterable[Record]) -> Table:
    """Return a table of `records`, a row for each agent."""
    result = Table("algorithm", "c or budget", "seed", "CPU-s", *_COLUMNS.values())
    for record in records:
        numbers = (f"{record['metrics'][name]:.3g}" for name in _COLUMNS)
        value = f"{'' if record['control'] == 'c' else 'KL '}{record['value']:g}"
        result.add_row(record["algo"], value, str(record["seed"]), f"{record['cpu_seconds']:.0f}", *numbers)
    return result
