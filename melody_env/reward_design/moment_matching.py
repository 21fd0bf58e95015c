"""Weights of rules that give an agent the means of human tunes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from melody_env.measures.populations import prior_melodies
from melody_env.reward.composition import Floats
from melody_env.reward.profile import RewardProfile, WeightedRule
from melody_env.reward.rules import HUMAN_RULES
from melody_env.reward.scoring import score_melodies
from melody_env.reward_design.fits import fit_means
from melody_env.reward_design.ranking_fit import capped_rules, training_windows
from melody_env.setting import PAPER_SETTING, Setting, SettingOptions
from note_rnn.common.errors import check_above_zero, check_count, check_seed
from note_rnn.common.progress import Progress
from note_rnn.corpus import DEFAULT_COLLECTIONS, load_corpus, split
from note_rnn.network.checkpoint import load_note_rnn
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, Tokens

MATCHED = ("key", *(name for name in HUMAN_RULES if name != "onset"))
"""The rules to match; the notes that begin at each position of a bar are matched too."""
_BLOCK = 2_048
"""Melodies scored at a time: of all 40,000 of 256 steps the values of the rules would take gigabytes."""


@dataclass(frozen=True)
class MatchConfig(SettingOptions):
    """Weigh the rules so that an agent's melodies have the same mean of each as human tunes of the same length.

    The reward makes no musical judgement: a rule rewards what the Note RNN has too little of and punishes what it has
    too much of. Tune with it: melody-rl train --algo psi --preset people --reward matched.yaml
    """

    out: Path = Path("matched.yaml")
    """File for the reward profile."""
    prior: str = "lookback"
    """Note RNN that agents will start from: "lookback", "default", or a file."""
    collections: tuple[str, ...] = DEFAULT_COLLECTIONS
    """Collections of music21's corpus; a twentieth each is held out for validation and test."""
    melodies: int = 40_000
    """Number of melodies of the Note RNN."""
    penalty: float = 3e-3
    """Cost of large weights: a larger one gives smaller weights and a looser match."""
    seed: int = 0
    """Random seed."""


def match(config: MatchConfig) -> RewardProfile:
    """Return the profile fitted as in `config`; raises CorpusError, CheckpointError or InputError for bad input."""
    check_count("--melodies", config.melodies)
    check_seed("--seed", config.seed)
    check_above_zero("--penalty", config.penalty)
    torch.set_num_threads(1)
    setting = PAPER_SETTING.changed(**config.setting_changes())
    human = training_windows(split(load_corpus(config.collections)).train, setting)
    prior = setting.adapted(load_note_rnn(config.prior))
    with Progress(setting.steps, "composing", "steps") as progress:
        rng = np.random.default_rng(config.seed)
        machine = prior_melodies(prior, config.melodies, setting.steps, rng, progress.advance)
    rules = capped_rules(MATCHED, human, setting)
    weights = fit_means(counts(human, rules, setting), counts(machine, rules, setting), config.penalty)
    return RewardProfile("matched", weighted_rules(rules, weights), c=1.0, setting=setting)


def counts(melodies: Tokens, rules: Sequence[WeightedRule], setting: Setting) -> Floats:
    """Return the sum of each rule in `melodies` [N, T] and the notes at each position of a bar [N, R + K]."""
    profile, blocks = RewardProfile("counts", tuple(rules)), []
    with Progress(len(melodies), "counting", "melodies") as progress:
        for first in range(0, len(melodies), _BLOCK):
            block = melodies[first : first + _BLOCK]
            blocks.append(_counts(block, profile, setting))
            progress.advance(len(block))
    return np.concatenate(blocks)


def _counts(melodies: Tokens, profile: RewardProfile, setting: Setting) -> Floats:
    values = score_melodies(melodies, profile, setting).rules
    onsets = melodies >= FIRST_PITCH_TOKEN
    bar = setting.steps_per_bar
    return np.column_stack(
        [value.sum(axis=1) for value in values.values()]
        + [onsets[:, position::bar].sum(axis=1) for position in range(bar)]
    )


def weighted_rules(rules: Sequence[WeightedRule], weights: Floats) -> tuple[WeightedRule, ...]:
    """Return the `rules` with their `weights` [R + K], the last K those of notes at each position of a bar."""
    rounded = [float(f"{weight:.3g}") for weight in weights]
    matched = [replace(rule, weight=weight) for rule, weight in zip(rules, rounded, strict=False) if abs(weight) > 1e-3]
    return *matched, WeightedRule("onset", 1.0, {"worth": rounded[len(rules) :]})
