"""Hyperparameters of each algorithm, and the agent built from them.

The names are those of the algorithms' own arguments.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from agents.algorithms.ppo_kl import PPOKL
from agents.algorithms.recurrent_dqn import RecurrentDQN
from note_rnn import NoteRNN

BASELINES: dict[str, type[BaseAlgorithm]] = {"ppo": PPO, "a2c": A2C, "dqn": DQN, "recurrent_ppo": RecurrentPPO}
"""The algorithms of Stable-Baselines3 and sb3-contrib to compare with."""


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of every algorithm."""

    learning_rate: float = 1e-3
    """Learning rate at the start."""
    final_learning_rate: float = 0.0
    """Learning rate at the end; between them it is linear."""
    gamma: float = 0.9
    """Discount of the next step's value."""

    def arguments(self, seed: int, device: str) -> dict[str, Any]:
        """Return keyword arguments for an SB3 algorithm."""
        arguments = asdict(self)
        rate = LinearSchedule(arguments["learning_rate"], arguments.pop("final_learning_rate"), 1)
        return {**arguments, "learning_rate": rate, "seed": seed, "device": device}

    def build(self, algo: str, env: VecEnv, prior: NoteRNN, seed: int, device: str) -> BaseAlgorithm:
        """Return the agent that learns `algo` in `env`, started from `prior` if it can be."""
        raise NotImplementedError


@dataclass(frozen=True)
class _QLearning:
    """Hyperparameters of Q-learning from a replay buffer, with a target network and epsilon-greedy exploration."""

    max_grad_norm: float = 5.0
    """Gradients are clipped to this L2 norm."""
    learning_starts: int = 2_048
    """Steps before the first update."""
    gradient_steps: int = 1
    """Updates per training."""
    tau: float = 0.01
    """Share of the online weights that each mixing takes into the target network."""
    exploration_fraction: float = 0.5
    """Share of the training over which epsilon falls."""
    exploration_initial_eps: float = 1.0
    """Epsilon at the start."""
    exploration_final_eps: float = 0.01
    """Epsilon at the end of that share."""


@dataclass(frozen=True)
class RecurrentDQNHyperparameters(_QLearning, Hyperparameters):
    """Hyperparameters of Q, Psi, G and RL-only."""

    buffer_size: int | None = 100_000
    """Steps that the replay buffer holds, if not those of a piece in every environment."""
    train_freq: int | None = 1
    """Steps of every environment between trainings, if not those of a piece."""
    gamma: float = 0.5
    """Discount of the next step's value."""
    return_lambda: float = 0.0
    """How much of a return is what followed, not the value of the next state."""
    batch_size: int = 32
    """Whole pieces per update."""
    exploration: Literal["epsilon_greedy", "boltzmann"] = "boltzmann"
    """How the agent explores: at random with probability epsilon, or by softmax(scores / temperature)."""
    temperature: float = 1.0
    """Temperature of Boltzmann exploration."""
    double_q: bool = True
    """Let the online network choose the action that the target network scores."""
    dueling: bool = False
    """Give the value of the state and the policy outputs of their own."""
    value_scale: float = 1.0
    """(dueling) Factor of the value output."""
    linear_beyond: float | None = None
    """Errors beyond this count linearly, not squared."""

    def build(self, algo: str, env: VecEnv, prior: NoteRNN, seed: int, device: str) -> RecurrentDQN:
        """Return the recurrent Q-network with the objective `algo`, started as `prior`."""
        return RecurrentDQN("MlpLstmPolicy", env, prior=prior, **self.keywords(algo, env, seed, device))

    def keywords(self, algo: str, env: VecEnv, seed: int, device: str) -> dict[str, Any]:
        """Return the keyword arguments of a `RecurrentDQN` that learns `algo` in `env`, all but its prior."""
        arguments = self.arguments(seed, device)
        network = {name: arguments.pop(name) for name in ("dueling", "value_scale")}
        steps = env.get_attr("setting")[0].steps
        arguments["train_freq"] = self.train_freq or steps
        arguments["buffer_size"] = self.buffer_size or env.num_envs * steps
        return {**arguments, "objective": "q" if algo == "rl_only" else algo, "policy_kwargs": network}


