"""What votes say about tokens beside the rules: one Bradley-Terry model of both, and an ensemble of its token weights.

Shapes: V votes, R rules, F features of tokens, K members of the ensemble.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.evaluation.preference import resampled_weights
from agents.votes.heard import HeardVotes
from melody_env.reward.token_taste import TokenTaste, token_features
from melody_env.reward_design.bradley_terry import Votes, fit
from melody_env.reward_design.taste import FOLDS, Predictions, cross_validated, scales

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PENALTIES = (20.0, 80.0, 320.0, 1_280.0)
"""Precisions of the weights of tokens to choose from, of features scaled to deviation 1."""
MEMBERS = 20
"""Members of the ensemble."""


class HeardTokens(NamedTuple):
    """The features of tokens in V votes."""

    first: Floats
    """Of the melodies presented as A [V, F]."""
    second: Floats
    """Of those presented as B [V, F]."""
    scale: Floats
    """[F]; 0 for a feature that too few votes asked about."""

    @classmethod
    def of(cls, heard: HeardVotes) -> "HeardTokens":
        """Return the features of the melodies that were `heard`."""
        first, second = (token_features(side, heard.setting) for side in (heard.first, heard.second))
        return cls(first, second, scales(first - second))

    def votes(self, rules: Votes) -> Votes:
        """Return the same votes as `rules`, with the differences of tokens [V, F] in units of their scales."""
        return rules._replace(differences=self.first - self.second).scaled(self.scale)

    def beside(self, rules: Votes) -> Votes:
        """Return the votes with the differences of rules and tokens [V, R + F]."""
        return rules._replace(differences=np.concatenate([rules.differences, self.votes(rules).differences], axis=1))

    def ensemble(
        self, votes: Votes, penalty: float | Floats, counts: Floats, pairs: Integers, rng: np.random.Generator
    ) -> TokenTaste:
        """Return the ensemble of fits to the `votes` on rules and tokens, each counted `counts` [V] times.

        Each is fitted to a bootstrap sample of listeners, or of `pairs` [V] of melodies if there are few listeners.
        """
        groups = votes.listener if len(np.unique(votes.listener)) >= FOLDS else pairs
        samples = resampled_weights(groups, MEMBERS, rng) * counts
        fitted = np.array([fit(votes, penalty, sample).weights for sample in samples])[:, -len(self.scale) :]
        weights = np.divide(fitted, self.scale, out=np.zeros_like(fitted), where=self.scale > 0)
        heard = np.concatenate([self.first, self.second])
        return TokenTaste(weights, heard.mean(axis=0), heard.min(axis=0), heard.max(axis=0))


def predictions_with_tokens(votes: Votes, rules: int, fold: Integers, penalty: float) -> Predictions:
    """Return the votes on R `rules` and tokens, predicted by those of other folds, with `penalty` for the rules."""
    tokens = votes.differences.shape[1] - rules
    return cross_validated(votes, fold, [np.repeat([penalty, own], [rules, tokens]) for own in PENALTIES])
