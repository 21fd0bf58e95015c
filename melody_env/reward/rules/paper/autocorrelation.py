"""Rule `autocorrelation` and memories of the autocorrelations at short lags.

Shapes: B melodies, n tokens so far, K lags. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section
3.3, and the original's code. As in the original, tokens are compared as numbers, including note offs (0) and holds
(1); in keys other than C, as those of the piece transposed to C.
"""

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.setting import Flags

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
        length, size = composition.tokens.shape
        self.max_lag = max_lag
        self._lags = np.arange(max_lag + 1.0)[:, None]
        self._tokens = np.zeros((max_lag + 1 + length, size))
        """[K + 1 + T, B]; token t is in row K + 1 + t."""
        self._pair_totals = np.zeros((max_lag + 1, size))
        """[K + 1, B]; row k sums x[i] + x[i + k] over all i; row 0 is twice the sum of all tokens."""
        self._pair_products = np.zeros((max_lag + 1, size))
        """[K + 1, B]; row k sums x[i] * x[i + k] over all i."""

    def update(self, composition: Composition, t: int) -> None:
        """Add the pairs of token `t` with itself and the K tokens before it."""
        now = self.max_lag + 1 + t
        self._tokens[now] = token = composition.tokens_in_c[t]
        latest = self._tokens[now:t:-1]
        self._pair_products += latest * self._tokens[now]
        if t >= self.max_lag:
            self._pair_totals += latest + token
        else:
            self._pair_totals[: t + 1] += latest[: t + 1] + token

    def coefficients(self, n: int) -> Floats:
        """Return the autocorrelations [K, B] of the `n` tokens so far; 0 where they are constant.

        With m the mean, sum (x[i] - m)(x[i + k] - m) is P - m U + (n - k) m^2; times n^2, all terms are whole
        numbers. At lag 0 it is the variance, and where that is 0 so are all.
        """
        pairs = n - self._lags
        if n < self.max_lag:
            pairs = np.maximum(pairs, 0.0)
        total = self._pair_totals[0] * 0.5
        covariances = self._pair_products * float(n)
        covariances -= self._pair_totals * total
        covariances *= n
        covariances += pairs * (total * total)
        coefficients: Floats = covariances[1:] / np.maximum(covariances[0], 1.0)
        return coefficients


@rule(batched=True)
def autocorrelation(composition: Composition, *, max_lag: int = 3, threshold: float = 0.15) -> Floats:
    """-3 times the sum of the absolute autocorrelations above `threshold` at lags 1..max_lag.

    Evaluated at every step on the melody so far (`reward_penalize_autocorrelation`). The coefficients are exact; where
    one equals the threshold, the original's rounding decides, as it did there.
    """
    strengths = np.abs(composition.memory(LaggedSums, max_lag).coefficients(composition.position))
    ties = np.abs(strengths - threshold) < _TIE
    if np.count_nonzero(ties):
        _round_as_the_original(strengths, ties, composition.tokens_in_c[: composition.position])
    strengths *= strengths > threshold
    return np.add.reduce(strengths) * -3.0


def _round_as_the_original(strengths: Floats, ties: Flags, tokens: npt.NDArray[np.integer]) -> None:
    """Replace those of `strengths` [K, B] that are `ties` by what the original computes of the `tokens` [n, B]."""
    for k in np.flatnonzero(ties.any(axis=1)).tolist():
        rows = np.flatnonzero(ties[k])
        strengths[k, rows] = np.abs(autocorrelations(tokens[:, rows].T, k + 1))


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
