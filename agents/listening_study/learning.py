"""A taste learned from votes: a reward profile whose sum over a piece is the log-odds of being preferred.

Shapes: V votes, R rules, N melodies, T steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import tyro

from agents.evaluation.preference import resampled_weights
from agents.listening_study.token_part import HeardTokens, predictions_with_tokens
from agents.votes.heard import HeardVotes, heard_votes
from melody_env import RewardProfile, Setting, WeightedRule, score_melodies
from melody_env.reward.rules import HUMAN_RULES, RULES
from melody_env.reward.token_taste import TokenTaste
from melody_env.reward_design.bradley_terry import Fit, Votes, fit
from melody_env.reward_design.taste import (
    PENALTIES,
    Listener,
    Predictions,
    cross_validated,
    folds,
    listeners,
    probability_of_noise,
    scales,
    shares,
)
from note_rnn import InputError, Tokens
from note_rnn.common.errors import check_seed

Floats = npt.NDArray[np.float64]

CANDIDATES = tuple(map(WeightedRule, (*RULES, *(name for name in HUMAN_RULES if name != "onset"))))
"""The rules that a taste is sought in."""
SIGNIFICANT = 0.05
"""Votes that noise gives with this probability, or more, are no taste."""
_LEAST = 0.02
"""Rules with an effect below this share of the largest are left out."""
_SAMPLES = 2_000


class NoTasteError(InputError):
    """Votes that cannot be told from noise."""


@dataclass(frozen=True)
class LearnConfig:
    """Learn a taste from votes, as a reward profile to tune with: train --algo ppo_kl --reward taste.yaml

    The weights are log-odds of being preferred, per unit of each rule, so c is 1. Votes of several studies count
    together.
    """

    votes: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """The files that listeners downloaded, from studies or from the studio."""
    out: Path = Path("taste.yaml")
    """File for the reward profile."""
    tokens: bool = False
    """Learn from the tokens, too, what no rule describes, if that predicts votes better; their weights go to a file
    (.safetensors) beside the profile."""
    force: bool = False
    """Write a profile even if the votes cannot be told from noise; its weights are then close to 0."""
    seed: int = 0
    """Seed of permutations, folds and bootstrap."""


class Taste(NamedTuple):
    """What was learned from V votes."""

    profile: RewardProfile
    fitted: Fit
    """Of rules in units of their `scales`, beside those of tokens if there are any."""
    scales: Floats
    """[R]; 0 for a rule that too few votes asked about."""
    shares: Floats
    """[R]; of the variance of the log-odds."""
    noise: float
    """p of the votes having nothing to do with the rules, nor with the tokens if these were sought in, too."""
    predicted: tuple[float, float, float]
    """Share of the held-out votes that are predicted, and its 95 % interval."""
    predictions: Predictions
    listeners: list[Listener]
    tokens: TokenTaste | None = None
    """What the profile's rules leave to the tokens; None without a search, or if that predicts no better."""
    predicted_by_rules: float | None = None
    """Share of the held-out votes that the rules alone predict; None if nothing was sought in tokens."""

    @property
    def is_noise(self) -> bool:
        """Whether the votes cannot be told from noise."""
        return self.noise >= SIGNIFICANT


def learn_taste(heard: HeardVotes, seed: int = 0, tokens: bool = False) -> Taste:
    """Return the taste in the votes `heard`; without one its weights are close to 0.

    With `tokens`, what the rules leave is sought in these; they are left out unless they predict votes held out better.
    """
    rng = np.random.default_rng(seed)
    unscaled = votes_on_rules(heard)
    scale = scales(unscaled.differences)
    rules = unscaled.scaled(scale)
    pairs = heard.pairs()
    heard_tokens = HeardTokens.of(heard) if tokens else None
    noise = _noise([rules] if heard_tokens is None else [rules, heard_tokens.votes(rules)], rng)
    heard_tokens = None if noise >= SIGNIFICANT else heard_tokens
    alone, votes, predictions, heard_tokens = _predicted(rules, heard_tokens, folds(rules, pairs, rng))
    judged = listeners(votes, pairs, _swapped(heard), predictions.log_odds)
    reliability = np.array([listener.reliability for listener in judged])[heard.listener]
    penalty = predictions.penalty if noise < SIGNIFICANT else PENALTIES[-1]
    fitted = fit(votes, penalty, reliability)
    return Taste(
        RewardProfile("taste", weighted_rules(fitted.weights[: len(scale)], scale), c=1.0, setting=heard.setting),
        fitted.part(len(scale)),
        scale,
        shares(fitted, votes.differences)[: len(scale)],
        noise,
        share_predicted(votes, predictions.log_odds, pairs, rng),
        predictions,
        judged,
        heard_tokens and heard_tokens.ensemble(votes, penalty, reliability, pairs, rng),
        share_predicted(rules, alone.log_odds, pairs, rng)[0] if tokens else None,
    )


