"""The ranking of human, Note RNN, Markov and random melodies by a reward profile, rule by rule."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
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
    held_out_windows,
    human_melodies,
    machine_melodies,
)
from melody_env.reward.composition import Floats
from melody_env.reward.profile import RewardProfile
from melody_env.reward.profile_yaml import load_profile
from melody_env.reward.scoring import score_melodies
from melody_env.setting import Setting, SettingOptions
from note_rnn.common.errors import InputError, check_count, check_seed
from note_rnn.common.progress import Progress
from note_rnn.corpus import DEFAULT_COLLECTIONS, Corpus, load_corpus, read_corpus, split
from note_rnn.corpus.windows import first_steps
from note_rnn.extraction.tunes import Bars
from note_rnn.network.checkpoint import load_note_rnn
from note_rnn.vocabulary import Tokens, transposed

TOTAL = "sum"
ORDER = ((MARKOV3, MARKOV1), (MARKOV1, RANDOM))
MIN_TUNES = 10
NOISE_THRESHOLD = 0.45
"""An AUC below this is significant for a hundred tunes."""


@dataclass(frozen=True)
class AuditConfig(SettingOptions):
    """Rank human tunes, the Note RNN's melodies, Markov melodies and random notes by a reward profile.

    The AUC of a machine is the probability that a human tune earns a higher reward than one of its melodies: near 1 if
    the reward ranks human tunes first, 0.5 if it cannot distinguish them, less if it rewards noise.
    """

    profile: str = "paper"
    """Reward profile: the name of a shipped one, or a YAML file."""
    corpus: tuple[str, ...] = DEFAULT_COLLECTIONS
    """Human tunes: collections of music21's corpus, or a corpus file (.npz), which Markov chains are then fitted
    to; one with only `tokens` and `offsets` is taken to begin on bar lines."""
    all_tunes: bool = False
    """Rank all tunes of the collections, not only the held-out tenth: for collections that neither the profile nor the
    Note RNN was fitted to."""
    prior: str = "default"
    """Note RNN whose melodies are ranked."""
    melodies: int = 1_000
    """Number of melodies of each machine."""
    seed: int = 0
    """Random seed."""
    require_human_first: bool = False
    """Exit with status 1 unless all machines rank below human tunes, with the whole 95 % interval."""
    out: Path | None = None
    """Folder for audit.json, audit.csv and audit.png."""


@dataclass(frozen=True)
class Audit:
    """Rewards per piece of human tunes and machines: of each weighted rule, and of all together ("sum")."""

    means: dict[str, dict[str, float]]
    """Mean by rule and population."""
    aucs: dict[str, dict[str, float]]
    """By rule and machine, the probability that a human tune earns more."""
    intervals: dict[str, tuple[float, float]]
    """By machine, the 95 % interval of the sum's AUC."""
    machines_in_order: dict[str, float]
    """AUC of the sum, of better machines over worse ones: a musical reward should rank these too."""
    sizes: dict[str, int]
    """Number of melodies of each population."""
    totals: dict[str, Floats]
    """By population, the sum of all rules in each melody."""

    @property
    def ranks_human_first(self) -> bool:
        """Whether all machines rank below human tunes, with their whole intervals."""
        return all(low > 0.5 for low, _ in self.intervals.values())

    @property
    def noisy_rules(self) -> list[str]:
        """The rules that rank some machine above human tunes: with an AUC below 0.45."""
        return [rule for rule, row in self.aucs.items() if rule != TOTAL and min(row.values()) < NOISE_THRESHOLD]

    def as_dict(self) -> dict[str, Any]:
        """Return the contents of the JSON file."""
        figures = {name: value for name, value in asdict(self).items() if name != "totals"}
        return {**figures, "noisy_rules": self.noisy_rules, "humans_first": self.ranks_human_first}


def audit(config: AuditConfig) -> Audit:
    """Return the audit of `config`; raises ProfileError, CorpusError, CheckpointError or InputError for bad input."""
    check_count("--melodies", config.melodies)
    check_seed("--seed", config.seed)
    torch.set_num_threads(1)
    profile = load_profile(config.profile).with_setting(**config.setting_changes())
    rng = np.random.default_rng(config.seed)
    human, train = _human_tunes(config, profile.setting)
    if len(human) < MIN_TUNES:
        raise InputError(
            f"{', '.join(config.corpus)}: only {len(human)} tunes have {profile.setting.steps} steps in a meter like "
            f"{profile.setting.meter}, too few to rank: add a collection or --all-tunes, or choose a shorter --length."
        )
    prior = load_note_rnn(config.prior)
    populations = {HUMAN: human, **machine_melodies(train, human, prior, profile.setting, config.melodies, rng)}
    return rank(populations, profile, rng)


def rank(populations: Mapping[str, Tokens], profile: RewardProfile, rng: np.random.Generator) -> Audit:
    """Return the audit of `profile` on the melodies [N, T] of each population, among them "human"."""
    rewards: dict[str, dict[str, Floats]] = {}
    with Progress(len(populations), "Scoring", "populations") as progress:
        for name, melodies in populations.items():
            scores = score_melodies(melodies, profile)
            sums = zip(scores.rules.items(), profile.weights, strict=True)
            rewards[name] = {rule: weight * values.sum(axis=1) for (rule, values), weight in sums}
            rewards[name][TOTAL] = scores.music_theory.sum(axis=1)
            progress.advance()
    machines = [name for name in populations if name != HUMAN]
    human = rewards[HUMAN]
    return Audit(
        {rule: {name: float(rewards[name][rule].mean()) for name in populations} for rule in human},
        {rule: {name: auc(human[rule], rewards[name][rule]) for name in machines} for rule in human},
        {name: auc_interval(human[TOTAL], rewards[name][TOTAL], rng) for name in machines},
        {f"{better} over {worse}": auc(rewards[better][TOTAL], rewards[worse][TOTAL]) for better, worse in ORDER},
        {name: len(melodies) for name, melodies in populations.items()},
        {name: rewards[name][TOTAL] for name in populations},
    )


def _human_tunes(config: AuditConfig, setting: Setting) -> tuple[Tokens, Corpus]:
    """Return the human tunes [N, T] to rank, and the tunes that Markov chains are fitted to."""
    if len(config.corpus) == 1 and config.corpus[0].endswith(".npz"):
        return _tunes_of_file(read_corpus(config.corpus[0]), setting)
    corpus = load_corpus(config.corpus)
    if config.all_tunes:
        return human_melodies(corpus, setting), split(load_corpus()).train
    parts = split(corpus)
    return held_out_windows(parts, setting), parts.train


def _tunes_of_file(corpus: Corpus, setting: Setting) -> tuple[Tokens, Corpus]:
    """Return the tunes [N, T] of a corpus file in the key and range of `setting`, and the `corpus` with its meters.

    If it says none, its tunes are taken for such in the meter of `setting` from their first step on.
    """
    if any(bars.meter for bars in corpus.bars):
        return human_melodies(corpus, setting), corpus
    tunes = transposed(first_steps(corpus, setting.steps), setting.transposition)
    barred = replace(corpus, bars=[Bars(setting.meter, 0)] * len(corpus.segments))
    return np.unique(tunes[setting.in_range[tunes].all(axis=1)], axis=0), barred
