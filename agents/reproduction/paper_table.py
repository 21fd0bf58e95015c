"""Table 1 of the paper, reproduced: statistics of each composer, with intervals, tests and published values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.evaluation.published import TABLE_1, published
from agents.evaluation.table import ROWS, UNKNOWN, format_value
from agents.report_page.result_table import Entry, ResultTable, result_table
from melody_env.measures.bootstrap import Estimate, holm, p_value

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Cell:
    """One statistic of one composer."""

    metric: str
    composer: str
    value: float
    low: float | None = None
    high: float | None = None
    """The 95 % interval; None for a statistic of all pieces together."""
    p: float | None = None
    """p-value of the difference from the Note RNN, adjusted for the number of comparisons; None if not tested."""
    verdict: str = ""
    """"better" or "worse" than the Note RNN where p < .05 and the paper gives the better direction, else empty."""
    paper: float | None = None
    """The published value."""


def cells(
    estimates: Mapping[str, Mapping[str, Estimate]],
    metrics: Mapping[str, Mapping[str, float]],
    baseline: str,
    columns: Mapping[str, str],
) -> list[Cell]:
    """Return the cells of all composers, row by row of the table.

    :param estimates: by composer and statistic.
    :param metrics: by composer, those without an interval.
    :param baseline: the composer to compare the others with.
    :param columns: by composer, the column of the paper's table, if it has one.
    """
    compared = {
        f"{composer}/{metric}": p_value(estimate, estimates[baseline][metric])
        for composer, own in estimates.items()
        for metric, estimate in own.items()
        if composer != baseline and metric in TABLE_1
    }
    adjusted = dict(zip(compared, holm(np.array(list(compared.values()))).tolist(), strict=True))
    found = []
    for row in ROWS:
        for composer in estimates:
            paper = published(row.metric, columns[composer]) if composer in columns else None
            estimate = estimates[composer].get(row.metric)
            if estimate is None:
                value = metrics[composer].get(row.metric)
                if value is not None:
                    found.append(Cell(row.metric, composer, value))
                continue
            p = adjusted.get(f"{composer}/{row.metric}")
            verdict = _verdict(row.metric, estimate.value, estimates[baseline][row.metric].value, p)
            found.append(Cell(row.metric, composer, estimate.value, estimate.low, estimate.high, p, verdict, paper))
    return found


def _verdict(metric: str, value: float, baseline: float, p: float | None) -> str:
    if p is None or not p < SIGNIFICANT:
        return ""
    if metric.startswith("autocorrelation"):
        value, baseline = abs(value), abs(baseline)
    return "better" if (value < baseline) == (TABLE_1[metric].better == "less") else "worse"


def paper_table(found: Iterable[Cell], composers: Sequence[str]) -> ResultTable:
    """Return the table of `composers`, each followed by its published values, if any."""
    by_place = {(cell.metric, cell.composer): cell for cell in found}
    with_paper = {composer for (_, composer), cell in by_place.items() if cell.paper is not None}
    columns: dict[str, list[Entry]] = {}
    for composer in composers:
        own = [(by_place.get((row.metric, composer)), row.form) for row in ROWS]
        columns[composer] = [_entry(cell, form) for cell, form in own]
        if composer in with_paper:
            columns[f"paper: {composer}"] = [
                Entry(format_value(cell.paper if cell else None, form)) for cell, form in own
            ]
    return result_table(columns)


def _entry(cell: Cell | None, form: str) -> Entry:
    if cell is None:
        return Entry(UNKNOWN)
    interval = ""
    if cell.low is not None and cell.high is not None and not np.isnan(cell.low):
        interval = f"{format_value(cell.low, form)} to {format_value(cell.high, form)}"
    return Entry(format_value(cell.value, form), interval, cell.verdict)
