"""Area under the ROC curve (AUC) of a score, and its interval. Shapes: N and M scores of two populations."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from melody_env.reward.composition import Floats

RESAMPLES = 500


class Scores(NamedTuple):
    """Scores of two populations by one classifier."""

    higher: Floats
    """[N]"""
    lower: Floats
    """[M]"""


def auc(higher: Floats, lower: Floats) -> float:
    """Return the probability that one of `higher` [N] scores above one of `lower` [M], ties counting half."""
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, "left") + np.searchsorted(ordered, higher, "right")
    return float(below.mean() / (2 * len(lower)))


def auc_interval(higher: Floats, lower: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of `auc`, by bootstrap over both populations."""
    return _interval([auc(rng.choice(higher, len(higher)), rng.choice(lower, len(lower))) for _ in range(RESAMPLES)])


def mean_auc(parts: Sequence[Scores]) -> float:
    """Return the mean of the AUCs of `parts`, each scored by another classifier."""
    return float(np.mean([auc(*part) for part in parts]))


def mean_auc_interval(parts: Sequence[Scores], rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of `mean_auc` where all `parts` score the same N higher, and each others of the lower.

    By bootstrap: the same of the N are drawn for all parts.
    """
    values = []
    for _ in range(RESAMPLES):
        same = rng.integers(len(parts[0].higher), size=len(parts[0].higher))
        values.append(mean_auc([Scores(part.higher[same], rng.choice(part.lower, len(part.lower))) for part in parts]))
    return _interval(values)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
