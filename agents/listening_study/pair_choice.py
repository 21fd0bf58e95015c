"""What the page of a study chooses its pairs by: the rules' values of its melodies, and what is known of a taste.

Shapes: N melodies, R rules.
"""

from dataclasses import dataclass

import numpy as np

from agents.listening_study.learning import Floats, rule_sums, votes_on_rules
from agents.votes.heard import HeardVotes
from melody_env import Setting
from melody_env.reward_design.bradley_terry import LISTENER_PENALTY, Fit, before_votes, fit
from note_rnn import InputError, Tokens

PENALTY = 20.0
"""Precision of the weights before any vote, of rules scaled to deviation 1."""
_DEVIATIONS = 6
"""A rule's scale is at least this fraction of its range: pairs of rare melodies must not seem to teach most."""
_DECIMALS = 4


@dataclass(frozen=True)
class Prior:
    """What is known of the weights of the rules, and of the bias of a new listener, before the page's first vote."""

    mean: list[float]
    """[R + 1]; the bias is the last."""
    precision: list[list[float]]
    """[R + 1, R + 1]."""


@dataclass(frozen=True)
class PairChoice:
    """The pairs that the page asks about: those whose votes teach most, chosen one by one as votes are given."""

    values: list[list[float]]
    """Rules of each melody [N, R], in units of their scales."""
    prior: Prior
    pairs: int
    hidden_repeats: int
    """Of these, pairs that come back at the end, with sides swapped."""

    @property
    def comparisons(self) -> int:
        """Pairs that a listener compares."""
        return self.pairs + self.hidden_repeats


def pair_choice(melodies: Tokens, setting: Setting, heard: HeardVotes | None, pairs: int, repeats: int) -> PairChoice:
    """Return what a page chooses `pairs` of `melodies` [N, T] by, after the votes `heard`; the first `repeats` return.

    There are as many pairs as N melodies have, if fewer. Raises InputError if there is none.
    """
    if len(melodies) < 2:
        raise InputError("All melodies are the same, so there is no pair to choose between: let other runs compose.")
    sums = rule_sums(melodies, setting)
    scale = np.maximum(sums.std(axis=0), np.ptp(sums, axis=0) / _DEVIATIONS)
    values = np.divide(sums, scale, out=np.zeros_like(sums), where=scale > 0).round(_DECIMALS)
    pairs = min(pairs, len(melodies) * (len(melodies) - 1) // 2)
    return PairChoice(values.tolist(), of_a_listener(known(heard, scale)), pairs, min(repeats, pairs))


def known(heard: HeardVotes | None, scale: Floats) -> Fit:
    """Return what the votes `heard` say about the weights of rules in units of `scale` [R]; None: no vote yet."""
    if heard is None:
        return before_votes(len(scale), PENALTY)
    return fit(votes_on_rules(heard).scaled(scale), PENALTY)


def of_a_listener(fitted: Fit) -> Prior:
    """Return what `fitted` says about a listener not heard before, whose bias may differ from the common one."""
    covariance = fitted.covariance.copy()
    covariance[-1, -1] += 1 / LISTENER_PENALTY
    return Prior([*fitted.weights.tolist(), fitted.bias], np.linalg.inv(covariance).tolist())
