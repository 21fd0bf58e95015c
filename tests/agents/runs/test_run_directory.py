"""A run's folder: what a checkpoint holds, which one comes back, and what is said of damaged ones."""

import json
import pickle
import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DQN

from agents import PPOKL
from agents.runs.run_directory import RunDirectory, RunError
from melody_env import MelodyVecEnv


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", {"config": {"seed": 7}, "prior_checksum": "abc"})


@pytest.fixture
def model(small_prior) -> PPOKL:
    env = MelodyVecEnv(2, prior=small_prior, length=8)
    return PPOKL(env=env, prior=small_prior, n_steps=12, seed=0, device="cpu")


def weights(model) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.policy.parameters()]).clone()


def test_record_command_and_versions_are_written(run, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["bin/melody-rl", "train", "--seed", "7"])
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=None))
    record = RunDirectory.create(tmp_path / "other", {"config": {}}).read_json("config.json")
    assert record["command"] == ["melody-rl", "train", "--seed", "7"]
    assert record["versions"]["numpy"] == np.__version__
    record = run.read_json("config.json")
    assert (record["config"], record["prior_checksum"]) == ({"seed": 7}, "abc")
    assert run.melodies.is_dir()
    assert run.checkpoints.is_dir()


def test_a_folder_with_a_run_is_refused_and_one_without_is_none(run, tmp_path):
    with pytest.raises(RunError, match="already holds a run: choose another --run-dir, or resume it with --resume"):
        RunDirectory.create(run.path, {})
    assert RunDirectory.open(run.path).path == run.path
    with pytest.raises(RunError, match=r"holds no run: config\.json is missing"):
        RunDirectory.open(tmp_path)
    (run.path / "config.json").write_text("{")
    with pytest.raises(RunError, match=r"config\.json cannot be read"):
        run.read_json("config.json")
    with pytest.raises(RunError, match=r"metrics\.json cannot be read: No such file or directory\.$"):
        run.read_json("metrics.json")


def test_checkpoints_are_in_the_order_of_their_steps_and_the_newest_has_the_state(run, model):
    with pytest.raises(RunError, match="holds no checkpoint yet"):
        run.newest_checkpoint()
    for steps in (9, 1_000_000, 100):
        model.num_timesteps = steps
        run.save(model)
    assert list(run.saved()) == [9, 100, 1_000_000]
    assert run.saved()[100].name == "model_000000000100.zip"
    assert run.newest_checkpoint() == run.saved()[1_000_000]
    assert [path.name for path in run.checkpoints.glob("state_*")] == ["state_000000000100.pkl"]


def test_a_copy_beside_the_checkpoints_is_left_alone(run, model):
    run.save(model)
    for name in (
        "model_best.zip",
        "model_.zip",
        "model_000000000009 (copy).zip",
        "model_\u0663.zip",
        "model_\u00b2.zip",
    ):
        (run.checkpoints / name).write_bytes(b"")
    assert list(run.saved()) == [0]
    assert run.restore(PPOKL.load).num_timesteps == 0


def test_numbers_that_are_not_finite_are_null_in_metrics(run):
    run.write_json("metrics.json", {"agent": {"kl": float("nan"), "rules": [float("-inf"), 1.5]}})
    assert json.loads((run.path / "metrics.json").read_text(), parse_constant=pytest.fail) == {
        "agent": {"kl": None, "rules": [None, 1.5]}
    }


def test_what_comes_back_is_the_newest_with_its_environment_buffer_and_memory(run, model):
    model.learn(2 * 12)
    run.save(model)
    model.learn(2 * 12, reset_num_timesteps=False)
    model.get_env().set_attr("c", 3.0)
    run.save(model)
    found = run.restore(PPOKL.load)
    assert found.num_timesteps == 48
    assert weights(found).equal(weights(model))
    assert found.get_env().get_attr("c") == [3.0] * 2
    np.testing.assert_array_equal(found.get_env().engine.composition.tokens, model.get_env().engine.composition.tokens)
    np.testing.assert_array_equal(found._last_obs, model._last_obs)
    np.testing.assert_array_equal(found.episodes.log_policy, model.episodes.log_policy)
    for one, other in zip(found._acting_state, model._acting_state, strict=True):
        assert one.equal(other)
    moments = [state["exp_avg"] for state in model.policy.optimizer.state.values()]
    restored = [state["exp_avg"] for state in found.policy.optimizer.state.values()]
    assert len(moments) > 0
    assert all(one.equal(other) for one, other in zip(moments, restored, strict=True))


@pytest.mark.parametrize(("kind", "buffer"), [(A2C, "rollout_buffer"), (DQN, "replay_buffer")])
def test_the_buffers_of_others_come_back_too(kind, buffer, run, small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=8)
    model = kind("MlpPolicy", env, seed=0, device="cpu", **({"learning_starts": 4} if kind is DQN else {}))
    model.learn(20)
    run.save(model)
    rewards = getattr(run.restore(kind.load), buffer).rewards
    assert rewards.any()
    np.testing.assert_array_equal(rewards, getattr(model, buffer).rewards)


def test_all_generators_go_on_where_they_were(run, model):
    def draws(of) -> list[float]:
        generators = (random.random, np.random.random, lambda: torch.rand(()).item())
        return [*(draw() for draw in generators), int(of.action_space.sample()), of.rng.random()]

    for seed in (5, 6):  # loading a model of SB3 seeds them with its own seed, 0
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (SB3 draws from it)
        torch.manual_seed(seed)
        model.action_space.seed(seed)
        if seed == 5:
            run.save(model)
            expected = draws(model)
    assert draws(run.restore(PPOKL.load)) == expected


@pytest.mark.parametrize("part", ["checkpoint", "state"])
def test_a_save_that_fails_leaves_what_was_saved_before(part, run, model, monkeypatch):
    model.learn(2 * 12)
    run.save(model)
    before = weights(model)
    model.num_timesteps = 99

    def fail(*arguments):
        raise OSError("disk full")

    if part == "checkpoint":
        monkeypatch.setattr(model, "save", fail)
    else:
        monkeypatch.setattr(pickle, "dumps", fail)
    with pytest.raises(OSError, match="disk full"):
        run.save(model)
    assert list(run.saved()) == [24]
    assert weights(run.restore(PPOKL.load)).equal(before)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:50])])
def test_a_missing_or_damaged_state_is_told(damage, run, model):
    run.save(model)
    damage(run.checkpoints / "state_000000000000.pkl")
    with pytest.raises(RunError, match=r"is missing or damaged \(.+\): the run can compose, but cannot be resumed"):
        run.restore(PPOKL.load)


def test_a_state_of_another_form_is_damaged(run, model):
    run.save(model)
    (run.checkpoints / "state_000000000000.pkl").write_bytes(pickle.dumps(("env", {}, (1, 2))))
    with pytest.raises(RunError, match="is missing or damaged"):
        run.restore(PPOKL.load)


def test_what_cannot_be_written_leaves_no_half_a_file(run):
    run.write_json("metrics.json", {"one": 1})
    endless: dict = {}
    endless["one"] = endless
    with pytest.raises(ValueError, match="Circular reference"):
        run.write_json("metrics.json", endless)
    assert json.loads((run.path / "metrics.json").read_text()) == {"one": 1}
    assert sorted(path.name for path in run.path.iterdir()) == [
        "checkpoints",
        "config.json",
        "melodies",
        "metrics.json",
    ]
