"""The configuration of a run: every value on the command line, and the environment that follows from it."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

import tyro

from agents.runs.hyperparameters import Hyperparameters
from agents.runs.presets import PRESETS, REGULARIZED, Algorithm, Observation, Preset, PresetName
from melody_env import EnvironmentSpec, Setting, SettingOptions, load_profile, profile_path
from note_rnn import InputError, load_note_rnn
from note_rnn.common.command_line import parse

AgentHyperparameters = TypeVar("AgentHyperparameters", bound=Hyperparameters)

OnCollapse = Literal["warn", "stop", "restore"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig(SettingOptions, Generic[AgentHyperparameters]):
    """Tune a Note RNN by reinforcement learning, so that it keeps what it learned from music and obeys the rules.

    The defaults take a minute or two on one core. Watch it: tensorboard --logdir runs
    """

    agent: tyro.conf.OmitArgPrefixes[AgentHyperparameters]
    """What the algorithm itself is told; with --algo NAME --help the settings of another."""
    algo: Algorithm = "q"
    """What is learned. q: the expected reward (Q-learning); psi, g: the same with the KL divergence from the Note
    RNN as a cost, which keeps pieces various; rl_only: q without log p, so by the rules alone; ppo_kl: a policy
    gradient with KL as a cost, the fastest. To compare with: Stable-Baselines3's ppo, a2c, dqn and sb3-contrib's
    recurrent_ppo, which start from random weights."""
    preset: PresetName = "default"
    """Where the other defaults come from: the algorithm's strong ones; those for rewards of the whole piece, like
    unique_extremes and refrain, which take more steps to learn (lookback: ppo_kl); those that bring it closer to
    people's tunes, with the Note RNN bars and the reward profile matched (people: psi, ppo_kl); or the paper (q, psi,
    g, rl_only)."""
    total_timesteps: int
    """Tokens to compose while learning, over all environments."""
    seed: int = 0
    """Seed of everything random."""
    run_dir: Path | None = None
    """Folder of the run; by default runs/<algo>-<date>-<time>."""
    resume: Path | None = None
    """Go on with the run in this folder, with its configuration; the other arguments are ignored."""

    prior: str
    """Note RNN to start from and to give log p: "default", "bars" (of pieces that begin on a bar line), or the
    .safetensors file that pretraining wrote."""
    reward: str
    """Reward profile: "paper", "varied" (without its reward for repeated motifs), "refrain" (with a limit to it),
    "unique_extremes" (one highest, one lowest note), or a YAML file."""
    c: float | None = None
    """What divides the rules' reward, if not the profile's c: the smaller, the more the rules count."""
    final_c: float | None = None
    """What c becomes, in equal ratios, if it is to change while learning."""
    c_fraction: float = 0.5
    """(final_c) Share of the training over which c changes."""
    kl_budget: float | None = None
    """(ppo_kl, psi, g) Nats of KL from the Note RNN that a piece may have: c is adapted to hold it there."""
    entropy_floor: float | None = None
    """(ppo_kl, psi, g) Nats per step below which the policy's entropy is not to fall: c is raised to hold it there."""
    on_collapse: OnCollapse = "warn"
    """What to do when the pieces become alike: warn and go on, stop, or restore the last good policy and stop."""
    observation: Observation
    """What the agent sees: the last token and the position in the piece; the last token alone, as in the paper; or
    besides both what came half a bar and a bar before, and the highest and the lowest note so far."""
    priming: Literal["random_note", "none"] = "random_note"
    """What is heard before a piece: a random token, or nothing."""
    n_envs: int
    """Pieces composed side by side."""

    evaluations: int = 20
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
    def of(cls, algo: Algorithm = "q", preset: PresetName = "default", **changes: Any) -> "TrainConfig[Any]":
        """Return the configuration of `algo` and `preset` with `changes`, of its own fields or of the agent's settings.

        The c of a preset is that of its reward: another `reward` has its own. Raises InputError if the algorithm has no
        such preset.
        """
        if (algo, preset) not in PRESETS:
            raise InputError(f"--algo {algo} has no preset {preset!r}: leave out --preset {preset}.")
        own = {name: changes.pop(name) for name in tuple(changes) if name in _names(TrainConfig)}
        defaults = PRESETS[algo, preset]
        if own.get("reward", defaults.reward) != defaults.reward:
            defaults = replace(defaults, c=None)
        values = {name: getattr(defaults, name) for name in _names(Preset)}
        values["agent"] = replace(defaults.agent, **changes)
        return TrainConfig(**{"algo": algo, "preset": preset, **values, **own})

    @classmethod
    def parse(cls, arguments: Sequence[str] | None = None) -> "TrainConfig[Any]":
        """Return the configuration that the command line asks for; what it leaves open is the preset's."""
        chooser = ArgumentParser(add_help=False, allow_abbrev=False)
        chooser.add_argument("--algo", nargs="?", default="q")
        chooser.add_argument("--preset", nargs="?", default="default")
        chooser.add_argument("--reward", nargs="?")
        chosen, _ = chooser.parse_known_args(arguments)
        known = chosen.algo in get_args(Algorithm) and chosen.preset in get_args(PresetName)
        changes = {} if chosen.reward is None else {"reward": chosen.reward}
        default = cls.of(chosen.algo, chosen.preset, **changes) if known else cls.of()
        kind: Any = TrainConfig[type(default.agent)]  # type: ignore[misc]
        return parse(kind, arguments, default=default)

    @classmethod
    def saved(cls, record: dict[str, Any]) -> "TrainConfig[Any]":
        """Return the configuration in the `record` of a run."""
        config = dict(record.get("config", {}))
        default = cls.of(config.get("algo", "q"), config.get("preset", "default"))
        agent = {name: value for name, value in config.pop("agent", {}).items() if name in _names(type(default.agent))}
        own = {name: value for name, value in config.items() if name in _names(cls)}
        return replace(default, **own, agent=replace(default.agent, **agent))

    def environment(self) -> EnvironmentSpec:
        """Return the environment, after a check of all values.

        Raises InputError for a value that no run can have, ProfileError or SettingError for a reward or a setting that
        cannot be used, CheckpointError for a Note RNN.
        """
        self._check_numbers()
        profile = load_profile(self.reward).with_setting(**self.setting_changes())
        if self.c is not None:
            profile = replace(profile, c=self.c)
        if self.final_c is not None:
            replace(profile, c=self.final_c)  # raises ProfileError for a c that cannot be used
        if self.algo in REGULARIZED and not profile.log_prior:
            raise InputError(f"--algo {self.algo} needs log p in the reward: choose a profile with log_prior: true.")
        self._check_control()
        profile = replace(profile, log_prior=False) if self.algo == "rl_only" else profile
        return EnvironmentSpec(profile, load_note_rnn(self.prior), self.observation, self.priming)

    def _check_numbers(self) -> None:
        counts = ("total_timesteps", "n_envs", "evaluations", "checkpoints", "compositions", "threads")
        sizes = ("batch_size", "buffer_size", "train_freq", "gradient_steps", "n_steps", "n_epochs")
        for where, names in ((self, counts), (self.agent, sizes)):
            for name in names:
                value = getattr(where, name, None)
                if value is not None and value < 1:
                    raise InputError(f"--{name.replace('_', '-')} must be at least 1, not {value}.")
        if self.seed < 0:
            raise InputError(f"--seed must be at least 0, not {self.seed}.")
        if not self.c_fraction > 0:
            raise InputError(f"--c-fraction must be a number above 0, not {self.c_fraction}.")

    def _check_control(self) -> None:
        asked = [name for name in ("final_c", "kl_budget", "entropy_floor") if getattr(self, name) is not None]
        if len(asked) > 1:
            names = " and ".join(f"--{name.replace('_', '-')}" for name in asked)
            raise InputError(f"{names} all set c: give only one of them.")
        for name in ("kl_budget", "entropy_floor"):
            value = getattr(self, name)
            option = f"--{name.replace('_', '-')}"
            if value is not None and self.algo not in REGULARIZED:
                raise InputError(f"{option} needs an algorithm that KL is a cost to: --algo {', '.join(REGULARIZED)}.")
            if value is not None and not value > 0:
                raise InputError(f"{option} must be a number above 0, not {value}.")

    def resolved(self, setting: Setting) -> "TrainConfig[Any]":
        """Return the configuration with the whole musical `setting`, and the profile's file as an absolute path.

        So it means the same wherever it is read again, and whatever becomes of the profile's setting.
        """
        path = profile_path(self.reward)
        reward = self.reward if path.stem == self.reward else str(path)
        return replace(self, reward=reward, **setting.as_dict())


def _names(dataclass_type: type[Any]) -> set[str]:
    return {field.name for field in fields(dataclass_type)}