def _noise(parts: Sequence[Votes], rng: np.random.Generator) -> float:
    """Return p of the votes having nothing to do with any of the `parts`, on rules or tokens (Bonferroni)."""
    rngs = rng, *rng.spawn(len(parts) - 1)  # what follows is the same without tokens
    found = [probability_of_noise(votes, own) for votes, own in zip(parts, rngs, strict=True)]
    return min(1.0, len(found) * min(found))


def _predicted(
    rules: Votes, tokens: HeardTokens | None, fold: npt.NDArray[np.int64]
) -> tuple[Predictions, Votes, Predictions, HeardTokens | None]:
    """Return predictions by the `rules` alone; the votes on what predicts best, its predictions, and its `tokens`."""
    alone = cross_validated(rules, fold)
    if tokens is not None:
        votes = tokens.beside(rules)
        both = predictions_with_tokens(votes, rules.differences.shape[1], fold, float(alone.penalty))
        if both.log_likelihood > alone.log_likelihood:
            return alone, votes, both, tokens
    return alone, rules, alone, None


def learn(config: LearnConfig) -> tuple[HeardVotes, Taste]:
    """Return the votes of `config` and the taste in them.

    Raises VotesError for unusable votes, NoTasteError, unless forced, for votes that cannot be told from noise.
    """
    check_seed("--seed", config.seed)
    heard = heard_votes(config.votes)
    taste = learn_taste(heard, config.seed, config.tokens)
    if taste.is_noise and not config.force:
        sought, further = ("rules and tokens", "") if config.tokens else ("rules", "look for it in tokens (--tokens), ")
        raise NoTasteError(
            f"There is no taste to learn in these {len(heard.outcomes):,} votes: votes that have nothing to do with "
            f"the {sought} look like them with p = {taste.noise:.2g}. Collect more votes, {further}or write a profile "
            "of almost no weight with --force."
        )
    return heard, taste


def votes_on_rules(heard: HeardVotes) -> Votes:
    """Return the votes `heard`, with the differences [V, R] of what each rule adds up to over the two melodies."""
    differences = rule_sums(heard.first, heard.setting) - rule_sums(heard.second, heard.setting)
    return Votes(differences, heard.outcomes, heard.listener)


def rule_sums(melodies: Tokens, setting: Setting) -> Floats:
    """Return the sum of each candidate rule [N, R] over the `melodies` [N, T]."""
    values = score_melodies(melodies, RewardProfile("candidates", CANDIDATES), setting).rules
    return np.stack([value.sum(axis=1) for value in values.values()], axis=1)


def weighted_rules(weights: Floats, scale: Floats) -> tuple[WeightedRule, ...]:
    """Return the candidates with their `weights` [R] per unit of `scale` [R], without those of almost no effect."""
    least = _LEAST * np.abs(weights).max()
    return tuple(
        WeightedRule(rule.name, float(f"{weight / unit:.3g}"))
        for rule, weight, unit in zip(CANDIDATES, weights, scale, strict=True)
        if unit > 0 and abs(weight) >= least
    )


def share_predicted(
    votes: Votes, log_odds: Floats, pairs: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return the share of the votes for one side that `log_odds` [V] predict, and its 95 % interval.

    By bootstrap of listeners and their votes, or of pairs if one listener gave them all.
    """
    decided = votes.outcomes != 0.5
    if not decided.any():
        return 0.5, 0.0, 1.0
    right = ((log_odds > 0) == (votes.outcomes > 0.5))[decided]
    groups = (votes.listener if len(np.unique(votes.listener)) > 1 else pairs)[decided]
    weights = resampled_weights(groups, _SAMPLES, rng)
    low, high = np.quantile(weights @ right / weights.sum(axis=1), [0.025, 0.975])
    return float(right.mean()), float(low), float(high)


def _swapped(heard: HeardVotes) -> npt.NDArray[np.int64]:
    """Return 1 for each vote [V] whose second melody comes first in the order of tokens, else 0."""
    sides = zip(heard.first.tolist(), heard.second.tolist(), strict=True)
    return np.array([int(first > second) for first, second in sides])
