"""Area under the ROC curve (AUC) of a score, and its interval. Shapes: N and M scores of two populations."""

import numpy as np

from melody_env.reward.composition import Floats

RESAMPLES = 500


def auc(higher: Floats, lower: Floats) -> float:
    """Return the probability that one of `higher` [N] scores above one of `lower` [M], ties counting half."""
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, "left") + np.searchsorted(ordered, higher, "right")
    return float(below.mean() / (2 * len(lower)))


def auc_interval(higher: Floats, lower: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of `auc`, by bootstrap over both populations."""
    values = [auc(rng.choice(higher, len(higher)), rng.choice(lower, len(lower))) for _ in range(RESAMPLES)]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
