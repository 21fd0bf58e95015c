"""The page of a sweep: what was found so far, parallel coordinates, the Pareto front, and a table of all trials."""

from collections.abc import Sequence
from pathlib import Path

from agents.report_page.rendering import write_page
from agents.sweeps.plots import HEIGHT, WIDTH, parallel, plane
from agents.sweeps.results import Results, Summary
from agents.sweeps.spec import SweepSpec

_WITHOUT_OBJECTIVES = ("r_MT", "log_p", "distinct")
SECONDS_BETWEEN_LOOKS = 30
"""The page of a sweep that runs loads itself again so often."""


def shown_metrics(spec: SweepSpec) -> list[str]:
    """Return the metrics that table and picture show: objectives, constraints, and KL."""
    chosen = [*spec.objectives, *spec.constraints] if spec.objectives else _WITHOUT_OBJECTIVES
    return list(dict.fromkeys([*chosen, "KL"]))


def ordered(summaries: Sequence[Summary], spec: SweepSpec) -> list[Summary]:
    """Return `summaries` with the best first: the front, then those that keep all constraints, then the others."""
    first = next(iter(spec.objectives.items()), None)

    def key(summary: Summary) -> tuple[bool, bool, bool, float]:
        loss = 0.0
        if first is not None and first[0] in summary.means:
            loss = summary.means[first[0]] * (-1 if first[1] == "maximize" else 1)
        return not summary.is_best, not summary.is_good, summary.state != "finished", loss

    return sorted(summaries, key=key)


def sentences(results: Results) -> list[str]:
    """Return what was found so far."""
    summaries, spec = results.summaries(), results.spec
    counts = {"finished": 0, "training": 0, "stopped early": 0, "failed": 0}
    for each in summaries:
        counts["stopped early" if each.state.startswith("stopped") else each.state] += 1
    found = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    is_one, has_seeds = len(summaries) == 1, len(spec.chosen_seeds) > 1
    seeds = f" of {len(spec.chosen_seeds)} seeds{'' if is_one else ' each'}" if has_seeds else ""
    lines = [f"{len(summaries)} trial{'' if is_one else 's'}{seeds}: {found or 'none has ended yet'}."]
    best = [each for each in ordered(summaries, spec) if each.is_best]
    if best:
        one = "the best" if len(spec.objectives) == 1 else "the first on the Pareto front"
        chosen = ", ".join(f"{name} {_text(value)}" for name, value in best[0].settings.items())
        lines.append(f"Trial {best[0].trial} is {one}: {_figures(best[0], spec)}; with {chosen or 'these settings'}.")
    elif is_one and not spec.objectives and counts["finished"]:
        lines.append(f"Means{' over the seeds' if has_seeds else ''}: {_figures(summaries[0], spec)}.")
    elif spec.objectives and counts["finished"]:
        lines.append("None of the finished trials keeps all constraints.")
    return lines


def _figures(summary: Summary, spec: SweepSpec) -> str:
    """Return the metrics of a trial as text."""
    return ", ".join(f"{name} {summary.means[name]:.3g}" for name in shown_metrics(spec) if name in summary.means)


def write_sweep_page(path: Path, results: Results, name: str, is_done: bool) -> None:
    """Write the page to the file `path`; raises OSError if it cannot be written."""
    spec, summaries = results.spec, results.summaries()
    metrics = shown_metrics(spec)
    axes, lines = parallel(summaries, spec.varying, metrics)
    pair = [*spec.objectives][:2] if len(spec.objectives) > 1 else ["KL", next(iter(spec.objectives), "r_MT")]
    write_page(
        path,
        "sweep/sweep.html",
        title=f"Sweep {name}",
        sentences=sentences(results),
        axes=axes,
        lines=lines,
        plane=plane(summaries, *pair),
        has_front=len(spec.objectives) > 1,
        ways={name: "↑" if way == "maximize" else "↓" for name, way in spec.objectives.items()},
        constraints={n: (b.min, b.max) for n, b in spec.constraints.items()},
        summaries=ordered(summaries, spec),
        settings=spec.varying,
        metrics=metrics,
        text=_text,
        width=WIDTH,
        height=HEIGHT,
        seconds=0 if is_done else SECONDS_BETWEEN_LOOKS,
    )


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)
