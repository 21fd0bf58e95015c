"""Hyperparameters, seeds and devices out of range: refused by name, by the algorithms and for the command line."""

import math
import zipfile
from io import BytesIO

import pytest
import torch

from agents import PPOKL, RecurrentDQN
from agents.algorithms.ranges import COUNTS, RANGES, check_device, check_hyperparameters
from agents.runs.config import TrainConfig
from agents.runs.presets import PRESETS
from melody_env import MelodyVecEnv
from note_rnn import CheckpointError, InputError


@pytest.fixture
def env(small_prior) -> MelodyVecEnv:
    return MelodyVecEnv(2, prior=small_prior, length=8)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("gamma", 2, "gamma must be a number from 0 to 1, not 2"),
        ("gamma", -0.1, "gamma must be a number from 0 to 1, not -0.1"),
        ("gamma", math.nan, "gamma must be a number from 0 to 1, not nan"),
        ("learning_rate", 0, "learning_rate must be a number above 0, not 0"),
        ("learning_rate", math.inf, "learning_rate must be a number above 0, not inf"),
        ("learning_rate", "fast", "learning_rate must be a number above 0, not 'fast'"),
        ("max_grad_norm", -1, "max_grad_norm must be a number above 0, not -1"),
        ("batch_size", 0, "batch_size must be at least 1, not 0"),
        ("seed", -1, "seed must be at least 0, not -1"),
        ("seed", 2**32, "seed must be at most 4,294,967,295, not 4294967296"),
        ("seed", 1.0, "seed must be a whole number, not 1.0"),
        (
            "device",
            "cudda",
            "device must be cpu, cuda, auto or another device of PyTorch's on this machine, not 'cudda'",
        ),
    ],
)
def test_both_algorithms_refuse_what_is_out_of_range(name, value, sentence, env):
    for kind in (RecurrentDQN, PPOKL):
        with pytest.raises(InputError, match=f"^{sentence}[.]$"):
            kind(env=env, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("tau", 0), ("tau", 1.5), ("huber_delta", -1), ("return_lambda", 2), ("temperature", 0), ("buffer_size", 1.5)],
)
def test_those_of_q_learning(name, value, env):
    with pytest.raises(InputError, match=f"^{name} must be "):
        RecurrentDQN(env=env, **{name: value})


@pytest.mark.parametrize(("name", "value"), [("clip_range", 0), ("kl_weight", -1), ("history", 0), ("n_steps", 0)])
def test_those_of_the_policy_gradient(name, value, env):
    with pytest.raises(InputError, match=f"^{name} must be "):
        PPOKL(env=env, **{name: value})


def test_what_stable_baselines3_takes_is_taken(env):
    RecurrentDQN(env=env, learning_rate=lambda left: 1e-3 * left, train_freq=(8, "step"), gradient_steps=-1)
    RecurrentDQN(env=env, max_grad_norm=math.inf, huber_delta=None, tau=1, gamma=1)


def test_every_number_of_every_preset_has_a_range_and_is_within_it():
    for preset in PRESETS.values():
        values = vars(preset.agent)
        numbers = [name for name, value in values.items() if type(value) in (int, float)]
        assert set(numbers) <= {*RANGES, *COUNTS}
        check_hyperparameters(values)


def test_options_are_named_as_they_are_typed():
    for name, value in (("tau", 5), ("huber_delta", -1), ("exploration_final_eps", 2), ("batch_size", 0)):
        with pytest.raises(InputError, match=f"^--{name.replace('_', '-')} must be "):
            TrainConfig.of("q", **{name: value}).environment()
    with pytest.raises(InputError, match=r"^--device must be cpu, cuda, auto or another"):
        TrainConfig.of("ppo", device="cudda").environment()


def test_devices(monkeypatch):
    for device in ("auto", "cpu", "cpu:0", torch.device("cpu")):
        check_device(device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("cuda", "cuda:0", torch.device("cuda")):
        with pytest.raises(
            InputError, match=r"^--device cuda needs a GPU, and PyTorch finds none on this machine: use"
        ):
            check_device(device, prefix="--")
    for unknown in ("", "gpu", "xla", 3.5):
        with pytest.raises(InputError, match="device must be cpu, cuda, auto or another"):
            check_device(unknown)


def test_an_agent_of_another_algorithm_is_told_from_its_file_without_executing_it(env, tmp_path):
    agents = {PPOKL: tmp_path / "policy_gradient.zip", RecurrentDQN: tmp_path / "q.zip"}
    for kind, path in agents.items():
        kind(env=env).save(path)
    assert isinstance(PPOKL.load(agents[PPOKL]), PPOKL)
    assert isinstance(RecurrentDQN.load(BytesIO(agents[RecurrentDQN].read_bytes())), RecurrentDQN)
    with pytest.raises(CheckpointError, match=r"policy_gradient\.zip was not saved by RecurrentDQN: load it with"):
        RecurrentDQN.load(agents[PPOKL])
    with pytest.raises(CheckpointError, match="was not saved by PPOKL"):
        PPOKL.load(agents[RecurrentDQN])


def test_a_file_that_is_no_agent_or_missing(tmp_path):
    (tmp_path / "text.zip").write_text("text")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme", "nothing")
    for name in ("text", "other", "missing"):
        with pytest.raises(CheckpointError, match=f"{name}(.zip)? cannot be loaded as an agent: "):
            PPOKL.load(tmp_path / name)


def test_an_agent_of_0_1_keeps_its_huber_delta(env, tmp_path):
    model = RecurrentDQN(env=env)
    model.__dict__["linear_beyond"] = 12.5
    del model.__dict__["huber_delta"]
    model.save(tmp_path / "old.zip")
    assert RecurrentDQN.load(tmp_path / "old.zip").huber_delta == 12.5