@dataclass(frozen=True)
class PPOKLHyperparameters(Hyperparameters):
    """Hyperparameters of the policy gradient with KL to the prior."""

    learning_rate: float = 3e-3
    """Learning rate at the start."""
    n_steps: int = 32
    """Steps of every environment between trainings."""
    batch_size: int = 32
    """Whole pieces per update."""
    n_epochs: int = 4
    """Times that each piece is learned from."""
    clip_range: float = 0.2
    """How far an update may move the probability ratio."""
    max_grad_norm: float = 5.0
    """Gradients are clipped to this L2 norm."""
    skip_connection: bool = False
    """Let the scores see the observation itself, beside what the network remembers."""

    def build(self, algo: str, env: VecEnv, prior: NoteRNN, seed: int, device: str) -> PPOKL:
        """Return the policy, started as `prior`."""
        arguments = self.arguments(seed, device)
        network = {"skip_connection": arguments.pop("skip_connection")}
        return PPOKL("MlpLstmPolicy", env, prior=prior, policy_kwargs=network, **arguments)


@dataclass(frozen=True)
class _Baseline(Hyperparameters):
    learning_rate: float = 3e-4
    """Learning rate at the start."""
    max_grad_norm: float = 0.5
    """Gradients are clipped to this L2 norm."""

    def build(self, algo: str, env: VecEnv, prior: NoteRNN, seed: int, device: str) -> BaseAlgorithm:
        """Return the algorithm of Stable-Baselines3 or sb3-contrib, which starts from random weights."""
        baseline, arguments = BASELINES[algo], self.arguments(seed, device)
        if baseline is RecurrentPPO:
            return baseline("MlpLstmPolicy", env, policy_kwargs={"features_extractor_class": _Flatten}, **arguments)
        return baseline("MlpPolicy", env, **arguments)


class _Flatten(FlattenExtractor):
    """SB3's, with a Python number of features: PyTorch makes no LSTM for the NumPy number that SB3 gives."""

    def __init__(self, observation_space: spaces.Space[Any]):
        super().__init__(observation_space)
        self._features_dim = int(self._features_dim)


@dataclass(frozen=True)
class PPOHyperparameters(_Baseline):
    """Hyperparameters of SB3's PPO and sb3-contrib's RecurrentPPO."""

    n_steps: int = 32
    """Steps of every environment between trainings."""
    batch_size: int = 256
    """Steps per update."""
    n_epochs: int = 4
    """Times that each step is learned from."""
    gae_lambda: float = 0.95
    """How much of an advantage is what followed, not the value of the next state."""
    clip_range: float = 0.2
    """How far an update may move the probability ratio."""
    ent_coef: float = 0.01
    """Weight of the policy's entropy."""
    vf_coef: float = 0.5
    """Weight of the value's error."""


@dataclass(frozen=True)
class A2CHyperparameters(_Baseline):
    """Hyperparameters of SB3's A2C."""

    learning_rate: float = 7e-4
    """Learning rate at the start."""
    n_steps: int = 8
    """Steps of every environment between trainings."""
    gae_lambda: float = 1.0
    """How much of an advantage is what followed, not the value of the next state."""
    ent_coef: float = 0.01
    """Weight of the policy's entropy."""
    vf_coef: float = 0.5
    """Weight of the value's error."""


@dataclass(frozen=True)
class DQNHyperparameters(_QLearning, _Baseline):
    """Hyperparameters of SB3's DQN."""

    buffer_size: int = 100_000
    """Steps that the replay buffer holds."""
    train_freq: int = 1
    """Steps of every environment between trainings."""
    batch_size: int = 256
    """Steps per update."""
    target_update_interval: int = 64
    """Steps, over all environments, between mixings."""
