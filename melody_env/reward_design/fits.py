"""Weights of rules fitted to examples: by ranking, by means, and on the scale of log-odds.

The optimum of the environment's objective is p(x) exp(r(x) / c). With r the log-odds of human melodies against the
prior's own and c = 1, that is the distribution of human melodies, as far as the rules can express it.

Shapes: N melodies of a population, R rules. The problems are convex and solved from 0: the same input gives the same
weights.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from melody_env.reward.composition import Floats

Population = Mapping[str, Floats]
"""By population, the sums of the R rules in its N melodies [N, R]; all melodies of one length."""

_ROUNDING = 1e-9
"""Deviations smaller than this share of the values are rounding errors."""


def fit_ranking(
    groups: Sequence[Population],
    pairs: Mapping[tuple[str, str], int],
    signs: npt.ArrayLike,
    rng: np.random.Generator,
    penalty: float = 1e-3,
) -> Floats:
    """Return weights [R] by which the first of each of `pairs` (higher, lower) scores higher, in all `groups`.

    Minimises the mean of log(1 + exp(score of the lower - score of the higher)) over randomly paired melodies, as many
    as `pairs` gives, plus `penalty` times the squared weights of rules scaled to deviation 1 in the highest population,
    or to deviation 10 of the differences if that is smaller. A weight has the sign of `signs` [R] or is 0.
    """
    signs = np.asarray(signs, np.float64)
    differences = np.concatenate(
        [
            _differences(group[higher], group[lower], count, rng)
            for group in groups
            for (higher, lower), count in pairs.items()
        ]
    )
    highest = next(iter(pairs))[0]
    largest = np.max([np.abs(sums).max(axis=0) for group in groups for sums in group.values()], axis=0)
    among_highest = np.mean([_deviations(group[highest], largest) for group in groups], axis=0)
    deviations = np.maximum(among_highest, _deviations(differences, largest) / 10)
    scales = np.divide(signs, deviations, out=np.zeros_like(signs), where=deviations > 0)
    return _nonnegative_logistic(differences * scales, penalty) * scales


def fit_means(human: Floats, prior: Floats, penalty: float = 3e-3) -> Floats:
    """Return weights [R] that give the `prior`'s melodies, their rules summed [M, R], the means of `human` [N, R].

    Of all distributions with the human means, p(x) exp(weights . rules(x)) is nearest to the prior p: the reward of
    maximum-entropy inverse reinforcement learning (Ziebart et al. 2008,
    https://cdn.aaai.org/AAAI/2008/AAAI08-227.pdf). Minimises log E_p exp(weights . rules) - weights . E_human rules,
    plus `penalty` times the squared weights of rules scaled to the human deviations. A rule that is constant in all
    human melodies has weight 0.
    """
    deviations = _deviations(human, np.abs(human).max(axis=0))
    scales = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0)
    means, rules = human.mean(axis=0) * scales, prior * scales

    def cost(weights: Floats) -> tuple[float, Floats]:
        scores = rules @ weights
        odds = np.exp(scores - scores.max())
        log_mean = scores.max() + np.log(odds.mean())
        slope = odds @ rules / odds.sum() - means + 2 * penalty * weights
        return float(log_mean - means @ weights + penalty * weights @ weights), slope

    found = minimize(cost, np.zeros(len(scales)), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(found.x * scales, np.float64)


def log_odds_scale(higher: Sequence[Floats], lower: Sequence[Floats], iterations: int = 50) -> float:
    """Return the factor that turns scores into log-odds of `higher` against `lower`; their scores [N] are by length.

    By logistic regression with one slope and an intercept for each length (Newton's method).
    """
    scores = np.concatenate([np.concatenate(pair) for pair in zip(higher, lower, strict=True)])
    labels = np.concatenate([np.repeat([1.0, 0.0], [len(a), len(b)]) for a, b in zip(higher, lower, strict=True)])
    group = np.concatenate([np.full(len(a) + len(b), i) for i, (a, b) in enumerate(zip(higher, lower, strict=True))])
    columns = np.column_stack([scores, group[:, None] == np.arange(len(higher))])
    columns[:, 0] /= max(scores.std(), 1e-9)
    beta = np.zeros(columns.shape[1])
    for _ in range(iterations):
        probability = 1 / (1 + np.exp(-np.clip(columns @ beta, -500, 500)))
        hessian = columns.T @ (columns * (probability * (1 - probability))[:, None]) + 1e-3 * np.eye(len(beta))
        beta += np.linalg.solve(hessian, columns.T @ (labels - probability) - 1e-3 * beta)
    return float(beta[0] / max(scores.std(), 1e-9))


def _deviations(sums: Floats, largest: Floats) -> Floats:
    """Return the standard deviation [R] of each column of `sums` [N, R].

    It is 0 where it is within the rounding error of numbers as large as `largest` [R].
    """
    deviations = sums.std(axis=0)
    return np.where(deviations > _ROUNDING * largest, deviations, 0.0)


def _differences(higher: Floats, lower: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Return higher - lower [`count`, R] of randomly paired melodies."""
    return higher[rng.integers(len(higher), size=count)] - lower[rng.integers(len(lower), size=count)]


def _nonnegative_logistic(rows: Floats, penalty: float, iterations: int = 2000) -> Floats:
    """Return the weights [R], at least 0, with the least mean log(1 + exp(-rows @ weights)) + penalty |weights|^2.

    By accelerated projected gradient descent (Beck & Teboulle 2009, https://doi.org/10.1137/080716542), its momentum
    restarted where it points uphill.
    """
    curvature = np.linalg.eigvalsh(rows.T @ rows / len(rows))[-1] / 4 + 2 * penalty
    weights = ahead = np.zeros(rows.shape[1])
    momentum = 1.0
    for _ in range(iterations):
        wrong = 1 / (1 + np.exp(np.minimum(rows @ ahead, 500)))
        slope = 2 * penalty * ahead - wrong @ rows / len(rows)
        following = np.maximum(ahead - slope / curvature, 0)
        if slope @ (following - weights) > 0:
            momentum = 1.0
        faster = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = following + (momentum - 1) / faster * (following - weights)
        change = np.abs(following - weights).max()
        weights, momentum = following, faster
        if change < 1e-6:
            break
    return weights
