"""A search finds the reward that the environment gives, and the best melody where that is known."""

import json
import sys
from dataclasses import replace

import numpy as np
import pretty_midi
import pytest

from melody_env import EnvironmentSpec, MelodyEngine, load_profile, search
from melody_env.reward.profile import RewardProfile, WeightedRule
from melody_env.reward_design import best_melody
from melody_env.reward_design import optimizers as searching
from melody_env.reward_design.best_melody import SearchConfig
from melody_env.reward_design.mutations import MOVES, cross
from melody_env.reward_design.optimizers import METHODS, Value, _resampled
from note_rnn import NO_EVENT, read_midi, run_command, save_note_rnn

TONIC = RewardProfile("tonic", (WeightedRule("tonic"), WeightedRule("interval")))
"""Over six steps at most 15 for the tonic: the first and the third token, and holds or rests at the end."""


@pytest.fixture(autouse=True)
def small_population(monkeypatch):
    monkeypatch.setattr(searching, "POPULATION", 64)


def search_for(method, value, budget, seed=0):
    return list(METHODS[method](value, budget, np.random.default_rng(seed)))


def test_value_is_the_reward_of_the_environment(small_prior):
    melodies = np.random.default_rng(0).integers(38, size=(5, 12))
    engine = MelodyEngine(5, EnvironmentSpec.of(prior=small_prior, length=12, priming="none"))
    engine.reset()
    for tokens in melodies.T:
        _, finished = engine.step(tokens)
    value = Value(load_profile("paper"), 12, small_prior)
    np.testing.assert_allclose(value(melodies), finished.returns, rtol=1e-5)
    np.testing.assert_allclose(Value(load_profile("paper"), 12)(melodies), finished.music_theory)


def test_value_of_a_beginning_is_that_of_its_own_steps(small_prior):
    value = Value(load_profile("paper"), 12, small_prior)
    melody = np.full((1, 12), NO_EVENT)
    melody[0, :4] = [14, 16, 18, 19]
    assert value(melody[:, :0])[0] == 0.0
    parts = [value(melody[:, :t])[0] for t in range(13)]
    assert parts[-1] == pytest.approx(value(melody)[0])
    assert Value(TONIC, 6)(np.array([[14, 16]]))[0] == pytest.approx(3 + 5 * 0.08)  # 6 steps: the tonic counts at once


@pytest.mark.parametrize("method", ["anneal", "beam", "evolve"])
def test_the_best_of_a_small_world_is_found(method):
    # Two steps, so all 1,444 melodies can be looked at.
    everything = np.stack(np.meshgrid(np.arange(38), np.arange(38)), -1).reshape(-1, 2)
    value = Value(load_profile("paper"), 2)
    assert search_for(method, value, 20_000)[-1].values[0] == pytest.approx(value(everything).max())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gets_better_within_its_budget(method, small_prior):
    value = Value(load_profile("paper"), 8, small_prior)
    found = search_for(method, value, 4_000)
    assert found[-1].evaluations <= 4_000
    bests = [step.values[0] for step in found]
    if method not in ("beam", "greedy"):  # theirs are beginnings until the last step
        assert bests == sorted(bests)
        assert bests[-1] > bests[0]
    np.testing.assert_allclose(value(found[-1].melodies), found[-1].values)
    assert (np.diff(found[-1].values) <= 0).all()
    assert len(np.unique(found[-1].melodies, axis=0)) == len(found[-1].melodies)


@pytest.mark.parametrize("method", ["anneal", "evolve", "random"])
def test_same_seed_same_melodies(method):
    value = Value(TONIC, 6)
    one, again, other = (search_for(method, value, 1_000, seed)[-1].melodies for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_a_wider_beam_is_never_worse_here_and_annealing_beats_chance():
    value = Value(load_profile("paper"), 16)
    best = {method: search_for(method, value, 6_000)[-1].values[0] for method in METHODS}
    assert best["beam"] > best["greedy"]
    assert best["anneal"] > best["random"]
    assert best["evolve"] > best["random"]


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_moves_give_melodies_and_leave_the_old_ones(move):
    rng = np.random.default_rng(0)
    for length in (1, 7, 32):
        melodies = rng.integers(38, size=(200, length))
        before = melodies.copy()
        moved = move(melodies, rng)
        np.testing.assert_array_equal(melodies, before)
        assert moved.shape == melodies.shape
        assert moved.min() >= 0
        assert moved.max() < 38
        assert length == 1 or (moved != melodies).any()


def test_crossing_takes_the_beginning_of_one_and_the_end_of_the_other():
    child = cross(np.zeros((300, 5), int), np.ones((300, 5), int), np.random.default_rng(0))
    assert (np.diff(child, axis=1) >= 0).all()
    assert set(child.sum(1)) == set(range(6))


def test_resampling_keeps_each_as_often_as_its_weight_says():
    kept = _resampled(np.log([0.5, 0.25, 0.125, 0.125]), np.random.default_rng(0))
    assert np.bincount(kept, minlength=4).tolist()[:2] == [2, 1]
    assert len(kept) == 4


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["search", *map(str, arguments)])
    run_command(search.main)


