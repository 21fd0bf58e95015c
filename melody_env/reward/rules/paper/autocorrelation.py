"""Rule `autocorrelation` and memories of the autocorrelations at short lags.

Shapes: B melodies, n tokens so far, K lags. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section
3.3, and the original's code. As in the original, tokens are compared as numbers, including note offs (0) and holds
(1); in keys other than C, as those of the piece transposed to C.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule

_TIE = 1e-9
"""Well above any rounding error: values further from the threshold lie on the same side in any arithmetic."""


def autocorrelations(signals: npt.NDArray[np.integer], lag: int) -> Floats:
    """Return the autocorrelation [B] of each row of `signals` [B, n] at `lag`; nan for a constant row.

    The float64 operations are in the original's order (`autocorrelate`), so that even rounding errors agree.
    """
    n = signals.shape[1]
    rows = np.ascontiguousarray(signals, np.float64)
    deviations = rows - rows.sum(axis=1, keepdims=True) / n
    variances = (deviations * deviations).sum(axis=1) / n
    products = deviations[:, lag:] * deviations[:, : max(n - lag, 0)]
    with np.errstate(invalid="ignore"):
        return products.sum(axis=1) / float(n) / variances


class LaggedSums:
    """Sums over the tokens so far that give the autocorrelations at lags 1..K exactly.

    A sum is float64 [B], or a float if there is one melody: the same operators serve both, and cost a tenth for one.
    """

    def __init__(self, composition: Composition, max_lag: int):
        self.max_lag = max_lag
        zero: Any = 0.0 if composition.batch_size == 1 else np.zeros(composition.batch_size)
        self._latest: list[Any] = []
        """The newest token and up to K before it, the newest first."""
        self._pair_totals = [zero] * (max_lag + 1)
        """For each lag k, the sum of x[i] + x[i + k] over all i; for 0 twice the sum of all tokens."""
        self._pair_products = [zero] * (max_lag + 1)
        """For each lag k, the sum of x[i] * x[i + k] over all i."""

    def update(self, composition: Composition, t: int) -> None:
        """Add the pairs of token `t` with itself and the K tokens before it."""
        row = composition.tokens_in_c[t]
        token = float(row[0]) if len(row) == 1 else row.astype(np.float64)
        self._latest = [token, *self._latest[: self.max_lag]]
        for lag, earlier in enumerate(self._latest):
            self._pair_totals[lag] = self._pair_totals[lag] + (earlier + token)
            self._pair_products[lag] = self._pair_products[lag] + earlier * token

    def coefficients(self, n: int) -> list[Any]:
        """Return for each lag the autocorrelation of the `n` tokens so far; 0 where they are constant.

        With m the mean, sum (x[i] - m)(x[i + k] - m) is P - m U + (n - k) m^2; times n^2, all terms are whole
        numbers. At lag 0 it is the variance, and where that is 0 so are all.
        """
        total = self._pair_totals[0] * 0.5
        square = total * total
        variance, *covariances = (
            n * (n * products - total * totals) + max(n - lag, 0) * square
            for lag, (products, totals) in enumerate(zip(self._pair_products, self._pair_totals, strict=True))
        )
        divisor = variance + (variance == 0)
        return [covariance / divisor for covariance in covariances]


@rule(batched=True)
def autocorrelation(composition: Composition, *, max_lag: int = 3, threshold: float = 0.15) -> Floats:
    """-3 times the sum of the absolute autocorrelations above `threshold` at lags 1..max_lag.

    Evaluated at every step on the melody so far (`reward_penalize_autocorrelation`). The coefficients are exact; where
    one equals the threshold, the original's rounding decides, as it did there.
    """
    sums = composition.memory(LaggedSums, max_lag)
    excess: Any = 0.0
    for lag, coefficient in enumerate(sums.coefficients(composition.position), start=1):
        strength = abs(coefficient)
        is_tie = abs(strength - threshold) < _TIE
        if np.count_nonzero(is_tie):
            strength = _rounded_as_the_original(strength, is_tie, lag, composition)
        excess = excess + strength * (strength > threshold)
    return np.full(composition.batch_size, excess * -3.0)


def _rounded_as_the_original(strength: Any, is_tie: Any, lag: int, composition: Composition) -> Floats:
    """Return `strength` [B] with what the original computes of the tokens so far where `is_tie` [B]."""
    rows = np.flatnonzero(is_tie)
    rounded = np.array(strength, ndmin=1)
    rounded[rows] = np.abs(autocorrelations(composition.tokens_in_c[: composition.position, rows].T, lag))
    return rounded


class TotalAutocorrelation:
    """The sum of the absolute autocorrelations at lags 1..K of each melody so far."""

    def __init__(self, composition: Composition, max_lag: int):
        self._sums = composition.memory(LaggedSums, max_lag)
        self._sum = np.zeros(composition.batch_size)
        self.gain = np.zeros(composition.batch_size)
        """[B]; the change made by the newest token."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        before = self._sum
        self._sum = np.full(len(before), sum(map(abs, self._sums.coefficients(t + 1))))
        self.gain = self._sum - before
