"""Weights of rules from a ranking: human melodies above those of machines."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from melody_env.measures.populations import (
    EVERYONE,
    HUMAN,
    LOOPS,
    MARKOV1,
    MARKOV3,
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
from note_rnn.common.errors import InputError, check_count
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
"""Who should be ranked above whom, and how much that counts: pairs of melodies drawn of each length."""

SIGNS = {
    **{"echo": 1, "overused_motif": -1, "bar_repeat": 1, "sequence": 1, "bar_rhythm": 1, "long_end": 1},
    **{"off_eighth": -1, "syncopation": -1, "standstill": -1},
    **{"stepwise": 1, "scale_run": 1, "turn": -1, "repeated_note": -1, "fourth_or_fifth": -1},
    **{"tritone_or_seventh": -1, "beyond_octave": -1, "leap_answered": 1, "leap_continued": -1},
    **{"key": 1, "chromatic_step": 1, "stable_beat": 1, "opening": 1, "stable_end": 1},
}
"""Which rules are weighed, and whether each may pay (1) or cost (-1): what a musician knows before any fit.

Without it, notes in the scale would cost, since random notes of the scale never leave it. Not weighed are rests, which
are free, and bells, which tell dances from songs.
"""

AS_MUCH_AS = 0.9
"""What this share of people's tunes have at most of what a rule counts is all that it pays for."""

MIN_TUNES = 50


@dataclass(frozen=True)
class CalibrateConfig(SettingOptions):
    """Weigh the rules by examples: people's tunes are to be worth more than what Note RNN, Markov chains and dice make.

    The weights become log-odds of people against the Note RNN, so the profile's c is 1. Tune with it:
    melody-rl train --reward calibrated.yaml
    """

    out: Path = Path("calibrated.yaml")
    """Where the reward profile goes."""
    prior: str = "bars"
    """Note RNN that agents will start from: "bars", "default", or a .safetensors file."""
    collections: tuple[str, ...] = DEFAULT_COLLECTIONS
    """Collections of music21's corpus; a twentieth each stays out of the fit, for validation and test."""
    bars: tuple[int, ...] = (2, 4)
    """Lengths of melodies, in bars, that are fitted together; --length has one length instead."""
    melodies: int = 2_000
    """Melodies of each machine and length."""
    penalty: float = 1e-3
    """Cost of large weights: more makes them smaller and more alike."""
    seed: int = 0
    """Seed of everything random."""


def calibrate(config: CalibrateConfig) -> RewardProfile:
    """Return the profile that `config` leads to; raises CorpusError, CheckpointError or InputError for bad input."""
    check_count("--melodies", config.melodies)
    if not config.penalty >= 0:
        raise InputError(f"--penalty must be a number of at least 0, not {config.penalty}.")
    torch.set_num_threads(1)
    setting = PAPER_SETTING.changed(**config.setting_changes())
    lengths = [setting.length] if config.length else [f"{check_count('--bars', bars)} bars" for bars in config.bars]
    settings = [replace(setting, length=length) for length in lengths]
    train, prior = split(load_corpus(config.collections)).train, load_note_rnn(config.prior)
    longest = max(settings, key=lambda each: each.steps)
    candidates = limited(SIGNS, checked_tunes(train, longest), longest)
    profile = RewardProfile("calibrated", candidates, c=1.0, setting=setting)
    rng = np.random.default_rng(config.seed)
    groups = []
    with Progress(len(settings) * len(EVERYONE), "Scoring", "populations") as progress:
        for at_length in settings:
            groups.append(_population(profile, train, prior, at_length, config.melodies, rng, progress))
    signs = [SIGNS[name] for name in profile.rule_names]
    weights = fit_ranking(groups, PAIRS, signs, rng, config.penalty)
    weights *= log_odds_scale(
        [group[HUMAN] @ weights for group in groups], [group[PRIOR] @ weights for group in groups]
    )
    kept = [
        replace(rule, weight=float(f"{weight:.3g}"))
        for rule, weight in zip(candidates, weights, strict=True)
        if abs(weight) > 1e-3
    ]
    return replace(profile, rules=tuple(kept))


def checked_tunes(train: Corpus, setting: Setting) -> Tokens:
    """Return the windows [N, T] of `train` in `setting`; raises InputError if they are too few to learn from."""
    tunes = human_melodies(train, setting)
    if len(tunes) < MIN_TUNES:
        raise InputError(
            f"Only {len(tunes)} tunes have {setting.length} in a meter like {setting.meter}: choose other collections, "
            "another meter, or fewer bars."
        )
    return tunes


def limited(names: Iterable[str], tunes: Tokens, setting: Setting) -> tuple[WeightedRule, ...]:
    """Return the rules of these `names`; those with a limit pay for what nine of ten `tunes` [N, T] have in a bar."""
    unlimited = tuple(map(WeightedRule, names))
    counts = score_melodies(tunes, RewardProfile("counts", unlimited), setting).rules
    bars = tunes.shape[1] / setting.steps_per_bar
    caps = {name: np.quantile(count.sum(axis=1), AS_MUCH_AS) / bars for name, count in counts.items()}
    return tuple(
        replace(rule, parameters={"cap": round(float(caps[rule.name]), 2)})
        if "cap" in inspect.signature(rule.function()).parameters
        else rule
        for rule in unlimited
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
    """Return the sums of the rules in melodies of people and machines, all in `setting`."""
    human = checked_tunes(train, setting)
    everyone: Mapping[str, Tokens] = {HUMAN: human, **machine_melodies(train, human, prior, setting, size, rng)}
    sums = {}
    for name, melodies in everyone.items():
        sums[name] = np.stack([row.sum(axis=1) for row in score_melodies(melodies, profile, setting).rules.values()], 1)
        progress.advance()
    return sums
