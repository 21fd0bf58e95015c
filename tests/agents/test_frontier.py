"""The frontier trains what is missing, and shows what there is."""

import json
import sys

import numpy as np
import pytest

from agents import frontier
from agents.frontier import FrontierConfig, picture, references, sweep, table
from note_rnn import InputError, run_command


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> FrontierConfig:
    out = tmp_path_factory.mktemp("frontier")
    return FrontierConfig(
        ("ppo_kl", "psi"), (1.0, 4.0), total_timesteps=4_096, compositions=64, limit_evaluations=20_000, out=out
    )


@pytest.fixture(scope="module")
def records(config):
    return sweep(config)


def test_every_point_is_an_agent_with_its_metrics(config, records):
    points = [(record["algo"], record["value"], record["seed"]) for record in records]
    assert points == [("ppo_kl", 1.0, 0), ("ppo_kl", 4.0, 0), ("psi", 1.0, 0), ("psi", 4.0, 0)]
    assert all(record["metrics"]["kl"] > 0 and np.isfinite(record["metrics"]["log_prob"]) for record in records)
    assert json.loads((config.out / "frontier.json").read_text())


def test_what_is_finished_is_not_trained_again(config, records, monkeypatch):
    monkeypatch.setattr(frontier, "ProcessPoolExecutor", NoPool)
    assert sweep(config) == records


class NoPool:
    """A pool that must not be asked for anything."""

    def __init__(self, *arguments):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        pass


def test_picture_and_table_have_every_point_and_the_references(config, records):
    beside = references(config)
    assert beside["note_rnn"]["kl"] == pytest.approx(0.0, abs=1e-6)
    assert beside["limit"] > max(record["metrics"]["paper_music_theory"] for record in records)
    first, *others = picture(records, beside).axes
    assert [len(line.get_xdata()) for line in first.get_lines()] == [2, 2, 1, 2]
    for panel in others:
        assert [len(line.get_xdata()) for line in panel.get_lines()] == [2, 2, 1]
    assert table(records).row_count == 4


def test_kl_budgets_take_the_place_of_c():
    points = frontier._points(FrontierConfig(("g",), kl_budgets=(20.0,), seeds=(0, 1)))
    assert points == [("g", "kl_budget", 20.0, 0), ("g", "kl_budget", 20.0, 1)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--algos", "q", "--kl-budgets", "20"], "--kl-budget needs an algorithm that KL is a cost to"),
        (["--c", "-1"], "c must be a number above 0"),
    ],
)
def test_bad_input_is_told_in_a_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["frontier", "--out", str(tmp_path / "out"), *arguments])
    with pytest.raises(SystemExit) as exit_info:
        run_command(frontier.main)
    assert exit_info.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_not_overwritten(tmp_path):
    (tmp_path / "frontier.json").write_text("{")
    with pytest.raises(InputError, match="move it away"):
        sweep(FrontierConfig(out=tmp_path))
    assert (tmp_path / "frontier.json").read_text() == "{"
