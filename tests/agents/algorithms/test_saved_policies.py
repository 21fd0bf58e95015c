"""A policy's weights file gives the same policy as the model itself, whatever the algorithm, and executes nothing."""

import base64
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO

from agents import PPOKL, RecurrentDQN, compose, compose_pieces, load_composer
from agents.algorithms.networks import Flatten
from agents.algorithms.saved_policies import SavedPolicy, is_saved_policy
from agents.composing.composers import Agent
from melody_env import EnvironmentSpec, MelodyVecEnv
from note_rnn import CheckpointError

LENGTH = 8
KINDS = {
    "q": "position",
    "psi dueling": "lookback",
    "g": "position",
    "rl_only": "token",
    "ppo_kl": "lookback",
    "ppo": "position",
    "a2c": "token",
    "dqn": "position",
    "recurrent_ppo": "position",
    "maskable_ppo": "position",
}
"""What composes, and what it observes."""


def trained(kind, small_prior):
    """A model of this kind in D, its weights far from where they started."""
    env = MelodyVecEnv(2, prior=small_prior, observation=KINDS[kind], length=LENGTH, key="D")
    ours = {"env": env, "prior": env.engine.prior, "seed": 0, "device": "cpu"}
    match kind.split():
        case ["ppo_kl"]:
            model = PPOKL(policy_kwargs={"skip_connection": True}, **ours)
        case ["recurrent_ppo"]:
            flat = {"features_extractor_class": Flatten, "lstm_hidden_size": 8}
            model = RecurrentPPO("MlpLstmPolicy", env, policy_kwargs=flat, device="cpu")
        case ["ppo" | "a2c" | "dqn" | "maskable_ppo" as name]:
            kinds = {"ppo": PPO, "a2c": A2C, "dqn": DQN, "maskable_ppo": MaskablePPO}
            model = kinds[name]("MlpPolicy", env, policy_kwargs={"net_arch": [8, 9]}, device="cpu")
        case [objective, *dueling]:
            network = {"dueling": bool(dueling), "value_scale": 20.0}
            objective = "q" if objective == "rl_only" else objective
            model = RecurrentDQN(objective=objective, policy_kwargs=network, **ours)
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in model.policy.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_model_and_weights_file_play_the_same_pieces_with_the_same_probabilities(kind, small_prior, tmp_path):
    model = trained(kind, small_prior)
    environment = EnvironmentSpec.of(prior=small_prior, observation=KINDS[kind], length=LENGTH, key="D")
    SavedPolicy.of(model).save(tmp_path / "agent.safetensors")
    live, saved = Agent(model.policy, environment), load_composer(tmp_path / "agent.safetensors")
    assert saved.environment.setting == environment.setting
    assert saved.environment.observation == KINDS[kind]
    assert Agent(saved.policy, environment).checksum() == live.checksum()
    expected, pieces = (
        compose_pieces(each.player(), 9, 3, environment, retained=9)
        for each in (live, Agent(saved.policy, environment))
    )
    np.testing.assert_array_equal(pieces.melodies, expected.melodies)
    np.testing.assert_allclose(pieces.steps.probabilities, expected.steps.probabilities, rtol=1e-5)
    assert not saved.policy.training
    assert not any(weights.requires_grad for weights in saved.policy.parameters())


@pytest.mark.parametrize("kind", ["g", "psi dueling", "ppo_kl", "ppo", "dqn"])
def test_of_a_zip_of_sb3_the_weights_and_plain_values_are_read(kind, small_prior, tmp_path):
    model = trained(kind, small_prior)
    if kind in ("ppo", "dqn"):
        model = type(model)("MlpPolicy", model.get_env(), seed=0, device="cpu")
    model.save(tmp_path / "agent.zip")
    zipped, direct = SavedPolicy.read(tmp_path / "agent.zip"), SavedPolicy.of(model)
    assert (zipped.card.observation, zipped.card.length) == (direct.card.observation, direct.card.length)
    assert zipped.weights.keys() == direct.weights.keys()
    policy = zipped.policy()
    if hasattr(policy, "network"):
        assert getattr(policy.network.head, "value_scale", 1) == getattr(model.policy.network.head, "value_scale", 1)
    assert all(weights.equal(model.policy.state_dict()[name]) for name, weights in policy.state_dict().items())


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def with_bombs(source: Path, target: Path, trace: Path) -> None:
    """Copy a zip of SB3 with every pickled object replaced by a bomb."""
    bomb = pickle.dumps(Bomb(trace))
    pickle.loads(bomb)
    assert trace.exists()
    trace.unlink()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "data":
                data = json.loads(content)
                for value in data.values():
                    if isinstance(value, dict) and ":serialized:" in value:
                        value[":serialized:"] = base64.b64encode(bomb).decode()
                content = json.dumps(data).encode()
            elif name.endswith(".pth") and name != "policy.pth":
                content = bomb
            new.writestr(name, content)


