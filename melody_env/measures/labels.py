"""Labels of the statistics of melodies, and the formats of their values, in the order of a table."""

from typing import NamedTuple

from note_rnn.corpus.repetition import LAGS


class TableRow(NamedTuple):
    """A row of a table: the statistic's name, its label, and the format of its values."""

    metric: str
    label: str
    form: str


PAPER_ROWS = (
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
)
"""The paper's Table 1."""
NUMBER_ROWS = (
    TableRow("notes_per_bar", "Notes per bar", ".1f"),
    TableRow("range", "Range, semitones", ".1f"),
    TableRow("leap_rate", "Intervals of a fourth or more", ".1%"),
    TableRow("turn_rate", "Turns of direction", ".1%"),
    TableRow("repeated_note_rate", "Repeated notes", ".1%"),
    TableRow("rest_share", "Rests", ".1%"),
    TableRow("distinct_pitches", "Different pitches", ".1f"),
    TableRow("repeated_motifs", "Recurring motifs", ".1%"),
)
"""The eight numbers among the twelve features."""
_KINDS = (
    ("repeated_bars", "Bars that repeat {}"),
    ("transposed_bars", "Bars that repeat {}, or transpose it"),
    ("repeated_rhythms", "Bars with the rhythm of {}"),
)
BAR_ROWS = (
    TableRow("distinct_bars", "Different bars in a composition", ".1%"),
    *(
        TableRow(f"{kind}_lag{lag}", label.format("the bar before" if lag == 1 else f"the bar {lag} before"), ".1%")
        for kind, label in _KINDS
        for lag in LAGS
    ),
)
"""The repeated-bar spectrum."""
