"""Bootstrap intervals of statistics of many pieces, and tests of the difference between two composers.

A statistic is a ratio of two sums over pieces: notes in key by notes, leaps resolved by leaps. The agents of several
seeds are resampled too, so that intervals include the variance between them.
Shapes: N pieces, K statistics, S seeds, R resamples, P comparisons.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_BLOCK = 32
"""Resamples per matrix product."""


class Estimate(NamedTuple):
    """A statistic, its 95 % interval, and its standard error."""

    value: float
    low: float
    high: float
    error: float


class Interval(NamedTuple):
    """A statistic and its 95 % interval; nan where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan


class Sums(NamedTuple):
    """Sums over N pieces of one agent, and over R resamples of them."""

    whole: Floats
    """[2, K]; numerators and denominators."""
    resampled: Floats
    """[R, 2, K]."""


def resampled_sums(numerators: Floats, denominators: Floats, resamples: int, rng: np.random.Generator) -> Sums:
    """Return the sums of `numerators` and `denominators` [N, K] over all pieces, and over resamples of N pieces."""
    columns = np.concatenate([numerators, denominators], axis=1)
    count, width = columns.shape
    resampled = np.empty((resamples, width))
    for first in range(0, resamples, _BLOCK):
        size = min(_BLOCK, resamples - first)
        drawn = [np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(size)]
        resampled[first : first + size] = np.array(drawn, np.float64) @ columns
    return Sums(columns.sum(axis=0).reshape(2, -1), resampled.reshape(resamples, 2, -1))


def pooled(agents: Sequence[Sums], rng: np.random.Generator) -> Sums:
    """Return the sums over the pieces of S `agents`; each resample is of S agents drawn with replacement."""
    resamples = len(agents[0].resampled)
    resampled = np.stack([agent.resampled for agent in agents])
    which = rng.integers(len(agents), size=(len(agents), resamples))
    return Sums(sum(agent.whole for agent in agents), resampled[which, np.arange(resamples)].sum(axis=0))  # type: ignore[arg-type]


def estimates(sums: Sums) -> list[Estimate]:
    """Return the K statistics; nan where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = sums.whole[0] / sums.whole[1]
        resampled = sums.resampled[:, 0] / sums.resampled[:, 1]
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    errors = resampled.std(axis=0, ddof=1) if len(resampled) > 1 else np.full(len(values), np.nan)
    return [Estimate(*row) for row in np.stack([values, low, high, errors], axis=1).tolist()]


def p_value(one: Estimate, other: Estimate) -> float:
    """Return the two-sided p-value of a difference: normal, with both standard errors."""
    error = math.hypot(one.error, other.error)
    difference = abs(one.value - other.value)
    if math.isnan(difference) or math.isnan(error):
        return math.nan
    if error == 0:
        return float(difference == 0)
    return math.erfc(difference / error / math.sqrt(2))


def holm(p_values: Floats) -> Floats:
    """Return `p_values` [P] adjusted for their number: Holm's step-down (1979), not counting nan."""
    order = np.argsort(p_values)  # nan last
    factors = np.count_nonzero(~np.isnan(p_values)) - np.arange(len(order))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return adjusted
