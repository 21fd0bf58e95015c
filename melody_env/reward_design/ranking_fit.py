"""Weights of rules fitted to rank human melodies above those of machines."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from melody_env.measures.populations import (
    HUMAN,
    LOOPS,
    MARKOV1,
    MARKOV3,
    POPULATIONS,
    PRIOR,
    RANDOM,
    RANDOM_PITCHES,
    human_melodies,
    machine_melodies,
)
from melody_env.reward.profile import RewardProfile, WeightedRule
from melody_env.reward.scoring import score_melodies
from melody_env.reward_design.fits import Population, fit_ranking, log_odds_scale
from melody_env.setting import PAPER_SETTING, Setting, SettingOptions
from note_rnn.common.errors import InputError, check_count, check_seed
from note_rnn.common.progress import Progress
from note_rnn.corpus import DEFAULT_COLLECTIONS, Corpus, load_corpus, split
from note_rnn.network.checkpoint import load_note_rnn
from note_rnn.network.model import NoteRNN
from note_rnn.vocabulary import Tokens

PAIRS = {
    (HUMAN, PRIOR): 4_000,
    (HUMAN, MARKOV3): 4_000,
    (HUMAN, RANDOM_PITCHES): 4_000,
    (HUMAN, LOOPS): 500,
    (MARKOV3, MARKOV1): 5_500,
    (MARKOV1, RANDOM): 4_000,
}
"""Pairs of populations (higher, lower) to rank, and the number of melody pairs drawn of each length."""

SIGNS = {
    **{"echo": 1, "overused_motif": -1, "bar_repeat": 1, "sequence": 1, "bar_rhythm": 1, "long_end": 1},
    **{"off_eighth": -1, "syncopation": -1, "standstill": -1},
    **{"stepwise": 1, "scale_run": 1, "turn": -1, "repeated_note": -1, "fourth_or_fifth": -1},
    **{"tritone_or_seventh": -1, "beyond_octave": -1, "leap_answered": 1, "leap_continued": -1},
    **{"key": 1, "chromatic_step": 1, "stable_beat": 1, "opening": 1, "stable_end": 1},
}
"""The rules to weigh, and whether each may reward (1) or punish (-1): musical knowledge that no fit supplies.

Without it, notes in the scale would be punished, since random notes of the scale never leave it. Rests are not weighed,
since they are free, nor are bells, which distinguish dances from songs.
"""

CAP_QUANTILE = 0.9
"""The cap of a rule is this quantile of its count in human tunes."""

MIN_TUNES = 50


@dataclass(frozen=True)
class CalibrateConfig(SettingOptions):
    """Weigh the rules by examples, so that human tunes rank above those of Note RNN, Markov chains and random notes.

    The weights are scaled to log-odds of human against Note RNN melodies, so the profile's c is 1. Tune with it:
    melody-rl train --reward calibrated.yaml
    """

    out: Path = Path("calibrated.yaml")
    """File for the reward profile."""
    prior: str = "lookback"
    """Note RNN that agents will start from: "lookback", "default", or a file."""
    collections: tuple[str, ...] = DEFAULT_COLLECTIONS
    """Collections of music21's corpus; a twentieth each is held out for validation and test."""
    bars: tuple[int, ...] = (2, 4)
    """Lengths of melodies, in bars, to fit together; --length gives a single length instead."""
    melodies: int = 2_000
    """Number of melodies of each machine and length."""
    penalty: float = 1e-3
    """Cost of large weights: a larger one makes them smaller and more alike."""
    seed: int = 0
    """Random seed."""


def calibrate(config: CalibrateConfig) -> RewardProfile:
    """Return the profile fitted as in `config`; raises CorpusError, CheckpointError or InputError for bad input."""
    check_count("--melodies", config.melodies)
    check_seed("--seed", config.seed)
    if not config.penalty >= 0:
        raise InputError(f"--penalty must be a number of at least 0, not {config.penalty}.")
    torch.set_num_threads(1)
    setting = PAPER_SETTING.changed(**config.setting_changes())
    lengths = [setting.length] if config.length else [f"{check_count('--bars', bars)} bars" for bars in config.bars]
    settings = [replace(setting, length=length) for length in lengths]
    train, prior = split(load_corpus(config.collections)).train, load_note_rnn(config.prior)
    longest = max(settings, key=lambda each: each.steps)
    candidates = capped_rules(SIGNS, training_windows(train, longest), longest)
    profile = RewardProfile("calibrated", candidates, c=1.0, setting=setting)
    rng = np.random.default_rng(config.seed)
    groups = []
    with Progress(len(settings) * len(POPULATIONS), "Scoring", "populations") as progress:
        for at_length in settings:
            groups.append(_population(profile, train, prior, at_length, config.melodies, rng, progress))
    signs = [SIGNS[name] for name in profile.rule_names]
    weights = fit_ranking(groups, PAIRS, signs, rng, config.penalty)
    weights *= log_odds_scale(
        [group[HUMAN] @ weights for group in groups], [group[PRIOR] @ weights for group in groups]
    )
    rules = tuple(
        replace(rule, weight=float(f"{weight:.3g}"))
        for rule, weight in zip(candidates, weights, strict=True)
        if abs(weight) > 1e-3
    )
    return replace(profile, rules=rules)


def training_windows(train: Corpus, setting: Setting) -> Tokens:
    """Return the windows [N, T] of `train` in `setting`; raises InputError if there are too few to fit to."""
    tunes = human_melodies(train, setting)
    if len(tunes) < MIN_TUNES:
        raise InputError(
            f"Only {len(tunes)} tunes have {setting.length} in a meter like {setting.meter}: choose other collections, "
            "another meter, or fewer bars."
        )
    return tunes


def capped_rules(names: Iterable[str], tunes: Tokens, setting: Setting) -> tuple[WeightedRule, ...]:
    """Return the rules of these `names`, capped counts with a cap per bar that nine of ten `tunes` [N, T] keep to."""
    uncapped = tuple(map(WeightedRule, names))
    counts = score_melodies(tunes, RewardProfile("counts", uncapped), setting).rules
    bars = tunes.shape[1] / setting.steps_per_bar
    caps = {name: np.quantile(count.sum(axis=1), CAP_QUANTILE) / bars for name, count in counts.items()}
    return tuple(
        replace(rule, parameters={"cap": round(float(caps[rule.name]), 2)})
        if "cap" in inspect.signature(rule.function()).parameters
        else rule
        for rule in uncapped
    )


def _population(
    profile: RewardProfile,
    train: Corpus,
    prior: NoteRNN,
    setting: Setting,
    size: int,
    rng: np.random.Generator,
    progress: Progress,
) -> Population:
    """Return the sums of the rules in human and machine melodies, all in `setting`."""
    human = training_windows(train, setting)
    populations: Mapping[str, Tokens] = {HUMAN: human, **machine_melodies(train, human, prior, setting, size, rng)}
    sums = {}
    for name, melodies in populations.items():
        sums[name] = np.stack([row.sum(axis=1) for row in score_melodies(melodies, profile, setting).rules.values()], 1)
        progress.advance()
    return sums
