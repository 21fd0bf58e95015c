"""The table of results, as text for a page or Markdown: the statistics of each composer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents.evaluation.table import ROWS, UNKNOWN


class Entry(NamedTuple):
    """The value of one statistic for one composer."""

    value: str
    interval: str = ""
    """Low to high; empty if not computed."""
    verdict: str = ""
    """"better" or "worse" if significantly so than the Note RNN, else empty."""


class ResultTable(NamedTuple):
    """The headings of the columns, and the rows: label and entries."""

    header: list[str]
    rows: list[tuple[str, list[Entry]]]


def result_table(columns: Mapping[str, Sequence[Entry]]) -> ResultTable:
    """Return the table of `columns`, each with one entry per row of `ROWS`; rows without any value are left out."""
    rows = [(row.label, list(entries)) for row, *entries in zip(ROWS, *columns.values(), strict=True)]
    filled = [(label, entries) for label, entries in rows if {entry.value for entry in entries} != {UNKNOWN}]
    return ResultTable(list(columns), filled)


def markdown(table: ResultTable) -> str:
    """Return the table as Markdown: bold if significantly better than the Note RNN, a dagger if worse."""
    lines = [f"| | {' | '.join(table.header)} |", f"| --- |{' --- |' * len(table.header)}"]
    lines += [f"| {label} | {' | '.join(map(_text, entries))} |" for label, entries in table.rows]
    return "\n".join(lines) + "\n"


def _text(entry: Entry) -> str:
    value = {"better": f"**{entry.value}**", "worse": f"{entry.value}†"}.get(entry.verdict, entry.value)
    return f"{value} ({entry.interval})" if entry.interval else value
