"""The table of metrics: its rows in order, with their labels and formats."""

import math
from collections.abc import Mapping, Sequence

from rich.table import Table

from agents.evaluation.metrics import PIECE_RULE, PIECE_RULE_SHARE, RULE
from agents.evaluation.published import PUBLISHED_COLUMNS, published
from melody_env.measures.labels import BAR_ROWS, NUMBER_ROWS, PAPER_ROWS, TableRow
from melody_env.reward.rules import RULES

UNKNOWN = "-"
"""Text of a missing value."""


_ALSO_IN_TABLE = {
    *("notes_per_bar", "range", "leap_rate", "rest_share", "repeated_motifs"),
    *("distinct_bars", "repeated_bars_lag1", "repeated_bars_lag4", "repeated_bars_lag8"),
    *("repeated_rhythms_lag1", "repeated_rhythms_lag4"),
}
"""The numbers of melodies that a table shows; files have all of them."""

ROWS = (
    *PAPER_ROWS,
    TableRow("paper_music_theory", "r_MT per step (the nine rules)", ".2f"),
    *(row for row in (*NUMBER_ROWS, *BAR_ROWS) if row.metric in _ALSO_IN_TABLE),
    TableRow("form_recovered", "Form recovered from the tokens", ".1%"),
    TableRow("varied_kept", "Events that a varied repeat keeps, median", ".1%"),
    TableRow("sections_at_rest", "Sections ending on tonic, third or fifth", ".1%"),
    TableRow("pieces_ending_on_tonic", "Pieces ending on the tonic", ".1%"),
    TableRow("chord_tones", "Chord tones among notes on strong beats", ".1%"),
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


def metrics_table(columns: Mapping[str, Mapping[str, float]], title: str, with_paper: bool) -> Table:
    """Return the table of `columns` (composer -> `table_metrics`), and if `with_paper` the published Note RNN and Q.

    Rules other than the paper's, which the statistics cover, have rows of their own. What no composer was measured by
    is left out.
    """
    names = PUBLISHED_COLUMNS if with_paper else {}
    table = Table("", *columns, *(f"paper: {name}" for name in names), title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in ROWS:
        if any(row.metric in metrics for metrics in columns.values()):
            values = [format_value(metrics.get(row.metric), row.form) for metrics in columns.values()]
            values += [format_value(published(row.metric, model), row.form) for model in names.values()]
            table.add_row(row.label, *values)
    for label, texts in rule_rows(list(columns.values())):
        table.add_row(label, *texts, *[UNKNOWN] * len(names))
    return table


def rule_rows(columns: Sequence[Mapping[str, float]]) -> list[tuple[str, list[str]]]:
    """Return label and values of each rule other than the paper's, per step or, if it values a piece, per piece."""
    rows = []
    for metric in dict.fromkeys(name for metrics in columns for name in metrics):
        if metric.startswith(RULE) and metric.removeprefix(RULE) not in RULES:
            label = f"Rule {metric.removeprefix(RULE)} per step"
            rows.append((label, [format_value(metrics.get(metric), ".3f") for metrics in columns]))
        elif metric.startswith(PIECE_RULE):
            name = metric.removeprefix(PIECE_RULE)
            rows.append((f"Rule {name} per piece", [_per_piece(metrics, name) for metrics in columns]))
    return rows


def _per_piece(metrics: Mapping[str, float], name: str) -> str:
    """Return a rule's mean value per piece, and the share of pieces in which it is not 0 unless it is all."""
    value, share = metrics.get(f"{PIECE_RULE}{name}"), metrics.get(f"{PIECE_RULE_SHARE}{name}")
    if value is None or share is None:
        return UNKNOWN
    if value == share:  # a rule that is worth 1
        return f"{share:.1%} of pieces"
    return f"{value:.3f}" if share == 1 else f"{value:.3f} ({share:.1%} of pieces)"


def format_value(value: float | None, form: str) -> str:
    """Return `value` in the format `form`; a dash for None or nan."""
    return UNKNOWN if value is None or math.isnan(value) else format(value, form)
