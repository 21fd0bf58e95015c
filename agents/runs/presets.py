"""Presets: the algorithms, and named sets of defaults for each (docs/experiments compares them)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from agents import algorithms
from agents.runs.hyperparameters import (
    A2CHyperparameters,
    DPOHyperparameters,
    DQNHyperparameters,
    Hyperparameters,
    PPOHyperparameters,
    PPOKLHyperparameters,
    RecurrentDQNHyperparameters,
)
from melody_env.envs.observations import Observation

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

Algorithm = Literal["q", "psi", "g", "rl_only", "ppo_kl", "dpo", "ppo", "a2c", "dqn", "recurrent_ppo"]
PresetName = Literal["default", "lookback", "people", "tune", "chords", "paper"]

REGULARIZED = ("ppo_kl", "psi", "g")
"""Algorithms with KL from the prior as a cost."""


def algorithm_class(algo: str) -> "type[BaseAlgorithm]":
    """Return the SB3 class that implements `algo`."""
    own: dict[str, type[BaseAlgorithm]] = {"ppo_kl": algorithms.PPOKL, "dpo": algorithms.DPO, **algorithms.BASELINES}
    return own.get(algo, algorithms.RecurrentDQN)


@dataclass(frozen=True)
class Preset:
    """Defaults of a run."""

    agent: Hyperparameters
    total_timesteps: int = 300_000
    prior: str = "default"
    reward: str = "paper"
    c: float | None = None
    """None: that of the reward profile."""
    observation: Observation = "position"
    n_envs: int = 64
    evaluations: int = 20
    compositions: int = 2_000


Q = Preset(RecurrentDQNHyperparameters(learning_rate=4e-3), total_timesteps=200_000, c=0.6)
RL_ONLY = replace(Q, c=None)

# Rounds of 128 whole pieces, 12 small updates on each.
_SOFT = RecurrentDQNHyperparameters(
    buffer_size=None,
    learning_starts=0,
    train_freq=None,
    gradient_steps=12,
    learning_rate=5e-3,
    gamma=0.9,
    return_lambda=0.9,
    dueling=True,
    value_scale=200.0,
    huber_delta=10.0,
    tau=1.0,
)
PSI = Preset(_SOFT, total_timesteps=640_000, reward="varied", n_envs=128)
G = replace(PSI, agent=replace(_SOFT, learning_rate=7e-3), c=0.8)

PPO_KL = Preset(
    PPOKLHyperparameters(learning_rate=4e-3, batch_size=64, skip_connection=True),
    total_timesteps=400_000,
    observation="lookback",
    reward="varied",
    c=1.1,
    n_envs=128,
)
PPO_KL_LOOKBACK = replace(
    PPO_KL,
    agent=PPOKLHyperparameters(learning_rate=5e-3, batch_size=128, skip_connection=True),
    total_timesteps=800_000,
    c=1.2,
)

# A few nats per piece are at stake, which small steps reach. The reward comes with each token, and learns along, so the
# policy goes to and fro, and its mean is what it circles.
PPO_KL_PEOPLE = Preset(
    PPOKLHyperparameters(
        gamma=0.95,
        end_gamma=1.0,
        learning_rate=1e-3,
        final_learning_rate=5e-4,
        batch_size=64,
        exact_kl=True,
        averaging=0.6,
    ),
    total_timesteps=1_310_720,
    prior="lookback",
    reward="adversarial",
    observation="position",
    n_envs=128,
)
PSI_PEOPLE = Preset(
    replace(
        _SOFT,
        gamma=1.0,
        return_lambda=0.95,
        value_scale=10.0,
        learning_rate=1e-3,
        batch_size=128,
        gradient_steps=4,
    ),
    total_timesteps=800_000,
    prior="lookback",
    reward="matched",
    observation="lookback",
    n_envs=128,
)

# Whole tunes. What a token earns by form comes with it, so a small discount factor hides the noise of all that follows;
# the last reward has the adversary's, which is of the whole tune.
TUNE = Preset(
    PPOKLHyperparameters(gamma=0.95, end_gamma=1.0, learning_rate=1e-3, final_learning_rate=1e-4, exact_kl=True),
    total_timesteps=2_400_000,
    prior="lookback",
    reward="tune",
    n_envs=128,
    evaluations=10,
    compositions=500,
)

# Over chords. What a token earns comes with it or at the next strong beat.
CHORDS = replace(
    TUNE,
    agent=PPOKLHyperparameters(gamma=0.9, end_gamma=1.0, learning_rate=2e-3, final_learning_rate=2e-4),
    total_timesteps=900_000,
    reward="chords",
)

# Section 4 of Jaques et al. 2017: "We then trained the RL RNN model for 3,000,000 iterations, using a batch size of 32,
# and clipping gradients in the same way [to an L2 norm less than 5]. The Adam optimizer was used and we set the reward
# discount factor gamma = .5 ... eta = .01 is the Target-Q-network update rate. The weight placed on the music-theory
# rewards c was set to 0.5 ... we initial set epsilon = 1.0, and linearly annealed it to epsilon = .01 over the first
# 1,500,000 steps. We used epsilon-greedy for all methods". Adam's rate is the default of the original's TensorFlow. An
# update of 32 whole pieces every 160 steps is as many learned transitions per step as the original's 32 every 5.
PAPER = Preset(
    RecurrentDQNHyperparameters(final_learning_rate=1e-3, exploration="epsilon_greedy"),
    total_timesteps=3_000_000,
    observation="token",
    n_envs=160,
)

# From votes: a step is a token of a melody that was heard, so this is 125 updates on 32 pairs of 32 steps each.
DPO = Preset(
    DPOHyperparameters(learning_rate=1e-3),
    total_timesteps=256_000,
    observation="lookback",
    reward="varied",
)

PRESETS: Mapping[tuple[Algorithm, PresetName], Preset] = {
    ("q", "default"): Q,
    ("rl_only", "default"): RL_ONLY,
    ("psi", "default"): PSI,
    ("g", "default"): G,
    ("ppo_kl", "default"): PPO_KL,
    ("dpo", "default"): DPO,
    ("ppo_kl", "lookback"): PPO_KL_LOOKBACK,
    ("ppo_kl", "people"): PPO_KL_PEOPLE,
    ("psi", "people"): PSI_PEOPLE,
    ("ppo_kl", "tune"): TUNE,
    ("ppo_kl", "chords"): CHORDS,
    ("ppo", "default"): Preset(PPOHyperparameters()),
    ("recurrent_ppo", "default"): Preset(PPOHyperparameters()),
    ("a2c", "default"): Preset(A2CHyperparameters()),
    ("dqn", "default"): Preset(DQNHyperparameters()),
    ("q", "paper"): PAPER,
    ("psi", "paper"): PAPER,
    ("g", "paper"): PAPER,
    ("rl_only", "paper"): PAPER,
}
"""By algorithm and name; the first algorithm of a name is its default."""


def default_algorithm(preset: str) -> Algorithm:
    """Return the algorithm of `preset` where none is named, Q-learning if there is no such preset."""
    return next((algo for algo, name in PRESETS if name == preset), "q")
