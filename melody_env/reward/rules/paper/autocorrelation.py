"""Rule `autocorrelation` and memories of the autocorrelations at short lags.

Shapes: B melodies, n tokens so far, K lags. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section
3.3, and the original's code. As in the original, tokens are compared as numbers, including note offs (0) and holds
(1); in keys other than C, as those of the piece transposed to C.
"""

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
    """Sums over the tokens so far that give the autocorrelations at lags 1..K exactly."""

    def __init__(self, composition: Composition, max_lag: int):
        size = composition.batch_size
        self.max_lag = max_lag
        self.total = np.zeros(size)
        self.squares = np.zeros(size)
        self.pair_totals = np.zeros((max_lag, size))
        """[K, B]; row k - 1 sums x[i] + x[i + k] over all i."""
        self.pair_products = np.zeros((max_lag, size))
        """[K, B]; row k - 1 sums x[i] * x[i + k] over all i."""

    def update(self, composition: Composition, t: int) -> None:
        """Add the pairs of token `t` and the K tokens before it."""
        token = composition.tokens_in_c[t]
        self.total += token
        self.squares += np.multiply(token, token, dtype=np.float64)
        earlier = composition.tokens_in_c[max(t - self.max_lag, 0) : t][::-1]
        self.pair_totals[: len(earlier)] += np.add(earlier, token, dtype=np.float64)
        self.pair_products[: len(earlier)] += np.multiply(earlier, token, dtype=np.float64)

    def coefficients(self, n: int) -> Floats:
        """Return the autocorrelations [K, B] of the `n` tokens so far; 0 where they are constant.

        With m the mean, sum (x[i] - m)(x[i + k] - m) is P - m U + (n - k) m^2; times n^2, all terms are whole
        numbers.
        """
        pairs = np.maximum(n - np.arange(1, self.max_lag + 1), 0)[:, None]
        square_of_total = self.total * self.total
        covariances = self.pair_products * (n * n)
        covariances -= self.pair_totals * (n * self.total)
        covariances += pairs * square_of_total
        variances = n * (n * self.squares - square_of_total)
        return np.divide(covariances, variances, out=np.zeros_like(covariances), where=variances > 0)


@rule(batched=True)
def autocorrelation(composition: Composition, *, max_lag: int = 3, threshold: float = 0.15) -> Floats:
    """-3 times the sum of the absolute autocorrelations above `threshold` at lags 1..max_lag.

    Evaluated at every step on the melody so far (`reward_penalize_autocorrelation`). The coefficients are exact; where
    one equals the threshold, the original's rounding decides, as it did there.
    """
    strengths = np.abs(composition.memory(LaggedSums, max_lag).coefficients(composition.position))
    ties = np.abs(strengths - threshold) < _TIE
    for k in np.flatnonzero(ties.any(axis=1)):
        rows = np.flatnonzero(ties[k])
        signals = composition.tokens_in_c[: composition.position, rows].T
        strengths[k, rows] = np.abs(autocorrelations(signals, int(k) + 1))
    strengths *= strengths > threshold
    return strengths.sum(axis=0) * -3.0


class TotalAutocorrelation:
    """The sum of the absolute autocorrelations at lags 1..K of each melody so far."""

    def __init__(self, composition: Composition, max_lag: int):
        self._sums = composition.memory(LaggedSums, max_lag)
        self._sum = np.zeros(composition.batch_size)
        self.gain = np.zeros(composition.batch_size)
        """[B]; the change made by the newest token."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        before, self._sum = self._sum, np.abs(self._sums.coefficients(t + 1)).sum(axis=0)
        self.gain = self._sum - before
