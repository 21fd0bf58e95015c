"""Table and figures show the given numbers beside the paper's."""

import numpy as np
import pytest

from agents.evaluation.samples import Sample
from agents.report_page.result_table import Entry, markdown
from agents.reproduction.paper_figures import (
    composition_figure,
    composition_rows,
    learning_figure,
    mean_curve,
)
from agents.reproduction.paper_table import Cell, cells, paper_table
from melody_env.measures.bootstrap import Estimate, Sums


def near(value: float, error: float = 0.01) -> Estimate:
    return Estimate(value, value - 2 * error, value + 2 * error, error)


ESTIMATES = {
    "Note RNN": {"notes_not_in_key": near(0.2), "autocorrelation_lag1": near(-0.4), "log_prob": near(-1.0)},
    "Q": {"notes_not_in_key": near(0.1), "autocorrelation_lag1": near(0.41), "log_prob": near(-2.0)},
    "G": {"notes_not_in_key": near(0.3), "autocorrelation_lag1": near(0.1), "log_prob": near(-3.0)},
}
METRICS = {name: {"distinct_compositions": 0.5} for name in ESTIMATES}


@pytest.fixture
def found() -> list[Cell]:
    return cells(ESTIMATES, METRICS, "Note RNN", {"Note RNN": "note_rnn", "Q": "q"})


def of(found: list[Cell], metric: str, composer: str) -> Cell:
    (cell,) = [cell for cell in found if (cell.metric, cell.composer) == (metric, composer)]
    return cell


def test_better_and_worse_need_a_direction_in_the_paper_and_significance(found):
    assert of(found, "notes_not_in_key", "Q").verdict == "better"
    assert of(found, "notes_not_in_key", "G").verdict == "worse"
    assert of(found, "autocorrelation_lag1", "G").verdict == "better"
    assert of(found, "autocorrelation_lag1", "Q").verdict == "worse"  # farther from 0, if only just
    assert of(found, "log_prob", "Q").p is None
    assert of(found, "notes_not_in_key", "Note RNN").p is None
    close = {name: dict(own) for name, own in ESTIMATES.items()} | {"Q": {"notes_not_in_key": near(0.19)}}
    assert of(cells(close, METRICS, "Note RNN", {}), "notes_not_in_key", "Q").verdict == ""


def test_published_values_stand_beside(found):
    assert of(found, "notes_not_in_key", "Q").paper == 0.01
    assert of(found, "notes_not_in_key", "Note RNN").paper == 0.0009
    assert of(found, "notes_not_in_key", "G").paper is None


def test_markdown_by_hand(found):
    lines = markdown(paper_table(found, ["Note RNN", "Q", "G"])).splitlines()
    assert lines[0] == "| | Note RNN | paper: Note RNN | Q | paper: Q | G |"
    assert lines[1].count("---") == 6
    assert (
        "| Notes not in key | 20.00% (18.00% to 22.00%) | 0.09% | **10.00%** (8.00% to 12.00%) | 1.00% "
        "| 30.00%† (28.00% to 32.00%) |"
    ) in lines
    assert "| Distinct compositions | 50.0% | - | 50.0% | - | 50.0% |" in lines
    assert len(lines) == 2 + 4


def test_the_table_has_values_intervals_and_verdicts(found):
    table = paper_table(found, ["Note RNN", "Q"])
    assert table.header == ["Note RNN", "paper: Note RNN", "Q", "paper: Q"]
    assert dict(table.rows)["Notes not in key"][1:] == [
        Entry("0.09%"),
        Entry("10.00%", "8.00% to 12.00%", "better"),
        Entry("1.00%"),
    ]


def test_the_curve_of_several_seeds_is_their_mean_with_a_band_over_common_checkpoints():
    seeds = [[{"steps": 0, "kl": 1.0}, {"steps": 10, "kl": 3.0}], [{"steps": 0, "kl": 2.0}]]
    assert mean_curve(seeds, "kl") == ([0], [1.5], [1.0], [2.0])
    assert mean_curve(seeds[:1], "kl") == ([0, 10], [1.0, 3.0], (), ())


def sample(melody: list[int], probabilities: np.ndarray) -> Sample:
    """Return a sample of two pieces, the first of which is the `melody`."""
    return Sample(
        np.array([melody, [37] * len(melody)]), probabilities, {}, (), Sums(np.zeros((2, 0)), np.zeros((1, 2, 0))), {}
    )


def test_figure_3_shows_each_composer_with_probabilities():
    probabilities = np.full((3, 38), 1 / 38)
    samples = {"Note RNN": sample([14, 1, 16], probabilities), "Human": sample([1, 1, 1], np.zeros((0, 38)))}
    figure = composition_figure(samples)
    figure.canvas.draw()
    assert figure.axes[0].get_title(loc="left") == "Note RNN"
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), probabilities.T)
    assert [(patch.get_x(), patch.get_y() + 0.5) for patch in figure.axes[0].patches] == [(0, 14), (1, 1), (2, 16)]
    assert not figure.axes[1].axison
    rows = composition_rows(samples)
    assert len(rows) == 3 * 38
    assert [(row["step"], row["token"]) for row in rows if row["played"]] == [(0, 14), (1, 1), (2, 16)]


def test_figure_2_has_a_line_for_each_composer_and_a_band_for_its_seeds():
    offsets = {"log_prob": 0, "music_theory": 10, "last_log_prob": 20, "last_music_theory": 30}
    labels = ("log p(a|s), sum over a piece", "r_MT, sum over a piece", "log p(a|s), last step", "r_MT, last step")
    seeds = [
        [{"steps": t, **{name: t + seed + offset for name, offset in offsets.items()}} for t in (0, 10)]
        for seed in (0.0, 1.0, 5.0)
    ]
    figure = learning_figure({"Q": seeds, "RL only": seeds[:1]})
    assert len(figure.axes) == 4
    for axes, offset, label in zip(figure.axes, offsets.values(), labels, strict=True):
        together, alone = axes.get_lines()
        assert together.get_xydata().tolist() == [[0, offset + 2], [10, offset + 12]]
        assert alone.get_xydata().tolist() == [[0, offset], [10, offset + 10]]
        (band,) = axes.collections
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
        assert corners == {(0, offset), (10, offset + 10), (0, offset + 5), (10, offset + 15)}
        assert axes.get_ylabel().startswith(label)
        assert axes.get_xlabel().startswith("steps")
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["Q", "RL only"]
