"""The best melody under a reward profile, found by search without learning."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from melody_env.pictures import melody_text
from melody_env.reward.profile import RewardProfile
from melody_env.reward.profile_yaml import load_profile
from melody_env.reward.scoring import score_melodies
from melody_env.reward_design.optimizers import METHODS, SearchState, Value
from melody_env.setting import Setting, SettingOptions
from note_rnn.common.errors import check_above_zero, check_count, check_seed
from note_rnn.common.progress import Progress
from note_rnn.network.checkpoint import load_note_rnn


@dataclass(frozen=True)
class SearchConfig(SettingOptions):
    """Search for the melody with the best achievable reward, with or without log p of the Note RNN.

    It estimates the best achievable reward, and shows which melodies the rules favour.
    """

    method: Literal["anneal", "beam", "greedy", "random", "evolve"] = "anneal"
    """anneal: population annealing, the strongest; evolve: selection, crossover, mutation; beam, greedy: step by step;
    random: the best of many melodies of the Note RNN (with --no-log-prob: of random tokens)."""
    reward: str = "paper"
    """Reward profile: the name of a shipped one, or a YAML file."""
    c: float | None = None
    """Divisor of the rules' reward; defaults to that of the profile."""
    log_prob: bool = True
    """Whether the reward includes log p: log p + r_MT / c, else r_MT alone."""
    prior: str = "default"
    """Note RNN for log p ("default", "lookback", or a file), conditioned on nothing before the melody."""
    evaluations: int = 1_000_000
    """Maximum number of melodies to evaluate; greedy needs few."""
    seed: int = 0
    """Random seed."""
    out: Path | None = None
    """Folder for the best melody as MIDI and the record as JSON."""

    def profile(self) -> RewardProfile:
        """Return the reward profile; raises ProfileError, SettingError or, for an invalid c, InputError."""
        if self.c is not None:
            check_above_zero("--c", self.c)
        profile = load_profile(self.reward).with_setting(**self.setting_changes())
        return profile if self.c is None else replace(profile, c=self.c)


def search(config: SearchConfig) -> dict[str, Any]:
    """Return the record of the best melody found: its value, r_MT, log p, rules and tokens.

    Raises InputError, ProfileError or CheckpointError for bad input.
    """
    check_count("--evaluations", config.evaluations)
    check_seed("--seed", config.seed)
    torch.set_num_threads(1)
    profile = config.profile()
    prior = profile.setting.adapted(load_note_rnn(config.prior)) if config.log_prob else None
    value = Value(profile, profile.setting.steps, prior)
    with Progress(config.evaluations, config.method, "melodies") as progress:
        for state in METHODS[config.method](value, config.evaluations, np.random.default_rng(config.seed)):
            progress.advance(state.evaluations - progress.done)
            progress.note(f"best {state.values[0]:.2f}")
    return _record(state, value)


def _record(state: SearchState, value: Value) -> dict[str, Any]:
    best = state.melodies[:1]
    scores = score_melodies(best, value.profile)
    music_theory = float(scores.music_theory.sum())
    return {
        "value": float(state.values[0]),
        "music_theory": music_theory,
        "log_prob": None if value.prior is None else float(state.values[0]) - music_theory / value.profile.c,
        "rules": {name: float(values.sum()) for name, values in scores.rules.items()},
        "evaluations": state.evaluations,
        "melody": best[0].tolist(),
    }


def record_text(record: dict[str, Any], setting: Setting) -> str:
    """Return the record of `search` as text."""
    length = setting.steps
    log_prob = "" if record["log_prob"] is None else f", log p {record['log_prob'] / length:.2f}"
    return "\n".join(
        [
            f"Best of {record['evaluations']:,}: {record['value']:.2f}",
            f"per step: r_MT {record['music_theory'] / length:.2f}{log_prob}",
            ", ".join(f"{name} {value:.1f}" for name, value in record["rules"].items()),
            melody_text(np.array(record["melody"]), setting),
        ]
    )
