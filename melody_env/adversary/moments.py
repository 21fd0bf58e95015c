"""Moment matching: weights of features that grow until human and composed melodies have the same means.

Shapes: B melodies, F features.
"""

import numpy as np

from melody_env.reward.composition import Floats

PROPORTIONAL = 2.0
"""The discriminant of the latest fit counts so many times beside the sum of all: it acts at once, and damps the sum."""
STEP = 0.1
"""Share of the discriminant that each fit adds to the sum."""
DECAY = 0.01
"""Share of the sum that each fit takes back, so that what no longer helps is forgotten."""
RIDGE = 0.3
"""Added to the variance of each feature, 1 for one that varies among the melodies: few tunes say little of many."""
BOUND = 3.0
"""The largest distance from the mean, in standard deviations, that counts."""
SMALLEST = 0.02
"""The smallest standard deviation of a feature, so that one that hardly ever varies does not decide."""


class MomentMatching:
    """Log-odds linear in F features and the squares of the first ones, whose weights are summed up from fit to fit.

    A fit finds the linear discriminant of human melodies and the latest composed ones (Fisher 1936) and adds a part of
    it to a sum. Paid as a reward, the sum grows until nothing linear in the features tells the two apart, which is
    the dual ascent of maximum-entropy imitation (Ziebart et al. 2008, https://cdn.aaai.org/AAAI/2008/AAAI08-227.pdf).
    A discriminant found anew each time would pay the less the nearer the agent comes, and stop it halfway; the sum
    alone overshoots. So both are paid, as by a proportional-integral controller (of Lagrange multipliers: Stooke et al.
    2020, https://arxiv.org/abs/2007.03964).
    """

    def __init__(self, human: Floats, composed: Floats, squared: int):
        """Start from features of `human` and `composed` melodies [B, F], by whose spread all others are measured.

        :param squared: number of leading features whose squares count, too, so that spreads are matched.
        """
        both = np.concatenate([human, composed])
        self._center, self._scale = both.mean(axis=0), np.maximum(both.std(axis=0), SMALLEST)
        self._squared = squared
        rows = [self._rows(each) for each in (human, composed)]
        self._human, self._composed = (each.mean(axis=0) for each in rows)
        within = sum(np.cov(each, rowvar=False) for each in rows) / len(rows)
        self._precision = np.linalg.inv(within + RIDGE * np.eye(len(self._human)))
        self._sum = self._weights = np.zeros_like(self._human)

    def learn(self, composed: Floats) -> None:
        """Take a step toward what distinguishes human melodies from the latest `composed` ones [B, F]."""
        self._composed = self._rows(composed).mean(axis=0)
        discriminant = self._precision @ (self._human - self._composed)
        self._sum = (1 - DECAY) * self._sum + STEP * discriminant
        self._weights = self._sum + PROPORTIONAL * discriminant

    def log_odds(self, features: Floats) -> Floats:
        """Return the log-odds [B] of "human" for melodies with these `features` [B, F], 0 for the mean composed one."""
        return (self._rows(features) - self._composed) @ self._weights

    def _rows(self, features: Floats) -> Floats:
        """Return the `features` [B, F] standardised, and the squares of the first."""
        standard = ((features - self._center) / self._scale).clip(-BOUND, BOUND)
        return np.concatenate([standard, np.square(standard[:, : self._squared])], axis=1)
