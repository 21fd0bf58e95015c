"""Pairs of melodies whose votes would teach most about a taste.

Shapes: N melodies, R rules, P candidate pairs.
"""

import numpy as np
import numpy.typing as npt

from agents.listening_study.learning import rule_sums
from agents.votes.heard import HeardVotes
from melody_env import Setting
from melody_env.reward_design.bradley_terry import Fit, Votes, before_votes, fit, most_informative
from note_rnn import Tokens

Floats = npt.NDArray[np.float64]

PENALTY = 20.0
"""Precision of the weights before any vote, of rules scaled to deviation 1."""
_CANDIDATES = 4_000
_DEVIATIONS = 6
"""A rule's scale is at least this fraction of its range: pairs of rare melodies must not seem to teach most."""


def informative_pairs(
    melodies: Tokens, setting: Setting, heard: HeardVotes | None, number: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return `number` pairs [P, 2] of `melodies` [N, T] whose votes teach most beside those that are `heard`."""
    sums = rule_sums(melodies, setting)
    scale = np.maximum(sums.std(axis=0), np.ptp(sums, axis=0) / _DEVIATIONS)
    candidates = np.sort(rng.integers(len(melodies), size=(_CANDIDATES, 2)), axis=1)
    candidates = np.unique(candidates[candidates[:, 0] != candidates[:, 1]], axis=0)
    sums = np.divide(sums, scale, out=np.zeros_like(sums), where=scale > 0)
    chosen = most_informative(known(heard, scale), sums[candidates[:, 0]] - sums[candidates[:, 1]], number)
    return candidates[chosen]


def known(heard: HeardVotes | None, scale: Floats) -> Fit:
    """Return what the votes `heard` say about the weights of rules in units of `scale` [R]; None: no vote yet."""
    if heard is None:
        return before_votes(len(scale), PENALTY)
    differences = rule_sums(heard.first, heard.setting) - rule_sums(heard.second, heard.setting)
    return fit(Votes(differences, heard.outcomes, heard.listener).scaled(scale), PENALTY)
