"""How a reward profile ranks human, Note RNN, Markov and random melodies, rule by rule."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from melody_env.measures.auc import auc, auc_interval
from melody_env.measures.populations import (
    HUMAN,
    MARKOV1,
    MARKOV3,
    RANDOM,
    held_out_of,
    human_melodies,
    machine_melodies,
)
from melody_env.reward.composition import Floats
from melody_env.reward.profile import RewardProfile, load_profile
from melody_env.reward.scoring import score_melodies
from melody_env.setting import Setting, SettingOptions
from note_rnn.common.errors import InputError, check_count
from note_rnn.common.progress import Progress
from note_rnn.corpus import DEFAULT_COLLECTIONS, Corpus, load_corpus, read_corpus, split
from note_rnn.corpus.windows import first_steps
from note_rnn.network.checkpoint import load_note_rnn
from note_rnn.vocabulary import Tokens, transposed

TOTAL = "sum"
ORDER = ((MARKOV3, MARKOV1), (MARKOV1, RANDOM))
MIN_TUNES = 10
NOISY = 0.45
"""Below it an AUC is no accident of a hundred tunes."""


@dataclass(frozen=True)
class AuditConfig(SettingOptions):
    """Rank people's tunes, the Note RNN's melodies, Markov melodies and random notes by a reward profile.

    A reward that puts people first gives each machine an AUC near 1: the chance that a tune of people is worth more
    than a melody of that machine. At 0.5 the reward cannot tell them apart; below, it pays for noise.
    """

    profile: str = "paper"
    """Reward profile: the name of a shipped one, or a YAML file."""
    corpus: tuple[str, ...] = DEFAULT_COLLECTIONS
    """People's tunes: collections of music21's corpus, or a corpus file (.npz) of `python -m note_rnn.corpus build`, or
    any with `tokens`, one tune after the other, and `offsets`; its tunes are taken to begin on a bar line."""
    all_tunes: bool = False
    """Rank all tunes of the collections and not only those held out (a tenth): for collections that neither the
    profile nor the Note RNN has learned from."""
    prior: str = "default"
    """Note RNN whose melodies are ranked."""
    melodies: int = 1_000
    """Melodies of each machine."""
    seed: int = 0
    """Seed of everything random."""
    require_human_first: bool = False
    """Exit with status 1 if not all machines rank below people, with the whole 95 % interval."""
    out: Path | None = None
    """Folder for audit.json and audit.png."""


@dataclass(frozen=True)
class Audit:
    """What each rule, weighted, and the sum of all ("sum") is worth to people and machines, in a piece."""

    means: dict[str, dict[str, float]]
    """Per rule and population the mean."""
    aucs: dict[str, dict[str, float]]
    """Per rule and machine the chance that people's tune is worth more."""
    intervals: dict[str, tuple[float, float]]
    """Per machine the 95 % interval of the sum's AUC."""
    machines_in_order: dict[str, float]
    """The AUC of the sum of better machines over worse ones, which a reward that knows music should have, too."""
    sizes: dict[str, int]
    """Melodies of each population."""
    totals: dict[str, Floats]
    """Per population the sum of all rules in each melody."""

    @property
    def puts_humans_first(self) -> bool:
        """Whether all machines surely rank below people."""
        return all(low > 0.5 for low, _ in self.intervals.values())

    @property
    def noisy_rules(self) -> list[str]:
        """The rules that clearly rank some machine above people: with an AUC below 0.45."""
        return [rule for rule, row in self.aucs.items() if rule != TOTAL and min(row.values()) < NOISY]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        kept = {name: value for name, value in asdict(self).items() if name != "totals"}
        return {**kept, "noisy_rules": self.noisy_rules, "humans_first": self.puts_humans_first}


def audit(config: AuditConfig) -> Audit:
    """Rank as `config` says; raises ProfileError, CorpusError, CheckpointError or InputError for bad input."""
    check_count("--melodies", config.melodies)
    torch.set_num_threads(1)
    profile = load_profile(config.profile).with_setting(**config.setting_changes())
    rng = np.random.default_rng(config.seed)
    human, train = _people(config, profile.setting)
    if len(human) < MIN_TUNES:
        raise InputError(
            f"{', '.join(config.corpus)}: only {len(human)} tunes have {profile.setting.steps} steps in a meter like "
            f"{profile.setting.meter}, too few to rank: add a collection, --all-tunes, or ask for fewer steps."
        )
    prior = load_note_rnn(config.prior)
    everyone = {HUMAN: human, **machine_melodies(train, human, prior, profile.setting, config.melodies, rng)}
    return rank(everyone, profile, rng)


def rank(everyone: Mapping[str, Tokens], profile: RewardProfile, rng: np.random.Generator) -> Audit:
    """Return the audit of `profile` with the melodies [N, T] of each population, people's ("human") among them."""
    worth: dict[str, dict[str, Floats]] = {}
    with Progress(len(everyone), "Scoring", "populations") as progress:
        for name, melodies in everyone.items():
            scores = score_melodies(melodies, profile)
            sums = zip(scores.rules.items(), profile.weights, strict=True)
            worth[name] = {rule: weight * values.sum(axis=1) for (rule, values), weight in sums}
            worth[name][TOTAL] = scores.music_theory.sum(axis=1)
            progress.advance()
    machines = [name for name in everyone if name != HUMAN]
    human = worth[HUMAN]
    return Audit(
        {rule: {name: float(worth[name][rule].mean()) for name in everyone} for rule in human},
        {rule: {name: auc(human[rule], worth[name][rule]) for name in machines} for rule in human},
        {name: auc_interval(human[TOTAL], worth[name][TOTAL], rng) for name in machines},
        {f"{better} over {worse}": auc(worth[better][TOTAL], worth[worse][TOTAL]) for better, worse in ORDER},
        {name: len(melodies) for name, melodies in everyone.items()},
        {name: worth[name][TOTAL] for name in everyone},
    )


def _people(config: AuditConfig, setting: Setting) -> tuple[Tokens, Corpus]:
    """Return people's tunes [N, T] to rank, and the tunes that Markov chains learn from."""
    if len(config.corpus) == 1 and config.corpus[0].endswith(".npz"):
        tunes = transposed(first_steps(read_corpus(config.corpus[0]), setting.steps), setting.transposition)
        tunes = tunes[setting.in_range[tunes].all(axis=1)]
        return np.unique(tunes, axis=0), split(load_corpus()).train
    corpus = load_corpus(config.corpus)
    if config.all_tunes:
        return human_melodies(corpus, setting), split(load_corpus()).train
    parts = split(corpus)
    return held_out_of(parts, setting), parts.train
