"""What each algorithm can be told, by default and by preset, and how it is built from that.

The names are those of the algorithms' own arguments; docs/experiments.md has what the strong ones are worth.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from agents.ppo_kl import PPOKL
from agents.recurrent_dqn import RecurrentDQN
from note_rnn import NoteRNN

Algorithm = Literal["q", "psi", "g", "rl_only", "ppo_kl", "ppo", "a2c", "dqn", "recurrent_ppo"]
Preset = Literal["default", "lookback", "people", "paper"]


@dataclass(frozen=True)
class Settings:
    """What all algorithms can be told."""

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
    """What learning from a replay buffer with a target network and epsilon-greedy exploration can be told."""

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
class RecurrentDQNSettings(_QLearning, Settings):
    """What Q, Psi, G and RL-only can be told."""

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
        arguments = self.arguments(seed, device)
        network = {name: arguments.pop(name) for name in ("dueling", "value_scale")}
        steps = env.get_attr("setting")[0].steps
        arguments["train_freq"] = self.train_freq or steps
        arguments["buffer_size"] = self.buffer_size or env.num_envs * steps
        objective: Any = "q" if algo == "rl_only" else algo
        return RecurrentDQN("MlpLstmPolicy", env, objective, prior=prior, policy_kwargs=network, **arguments)


@dataclass(frozen=True)
class PPOKLSettings(Settings):
    """What the policy gradient with KL to the prior can be told."""

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
class _Baseline(Settings):
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
class PPOSettings(_Baseline):
    """What SB3's PPO and sb3-contrib's RecurrentPPO can be told."""

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
class A2CSettings(_Baseline):
    """What SB3's A2C can be told."""

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
class DQNSettings(_QLearning, _Baseline):
    """What SB3's DQN can be told."""

    buffer_size: int = 100_000
    """Steps that the replay buffer holds."""
    train_freq: int = 1
    """Steps of every environment between trainings."""
    batch_size: int = 256
    """Steps per update."""
    target_update_interval: int = 64
    """Steps, over all environments, between mixings."""


REGULARIZED = ("ppo_kl", "psi", "g")
"""The algorithms that KL from the prior is a cost to."""

BASELINES: dict[str, type[BaseAlgorithm]] = {"ppo": PPO, "a2c": A2C, "dqn": DQN, "recurrent_ppo": RecurrentPPO}
"""The algorithms of Stable-Baselines3 and sb3-contrib to compare with."""

# Rounds of 128 whole pieces, 12 small updates on each.
_SOFT = RecurrentDQNSettings(
    buffer_size=None,
    learning_starts=0,
    train_freq=None,
    gradient_steps=12,
    learning_rate=5e-3,
    gamma=0.9,
    return_lambda=0.9,
    dueling=True,
    value_scale=200.0,
    linear_beyond=10.0,
    tau=1.0,
)

# A nat a piece is at stake: undiscounted, the optimum is the Note RNN's distribution times exp(rules), and small steps
# get there.
_PEOPLE: dict[str, Any] = {
    "total_timesteps": 800_000,
    "prior": "bars",
    "reward": "matched",
    "observation": "lookback",
    "n_envs": 128,
}

# Section 4 of Jaques et al. 2017: "We then trained the RL RNN model for 3,000,000 iterations, using a batch size of 32,
# and clipping gradients in the same way [to an L2 norm less than 5]. The Adam optimizer was used and we set the reward
# discount factor gamma = .5 ... eta = .01 is the Target-Q-network update rate. The weight placed on the music-theory
# rewards c was set to 0.5 ... we initial set epsilon = 1.0, and linearly annealed it to epsilon = .01 over the first
# 1,500,000 steps. We used epsilon-greedy for all methods". Adam's rate is the default of the original's TensorFlow. An
# update of 32 whole pieces every 160 steps is as many learned transitions per step as the original's 32 every 5.
_PAPER: dict[str, Any] = {
    "total_timesteps": 3_000_000,
    "observation": "token",
    "n_envs": 160,
    "agent": RecurrentDQNSettings(final_learning_rate=1e-3, exploration="epsilon_greedy"),
}

PRESETS: Mapping[tuple[Algorithm, Preset], Mapping[str, Any]] = {
    ("q", "default"): {"total_timesteps": 200_000, "c": 0.55, "agent": RecurrentDQNSettings(learning_rate=4e-3)},
    ("rl_only", "default"): {"total_timesteps": 200_000, "agent": RecurrentDQNSettings(learning_rate=4e-3)},
    ("psi", "default"): {"total_timesteps": 640_000, "reward": "varied", "n_envs": 128, "agent": _SOFT},
    ("g", "default"): {
        **{"total_timesteps": 640_000, "reward": "varied", "c": 0.8, "n_envs": 128},
        "agent": replace(_SOFT, learning_rate=7e-3),
    },
    ("ppo_kl", "default"): {
        **{"total_timesteps": 400_000, "observation": "lookback", "reward": "varied", "c": 1.1, "n_envs": 128},
        "agent": PPOKLSettings(learning_rate=4e-3, batch_size=64, skip_connection=True),
    },
    ("ppo_kl", "lookback"): {
        **{"total_timesteps": 800_000, "observation": "lookback", "reward": "varied", "c": 1.2, "n_envs": 128},
        "agent": PPOKLSettings(learning_rate=5e-3, batch_size=128, skip_connection=True),
    },
    ("psi", "people"): {
        **_PEOPLE,
        "agent": replace(
            _SOFT,
            gamma=1.0,
            return_lambda=0.95,
            value_scale=10.0,
            learning_rate=1e-3,
            batch_size=128,
            gradient_steps=4,
        ),
    },
    ("ppo_kl", "people"): {
        **_PEOPLE,
        "agent": PPOKLSettings(gamma=1.0, learning_rate=1e-3, batch_size=128, skip_connection=True),
    },
    ("ppo", "default"): {"agent": PPOSettings()},
    ("recurrent_ppo", "default"): {"agent": PPOSettings()},
    ("a2c", "default"): {"agent": A2CSettings()},
    ("dqn", "default"): {"agent": DQNSettings()},
    ("q", "paper"): _PAPER,
    ("psi", "paper"): _PAPER,
    ("g", "paper"): _PAPER,
    ("rl_only", "paper"): _PAPER,
}
"""By algorithm and preset: what differs from the defaults of TrainConfig, and the algorithm's own settings."""


def algorithm_class(algo: str) -> type[BaseAlgorithm]:
    """Return the SB3 class that learns `algo`."""
    return PPOKL if algo == "ppo_kl" else BASELINES.get(algo, RecurrentDQN)
