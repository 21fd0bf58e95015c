"""The example programs, run small, and the settings for RL Baselines3 Zoo, with what the Zoo does with them."""

import json
import runpy
import sys
from pathlib import Path
from types import ModuleType

import gymnasium as gym
import matplotlib.image
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from gymnasium.wrappers import TransformObservation
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecNormalize

import melody_env  # noqa: F401 (the Zoo imports it for its environment: --gym-packages melody_env)
from agents import RecurrentDQN
from note_rnn import write_midi

FOLDER = Path(__file__).parent.parent / "examples"


def run(name: str, arguments, monkeypatch) -> None:
    """Run the program as from the command line."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    monkeypatch.syspath_prepend(str(FOLDER))
    runpy.run_path(str(FOLDER / name), run_name="__main__")


def blue(picture) -> float:
    """Return the share of a picture that notes take."""
    red, _, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    return float((blue - red > 0.3).mean())


@pytest.fixture
def finished(tmp_path) -> Path:
    """The folder of a run with two pieces: a long note that became a short one at the end, and silence."""
    (tmp_path / "run" / "melodies").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text(json.dumps({"config": {"algo": "q"}}))
    silence = [0, *[1] * 31]
    pieces = {"note_rnn_1": [14, *[1] * 31], "agent_1": [0, *[1] * 27, 26, 1, 1, 1]}
    for name, tokens in (pieces | {"note_rnn_2": silence, "agent_2": silence}).items():
        write_midi(tokens, tmp_path / "run" / "melodies" / f"{name}.mid")
    return tmp_path / "run"


def drawn(finished: Path, piece: int, monkeypatch) -> npt.NDArray:
    """Return the picture of before and after."""
    out = finished / "picture.png"
    run("before_after.py", [finished, "--piece", piece, "--out", out], monkeypatch)
    return matplotlib.image.imread(out)


def test_before_stands_above_after(finished, monkeypatch, capsys):
    before, after = np.array_split(drawn(finished, 1, monkeypatch), 2)
    assert f"Saved {finished / 'picture.png'}" in capsys.readouterr().out
    assert blue(before) == pytest.approx(8 * blue(after), rel=0.15)  # 32 steps of a note, and 4
    assert blue(after[:, : after.shape[1] // 2]) == 0
    assert blue(drawn(finished, 2, monkeypatch)) == 0


def test_before_and_after_have_the_bars_of_the_run(finished, monkeypatch):
    in_four, again = (drawn(finished, 1, monkeypatch) for _ in range(2))
    (finished / "config.json").write_text(json.dumps({"config": {"algo": "q", "meter": "3/4"}}))
    in_three = drawn(finished, 1, monkeypatch)
    assert np.array_equal(in_four, again)
    assert not np.array_equal(in_four, in_three)


@pytest.mark.parametrize("name", ["config.json", "melodies/note_rnn_1.mid"])
def test_a_run_that_lacks_a_file_is_an_error(name, finished, monkeypatch, capsys):
    (finished / name).unlink()
    with pytest.raises(SystemExit) as exit_info:
        drawn(finished, 1, monkeypatch)
    assert exit_info.value.code == 2
    assert Path(name).name in capsys.readouterr().err
    assert not (finished / "picture.png").exists()


def test_plain_algorithms_learn_in_the_environment(monkeypatch, capsys):
    run("plain_sb3.py", ["--timesteps", 256, "--episodes", 64], monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["PPO, 8 pieces at a time", "DQN, one piece"]
    for line in lines:
        words = line.split()
        before, after = (float(words[words.index(word) - 1]) for word in ("before,", "after"))
        assert before < 0
        assert np.isfinite(after)
        assert line.endswith("after 256 steps")


@pytest.fixture
def zoo(monkeypatch):
    """RL Baselines3 Zoo as far as the launchers know it: its algorithms and its two commands."""
    calls = []
    package, train, enjoy = (ModuleType(f"rl_zoo3{name}") for name in ("", ".train", ".enjoy"))
    package.ALGOS = {"ppo": None}
    train.train = lambda: calls.append(("train", dict(package.ALGOS)))
    enjoy.enjoy = lambda: calls.append(("enjoy", dict(package.ALGOS)))
    for module in (package, train, enjoy):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "rl_zoo3_train", raising=False)
    yield calls
    sys.modules.pop("rl_zoo3_train", None)


@pytest.mark.parametrize("command", ["train", "enjoy"])
def test_launchers_register_the_algorithm_with_the_zoo(command, zoo, monkeypatch):
    run(f"rl_zoo3_{command}.py", [], monkeypatch)
    assert zoo == [(command, {"ppo": None, "recurrent_dqn": RecurrentDQN})]


def zoo_agent(name: str, env_id, wrapper=None):
    """Return the agent that the Zoo makes of the settings in the file for the environment `name`, and its steps.

    It takes out what is its own, makes a schedule of "lin_0.003", and evaluates arguments that are written in Python.
    """
    settings = yaml.safe_load((FOLDER / "hyperparams" / "recurrent_dqn.yml").read_text(encoding="utf-8"))[name]
    steps, environments = int(settings.pop("n_timesteps")), settings.pop("n_envs")
    env = make_vec_env(env_id, environments, seed=0, env_kwargs=settings.pop("env_kwargs", {}), wrapper_class=wrapper)
    if "normalize" in settings:
        env = VecNormalize(env, **eval(settings.pop("normalize")))
    kind, _, rate = settings.pop("learning_rate").partition("_")
    assert kind == "lin"
    settings["policy_kwargs"] = eval(settings["policy_kwargs"])
    return RecurrentDQN(env=env, learning_rate=LinearSchedule(float(rate), 0, 1), seed=0, **settings), steps


def without_velocities(env: gym.Env) -> gym.Env:
    """CartPoleNoVel-v1, which the Zoo registers."""
    return TransformObservation(env, lambda seen: seen * np.array([1, 0, 1, 0], np.float32), env.observation_space)


def test_settings_for_cart_pole_build_an_agent_that_learns():
    agent, steps = zoo_agent("CartPoleNoVel-v1", "CartPole-v1", without_velocities)
    assert (steps, agent.n_envs, agent.gamma, agent.batch_size) == (60_000, 8, 0.98, 8)
    assert agent.lr_schedule(1) == 0.003
    agent.learn(1_600, log_interval=None)
    assert agent._n_updates > 0


def test_settings_for_melodies_build_psi_with_its_reward():
    agent, steps = zoo_agent("MelodyComposition-v0", "MelodyComposition-v0")
    assert (steps, agent.n_envs, agent.objective) == (200_000, 32, "psi")
    assert {engine.profile.name for engine in agent.env.get_attr("engine")} == {"varied"}
    agent.learn(2 * 32 * 32, log_interval=None)
    assert agent._n_updates == 2 * 8  # a round of updates after each piece of every environment
