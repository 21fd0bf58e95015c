"""Figure 2 and Figure 3 of the paper, reproduced as pictures and as rows of numbers.

Shapes: T steps, A = 38 tokens.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.evaluation.samples import Sample
from agents.report_page.curves import Curve
from melody_env.pictures import draw_probabilities

Seeds = Sequence[Sequence[Mapping[str, float]]]
"""For each seed and checkpoint: the steps, and means over the pieces."""

CURVES = (
    ("log_prob", "log p(a|s), sum over a piece"),
    ("music_theory", "r_MT, sum over a piece"),
    ("last_log_prob", "log p(a|s), last step only (the original's)"),
    ("last_music_theory", "r_MT, last step only (the original's)"),
)
"""Metric and label of each panel of Figure 2."""


def learning_figure(curves: Mapping[str, Seeds]) -> Figure:
    """Return Figure 2: log p and r_MT of pieces during training, per piece and as the original logged them.

    The line of each agent is the mean of its seeds; the band spans their minimum and maximum.
    """
    figure = Figure(figsize=(12, 8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, label) in zip(figure.subplots(2, 2).flat, CURVES, strict=True):
        for composer, seeds in curves.items():
            _draw_curve(axes, composer, seeds, name)
        axes.set_xlabel("steps (tokens composed in training)")
        axes.set_ylabel(label, fontsize=9)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    return figure


def _draw_curve(axes: Axes, composer: str, seeds: Seeds, name: str) -> None:
    curve = mean_curve(seeds, name)
    (line,) = axes.plot(curve.steps, curve.values, label=composer)
    if curve.low:
        axes.fill_between(curve.steps, curve.low, curve.high, color=line.get_color(), alpha=0.2, lw=0)


def mean_curve(seeds: Seeds, name: str) -> Curve:
    """Return the mean of the `seeds` over the checkpoints that all have, and of several also minimum and maximum."""
    points = min(len(seed) for seed in seeds)
    steps = [int(row["steps"]) for row in seeds[0][:points]]
    values = np.array([[row[name] for row in seed[:points]] for seed in seeds])
    band = (values.min(0).tolist(), values.max(0).tolist()) if len(seeds) > 1 else ()
    return Curve(steps, values.mean(0).tolist(), *band)


def composition_figure(samples: Mapping[str, Sample]) -> Figure:
    """Return Figure 3: the probability of each token while the first melody of each sample was composed.

    All follow the same priming token. The tokens played are outlined.
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
        for step, probabilities in enumerate(sample.probabilities)
        for token, probability in enumerate(probabilities)
    ]