def test_composing_from_an_agent_or_a_run_executes_nothing_in_it(small_runs, tmp_path):
    for run in small_runs:
        folder, trace = tmp_path / run.name, tmp_path / "trace"
        shutil.copytree(run, folder)
        (newest,) = (folder / "checkpoints").glob("model_*.zip")
        clean = newest.read_bytes()
        (tmp_path / "clean.zip").write_bytes(clean)
        with_bombs(tmp_path / "clean.zip", newest, trace)
        for state in (folder / "checkpoints").glob("state_*.pkl"):
            state.write_bytes(pickle.dumps(Bomb(trace)))
        expected = compose(run, 3, seed=1)
        np.testing.assert_array_equal(compose(folder, 3, seed=1), expected)
        compose(newest, 3, seed=1)
        newest.with_suffix(".safetensors").unlink()  # as version 0.1 left it
        np.testing.assert_array_equal(compose(folder, 3, seed=1), expected)
        assert not trace.exists()


def test_weights_that_are_code_are_refused(small_runs, tmp_path):
    (source,) = (small_runs[0] / "checkpoints").glob("model_*.zip")
    trace = tmp_path / "trace"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(tmp_path / "agent.zip", "w") as new:
        new.writestr("data", old.read("data"))
        with new.open("policy.pth", "w") as file:
            torch.save({"network": Bomb(trace)}, file)
    with pytest.raises(CheckpointError, match="loaded as an agent: it is not a zip of Stable-Base"):
        load_composer(tmp_path / "agent.zip")
    assert not trace.exists()


def rewritten(path: Path, change, tmp_path) -> Path:
    """Copy a weights file with its card changed by `change`."""
    with safe_open(path, framework="pt") as file:
        card = json.loads(file.metadata()["policy"])
    change(card)
    save_file(load_file(path), tmp_path / "changed.safetensors", metadata={"policy": json.dumps(card)})
    return tmp_path / "changed.safetensors"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda card: card.update(length=10**9), "do not fit the network"),
        (lambda card: card.update(length=-1), "no network that can be built"),
        (lambda card: card.update(observation="all"), "invalid enum value 'all' at observation"),
        (lambda card: card["architecture"].update(lstm_hidden_size=[10**6] * 3), "do not fit the network"),
        (lambda card: card["architecture"].update(lstm_hidden_size=10**9), "no network that can be built"),
        (lambda card: card["architecture"].update(n_lstm_layers=10**9), "more than 64 layers"),
        (lambda card: card["architecture"].update(lstm_hidden_size=[2] * 100), "more than 64 layers"),
        (lambda card: card["architecture"].update(net_arch=[2] * 100), "more than 64 layers"),
        (lambda card: card["architecture"].update(net_arch=[10**9]), "do not fit the network"),
        (lambda card: card["architecture"].update(prior_size=[[10**7], 9, "lstm"]), "do not fit the network"),
        (lambda card: card["architecture"].update(cell="tanh"), "invalid enum value 'tanh' at architecture.cell"),
        (lambda card: card.pop("architecture"), "missing required field architecture"),
    ],
)
def test_what_a_card_declares_is_compared_with_the_weights_before_memory_is_taken(
    change, sentence, small_runs, tmp_path
):
    (source,) = (small_runs[0] / "checkpoints").glob("model_*.safetensors")
    changed = rewritten(source, change, tmp_path)
    assert is_saved_policy(changed)
    with pytest.raises(CheckpointError, match=rf"changed\.safetensors cannot be loaded as an agent: .*{sentence}"):
        load_composer(changed)


def test_weights_that_are_no_numbers_are_refused(small_runs, tmp_path):
    (source,) = (small_runs[0] / "checkpoints").glob("model_*.safetensors")
    weights = load_file(source)
    next(iter(weights.values()))[0] = np.nan
    with safe_open(source, framework="pt") as file:
        save_file(weights, tmp_path / "nan.safetensors", metadata=file.metadata())
    with pytest.raises(CheckpointError, match="not finite 32-bit floats"):
        SavedPolicy.read(tmp_path / "nan.safetensors")


def test_a_zip_that_unfolds_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "agent.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data", "{}")
        file.writestr("policy.pth", bytes(10**7))
    with pytest.raises(CheckpointError, match=r"policy\.pth in it is larger than the file"):
        load_composer(tmp_path / "agent.zip")


def test_a_policy_of_other_observations_or_parts_of_ones_own_has_no_weights_file(small_prior):
    with pytest.raises(CheckpointError, match="does not compose"):
        SavedPolicy.of(PPO("MlpPolicy", "CartPole-v1", device="cpu"))
    env = MelodyVecEnv(2, prior=small_prior, length=LENGTH)
    with pytest.raises(CheckpointError, match="of your own"):
        SavedPolicy.of(PPO("MlpPolicy", env, policy_kwargs={"activation_fn": torch.nn.GELU}, device="cpu"))
