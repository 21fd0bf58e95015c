"""How well a score tells two populations apart. Shapes: N scores of the one, M of the other."""

import numpy as np

from melody_env.reward.composition import Floats

RESAMPLES = 500


def auc(higher: Floats, lower: Floats) -> float:
    """Return the chance that one of `higher` [N] scores above one of `lower` [M], ties counting half; 0.5 is chance."""
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, "left") + np.searchsorted(ordered, higher, "right")
    return float(below.mean() / (2 * len(lower)))


def auc_interval(higher: Floats, lower: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of `auc` by bootstrap: both populations drawn again with replacement."""
    values = [auc(rng.choice(higher, len(higher)), rng.choice(lower, len(lower))) for _ in range(RESAMPLES)]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
