"""Weights of rules by which an agent gets the means of human tunes."""

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
from melody_env.reward_design.ranking_fit import checked_tunes, limited
from melody_env.setting import PAPER_SETTING, Setting, SettingOptions
from note_rnn.common.errors import check_above_zero, check_count
from note_rnn.corpus import DEFAULT_COLLECTIONS, load_corpus, split
from note_rnn.network.checkpoint import load_note_rnn
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, Tokens

MATCHED = ("key", *(name for name in HUMAN_RULES if name != "onset"))
"""What is matched, beside where in the bar notes begin."""


@dataclass(frozen=True)
class MatchConfig(SettingOptions):
    """Weigh the rules so that an agent's melodies have as much of each as people's tunes of the same length.

    The reward does not say what is better: a rule pays for what the Note RNN has too little of, and costs where it has
    too much. Tune with it: melody-rl train --algo ppo_kl --preset people --reward matched.yaml
    """

    out: Path = Path("matched.yaml")
    """Where the reward profile goes."""
    prior: str = "bars"
    """Note RNN that agents will start from: "bars", "default", or a .safetensors file."""
    collections: tuple[str, ...] = DEFAULT_COLLECTIONS
    """Collections of music21's corpus; a twentieth each stays out of the fit, for validation and test."""
    melodies: int = 40_000
    """Melodies of the Note RNN."""
    penalty: float = 3e-3
    """Cost of large weights: more makes them smaller, and what they match is matched less."""
    seed: int = 0
    """Seed of everything random."""


def match(config: MatchConfig) -> RewardProfile:
    """Return the profile that `config` leads to; raises CorpusError, CheckpointError or InputError for bad input."""
    check_count("--melodies", config.melodies)
    check_above_zero("--penalty", config.penalty)
    torch.set_num_threads(1)
    setting = PAPER_SETTING.changed(**config.setting_changes())
    human = checked_tunes(split(load_corpus(config.collections)).train, setting)
    prior = load_note_rnn(config.prior).transposed(setting.transposition)
    machine = prior_melodies(prior, config.melodies, setting.steps, np.random.default_rng(config.seed))
    rules = limited(MATCHED, human, setting)
    weights = fit_means(counts(human, rules, setting), counts(machine, rules, setting), config.penalty)
    return RewardProfile("matched", weighted(rules, weights), c=1.0, setting=setting)


def counts(melodies: Tokens, rules: Sequence[WeightedRule], setting: Setting) -> Floats:
    """Return [N, R + K] what each rule says of `melodies` [N, T], and how many notes begin at each place of a bar."""
    said = score_melodies(melodies, RewardProfile("counts", tuple(rules)), setting).rules
    onsets = melodies >= FIRST_PITCH_TOKEN
    bar = setting.steps_per_bar
    return np.column_stack(
        [value.sum(axis=1) for value in said.values()] + [onsets[:, place::bar].sum(axis=1) for place in range(bar)]
    )


def weighted(rules: Sequence[WeightedRule], weights: Floats) -> tuple[WeightedRule, ...]:
    """Return the `rules` with their `weights` [R + K], of which the last K are what notes at each place are worth."""
    rounded = [float(f"{weight:.3g}") for weight in weights]
    kept = [replace(rule, weight=weight) for rule, weight in zip(rules, rounded, strict=False) if abs(weight) > 1e-3]
    return *kept, WeightedRule("onset", 1.0, {"worth": rounded[len(rules) :]})
