"""The table of results as it is read, on a page or as Markdown: of each composer the statistics, written out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents.evaluation.table import ROWS

UNKNOWN = "-"
"""What stands where nothing is known."""


class Entry(NamedTuple):
    """What one composer came to in one statistic."""

    value: str
    interval: str = ""
    """Low to high; empty where there is none."""
    verdict: str = ""
    """"better" or "worse" than the Note RNN where that was tested and is no chance, else empty."""


class ResultTable(NamedTuple):
    """Headings of the columns, and the rows: label and entries."""

    header: list[str]
    rows: list[tuple[str, list[Entry]]]


def result_table(columns: Mapping[str, Sequence[Entry]]) -> ResultTable:
    """Return the table of `columns`, each with an entry for all of `ROWS`; rows without one number are left out."""
    rows = [(row.label, list(entries)) for row, *entries in zip(ROWS, *columns.values(), strict=True)]
    known = [(label, entries) for label, entries in rows if {entry.value for entry in entries} != {UNKNOWN}]
    return ResultTable(list(columns), known)


def markdown(table: ResultTable) -> str:
    """Return the table as Markdown: bold where significantly better than the Note RNN, a dagger where worse."""
    lines = [f"| | {' | '.join(table.header)} |", f"| --- |{' --- |' * len(table.header)}"]
    lines += [f"| {label} | {' | '.join(map(_text, entries))} |" for label, entries in table.rows]
    return "\n".join(lines) + "\n"


def _text(entry: Entry) -> str:
    value = {"better": f"**{entry.value}**", "worse": f"{entry.value}†"}.get(entry.verdict, entry.value)
    return f"{value} ({entry.interval})" if entry.interval else value
