"""Composers: the Note RNN and agents, loaded from any source, each with its environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from agents.algorithms.saved_policies import SavedPolicy, is_saved_policy
from agents.composing.players import NoteRNNPlayer, Player, agent_player, check_strength
from agents.runs.config import run_environment
from agents.runs.run_directory import RunDirectory
from melody_env import EnvironmentSpec, Setting
from melody_env.envs.observations import kind_of, length_of, observes_chords, observes_form
from note_rnn import CheckpointError, InputError, NoteRNN, load_note_rnn, weights_checksum
from note_rnn.common.data_files import is_folder, user_path
from note_rnn.common.plain_text import shown


class Composer(Protocol):
    """A model that composes, with its environment."""

    @property
    def environment(self) -> EnvironmentSpec:
        """The environment it was trained in."""

    def player(self, environment: EnvironmentSpec | None = None, strength: float = 1.0) -> Player:
        """Return its player for `environment`, its own by default; raises InputError if it cannot compose there."""

    def on(self, device: torch.device) -> Self:
        """Return it with its networks on `device`."""

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

    def on(self, device: torch.device) -> Self:
        """Return it with a Note RNN on `device`."""
        self.environment.prior.to(device)
        return self

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

        Raises InputError for an environment with other observations than the agent was trained on.
        """
        check_strength("strength", strength)
        environment = environment or self.environment
        if environment.observation_space != self.policy.observation_space:
            raise InputError(
                f"The agent observes {self.policy.observation_space}, and this environment has "
                f"{environment.observation_space}: leave out observation, trained_length, observes_form and "
                "observes_chords, or train another agent."
            )
        semitones = environment.setting.transposition - self.environment.setting.transposition
        return agent_player(self.policy, semitones, strength, environment.setting.staff.meter)

    def on(self, device: torch.device) -> Self:
        """Return it with its policy on `device`; its Note RNN, which only scores, stays on the CPU."""
        self.policy.to(device)
        return self

    def checksum(self) -> str:
        """Return the checksum of the policy and of the Note RNN."""
        policy = {f"policy.{name}": tensor for name, tensor in self.policy.state_dict().items()}
        return weights_checksum(_prior_weights(self.environment) | policy)


def load_composer(model: BaseAlgorithm | NoteRNN | str | Path, trust_code: bool = False) -> Composer:
    """Return the composer of `model`: an agent, a run's folder, an agent's weights or a Note RNN.

    Of a file, nothing is executed, except with `trust_code` the rule files that a run names. Raises RunError or
    CheckpointError if it cannot be loaded, InputError for what is none of these.
    """
    if isinstance(model, NoteRNN):
        return NoteRNNComposer(EnvironmentSpec.of(prior=model))
    if isinstance(model, BaseAlgorithm):
        return Agent(model.policy, _environment_of(model.policy, getattr(model, "setting", None)))
    if not isinstance(model, str | Path):
        raise InputError(f"A model is an agent, a Note RNN, or the path of one, not {shown(model)}.")
    path = user_path(model)
    if path.suffix == ".zip" or is_saved_policy(path):
        saved = SavedPolicy.read(path)
        policy = saved.policy()
        return Agent(policy, _environment_of(policy, saved.card.setting))
    if is_folder(path):
        return load_run(path, trust_code)
    try:
        return load_composer(load_note_rnn(model))
    except CheckpointError as error:
        raise CheckpointError(
            f"{model} is not a run's folder, an agent's weights (.safetensors or .zip) or a Note RNN: {error}"
        ) from error


def load_run(path: str | Path, trust_code: bool = False) -> Agent:
    """Return the newest agent of the run in the folder `path`, from its weights: nothing that it holds is executed.

    Rules in Python files are code; they are loaded only with `trust_code`. Raises RunError or CheckpointError if there
    is no agent, RuleError for rule files without `trust_code`.
    """
    run = RunDirectory.open(path)
    environment = run_environment(run.record(), trust_code)
    return Agent(SavedPolicy.read(run.newest_policy()).policy(), environment)


def _environment_of(policy: BasePolicy, setting: Setting | None) -> EnvironmentSpec:
    """Return the environment as far as `policy` and `setting` determine it: observation, setting, prior."""
    setting = setting or Setting()
    own_prior = getattr(policy, "prior", None)
    prior = load_note_rnn() if own_prior is None else own_prior.transposed(-setting.transposition)
    space = policy.observation_space
    arguments = {**setting.as_dict(), "prior": prior, "observation": kind_of(space)}
    if observes_form(space) != bool(setting.forms):
        arguments["observes_form"] = observes_form(space)
    if observes_chords(space) != bool(setting.chords):
        arguments["observes_chords"] = observes_chords(space)
    if (length := length_of(space)) is not None:
        arguments["length"] = length
    return EnvironmentSpec.of(**arguments)


def _prior_weights(environment: EnvironmentSpec) -> dict[str, Any]:
    return {f"prior.{name}": tensor for name, tensor in environment.prior.state_dict().items()}
