"""The training that follows from a configuration: environment, agent, callbacks, and its length."""

import errno
import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import agents.training.callbacks
import agents.training.trainer
from agents import PPOKL
from agents.report_page.curves import read_curves
from agents.runs.config import TrainConfig
from agents.runs.run_directory import RunError
from agents.runs.run_lock import locked
from agents.training.callbacks import EvaluationCallback, ProgressCallback, SaveCallback
from agents.training.kl_control import EntropyFloorCallback
from agents.training.trainer import TrainingResult, human_tunes, train_run
from melody_env import Setting
from note_rnn import Progress, transposed

TUNES = np.random.default_rng(0).integers(10, 20, size=(6, 16))
"""Not human, but in their place."""
TUNES[1, 3], TUNES[2, 5] = 37, 2  # the highest and the lowest pitch


@pytest.fixture(autouse=True)
def _tunes_at_hand(monkeypatch):
    monkeypatch.setattr(agents.training.trainer, "held_out_openings", lambda length: TUNES[:, :length])
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def config_of(prior: Path, run_dir: Path, **changes: Any) -> TrainConfig:
    settings = {"total_timesteps": 256, "n_envs": 4, "evaluations": 4, "checkpoints": 2, "length": 16, "n_steps": 16}
    settings["melodies"] = 0
    return TrainConfig.of("ppo_kl", prior=str(prior), run_dir=run_dir, device="cpu", **(settings | changes))


@pytest.fixture
def call(monkeypatch):
    """What `learn` is called with, instead of learning."""
    calls = []

    def learn(model, steps, callbacks, **keywords):
        calls.append((model, steps, {type(each): each for each in callbacks}, keywords))

    monkeypatch.setattr(PPOKL, "learn", learn)
    return calls


EVERYTHING = {
    "total_timesteps": 9_000,
    "seed": 11,
    "reward": "varied",
    "c": 0.75,
    "observation": "lookback",
    "priming": "none",
    "key": "E",
    "mode": "dorian",
    "meter": "3/4",
    "length": 12,
    "pitch_range": (50, 74),
    "tempo": 90.0,
    "n_envs": 6,
    "entropy_floor": 1.25,
    "on_collapse": "restore",
    "evaluations": 9,
    "checkpoints": 5,
    "threads": 2,
}


def test_every_argument_arrives_in_environment_agent_and_callbacks(call, small_prior, small_prior_file, tmp_path):
    config = config_of(small_prior_file, tmp_path / "run", **EVERYTHING, gamma=0.625)
    trained = train_run(config)
    (model, steps, callbacks, keywords) = call[0]
    engine, setting = model.get_env().engine, Setting("E", "dorian", "3/4", 12, (50, 74), 90.0)
    assert setting.transposition != 0
    environment = engine.environment
    assert (model.get_env().num_envs, environment.observation, environment.priming) == (6, "lookback", "none")
    assert (engine.profile.name, engine.profile.c, engine.setting) == ("varied", 0.75, setting)
    assert engine.prior.head.weight.equal(small_prior.transposed(setting.transposition).head.weight)
    assert model.policy.network.cell.input_weights[:, :38].equal(engine.prior.layers.input_weights)
    assert (model.seed, model.gamma, model.device.type, torch.get_num_threads()) == (11, 0.625, "cpu", 2)
    assert (steps, keywords) == (9_000, {"log_interval": None, "reset_num_timesteps": False})
    evaluation, save = callbacks[EvaluationCallback], callbacks[SaveCallback]
    progress = callbacks[ProgressCallback].progress
    assert (evaluation.interval, evaluation.monitor.action, evaluation.report) == (1_000, "restore", progress.note)
    assert evaluation.environment is trained.environment
    assert evaluation.monitor.report == progress.write
    np.testing.assert_array_equal(evaluation.human_tunes, human_tunes(setting))
    assert (save.interval, save.save) == (1_800, trained.run.save)
    assert (progress.total, progress.done, progress.description, progress.unit) == (9_000, 0, "ppo_kl", "steps")
    control = callbacks[EntropyFloorCallback]
    assert (control.floor, control.minimum, control.length) == (1.25, 0.75, 12)
    assert trained[:3] == (model, config.resolved(setting), trained.run)
    assert (trained.run.path, trained.completed) == (tmp_path / "run", True)


