"""What votes say about a taste: whether there is one, how well it predicts held-out votes, and who votes by it.

Shapes: V votes, R rules, L listeners.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from melody_env.reward.composition import Floats
from melody_env.reward_design.bradley_terry import Fit, Integers, Votes, fit, log_likelihoods

PENALTIES = np.geomspace(2, 2_000, 7).tolist()
"""Precisions of the weights to choose from, of rules scaled to deviation 1."""
FOLDS = 5
MIN_ASKED = 10
"""Votes whose melodies differ in a rule, below which nothing is concluded about it."""
_DEVIATIONS = 6
"""A rule's scale is at least this fraction of its range: one rare melody must not decide its weight."""
_TEST_PENALTY = 40.0
"""Precision of the weights in the test for noise."""
_PRIOR_FAITHFUL = 0.9
"""Probability that a listener votes by a taste, before any vote."""
_CONSISTENT = 0.75
"""Share of repeated pairs in which a listener with a taste chooses the same melody again."""


class Predictions(NamedTuple):
    """The votes predicted by those of others."""

    penalty: float | Floats
    """The precision of the weights that predicts best."""
    log_odds: Floats
    """Log-odds [V] of the first, by fits without the vote."""
    log_likelihood: float
    """Of all votes, in nats."""


class Listener(NamedTuple):
    """What one listener's votes are worth."""

    votes: int
    repeats: int
    """Votes on a pair that had been heard before."""
    consistent: int
    """Of these, the votes for the same melody as before."""
    first: float
    """Share of the votes for the side that is presented first."""
    reliability: float
    """Probability that the listener votes by the common taste, and not by a coin."""


def scales(differences: Floats) -> Floats:
    """Return the scale [R] of each rule, its deviation among melodies, given `differences` [V, R] of two each.

    It is 0 for a rule in which too few pairs differ.
    """
    deviations = np.sqrt(np.square(differences).mean(axis=0) / 2)
    asked = np.count_nonzero(differences, axis=0) >= MIN_ASKED
    return np.where(asked, np.maximum(deviations, np.ptp(differences, axis=0) / (2 * _DEVIATIONS)), 0.0)


def probability_of_noise(votes: Votes, rng: np.random.Generator, permutations: int = 999) -> float:
    """Return p of the votes having nothing to do with the rules, by a permutation of each listener's outcomes.

    The statistic is what one Newton step from weights 0 gains: a ridge-penalised score test, as in Goeman et al. 2006
    (https://doi.org/10.1111/j.1467-9868.2006.00551.x). A bias to a side survives the permutation, so it is no taste.
    """
    counts = np.bincount(votes.listener)
    errors = votes.outcomes - (np.bincount(votes.listener, votes.outcomes) / np.maximum(counts, 1))[votes.listener]
    shuffled = np.empty((permutations + 1, len(errors)))
    shuffled[0] = errors
    by_listener = np.argsort(votes.listener, kind="stable")
    for row in shuffled[1:]:
        order = np.lexsort((rng.random(len(errors)), votes.listener))
        row[by_listener] = errors[order]
    slopes, rules = shuffled @ votes.differences, votes.differences.shape[1]
    curvature = votes.differences.T @ votes.differences / 4 + _TEST_PENALTY * np.eye(rules)
    statistics = (slopes * np.linalg.solve(curvature, slopes.T).T).sum(axis=1)
    return float((statistics >= statistics[0] * (1 - 1e-12)).mean())


def folds(votes: Votes, pairs: Integers, rng: np.random.Generator) -> Integers:
    """Return the fold [V] of each vote: that of its listener or, of fewer than `FOLDS` listeners, of its pair."""
    groups = votes.listener if len(np.unique(votes.listener)) >= FOLDS else pairs
    _, group = np.unique(groups, return_inverse=True)
    return rng.permutation(group.max() + 1)[group] % FOLDS


def cross_validated(votes: Votes, fold: Integers, penalties: Sequence[float | Floats] = PENALTIES) -> Predictions:
    """Return the predictions of each `fold` [V] from the others, with that of the `penalties` that predicts best."""
    predicted = np.zeros((len(penalties), len(fold)))
    for row, penalty in enumerate(penalties):
        for held_out in np.unique(fold):
            rest = fold != held_out
            fitted = fit(votes.rows(rest), penalty)
            predicted[row, ~rest] = fitted.log_odds(votes.differences[~rest])
    totals = log_likelihoods(predicted, votes.outcomes).sum(axis=1)
    best = int(totals.argmax())
    return Predictions(penalties[best], predicted[best], float(totals[best]))


def listeners(votes: Votes, pairs: Integers, swapped: Integers, log_odds: Floats) -> list[Listener]:
    """Return what the votes of each listener [L] are worth, given the predictions `log_odds` [V] by those of others.

    `pairs` [V] numbers the pairs of melodies, `swapped` [V] is 1 where the first melody is the pair's second. The
    reliability is the posterior of voting by the taste against voting by a coin: by likelihood, and by repeats.
    """
    gains = log_likelihoods(log_odds, votes.outcomes) - np.log(0.5)
    chosen = np.where(swapped == 1, 1 - votes.outcomes, votes.outcomes)
    found = []
    for listener in range(int(votes.listener.max()) + 1):
        own = np.flatnonzero(votes.listener == listener)
        repeats, consistent = _repeats(pairs[own], chosen[own])
        evidence = gains[own].sum() + consistent * np.log(2 * _CONSISTENT)
        evidence += (repeats - consistent) * np.log(2 - 2 * _CONSISTENT)
        odds = np.log(_PRIOR_FAITHFUL / (1 - _PRIOR_FAITHFUL)) + evidence
        reliability = float(1 / (1 + np.exp(-np.clip(odds, -30, 30))))
        found.append(Listener(len(own), repeats, consistent, float(votes.outcomes[own].mean()), reliability))
    return found


def _repeats(pairs: Integers, chosen: Floats) -> tuple[int, int]:
    """Return how many of one listener's votes repeat one of the `pairs`, and how many of these agree with the first."""
    first: dict[int, float] = {}
    repeats = consistent = 0
    for pair, choice in zip(pairs.tolist(), chosen.tolist(), strict=True):
        if pair in first:
            repeats += 1
            consistent += choice == first[pair]
        else:
            first[pair] = choice
    return repeats, consistent


def shares(fitted: Fit, differences: Floats) -> Floats:
    """Return the share [R] of each rule in the variance of the log-odds of `differences` [V, R]; they sum to 1."""
    log_odds = differences @ fitted.weights
    total = np.square(log_odds).sum()
    if total == 0:
        return np.zeros(len(fitted.weights))
    return fitted.weights * (differences.T @ log_odds) / total
