"""The frontier trains what is missing, as it is asked to, and shows what there is."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from agents import compose_pieces, frontier
from agents.composing.players import NoteRNNPlayer, agent_player
from agents.evaluation.metrics import table_metrics
from agents.runs.config import TrainConfig
from agents.training import frontier_agents
from agents.training.frontier_agents import FrontierConfig, Point, measure, references, sweep
from agents.training.frontier_views import figure, table
from melody_env import MelodyVecEnv, load_profile
from melody_env.reward_design.best_melody import SearchConfig, search
from note_rnn import InputError, run_command

METRICS = ("kl", "paper_music_theory", "log_prob", "distinct_compositions", "entropy", "largest_bar_share")


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> FrontierConfig:
    out = tmp_path_factory.mktemp("frontier")
    return FrontierConfig(
        ("ppo_kl", "psi"), (0.3, 4.0), total_timesteps=16_384, compositions=64, limit_evaluations=20_000, out=out
    )


@pytest.fixture(scope="module")
def records(config):
    return sweep(config)


@pytest.fixture
def here(monkeypatch) -> list[Point]:
    """The points that are trained in this process, for there is no other."""
    done: list[Point] = []

    def results_here(function, points, workers, crashed, in_order):
        for point in points:
            done.append(point)
            yield function(point)

    monkeypatch.setattr(frontier_agents, "results_of", results_here)
    return done


def test_every_point_is_an_agent_with_its_metrics(config, records):
    points = [(record["algo"], record["control"], record["value"], record["seed"]) for record in records]
    assert points == [("ppo_kl", "c", 0.3, 0), ("ppo_kl", "c", 4.0, 0), ("psi", "c", 0.3, 0), ("psi", "c", 4.0, 0)]
    assert all(record["metrics"]["kl"] > 0.1 and np.isfinite(record["metrics"]["log_prob"]) for record in records)
    written = json.loads((config.out / "frontier.json").read_text())
    assert sorted(map(json.dumps, written)) == sorted(map(json.dumps, records))


def test_the_rules_count_as_much_as_c_says(config, records):
    for record in records:
        metrics = record["metrics"]
        assert metrics["reward"] == pytest.approx(metrics["log_prob"] + metrics["music_theory"] / record["value"])
        assert {f"rule/{name}" for name in load_profile("varied").rule_names} <= metrics.keys()
    kl = [record["metrics"]["kl"] for record in records]
    assert kl[0] > kl[1]
    assert kl[2] > kl[3]


def test_a_point_is_trained_and_measured_as_it_says(config):
    record = measure(Point("ppo_kl", "c", 0.3, 5), config)
    train = TrainConfig.of("ppo_kl", reward="varied", c=0.3)
    env = MelodyVecEnv(train.n_envs, **train.environment().arguments)
    model = train.agent.build("ppo_kl", env, env.engine.prior, 5, "cpu").learn(16_384)
    pieces = compose_pieces(agent_player(model.policy), 64, 5, train.environment())
    assert record.pop("metrics") == table_metrics(pieces)
    assert record.pop("cpu_seconds") > 0
    whole = {"reward": "varied", "total_timesteps": 16_384, "compositions": 64}
    assert record == {"algo": "ppo_kl", "control": "c", "value": 0.3, "seed": 5, **whole}


def test_a_kl_budget_is_held_while_a_point_is_trained(config):
    free, held = (measure(Point("ppo_kl", *control, 0), config) for control in (("c", 1.0), ("kl_budget", 0.01)))
    for record in (free, held):  # both begin with, and are rewarded by, the profile's c
        metrics = record["metrics"]
        assert metrics["reward"] == pytest.approx(metrics["log_prob"] + metrics["music_theory"])
    assert held["metrics"]["kl"] != free["metrics"]["kl"]


def test_what_is_finished_is_not_trained_again(config, records, here):
    assert sweep(config) == records
    assert here == []


def test_what_was_asked_otherwise_is_trained_anew(here, tmp_path):
    config = FrontierConfig(("ppo_kl",), (0.3,), total_timesteps=256, compositions=16, out=tmp_path)
    first = sweep(config)
    changes = [{"compositions": 32}, {"reward": "paper"}, {"total_timesteps": 512}, {"c": (0.5,)}]
    for done, change in enumerate(changes, start=1):
        other = replace(config, **change)
        (record,) = sweep(other)
        assert len(here) == len(json.loads((tmp_path / "frontier.json").read_text())) == done + 1
        number = record["metrics"]["distinct_compositions"] * other.compositions
        assert number == pytest.approx(round(number))
        assert sweep(other) == [record]
    assert sweep(config) == first
    assert len(here) == 1 + len(changes)
    (both,) = {record["metrics"]["log_prob"] for record in sweep(replace(config, c=(0.3, 0.5)))}  # the same pieces
    zeroth, first = sweep(replace(config, seeds=2))
    assert (zeroth["seed"], first["seed"]) == (0, 1)
    assert len(here) == 2 + len(changes)  # seed 0 was there
    assert zeroth["metrics"]["log_prob"] == both != first["metrics"]["log_prob"]


def test_references_are_the_note_rnn_and_the_most_that_the_rules_pay(config, tmp_path):
    beside = references(config)
    assert beside["note_rnn"] == table_metrics(compose_pieces(NoteRNNPlayer(), 64, 0, TrainConfig.of().environment()))
    most = search(SearchConfig(log_prob=False, length=32, evaluations=20_000))["music_theory"]
    assert beside["limit"] == pytest.approx(most / 32)
    copied = replace(config, out=tmp_path)
    (tmp_path / "references.json").write_text(json.dumps({**beside, "limit": 99.0}))
    assert references(copied)["limit"] == 99
    for change in ({"compositions": 16}, {"limit_evaluations": 2_000}):
        again = references(replace(copied, **change))
        assert again["limit"] < 99
        assert json.loads((tmp_path / "references.json").read_text()) == again
    assert again["limit"] < beside["limit"]


def test_figure_has_the_mean_of_the_seeds_with_bars_to_their_extremes(config, records):
    beside = references(config)
    of_seeds = [*records, *({**record, "seed": 1, "metrics": scaled(record["metrics"], 1.5)} for record in records)]
    drawn = figure(of_seeds[::-1], beside)
    for axes, metric in zip(drawn.axes, ("paper_music_theory", "log_prob", "distinct_compositions"), strict=True):
        lines = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
        for algo, own in (("psi", records[2:]), ("ppo_kl", records[:2])):
            points = [[1.25 * record["metrics"][name] for name in ("kl", metric)] for record in own]
            assert lines[algo] == [pytest.approx(point) for point in points]  # in the order of c
        assert lines["Note RNN"] == [[0, beside["note_rnn"][metric]]]
        bars = [container.lines for container in axes.containers]
        assert [marker.get_marker() for marker, _, _ in bars] == ["o", "s"] * 2  # a shape for each c
        extremes = {tuple(segment[:, 1]) for _, _, (_, upright) in bars for segment in upright.get_segments()}
        assert extremes == {tuple(sorted((each["metrics"][metric], 1.5 * each["metrics"][metric]))) for each in records}
        assert list(axes.texts) == []  # no labels to overlap
    limit = drawn.axes[0].get_lines()[-1]
    assert (limit.get_label(), limit.get_ydata()[0]) == ("best melody found (20,000 tried)", beside["limit"])
    assert drawn.axes[2].get_ylim()[1] < 1.01  # a share
    assert drawn.legends[0].get_title().get_text() == "mean and range of 2 seeds"
    legend = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert legend == ["psi", "ppo_kl", "Note RNN", "best melody found (20,000 tried)", "c 0.3", "c 4"]


def scaled(metrics: dict[str, float], factor: float) -> dict[str, float]:
    return {name: factor * value for name, value in metrics.items()}


def test_the_command_prints_and_draws_what_was_found(config, records, here, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    arguments = ["--algos", "ppo_kl", "psi", "--c", "0.3", "4", "--total-timesteps", "16384", "--compositions", "64"]
    arguments += ["--limit-evaluations", "20000", "--out", str(config.out)]
    monkeypatch.setattr(sys, "argv", ["frontier", *arguments])
    run_command(frontier.main)
    told = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines() if line.startswith("│")]
    assert [row[:3] for row in rows] == [[r["algo"], f"{r['value']:g}", "0"] for r in records]
    for row, record in zip(rows, records, strict=True):
        assert row[4:] == [f"{record['metrics'][name]:.3g}" for name in METRICS]
        assert row[3] == f"{record['cpu_seconds']:.0f}"
    assert f"Saved {config.out / 'frontier.png'} and frontier.json" in told
    assert (config.out / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert here == []


def test_budgets_are_distinguished_from_c():
    metrics = dict.fromkeys(METRICS, 1.0)
    record = {"algo": "g", "control": "kl_budget", "value": 20.0, "seed": 3, "cpu_seconds": 61.4, "metrics": metrics}
    columns = table([record]).columns
    assert [next(iter(column.cells)) for column in columns][:4] == ["g", "KL 20", "3", "61"]


def test_kl_budgets_take_the_place_of_c():
    points = FrontierConfig(("g",), kl_budgets=(20.0,), seeds=2).points
    assert points == [("g", "kl_budget", 20.0, 0), ("g", "kl_budget", 20.0, 1)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--algos", "q", "--kl-budgets", "20"], "--kl-budget needs an algorithm with KL as a cost"),
        (["--c", "-1"], "c must be a number above 0"),
        (["--limit-evaluations", "0"], "--limit-evaluations must be at least 1, not 0."),
        (["--compositions", "0"], "--compositions must be at least 1, not 0."),
        (["--workers", "0"], "--workers must be at least 1, not 0."),
        (["--seeds", "0"], "--seeds must be at least 1, not 0."),
        (["--algos"], "There is nothing to train: give values of --algos"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
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