def test_command_prints_and_writes_what_it_found(small_prior_file, tmp_path, monkeypatch, capsys):
    arguments = ["--prior", small_prior_file, "--evaluations", 500, "--length", 16, "--out", tmp_path]
    command(monkeypatch, *arguments, "--tempo", 90)
    record = json.loads((tmp_path / "anneal.json").read_text())
    assert record["value"] == pytest.approx(record["music_theory"] / 0.5 + record["log_prob"])
    assert sum(record["rules"].values()) == pytest.approx(record["music_theory"])
    assert read_midi(tmp_path / "anneal.mid").tolist() == [*record["melody"]][: len(read_midi(tmp_path / "anneal.mid"))]
    assert pretty_midi.PrettyMIDI(str(tmp_path / "anneal.mid")).get_tempo_changes()[1] == pytest.approx([90], rel=1e-4)
    shown = capsys.readouterr().out
    assert f"Best of 448: {record['value']:.2f}" in shown  # seven times 64
    assert f"r_MT {record['music_theory'] / 16:.2f}, log p {record['log_prob'] / 16:.2f}" in shown
    assert f"key {record['rules']['key']:.1f}" in shown


def test_the_command_reports_the_reward_of_the_environment(lookback_prior, tmp_path, monkeypatch):
    path = save_note_rnn(lookback_prior, tmp_path / "prior")
    setting = ["--key", "G", "--pitch-range", 53, 79, "--meter", "3/4", "--length", "2 bars"]
    options = ["--reward", "calibrated", "--c", 2, "--prior", path, "--method", "random", "--evaluations", 640]
    command(monkeypatch, *setting, *options, "--out", tmp_path / "found")
    record = json.loads((tmp_path / "found" / "random.json").read_text())
    given = {"key": "G", "pitch_range": (53, 79), "meter": "3/4", "length": "2 bars"}
    reward = replace(load_profile("calibrated"), c=2.0)
    engine = MelodyEngine(1, EnvironmentSpec.of(reward=reward, prior=lookback_prior, priming="none", **given))
    engine.reset()
    for token in record["melody"]:
        _, finished = engine.step(np.array([token]))
    assert record["value"] == pytest.approx(finished.returns[0], rel=1e-5)
    assert record["log_prob"] == pytest.approx(finished.log_prob[0], rel=1e-5)
    assert record["music_theory"] == pytest.approx(finished.music_theory[0])
    assert record["rules"] == pytest.approx({name: values[0] for name, values in finished.rules.items()})
    assert len(record["melody"]) == 24
    assert (record["config"]["method"], record["config"]["c"], record["config"]["key"]) == ("random", 2, "G")
    assert record["evaluations"] == 640


def test_each_option_decides_what_is_found(small_prior_file, prior, tmp_path):
    other = save_note_rnn(prior, tmp_path / "other")
    config = SearchConfig("random", prior=str(small_prior_file), length=8, evaluations=256)
    changes = {
        **{"method": "greedy", "reward": "calibrated", "c": 3.0, "prior": str(other), "log_prob": False},
        **{"evaluations": 1280, "seed": 1, "key": "D", "mode": "dorian", "length": 9, "pitch_range": (60, 72)},
    }
    base = best_melody.search(config)
    assert best_melody.search(config) == base
    records = {name: best_melody.search(replace(config, **{name: value})) for name, value in changes.items()}
    assert len({(record["value"], str(record["rules"])) for record in [base, *records.values()]}) == 1 + len(records)
    assert records["seed"]["melody"] != base["melody"]
    assert records["evaluations"]["value"] >= base["value"]
    assert (base["evaluations"], records["evaluations"]["evaluations"]) == (256, 1280)
    assert {62 - 48 + 2} < {*records["pitch_range"]["melody"], 16} <= {0, 1, *range(14, 27)}


def test_a_file_is_no_folder_for_what_is_found(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as exit_info:
        command(monkeypatch, "--out", tmp_path / "file")
    assert exit_info.value.code == 2
    assert "is not a folder: choose another --out." in capsys.readouterr().err


def test_without_log_p_the_sum_of_r_mt_counts():
    record = best_melody.search(SearchConfig("greedy", log_prob=False, length=8))
    assert record["value"] == record["music_theory"]
    assert record["log_prob"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--evaluations", "0"], "--evaluations must be at least 1, not 0."),
        (["--reward", "nonsense"], "No reward profile nonsense"),
        (["--c", "-1"], "c must be a number above 0"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, sentence, monkeypatch, capsys):
    with pytest.raises(SystemExit) as exit_info:
        command(monkeypatch, *arguments)
    assert exit_info.value.code == 2
    assert sentence in capsys.readouterr().err
