"""Weighted candidates (particles) of sequential Monte Carlo, in groups that do not mix.

Doucet and Johansen 2009, A tutorial on particle filtering and smoothing. Shapes: N groups, C candidates in each.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def shares(log_weights: Floats) -> Floats:
    """Return the normalised weights [N, C] of `log_weights` [N, C]; each row sums to 1."""
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    normalised: Floats = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def effective_sizes(log_weights: Floats) -> Floats:
    """Return the effective sample size [N] of each group: 1 / sum of squared `shares`, from 1 to C (Kish 1965)."""
    sizes: Floats = 1 / np.square(shares(log_weights)).sum(axis=1)
    return sizes


def resampled(log_weights: Floats, rng: np.random.Generator) -> Indices:
    """Return for each group the candidates [N, C], 0..C - 1, that go on, each as often as its share of C, rounded.

    Systematic resampling: one random number a group, and the expected number is the exact one.
    """
    count = log_weights.shape[1]
    places = (np.arange(count) + rng.random((len(log_weights), 1))) / count
    ends = shares(log_weights).cumsum(axis=1)
    ends[:, -1] = 1.0  # despite rounding
    return np.stack([np.searchsorted(*row, side="right") for row in zip(ends, places, strict=True)])


def drawn(log_weights: Floats, rng: np.random.Generator) -> Indices:
    """Return the candidates [N, C] of each group in an order drawn by their weights without replacement.

    The first is a draw from the weighted candidates; the second one from the others, and so on (Gumbel top-k, Kool et
    al. 2019, https://arxiv.org/abs/1903.06059).
    """
    return (log_weights + rng.gumbel(size=log_weights.shape)).argsort(axis=1)[:, ::-1]
