"""Configuration of a run: all options of the training command, and the environment they define."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

import tyro

import melody_env
import note_rnn
from agents.algorithms.ranges import RENAMED, check_device, check_hyperparameters
from agents.runs.hyperparameters import Hyperparameters
from agents.runs.presets import PRESETS, REGULARIZED, Algorithm, Preset, PresetName, default_algorithm
from agents.runs.run_record import RunRecord
from melody_env import Setting, SettingOptions, load_profile, profile_path
from melody_env.envs.observations import Observation
from melody_env.reward.profile_yaml import parse_profile
from note_rnn import InputError
from note_rnn.common.command_line import parse
from note_rnn.common.data_files import DataError, converted
from note_rnn.common.errors import MAX_THREADS, check_above_zero, check_count, check_seed

AgentHyperparameters = TypeVar("AgentHyperparameters", bound=Hyperparameters)

OnCollapse = Literal["warn", "stop", "restore"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig(SettingOptions, Generic[AgentHyperparameters]):
    """Tune a Note RNN by reinforcement learning: it learns to obey rules of music theory, and keeps what it learned
    from music.

    The defaults take a minute or two on one core. Follow the training with: tensorboard --logdir runs
    """

    agent: tyro.conf.OmitArgPrefixes[AgentHyperparameters]
    """Hyperparameters of the algorithm; --algo NAME --help lists those of another."""
    algo: Algorithm = "q"
    """q: Q-learning. psi, g: the same with a cost for leaving the Note RNN (KL), so that pieces stay varied.
    ppo_kl: a policy gradient with it, the fastest. rl_only: q without log p. dpo: from --votes. Others: SB3's."""
    preset: PresetName = "default"
    """Defaults of the other options. default: the best found. Of ppo_kl, lookback: rewards of whole pieces; tune:
    tunes with form; chords: over chords; people (psi too): closer to human tunes. paper: the paper's."""
    total_timesteps: int
    """Length of the training: steps (tokens) to compose, all pieces together."""
    seed: int = 0
    """Seed of all random numbers. Several seeds are a sweep of two lines: see docs/scale.md."""
    run_dir: Path | None = None
    """Folder to save the run in; by default runs/<algo>-<date>-<time>."""
    resume: Path | None = None
    """Resume the run in this folder, with its own configuration; all other options are ignored. The checkpoints that it
    is resumed from (.zip, .pkl) are code: resume only runs of your own, or of someone you trust."""

    prior: str
    """Note RNN to start from, and whose log p is part of the reward: "default" (the paper's), "lookback" (it
    knows its meter, looks back and copies), or a .safetensors file."""
    reward: str
    """Rules and weights: "paper", "varied" (no reward for repeated motifs), "refrain" (a capped one),
    "unique_extremes", another shipped profile, or a YAML file; its rule files (.py) are code."""
    c: float | None = None
    """Divisor of the rules' reward, in place of the profile's: the smaller, the more the rules count against log p."""
    final_c: float | None = None
    """Final value of c, to change it geometrically during training."""
    c_fraction: float = 0.5
    """(with --final-c) Fraction of the training over which c changes."""
    kl_budget: float | None = None
    """(ppo_kl, psi, g) KL divergence per piece to hold, in nats: how far the agent may move from the Note RNN. c is
    adapted to keep to it."""
    entropy_floor: float | None = None
    """(ppo_kl, psi, g) Lower bound of the policy's entropy, the uncertainty of its choices, in nats per step: c is
    raised to hold it."""
    on_collapse: OnCollapse = "warn"
    """Response to collapse, when the pieces become nearly alike: warn and continue, stop, or restore the last good
    policy and stop."""
    observation: Observation
    """Input at each step. token: the last one, as in the paper. position: also the place in the piece. lookback:
    also the tokens half a bar and a bar earlier, and the extreme notes so far."""
    priming: Literal["random_note", "none"] = "random_note"
    """Priming token before each piece: a random one, or none."""
    n_envs: int
    """Pieces composed in parallel."""

    evaluations: int
    """Number of evaluations during training, logged to TensorBoard."""
    checkpoints: int = 10
    """Number of checkpoints saved during training."""
    compositions: int
    """Pieces behind the final table, by the Note RNN and by the agent each."""
    melodies: int = 6
    """Melodies written at the end as MIDI, WAV and PNG, by the Note RNN and by the agent each; the first two of an
    evaluation are also logged to TensorBoard. 0: none."""
    device: str = "auto"
    """Device of the networks: cpu, cuda, or auto."""
    threads: int = 1
    """CPU threads of PyTorch; with networks this small more are seldom faster."""

    @classmethod
    def of(cls, algo: Algorithm = "q", preset: PresetName = "default", **changes: Any) -> "TrainConfig[Any]":
        """Return the configuration of `algo` and `preset` with `changes` of its fields or of the hyperparameters.

        The c of a preset belongs to its reward: another `reward` brings its own. Raises InputError if the algorithm has
        no such preset.
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
        """Return the configuration of the command line; options that it leaves out have the preset's values."""
        chooser = ArgumentParser(add_help=False, allow_abbrev=False)
        chooser.add_argument("--algo", nargs="?")
        chooser.add_argument("--preset", nargs="?", default="default")
        chooser.add_argument("--reward", nargs="?")
        chosen, _ = chooser.parse_known_args(arguments)
        chosen.algo = chosen.algo or default_algorithm(chosen.preset)
        valid = chosen.algo in get_args(Algorithm) and chosen.preset in get_args(PresetName)
        changes = {} if chosen.reward is None else {"reward": chosen.reward}
        default = cls.of(chosen.algo, chosen.preset, **changes) if valid else cls.of()
        kind: Any = TrainConfig[type(default.agent)]  # type: ignore[misc]
        return parse(kind, arguments, default=default)

    @classmethod
    def saved(cls, record: RunRecord) -> "TrainConfig[Any]":
        """Return the configuration in the `record` of a run, also of version 0.1.

        Raises InputError for a value of another type, or an unknown algorithm or preset.
        """
        try:
            named = converted(dict(record.config), _Named)
            default = cls.of(named.algo, named.preset)
            agent = {RENAMED.get(name, name): value for name, value in named.agent.items()}
            own = {name: value for name, value in record.config.items() if name in _names(cls)}
            if isinstance(own.get("mode"), list):  # a scale of the reward profile
                own["mode"] = ",".join(map(str, own["mode"]))
            plain = {**asdict(default), **own, "agent": {**asdict(default.agent), **agent}}
            kind: Any = TrainConfig[type(default.agent)]  # type: ignore[misc]
            return converted(plain, kind)
        except DataError as error:
            raise InputError(f"{record.source} cannot be used: {error}.") from error

    def environment(self, trust_code: bool = True) -> "melody_env.EnvironmentSpec":
        """Return the environment, after checking all values; without `trust_code` no rule file is loaded.

        Raises InputError for an invalid value, ProfileError or SettingError for an invalid reward or setting,
        CheckpointError for a Note RNN that cannot be loaded.
        """
        self._check_numbers()
        profile = load_profile(self.reward, trust_code).with_setting(**self.setting_changes())
        if self.c is not None:
            profile = replace(profile, c=self.c)
        if self.final_c is not None:
            replace(profile, c=self.final_c)  # raises ProfileError for an invalid c
        if self.algo in REGULARIZED and not profile.log_prior:
            raise InputError(f"--algo {self.algo} needs log p in the reward: choose a profile with log_prior: true.")
        if self.algo == "dpo" and profile.adversary:
            raise InputError("--algo dpo learns from votes alone: choose a reward profile without an adversary.")
        self._check_control()
        profile = replace(profile, log_prior=False) if self.algo == "rl_only" else profile
        return melody_env.EnvironmentSpec(profile, note_rnn.load_note_rnn(self.prior), self.observation, self.priming)

    def _check_numbers(self) -> None:
        for name in ("total_timesteps", "n_envs", "evaluations", "checkpoints", "compositions"):
            check_count(f"--{name.replace('_', '-')}", getattr(self, name))
        check_count("--threads", self.threads, maximum=MAX_THREADS)
        check_seed("--seed", self.seed)
        check_count("--melodies", self.melodies, minimum=0)
        for name in ("c", "final_c", "c_fraction"):
            if getattr(self, name) is not None:
                check_above_zero(f"--{name.replace('_', '-')}", getattr(self, name))
        check_hyperparameters(vars(self.agent), prefix="--")
        check_device(self.device, prefix="--")

    def _check_control(self) -> None:
        requested = [name for name in ("final_c", "kl_budget", "entropy_floor") if getattr(self, name) is not None]
        if len(requested) > 1:
            names = " and ".join(f"--{name.replace('_', '-')}" for name in requested)
            raise InputError(f"{names} all set c: give only one of them.")
        for name in ("kl_budget", "entropy_floor"):
            value = getattr(self, name)
            option = f"--{name.replace('_', '-')}"
            if value is not None and self.algo not in REGULARIZED:
                raise InputError(f"{option} needs an algorithm with KL as a cost: --algo {', '.join(REGULARIZED)}.")
            if value is not None:
                check_above_zero(option, value)

    def resolved(self, setting: Setting) -> "TrainConfig[Any]":
        """Return the configuration with all of the musical `setting`, and the profile's file as an absolute path.

        So it keeps its meaning when it is read from another folder, or after the profile's setting has changed.
        """
        path = profile_path(self.reward)
        reward = self.reward if path.stem == self.reward else str(path)
        return replace(self, reward=reward, **setting.as_dict())


def run_environment(record: RunRecord, trust_code: bool = False) -> "melody_env.EnvironmentSpec":
    """Return the environment of a run from its `record`: as it was, whatever its profile's file says now.

    That of a run of 0.1, which recorded none, follows from its configuration. Python files with rules are code: they
    are loaded only with `trust_code`. Raises InputError for a record that cannot be used, ProfileError, RuleError or
    CheckpointError for rules or a Note RNN that are missing.
    """
    config = TrainConfig.saved(record)
    if record.environment is None:
        return config.environment(trust_code)
    profile = {**record.environment.profile, "setting": record.environment.setting}
    name = str(profile.pop("name", record.source))
    return melody_env.EnvironmentSpec(
        parse_profile(profile, name, trust_code=trust_code),
        note_rnn.load_note_rnn(config.prior),
        config.observation,
        config.priming,
    )


@dataclass(frozen=True)
class _Named:
    """What determines the types of a configuration's other values."""

    algo: Algorithm = "q"
    preset: PresetName = "default"
    agent: dict[str, Any] = field(default_factory=dict)


def _names(dataclass_type: type[Any]) -> set[str]:
    return {field.name for field in fields(dataclass_type)}
