"""The paper's numbers as printed there; comparisons corrected for their number; dashes for missing values."""

import math

import pytest

from agents.evaluation.published import TABLE_1, published
from agents.evaluation.table import ROWS
from agents.report_page.result_table import Entry, markdown, result_table
from agents.reproduction.paper_table import Cell, cells, paper_table
from melody_env.measures.bootstrap import Estimate

TABLE_OF_THE_PAPER = """
notes_not_in_key                    0.09%   1.00%   0.60%  28.70%
autocorrelation_lag1                -.16    -.11    -.10    .55
autocorrelation_lag2                 .14     .03    -.01    .31
autocorrelation_lag3                -.13     .03     .01    .17
notes_excessively_repeated         63.30%   0.00%   0.02%   0.03%
compositions_starting_with_tonic    0.86%  28.80%  28.70%   0.00%
leaps_resolved                     77.20%  91.10%  90.00%  52.20%
compositions_with_unique_max_note  64.70%  56.40%  59.40%  37.10%
compositions_with_unique_min_note  49.40%  51.90%  58.30%  56.50%
notes_in_motif                      5.85%  75.70%  73.80%  69.30%
notes_in_repeated_motif             0.007%  0.11%   0.09%   0.01%
"""
"""Of the Note RNN, Q, Psi and G, as they are written there."""


def number(text: str) -> float:
    return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def test_the_published_values_are_those_printed():
    rows = [line.split() for line in TABLE_OF_THE_PAPER.strip().splitlines()]
    assert [row[0] for row in rows] == list(TABLE_1)
    for metric, *texts in rows:
        found = [published(metric, model) for model in ("note_rnn", "q", "psi", "g")]
        assert found == pytest.approx([number(text) for text in texts]), metric
    assert published("log_prob", "q") is None


def test_the_rules_want_less_of_what_is_bad():
    less = {metric for metric, row in TABLE_1.items() if row.better == "less"}
    faults = {"notes_not_in_key", "notes_excessively_repeated"}
    assert less == faults | {f"autocorrelation_lag{lag}" for lag in (1, 2, 3)}


NONE: dict[str, dict[str, float]] = {name: {} for name in ("Note RNN", "Q", "G")}


def estimate(value: float, error: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.2, error)


def cell_of(found: list[Cell], composer: str, metric: str = "leaps_resolved") -> Cell:
    (cell,) = [cell for cell in found if (cell.metric, cell.composer) == (metric, composer)]
    return cell


def test_p_is_that_of_the_difference_from_the_baseline_times_the_comparisons():
    # 0.5 apart with errors of .15 and .2: two deviations, p = .0455
    note_rnn = {"leaps_resolved": estimate(0.2, 0.15), "log_prob": estimate(0.2, 0.15)}
    q = {"leaps_resolved": estimate(0.7, 0.2), "log_prob": estimate(0.7, 0.2)}
    alone = cell_of(cells({"Note RNN": note_rnn, "Q": q}, NONE, "Note RNN", {}), "Q")
    assert alone.p == pytest.approx(0.0455, abs=1e-4)  # log p is no statistic of the paper's, so it does not count
    assert alone.verdict == "better"
    assert (alone.value, alone.low, alone.high) == (0.7, pytest.approx(0.6), pytest.approx(0.9))
    both = cells({"Note RNN": note_rnn, "Q": q, "G": q}, NONE, "Note RNN", {})
    assert [cell_of(both, name).p for name in ("Q", "G")] == pytest.approx([0.091, 0.091], abs=2e-4)
    assert [cell_of(both, name).verdict for name in ("Q", "G")] == ["", ""]
    less = [{"autocorrelation_lag1": estimate(value, 0.01)} for value in (-0.4, 0.1, -0.6)]  # nearer to 0 is less
    lags = cells(dict(zip(NONE, less, strict=True)), NONE, "Note RNN", {})
    assert [cell_of(lags, name, "autocorrelation_lag1").verdict for name in ("Q", "G")] == ["better", "worse"]
    other = cells({"Note RNN": note_rnn, "Q": q}, NONE, "Q", {})
    assert cell_of(other, "Q").p is None
    assert (cell_of(other, "Note RNN").verdict, cell_of(other, "Note RNN").p) == ("worse", alone.p)


def test_what_is_undefined_is_compared_with_nothing():
    estimates = {"Note RNN": {"leaps_resolved": estimate(math.nan, math.nan)}, "Q": {"leaps_resolved": estimate(1, 0)}}
    found = cells(estimates, NONE, "Note RNN", {})
    assert math.isnan(cell_of(found, "Q").p or 0)
    assert cell_of(found, "Q").verdict == ""
    ((label, entries),) = paper_table(found, ["Note RNN", "Q"]).rows
    assert label == "Leaps resolved"
    assert entries == [Entry("-"), Entry("100.0%", "90.0% to 120.0%")]


def test_cells_go_row_by_row_and_have_what_each_composer_has():
    estimates = {
        "Note RNN": {"notes_in_motif": estimate(0.5, 0.1), "kl": estimate(0, 0)},
        "Human": {"notes_in_motif": estimate(0.6, 0.1)},
    }
    metrics = {"Note RNN": {"human_auc": 0.9}, "Human": {"human_auc": 0.5, "human_overlap": 0.8}}
    found = cells(estimates, metrics, "Note RNN", {"Note RNN": "note_rnn"})
    assert [(cell.metric, cell.composer, cell.value, cell.paper) for cell in found] == [
        ("notes_in_motif", "Note RNN", 0.5, 0.0585),
        ("notes_in_motif", "Human", 0.6, None),
        ("human_overlap", "Human", 0.8, None),
        ("human_auc", "Note RNN", 0.9, None),
        ("human_auc", "Human", 0.5, None),
        ("kl", "Note RNN", 0, None),
    ]
    assert cell_of(found, "Human", "human_auc").low is None
    table = paper_table(found, ["Human", "Note RNN"])
    assert table.header == ["Human", "Note RNN", "paper: Note RNN"]
    rows = dict(table.rows)
    assert list(rows) == [row.label for row in ROWS if row.metric in {cell.metric for cell in found}]
    assert rows["Overlap with human tunes (12 statistics)"] == [Entry("0.800"), Entry("-"), Entry("-")]


def test_rows_without_a_number_are_left_out():
    known = [Entry("-")] * len(ROWS)
    known[2] = Entry("0.1", "0.0 to 0.2", "worse")
    table = result_table({"A": [Entry("-")] * len(ROWS), "B": known})
    assert table.rows == [(ROWS[2].label, [Entry("-"), known[2]])]
    assert markdown(table) == f"| | A | B |\n| --- | --- | --- |\n| {ROWS[2].label} | - | 0.1† (0.0 to 0.2) |\n"