def test_without_an_end_of_its_own_a_run_is_named_for_algorithm_and_time(call, small_prior_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train_run(config_of(small_prior_file, None)).run  # type: ignore[arg-type]
    assert run.path.parent == Path("runs")
    assert run.path.name.startswith("ppo_kl-20")


def test_the_record_is_the_configuration_with_the_setting_and_the_checksum_of_the_prior(
    call, small_prior_file, small_prior, tmp_path
):
    first = train_run(config_of(small_prior_file, tmp_path / "one")).run.read_json("config.json")
    config = config_of(small_prior_file, tmp_path / "one")
    environment = config.environment()
    expected = asdict(config.resolved(environment.setting))
    assert first["config"] == json.loads(json.dumps(expected, default=str))
    assert first["config"]["key"] == "C"
    assert first["environment"] == json.loads(json.dumps(environment.as_record()))
    other = train_run(config_of("lookback", tmp_path / "other")).run.read_json("config.json")  # type: ignore[arg-type]
    assert len(first["prior_checksum"]) == len(other["prior_checksum"]) == 64
    assert first["prior_checksum"] != other["prior_checksum"]


def whole(small_prior_file: Path, folder: Path) -> TrainingResult:
    return train_run(config_of(small_prior_file, folder, kl_budget=1.0))


def test_a_run_is_evaluated_and_saved_as_often_as_requested_and_learns_to_its_end(small_prior_file, tmp_path, capsys):
    trained = whole(small_prior_file, tmp_path / "run")
    assert trained.completed
    assert trained.model.num_timesteps == 256
    assert list(trained.run.saved()) == [128, 256]
    curves = read_curves(trained.run.path)
    assert curves["melody/kl"].steps == [0, 64, 128, 192, 256]
    assert curves["train/kl"].steps == curves["train/c"].steps == [128, 192, 256]
    assert {"melody/human_log_prob", "rule/motif", "train/loss"} <= curves.keys()
    assert "Training in" in capsys.readouterr().out
    resumed = train_run(TrainConfig.of(resume=trained.run.path))  # nothing is left to learn
    assert resumed.model.num_timesteps == 256
    assert "Resuming" in capsys.readouterr().out
    assert read_curves(trained.run.path) == curves


class Killed(BaseException):
    """The end of a process that saves nothing."""


@pytest.mark.parametrize("kind", ["small", "lookback"])
def test_a_killed_run_goes_on_from_its_newest_checkpoint_and_its_curves_have_each_step_once(
    kind, request, tmp_path, monkeypatch, capsys
):
    prior = request.getfixturevalue(f"{kind}_prior_file")
    never_stopped = whole(prior, tmp_path / "whole")
    expected = read_curves(never_stopped.run.path)
    with monkeypatch.context() as patch:
        patch.setattr(ProgressCallback, "_on_step", lambda self: kill(self.num_timesteps))
        with pytest.raises(Killed):
            whole(prior, tmp_path / "killed")
    (events,) = (tmp_path / "killed").glob("events.out.tfevents.*")
    events.rename(events.with_name("events.out.tfevents.0000000001.before"))  # than anything written in this second
    lost = read_curves(tmp_path / "killed")["melody/kl"]
    assert lost.steps == [0, 64, 128, 192]
    first_lines = len(capsys.readouterr().err.splitlines())
    trained = train_run(TrainConfig.of(resume=tmp_path / "killed"))
    found = read_curves(tmp_path / "killed")
    assert found.keys() == expected.keys()
    for tag, curve in found.items():
        assert curve.steps == sorted(set(curve.steps))
        if tag.startswith(("melody/", "rule/")):
            assert curve == expected[tag]
    assert list(trained.run.saved()) == [128, 256]
    weights = never_stopped.model.policy.state_dict()
    assert all(each.equal(weights[name]) for name, each in trained.model.policy.state_dict().items())
    told = capsys.readouterr().err.splitlines()
    assert first_lines > 0
    assert any("ppo_kl: 256 of 256 steps (100%)" in line for line in told)


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again_as_it_was_configured(
    small_prior_file, tmp_path, monkeypatch, capsys
):
    expected = read_curves(whole(small_prior_file, tmp_path / "whole").run.path)

    def kill_at_once(callback):
        if callback.num_timesteps == 100:  # before the checkpoint of 128, after what was logged at 0 and 64
            raise Killed
        return True

    with monkeypatch.context() as patch:
        patch.setattr(ProgressCallback, "_on_step", kill_at_once)
        with pytest.raises(Killed):
            whole(small_prior_file, tmp_path / "killed")
    (events,) = (tmp_path / "killed").glob("events.out.tfevents.*")
    events.rename(events.with_name("events.out.tfevents.0000000001.before"))
    (tmp_path / "killed" / "checkpoints" / ".model_000000000128-0a1b2c3d.partial.zip").write_bytes(b"PK")
    trained = train_run(TrainConfig.of(resume=tmp_path / "killed"))
    assert "from the start: it has no checkpoint yet" in capsys.readouterr().out
    assert list(trained.run.saved()) == [128, 256]
    found = read_curves(tmp_path / "killed")
    assert all(found[tag] == curve for tag, curve in expected.items() if tag != "time/fps")
    assert sorted(path.name for path in (tmp_path / "killed" / "checkpoints").iterdir()) == [
        "model_000000000128.safetensors",
        "model_000000000128.zip",
        "model_000000000256.safetensors",
        "model_000000000256.zip",
        "state_000000000256.pkl",
    ]


def test_a_training_leaves_signals_to_others_however_it_ends(small_prior_file, tmp_path, monkeypatch):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(ProgressCallback, "_on_step", lambda self: kill(200))
    with pytest.raises(Killed):
        whole(small_prior_file, tmp_path / "killed")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_one_process_at_a_time_trains_a_run(small_prior_file, tmp_path, call):
    run = train_run(config_of(small_prior_file, tmp_path / "run")).run
    with locked(run.path):
        for config in (TrainConfig.of(resume=run.path), config_of(small_prior_file, run.path)):
            with pytest.raises(RunError, match=rf"run is in use by process {os.getpid()} on "):
                train_run(config)
    train_run(TrainConfig.of(resume=run.path))


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "free some space"), (errno.EACCES, "correct that")], ids=["full", "forbidden"]
)
def test_a_disk_that_is_full_is_told_with_the_file_and_how_to_go_on(
    number, remedy, small_prior_file, tmp_path, monkeypatch
):
    write = Path.write_bytes

    def fail(path, content):
        if path.suffix == ".pkl":
            raise OSError(number, os.strerror(number))
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        with pytest.raises(RunError) as raised:
            whole(small_prior_file, tmp_path / "run")
    sentence = str(raised.value)
    state = tmp_path / "run" / "checkpoints" / "state_000000000128.pkl"
    assert sentence.startswith(f"{os.strerror(number)}: {state}. ")
    assert f"{remedy}, then resume with python -m agents.train --resume {tmp_path / 'run'}" in sentence
    assert not list((tmp_path / "run" / "checkpoints").iterdir())
    assert train_run(TrainConfig.of(resume=tmp_path / "run")).model.num_timesteps == 256


