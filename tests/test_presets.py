"""Every preset trains by its own command, and every shipped reward in the setting that it names, each to its table."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import agents.training.adversary
from agents import DPO, PPOKL, RecurrentDQN, train, whole_run
from agents.runs.config import TrainConfig
from agents.runs.presets import PRESETS, algorithm_class
from agents.runs.run_directory import RunDirectory
from melody_env import load_profile
from note_rnn import VOCABULARY_SIZE

OURS = (PPOKL, RecurrentDQN, DPO)
PROFILES = sorted(
    path.stem for path in (Path(__file__).parents[1] / "melody_env" / "reward" / "profiles").glob("*.yaml")
)


@pytest.fixture(autouse=True)
def small_outputs(monkeypatch):
    """The table alone, and random tunes in place of human ones."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(
        agents.training.adversary,
        "training_melodies",
        lambda setting: rng.integers(VOCABULARY_SIZE, size=(50, setting.steps)),
    )
    monkeypatch.setattr(whole_run, "write_report", lambda config: config.runs[0] / "report.html")


@pytest.mark.parametrize(("algo", "preset"), PRESETS)
def test_every_preset_trains_from_the_command_line_to_its_table(
    algo, preset, small_prior_file, votes_file, tmp_path, monkeypatch, capsys
):
    sizes = {"total_timesteps": 256, "n_envs": 4, "evaluations": 1, "checkpoints": 1, "compositions": 10}
    sizes |= {"melodies": 0, "length": 16}
    if preset == "tune":  # its forms have up to eight sections, and an update waits for whole pieces
        sizes |= {"length": 128, "total_timesteps": 2_048}
    own = {"learning_starts": 32, "batch_size": 4 if algorithm_class(algo) in OURS else 64, "n_epochs": 1}
    defaults = PRESETS[algo, preset]
    named = {name: value for name, value in own.items() if hasattr(defaults.agent, name)}
    if algo == "dpo":
        named["votes"] = (votes_file,)
    changes = {"prior": small_prior_file, "run_dir": tmp_path, "seed": 2, "device": "cpu", **sizes, **named}
    arguments = ["--algo", algo, "--preset", preset]
    for name, value in changes.items():
        arguments += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, tuple) else [value])]
    train.main(arguments)
    run = RunDirectory.open(tmp_path)
    config = TrainConfig.saved(run.record())
    documented = {name: value for name, value in vars(defaults).items() if name not in (*changes, "agent")}
    assert {name: getattr(config, name) for name in documented} == documented
    assert config.agent == replace(defaults.agent, **named)
    model = algorithm_class(algo).load(run.newest_checkpoint(), device="cpu")
    assert model.num_timesteps >= 256
    assert model._n_updates > 0
    assert model.seed == 2
    metrics = run.read_json("metrics.json")
    assert metrics["compositions"] == 10
    assert math.isfinite(metrics["agent"]["reward"])
    is_paid = (algo, preset) != ("ppo_kl", "people")  # nothing before the first fit of its adversary
    assert metrics["agent"]["kl"] > 1e-5 or not is_paid
    assert "10 compositions each" in capsys.readouterr().out


@pytest.mark.parametrize("name", PROFILES)
def test_every_shipped_reward_trains_to_its_table(name, small_prior_file, tmp_path, monkeypatch, capsys):
    sizes = {"total_timesteps": 128, "n_envs": 4, "evaluations": 1, "checkpoints": 1, "compositions": 10}
    sizes["melodies"] = 0
    config = TrainConfig.of(
        "a2c", prior=str(small_prior_file), run_dir=tmp_path, reward=name, device="cpu", n_steps=32, **sizes
    )
    metrics = json.loads((train.train(config) / "metrics.json").read_text())
    profile = load_profile(name)
    for composer in ("Note RNN", "agent"):
        values = metrics[composer]
        rules = [values[f"rule/{rule}"] for rule in profile.rule_names]
        assert all(map(math.isfinite, rules))
        theory = sum(weight * value for weight, value in zip(profile.weights, rules, strict=True))
        assert values["music_theory"] == pytest.approx(theory, abs=1e-6)
        log_prob = values["log_prob"] if profile.log_prior else 0.0
        assert values["reward"] == pytest.approx(theory / profile.c + log_prob, abs=1e-4)
    assert "Leaps resolved" in capsys.readouterr().out
