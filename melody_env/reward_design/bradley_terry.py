"""Bradley-Terry model of votes between two melodies: log-odds linear in the rules, with a bias to the side.

P(first is preferred) = sigmoid(weights . (rules of the first - rules of the second) + bias + bias of the listener), of
Bradley & Terry 1952 (https://doi.org/10.2307/2334029) with covariates. Gaussian priors (ridge) on the weights and on
the biases of listeners; the posterior is Laplace's: normal, with the curvature at its mode.

Shapes: V votes, R rules, L listeners, P candidate pairs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Floats

Integers = npt.NDArray[np.int64]

LISTENER_PENALTY = 1.0
"""Precision of the biases of listeners around the common one, in log-odds."""
_COMMON_PENALTY = 0.01
"""Precision of the common bias around 0."""
_ITERATIONS = 50
_TOLERANCE = 1e-7
_LARGEST = 30.0
"""Log-odds beyond which probabilities are no longer told apart."""


class Votes(NamedTuple):
    """V votes as numbers."""

    differences: Floats
    """Rules of the first melody minus those of the second [V, R]."""
    outcomes: Floats
    """[V]; 1: the first was preferred, 0: the second, 0.5: neither."""
    listener: Integers
    """[V]; 0..L - 1."""

    def rows(self, which: npt.NDArray[np.bool_] | Integers) -> "Votes":
        """Return the votes `which` [V]."""
        return Votes(self.differences[which], self.outcomes[which], self.listener[which])

    def scaled(self, scales: Floats) -> "Votes":
        """Return the votes with each rule divided by its scale [R]; one of scale 0 becomes 0."""
        factors = np.divide(1.0, scales, out=np.zeros_like(scales), where=scales > 0)
        return self._replace(differences=self.differences * factors)


class Fit(NamedTuple):
    """The mode of the posterior, and its spread."""

    weights: Floats
    """[R]; the log-odds of being preferred, per unit of each rule."""
    bias: float
    """The log-odds of the side that is presented first, of an unknown listener."""
    listener_bias: Floats
    """[L]; what the biases of the listeners add to that."""
    covariance: Floats
    """Posterior covariance [R + 1, R + 1] of the weights and the bias (Laplace)."""

    def log_odds(self, differences: Floats) -> Floats:
        """Return the log-odds [V] of the first, by an unknown listener, for `differences` [V, R] of rules."""
        return np.clip(differences @ self.weights + self.bias, -_LARGEST, _LARGEST)

    def part(self, number: int) -> "Fit":
        """Return what it says about the first `number` weights and the bias."""
        kept = np.r_[:number, -1]
        return self._replace(weights=self.weights[:number], covariance=self.covariance[np.ix_(kept, kept)])


def fit(votes: Votes, penalty: float | Floats, multiplicity: Floats | None = None) -> Fit:
    """Return the fit to `votes`, each counted `multiplicity` [V] times, with precision `penalty` of the weights.

    The precision is one number, or one for each weight [R].
    By Newton's method, in which the biases of listeners, whose curvature is diagonal, are eliminated.
    """
    counts = np.ones(len(votes.outcomes)) if multiplicity is None else multiplicity
    columns = np.column_stack([votes.differences, np.ones(len(counts))])
    size, listeners = columns.shape[1], int(votes.listener.max()) + 1
    precision = np.append(np.full(size - 1, penalty), _COMMON_PENALTY)
    common, own = np.zeros(size), np.zeros(listeners)
    schur = np.diag(precision)
    for _ in range(_ITERATIONS):
        log_odds = np.clip(columns @ common + own[votes.listener], -_LARGEST, _LARGEST)
        chances = 1 / (1 + np.exp(-log_odds))
        errors, curvature = counts * (votes.outcomes - chances), counts * chances * (1 - chances)
        slope = columns.T @ errors - precision * common
        own_slope = np.bincount(votes.listener, errors, listeners) - LISTENER_PENALTY * own
        weighted = columns * curvature[:, None]
        diagonal = np.bincount(votes.listener, curvature, listeners) + LISTENER_PENALTY
        mixed = np.zeros((listeners, size))
        np.add.at(mixed, votes.listener, weighted)
        schur = columns.T @ weighted + np.diag(precision) - mixed.T @ (mixed / diagonal[:, None])
        step = np.linalg.solve(schur, slope - mixed.T @ (own_slope / diagonal))
        own_step = (own_slope - mixed @ step) / diagonal
        common, own = common + step, own + own_step
        if max(np.abs(step).max(), np.abs(own_step).max()) < _TOLERANCE:
            break
    return Fit(common[:-1], float(common[-1]), own, np.linalg.inv(schur))


def log_likelihoods(log_odds: Floats, outcomes: Floats) -> Floats:
    """Return the log-likelihood [V] of `outcomes` by `log_odds`, in nats; a coin has log(1 / 2)."""
    return -outcomes * np.logaddexp(0, -log_odds) - (1 - outcomes) * np.logaddexp(0, log_odds)


def before_votes(rules: int, penalty: float) -> Fit:
    """Return what is known of the weights of `rules` without a vote: that they are about 0, with this precision."""
    variances = np.append(np.full(rules, 1 / penalty), 1 / _COMMON_PENALTY)
    return Fit(np.zeros(rules), 0.0, np.zeros(0), np.diag(variances))
