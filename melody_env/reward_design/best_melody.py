"""The best melody of a reward profile, found without learning, and what it is worth."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from melody_env.pictures import melody_text
from melody_env.reward.profile import RewardProfile, load_profile
from melody_env.reward.scoring import score_melodies
from melody_env.reward_design.optimizers import METHODS, Found, Value
from melody_env.setting import Setting, SettingOptions
from note_rnn.common.errors import check_count
from note_rnn.common.progress import Progress
from note_rnn.network.checkpoint import load_note_rnn


@dataclass(frozen=True)
class SearchConfig(SettingOptions):
    """Search whole melodies for the best that a reward profile knows, with or without log p of the Note RNN.

    It is the limit of what an agent can reach with that reward, and shows what the rules lead to.
    """

    method: Literal["anneal", "beam", "greedy", "random", "evolve"] = "anneal"
    """anneal: population annealing, the strongest; evolve: selection, crossing, mutation; beam, greedy: step by step;
    random: the best of many that the Note RNN composes (with --no-log-prob: of random tokens)."""
    reward: str = "paper"
    """Reward profile: the name of a shipped one, or a YAML file."""
    c: float | None = None
    """What divides the rules' reward, if not the profile's c."""
    log_prob: bool = True
    """Whether log p counts: the sum of log p + r_MT / c, else of r_MT alone."""
    prior: str = "default"
    """Note RNN that gives log p ("default", "bars", or a .safetensors file); it has heard nothing before the melody."""
    evaluations: int = 1_000_000
    """Melodies that may be valued; greedy needs few, whatever is allowed."""
    seed: int = 0
    """Seed of everything random."""
    out: Path | None = None
    """Folder for the best melody as MIDI, and everything found as JSON."""

    def profile(self) -> RewardProfile:
        """Return the reward profile; raises ProfileError or SettingError."""
        profile = load_profile(self.reward).with_setting(**self.setting_changes())
        return profile if self.c is None else replace(profile, c=self.c)


def search(config: SearchConfig) -> dict[str, Any]:
    """Search as `config` says; return what was found: value, r_MT and log p of the best melody, and the melody.

    Raises InputError, ProfileError or CheckpointError for what cannot be used.
    """
    check_count("--evaluations", config.evaluations)
    torch.set_num_threads(1)
    profile = config.profile()
    prior = load_note_rnn(config.prior).transposed(profile.setting.transposition) if config.log_prob else None
    value = Value(profile, profile.setting.steps, prior)
    with Progress(config.evaluations, config.method, "melodies") as progress:
        for found in METHODS[config.method](value, config.evaluations, np.random.default_rng(config.seed)):
            progress.advance(found.valued - progress.done)
            progress.note(f"best {found.values[0]:.2f}")
    return _record(found, value)


def _record(found: Found, value: Value) -> dict[str, Any]:
    best = found.melodies[:1]
    scores = score_melodies(best, value.profile)
    music_theory = float(scores.music_theory.sum())
    return {
        "value": float(found.values[0]),
        "music_theory": music_theory,
        "log_prob": None if value.prior is None else float(found.values[0]) - music_theory / value.profile.c,
        "rules": {name: float(values.sum()) for name, values in scores.rules.items()},
        "evaluations": found.valued,
        "melody": best[0].tolist(),
    }


def record_text(record: dict[str, Any], setting: Setting) -> str:
    """Return what `search` found, as text."""
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
