"""The table of metrics: its rows in order, with their labels and formats."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from rich.table import Table

from agents.evaluation.published import published
from melody_env.reward.rules import RULES


class TableRow(NamedTuple):
    """A row of the table: the metric's name, its label, and the format of its values."""

    metric: str
    label: str
    form: str


ROWS = (
    TableRow("notes_excessively_repeated", "Notes excessively repeated", ".2%"),
    TableRow("autocorrelation_lag1", "Mean autocorrelation, lag 1", ".2f"),
    TableRow("autocorrelation_lag2", "Mean autocorrelation, lag 2", ".2f"),
    TableRow("autocorrelation_lag3", "Mean autocorrelation, lag 3", ".2f"),
    TableRow("notes_not_in_key", "Notes not in key", ".2%"),
    TableRow("compositions_starting_with_tonic", "Compositions starting with tonic", ".1%"),
    TableRow("leaps_resolved", "Leaps resolved", ".1%"),
    TableRow("compositions_with_unique_max_note", "Compositions with unique max note", ".1%"),
    TableRow("compositions_with_unique_min_note", "Compositions with unique min note", ".1%"),
    TableRow("notes_in_motif", "Notes in motif", ".1%"),
    TableRow("notes_in_repeated_motif", "Notes in repeated motif", ".2%"),
    TableRow("paper_music_theory", "r_MT per step (the nine rules)", ".2f"),
    TableRow("notes_per_bar", "Notes per bar", ".1f"),
    TableRow("range", "Range, semitones", ".1f"),
    TableRow("leap_rate", "Intervals of a fourth or more", ".1%"),
    TableRow("rest_share", "Rests", ".1%"),
    TableRow("repeated_motifs", "Recurring motifs", ".1%"),
    TableRow("human_overlap", "Overlap with human tunes (12 statistics)", ".3f"),
    TableRow("human_auc", "Classifier AUC against human tunes", ".3f"),
    TableRow("longest_shared_run", "Longest run shared with training tunes, median", ".0f"),
    TableRow("log_prob", "log p per step, nats", ".2f"),
    TableRow("entropy", "Policy entropy per step, nats", ".2f"),
    TableRow("kl", "KL from the Note RNN per piece, nats", ".1f"),
    TableRow("distinct_compositions", "Distinct compositions", ".1%"),
    TableRow("hamming_distance", "Steps at which two compositions differ", ".1%"),
    TableRow("largest_bar_share", "Share of the commonest bar", ".2%"),
)


def metrics_table(columns: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """Return the table of `columns` (composer -> `table_metrics`), with the published Note RNN and Q.

    Rules other than the paper's, which the statistics cover, have rows of their own.
    """
    table = Table("", *columns, "paper: Note RNN", "paper: Q", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in ROWS:
        values = [metrics.get(row.metric) for metrics in columns.values()]
        values += [published(row.metric, "note_rnn"), published(row.metric, "q")]
        table.add_row(row.label, *(format_value(value, row.form) for value in values))
    for name in dict.fromkeys(name for metrics in columns.values() for name in metrics):
        if name.startswith("rule/") and name.removeprefix("rule/") not in RULES:
            own = [format_value(metrics.get(name), ".3f") for metrics in columns.values()]
            table.add_row(f"Rule {name.removeprefix('rule/')} per step", *own, "-", "-")
    return table


def format_value(value: float | None, form: str) -> str:
    """Return `value` in the format `form`; a dash for None or nan."""
    return "-" if value is None or math.isnan(value) else format(value, form)
