"""Analysis of listeners' votes between pairs of melodies: the strength of each model, and tests.

As in the study of Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 5, listeners rate on a scale of five
which of two melodies they prefer. Shapes: V votes, M models, S bootstrap samples, L listeners.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from melody_env.measures.bootstrap import holm

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int64]

TIE = 3
"""The middle of the scale 1..5."""
PRIOR_WINS = 0.5
"""Wins added to both sides of each pair (Jeffreys' prior), so that a model that never lost has a finite strength."""
_ITERATIONS = 10_000
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Votes:
    """V votes of L listeners between M models."""

    models: tuple[str, ...]
    """Names [M]."""
    left: Integers
    """[V]; the model presented first, as A."""
    right: Integers
    """[V]; the model presented as B."""
    preference: Integers
    """[V]; 1: A is much better, 2: a little, 3: no difference, 4: B is a little better, 5: much."""
    listener: Integers
    """[V]; 0..L - 1."""


class Pair(NamedTuple):
    """Two models compared by their ratings: Mann-Whitney's U of the first, and two-sided p."""

    first: str
    second: str
    u: float
    p: float
    p_holm: float
    """p, adjusted for the number of pairs (Holm)."""


@dataclass(frozen=True)
class Preference:
    """Result of the analysis of votes."""

    models: tuple[str, ...]
    wins: Floats
    """[M, M]; number of times that the row was preferred to the column, a tie half to each."""
    strengths: Floats
    """[M]; log-strengths (Bradley-Terry), their mean 0: the difference of two is the log-odds of a win."""
    samples: Floats
    """[S, M]; the strengths in bootstrap samples."""
    kruskal_h: float
    """Kruskal and Wallis's H of the ratings of all models."""
    kruskal_p: float
    pairs: list[Pair]
    listeners: int

    def interval(self, model: str, baseline: str | None = None) -> tuple[float, float]:
        """Return the 95 % interval of the strength of `model`, or of its lead over the `baseline`."""
        strengths = self.samples[:, self.models.index(model)]
        if baseline is not None:
            strengths = strengths - self.samples[:, self.models.index(baseline)]
        low, high = np.quantile(strengths, [0.025, 0.975])
        return float(low), float(high)


def analyse(votes: Votes, samples: int = 2_000, seed: int = 0) -> Preference:
    """Return the analysis of `votes`, with intervals from `samples` bootstrap samples.

    A vote rates both melodies, so the ratings are not independent, and p is as approximate as in the paper.
    """
    counts = wins(votes)
    resampled = wins(votes, resampled_weights(votes.listener, samples, np.random.default_rng(seed)))
    by_model = ratings(votes)
    h, p = _kruskal(by_model)
    return Preference(
        votes.models,
        counts,
        bradley_terry(counts + PRIOR_WINS),
        bradley_terry(resampled + PRIOR_WINS),
        h,
        p,
        pairwise_tests(votes.models, by_model),
        len(np.unique(votes.listener)),
    )


def wins(votes: Votes, weights: Floats | None = None) -> Floats:
    """Return how often each model (row) was preferred to each other (column) [M, M]; a tie is half a win for both.

    With `weights` [S, V] of the votes, [S, M, M].
    """
    size = len(votes.models)
    right_won = np.sign(votes.preference - TIE) / 2 + 0.5
    won = np.zeros((len(votes.left), size, size))
    rows = np.arange(len(votes.left))
    won[rows, votes.left, votes.right] = 1 - right_won
    won[rows, votes.right, votes.left] = right_won
    if weights is None:
        return won.sum(0)
    return (weights @ won.reshape(len(rows), -1)).reshape(-1, size, size)


def bradley_terry(counts: Floats) -> Floats:
    """Return the maximum-likelihood log-strengths [..., M] of `counts` [..., M, M] of wins; their mean is 0.

    P(i is preferred to j) = s_i / (s_i + s_j), with s the exponentials of the strengths. Hunter 2004
    (https://doi.org/10.1214/aos/1079120141), equation 3, iterated to convergence.
    """
    won = counts.sum(-1)
    comparisons = counts + counts.swapaxes(-1, -2)
    strengths = np.ones_like(won)
    for _ in range(_ITERATIONS):
        updated = won / (comparisons / (strengths[..., :, None] + strengths[..., None, :])).sum(-1)
        updated /= np.exp(np.log(updated).mean(-1, keepdims=True))
        done = np.abs(updated - strengths).max() < _TOLERANCE
        strengths = updated
        if done:
            break
    return np.log(strengths)


def resampled_weights(listener: Integers, samples: int, rng: np.random.Generator) -> Floats:
    """Return the multiplicity of each vote in each bootstrap sample [S, V].

    Listeners are drawn with replacement, then the votes of each, since those of one listener are correlated. `listener`
    is [V].
    """
    listeners, size = np.unique(listener, return_counts=True)
    times = rng.multinomial(len(listeners), np.full(len(listeners), 1 / len(listeners)), samples)
    weights = np.zeros((samples, len(listener)))
    for i, one in enumerate(listeners):
        weights[:, listener == one] = rng.multinomial(times[:, i] * size[i], np.full(size[i], 1 / size[i]))
    return weights


def ratings(votes: Votes) -> list[Integers]:
    """Return the ratings 1..5 of the melodies of each of the M models, 5 the best."""
    models = np.concatenate([votes.left, votes.right])
    given = np.concatenate([2 * TIE - votes.preference, votes.preference])
    return [given[models == model] for model in range(len(votes.models))]


def pairwise_tests(models: tuple[str, ...], by_model: list[Integers]) -> list[Pair]:
    """Return the Mann-Whitney test of each pair of `models` by their ratings."""
    pairs = list(combinations(range(len(models)), 2))
    tests = [stats.mannwhitneyu(by_model[i], by_model[j], method="asymptotic") for i, j in pairs]
    adjusted = holm(np.array([test.pvalue for test in tests]))
    return [
        Pair(models[i], models[j], float(test.statistic), float(test.pvalue), float(p))
        for (i, j), test, p in zip(pairs, tests, adjusted, strict=True)
    ]


def _kruskal(by_model: list[Integers]) -> tuple[float, float]:
    if len(np.unique(np.concatenate(by_model))) == 1:
        return 0.0, 1.0
    test = stats.kruskal(*by_model)
    return float(test.statistic), float(test.pvalue)
