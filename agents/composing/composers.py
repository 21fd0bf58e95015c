"""Composers: the Note RNN and agents, loaded from any source, each with its environment."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file

from agents.algorithms import episode_buffer, policies
from agents.algorithms.ppo_kl import PPOKL
from agents.algorithms.recurrent_dqn import RecurrentDQN
from agents.composing.players import NoteRNNPlayer, Player, agent_player
from agents.runs import hyperparameters
from agents.runs.config import TrainConfig, run_environment
from agents.runs.presets import algorithm_class
from agents.runs.run_directory import RunDirectory
from melody_env import EnvironmentSpec, Setting
from melody_env.envs.observations import POSITION, kind_of
from note_rnn import CheckpointError, InputError, NoteRNN, load_note_rnn, weights_checksum
from note_rnn.common.errors import is_number, reason

_MODULES_OF_0_1 = {
    "agents.policies": policies,
    "agents.episode_buffer": episode_buffer,
    "agents.settings": hyperparameters,
}
"""Modules with the classes that agents saved by version 0.1 refer to."""


class Composer(Protocol):
    """A model that composes, with its environment."""

    @property
    def environment(self) -> EnvironmentSpec:
        """The environment it was trained in."""

    def player(self, environment: EnvironmentSpec | None = None, strength: float = 1.0) -> Player:
        """Return its player for `environment`, its own by default; raises InputError if it cannot compose there."""

    def checksum(self) -> str:
        """Return the SHA-256, in hex, of all weights that its pieces depend on."""


@dataclass(frozen=True)
class NoteRNNComposer:
    """The Note RNN of an environment, untuned."""

    environment: EnvironmentSpec

    def player(self, environment: EnvironmentSpec | None = None, strength: float = 1.0) -> Player:
        """Return its player; raises InputError for a strength other than 1."""
        if strength != 1:
            raise InputError("strength is for agents only: leave it out to compose with a Note RNN.")
        return NoteRNNPlayer()

    def checksum(self) -> str:
        """Return the checksum of the Note RNN."""
        return weights_checksum(_prior_weights(self.environment))


@dataclass(frozen=True)
class Agent:
    """A policy, ours or one of SB3's or sb3-contrib's, and the environment it was trained in."""

    policy: BasePolicy
    environment: EnvironmentSpec

    def player(self, environment: EnvironmentSpec | None = None, strength: float = 1.0) -> Player:
        """Return its player, transposed to the key of `environment`; for `strength` see `agent_player`.

        Raises InputError for longer pieces than an agent that observes the position was trained for.
        """
        if not is_number(strength) or strength < 0:
            raise InputError(f"strength must be a number of at least 0, not {strength!r}.")
        setting = (environment or self.environment).setting
        space = self.policy.observation_space
        if isinstance(space, spaces.MultiDiscrete) and setting.steps >= space.nvec[POSITION]:
            raise InputError(
                f"The agent was trained for pieces of at most {space.nvec[POSITION] - 1} steps and cannot compose "
                f"{setting.steps}: give a shorter length, or train an agent for longer pieces."
            )
        semitones = setting.transposition - self.environment.setting.transposition
        return agent_player(self.policy, semitones, strength)

    def checksum(self) -> str:
        """Return the checksum of the policy and of the Note RNN."""
        policy = {f"policy.{name}": tensor for name, tensor in self.policy.state_dict().items()}
        return weights_checksum(_prior_weights(self.environment) | policy)


def load_composer(model: BaseAlgorithm | NoteRNN | str | Path) -> Composer:
    """Return the composer of `model`: an agent, a run's folder, a saved agent (.zip) or a Note RNN.

    Raises RunError or CheckpointError if it cannot be loaded.
    """
    if isinstance(model, NoteRNN):
        return NoteRNNComposer(EnvironmentSpec.of(prior=model))
    if isinstance(model, BaseAlgorithm):
        return Agent(model.policy, _environment_of(model))
    if Path(model).is_dir():
        return load_run(model)
    if Path(model).suffix == ".zip":
        return load_composer(load_agent(model))
    try:
        return load_composer(load_note_rnn(model))
    except CheckpointError as error:
        raise CheckpointError(f"{model} is not a run's folder, a saved agent (.zip) or a Note RNN: {error}") from error


def load_run(path: str | Path) -> Agent:
    """Return the newest agent of the run in the folder `path`; raises RunError or CheckpointError if there is none."""
    run = RunDirectory.open(path)
    record = run.read_json("config.json")
    model = load_agent(run.newest_checkpoint(), algorithm_class(TrainConfig.saved(record).algo))
    return Agent(model.policy, run_environment(record))


def load_agent(path: str | Path, kind: type[BaseAlgorithm] | None = None, **arguments: Any) -> BaseAlgorithm:
    """Return the agent saved in the file `path`; further `arguments` are those of SB3's `load`.

    `kind` is its algorithm, None for one of ours. Raises CheckpointError if the file is missing or damaged.
    """
    try:
        with _modules_of_0_1():
            return (kind or _saved_kind(path)).load(path, **arguments)
    except InputError:
        raise
    except Exception as error:  # unpickling a damaged file can raise anything
        raise CheckpointError(f"{path} cannot be loaded as an agent: {reason(error)}") from error


@contextmanager
def _modules_of_0_1() -> Iterator[None]:
    """Map the modules of version 0.1 to those of today, so that the classes of its saved agents are found."""
    sys.modules.update(_MODULES_OF_0_1)
    try:
        yield
    finally:
        for name in _MODULES_OF_0_1:
            sys.modules.pop(name, None)


def _saved_kind(path: str | Path) -> type[BaseAlgorithm]:
    """Return which of our algorithms saved the file `path`, by its policy."""
    data, _, _ = load_from_zip_file(path)
    policy = data["policy_class"] if data else None
    return PPOKL if policy in PPOKL.policy_aliases.values() else RecurrentDQN


def _environment_of(model: BaseAlgorithm) -> EnvironmentSpec:
    """Return the environment as far as `model` determines it: observation, setting, prior."""
    setting: Setting = getattr(model, "setting", None) or Setting()
    own_prior = getattr(model.policy, "prior", None)
    prior = load_note_rnn() if own_prior is None else own_prior.transposed(-setting.transposition)
    space = model.observation_space
    arguments = {**setting.as_dict(), "prior": prior, "observation": kind_of(space)}
    if isinstance(space, spaces.MultiDiscrete):
        arguments["length"] = int(space.nvec[POSITION]) - 1
    return EnvironmentSpec.of(**arguments)


def _prior_weights(environment: EnvironmentSpec) -> dict[str, Any]:
    return {f"prior.{name}": tensor for name, tensor in environment.prior.state_dict().items()}