def kill(step: int) -> bool:
    """End at step 200, which is after the checkpoint of 128 and what was logged at 192."""
    if step == 200:
        raise Killed
    return True


def test_a_resumed_run_has_the_configuration_it_began_with(call, small_prior_file, tmp_path, monkeypatch):
    run = train_run(config_of(small_prior_file, tmp_path / "run", seed=5)).run
    resumed = train_run(TrainConfig.of("q", seed=6, resume=run.path))
    assert (resumed.config.algo, resumed.config.seed) == ("ppo_kl", 5)
    record = json.loads((run.path / "config.json").read_text())
    assert record["config"]["seed"] == 5
    model, steps, _, _ = call[-1]
    assert (type(model), steps) == (PPOKL, 256)


def test_what_is_left_of_a_resumed_run_is_learned(call, small_prior_file, tmp_path, monkeypatch):
    totals = []
    monkeypatch.setattr(agents.training.trainer, "Progress", lambda *a, **k: totals.append((a, k)) or Progress(*a, **k))
    trained = train_run(config_of(small_prior_file, tmp_path / "run"))
    trained.model.num_timesteps = 100
    trained.run.save(trained.model)
    train_run(TrainConfig.of(resume=trained.run.path))
    assert call[-1][1] == 156
    assert totals[-1][1] == {"done": 100}


def test_human_tunes_are_moved_to_the_key_and_kept_within_the_range():
    np.testing.assert_array_equal(human_tunes(Setting(length=12)), TUNES[:, :12])
    setting = Setting("D", length=16)
    assert setting.transposition == 2
    np.testing.assert_array_equal(human_tunes(setting), transposed(TUNES, 2))
    narrower = Setting(length=16, pitch_range=(49, 82))
    np.testing.assert_array_equal(human_tunes(narrower), TUNES[[0, 3, 4, 5]])
    assert human_tunes(Setting(length=16, pitch_range=(48, 50))) is None


def test_without_human_tunes_there_are_none(monkeypatch):
    monkeypatch.setattr(agents.training.trainer, "held_out_openings", lambda length: None)
    assert human_tunes(Setting()) is None
