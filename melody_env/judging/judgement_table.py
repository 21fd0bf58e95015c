"""The tables of a judgement: the figures of the pieces beside the human ones, and what was left out."""

import math
from typing import NamedTuple

from rich.markup import escape
from rich.table import Table

from melody_env.judging.judgement import Comparison, Judgement
from melody_env.measures.bootstrap import Interval
from melody_env.measures.labels import BAR_ROWS, NUMBER_ROWS, PAPER_ROWS, TableRow
from note_rnn.corpus.report import Report

LIKENESS_ROWS = (
    TableRow("auc_logistic", "Classifier AUC: logistic regression on features", ".3f"),
    TableRow("auc_trees", "Classifier AUC: boosted trees on features", ".3f"),
    TableRow("auc_gru", "Classifier AUC: GRU on tokens", ".3f"),
    TableRow("overlap", "Overlap of 12 distributions", ".3f"),
    TableRow("shared_run", "Longest run shared with training tunes, sixteenths, median", ".0f"),
    TableRow("copied", "Pieces of which half stands in a training tune", ".1%"),
    TableRow("distinct", "Distinct pieces", ".1%"),
)
MUSICAL_ROWS = (
    TableRow("pitch_range", "Pitch range, semitones", ".1f"),
    TableRow("n_pitches_used", "Pitches used", ".1f"),
    TableRow("n_pitch_classes_used", "Pitch classes used", ".1f"),
    TableRow("pitch_entropy", "Pitch entropy, bits", ".2f"),
    TableRow("pitch_class_entropy", "Pitch class entropy, bits", ".2f"),
    TableRow("pitch_in_scale_rate", "Pitch-in-scale rate", ".1%"),
    TableRow("scale_consistency", "Scale consistency", ".1%"),
    TableRow("empty_measure_rate", "Empty-measure rate", ".2%"),
    TableRow("groove_consistency", "Groove consistency", ".3f"),
)
SECTIONS = {
    "Likeness": LIKENESS_ROWS,
    "Bars that come back": BAR_ROWS,
    "Features": NUMBER_ROWS,
    "Table 1 of Jaques et al. 2017": PAPER_ROWS,
    "As MusPy defines them": MUSICAL_ROWS,
}


class ShownRow(NamedTuple):
    """A figure as text, and whether its intervals have nothing in common."""

    label: str
    pieces: str
    human: str
    comparison: Comparison


def shown_sections(judgement: Judgement) -> dict[str, list[ShownRow]]:
    """Return the rows of each section, without figures that the pieces are too short for."""
    return {
        heading: [_shown(row, judgement.figures[row.metric]) for row in rows if row.metric in judgement.figures]
        for heading, rows in SECTIONS.items()
    }


def judgement_table(judgement: Judgement, title: str) -> Table:
    """Return the table of the figures; bold where the intervals of pieces and human tunes have nothing in common."""
    table = Table("", "pieces", "human", title=title, caption="with 95 % intervals; bold: they do not overlap")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for heading, rows in shown_sections(judgement).items():
        table.add_section()
        table.add_row(f"[italic]{heading}[/italic]")
        for row in rows:
            table.add_row(*row[:3], style="bold" if row.comparison.differs else None)
    return table


def left_out_table(report: Report) -> Table:
    """Return the table of what is not judged, by reason: whole files, and melodies or parts of others."""
    table = report.table()
    for suffix, number in report.others.items():
        table.add_row(escape(f"neither music nor tokens ({suffix or 'no suffix'})"), f"{number:,}", "")
    for reason in report.unread_folders.values():
        table.add_row(escape(f"a folder that cannot be read ({reason})"))
    return table


def _shown(row: TableRow, comparison: Comparison) -> ShownRow:
    pieces, human = (shown_interval(each, row.form) for each in comparison)
    return ShownRow(row.label, pieces, human, comparison)


def shown_interval(interval: Interval, form: str) -> str:
    """Return value and interval as text in the format `form`: 0.61 (0.58 to 0.64); a dash for nan."""
    if math.isnan(interval.value):
        return "-"
    text = format(interval.value, form)
    return (
        text if math.isnan(interval.low) else f"{text} ({format(interval.low, form)} to {format(interval.high, form)})"
    )
