"""The configuration of a run: every value on the command line, presets, and the environment that follows from it."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

import tyro

from melody_env import RewardProfile, load_profile
from note_rnn import InputError, load_note_rnn

Algorithm = Literal["q", "psi", "g", "rl_only"]
Preset = Literal["default", "paper"]


@dataclass(frozen=True)
class TrainConfig:
    """Tune a Note RNN by reinforcement learning, so that it keeps what it learned from music and obeys the rules.

    The defaults take a few minutes on two cores. Watch it: tensorboard --logdir runs
    """

    algo: Algorithm = "q"
    """What is learned. q: the expected reward (Q-learning); psi, g: the same with the KL divergence from the Note
    RNN as a cost, which keeps pieces various; rl_only: q without log p, so by the rules alone."""
    preset: Preset = "default"
    """Where the other defaults come from: the algorithm's strong ones, or the paper."""
    total_timesteps: int = 300_000
    """Tokens to compose while learning, over all environments."""
    seed: int = 0
    """Seed of everything random."""
    run_dir: Path | None = None
    """Folder of the run; by default runs/<algo>-<date>-<time>."""
    resume: Path | None = None
    """Go on with the run in this folder, with its configuration; the other arguments are ignored."""

    prior: str = "default"
    """Note RNN to start from and to give log p: "default", or the .safetensors file that pretraining wrote."""
    reward: str = "paper"
    """Reward profile: "paper", "varied" (without its reward for repeated motifs), or a YAML file."""
    c: float | None = None
    """What divides the rules' reward, if not the profile's c: the smaller, the more the rules count."""
    length: int = 32
    """Steps (sixteenths) of a piece."""
    observation: Literal["position", "token"] = "position"
    """What the agent sees: the last token and the position in the piece, or the last token alone as in the paper."""
    priming: Literal["random_note", "none"] = "random_note"
    """What is heard before a piece: a random token, or nothing."""
    n_envs: int = 64
    """Pieces composed side by side."""

    learning_rate: float = 1e-3
    """Adam's learning rate at the start."""
    final_learning_rate: float = 0.0
    """Adam's learning rate at the end; between them it is linear."""
    gamma: float = 0.5
    """Discount of the next step's value."""
    return_lambda: float = 0.0
    """How much of a return is what followed, not the value of the next state."""
    batch_size: int = 32
    """Whole pieces per update."""
    buffer_size: int = 100_000
    """Steps that the replay buffer holds."""
    learning_starts: int = 2_048
    """Steps before the first update."""
    train_freq: int = 1
    """Steps of every environment between trainings."""
    gradient_steps: int = 1
    """Updates per training."""
    tau: float = 0.01
    """Share of the online weights that each update mixes into the target network."""
    exploration: Literal["epsilon_greedy", "boltzmann"] = "boltzmann"
    """How the agent explores: at random with probability epsilon, or by softmax(scores / temperature)."""
    exploration_fraction: float = 0.5
    """Share of the training over which epsilon falls."""
    exploration_initial_eps: float = 1.0
    """Epsilon at the start."""
    exploration_final_eps: float = 0.01
    """Epsilon at the end of that share."""
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
    max_grad_norm: float = 5.0
    """Gradients are clipped to this L2 norm."""

    evaluations: int = 40
    """How often the agent is listened to while it learns."""
    checkpoints: int = 10
    """How often it is saved."""
    compositions: int = 2_000
    """Pieces that the final table counts, of the Note RNN and of the agent."""
    device: str = "auto"
    """Where the networks are: cpu, cuda, or auto."""
    threads: int = 1
    """CPU threads for the products of small matrices; more are seldom faster."""

    @classmethod
    def parse(cls, arguments: Sequence[str] | None = None) -> Self:
        """Return the configuration that the command line asks for; what it leaves open is the preset's."""
        chooser = ArgumentParser(add_help=False)
        chooser.add_argument("--algo", default="q")
        chooser.add_argument("--preset", default="default")
        chosen, _ = chooser.parse_known_args(arguments)
        preset = PRESETS.get((chosen.algo, chosen.preset), {})
        return tyro.cli(cls, args=arguments, default=cls(**preset))

    @classmethod
    def saved(cls, record: dict[str, Any]) -> Self:
        """Return the configuration in the `record` of a run."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in record.get("config", {}).items() if name in known})

    def check(self) -> None:
        """Raise InputError for a value that no run can have, ProfileError for a reward that cannot be used."""
        for name in ("total_timesteps", "length", "n_envs", "batch_size", "buffer_size", "compositions", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}.")
        profile = self.profile()
        if self.algo in ("psi", "g") and not profile.log_prior:
            raise InputError(f"--algo {self.algo} needs log p in the reward: choose a profile with log_prior: true.")

    def profile(self) -> RewardProfile:
        """Return the reward profile; raises ProfileError."""
        profile = load_profile(self.reward)
        if self.c is not None:
            profile = replace(profile, c=self.c)
        return replace(profile, log_prior=False) if self.algo == "rl_only" else profile

    def environment(self) -> dict[str, Any]:
        """Return the keyword arguments of the environment; raises ProfileError and CheckpointError."""
        return {
            "observation": self.observation,
            "reward": self.profile(),
            "length": self.length,
            "prior": load_note_rnn(self.prior),
            "priming": self.priming,
        }

    def learning(self) -> dict[str, Any]:
        """Return the keyword arguments of RecurrentDQN, but for environment, prior and learning rate."""
        return {
            **{name: getattr(self, name) for name in _LEARNING},
            "objective": "q" if self.algo == "rl_only" else self.algo,
            "policy_kwargs": {"dueling": self.dueling, "value_scale": self.value_scale},
        }


_LEARNING = (
    *("gamma", "return_lambda", "batch_size", "buffer_size", "learning_starts", "train_freq", "gradient_steps", "tau"),
    *("exploration", "exploration_fraction", "exploration_initial_eps", "exploration_final_eps", "temperature"),
    *("double_q", "linear_beyond", "max_grad_norm", "seed", "device"),
)

# Rounds of 128 whole pieces, 8 small updates on each: docs/experiments.md has what each setting is worth.
_SOFT: dict[str, Any] = {
    "total_timesteps": 900_000,
    "reward": "varied",
    "n_envs": 128,
    "train_freq": 32,
    "buffer_size": 4_096,
    "learning_starts": 0,
    "gradient_steps": 8,
    "learning_rate": 5e-3,
    "gamma": 0.9,
    "return_lambda": 0.9,
    "dueling": True,
    "value_scale": 200.0,
    "linear_beyond": 10.0,
    "tau": 1.0,
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
    "final_learning_rate": 1e-3,
    "exploration": "epsilon_greedy",
}

PRESETS: dict[tuple[str, str], dict[str, Any]] = {
    ("q", "default"): {"algo": "q"},
    ("rl_only", "default"): {"algo": "rl_only"},
    ("psi", "default"): {"algo": "psi", **_SOFT},
    ("g", "default"): {"algo": "g", **_SOFT, "c": 0.8, "learning_rate": 7e-3},
    **{(algo, "paper"): {"algo": algo, "preset": "paper", **_PAPER} for algo in ("q", "psi", "g", "rl_only")},
}
"""What differs from the defaults of TrainConfig, by algorithm and preset."""
