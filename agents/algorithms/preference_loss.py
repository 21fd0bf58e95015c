"""Direct preference optimization as pure functions of log-probabilities.

Rafailov et al. 2023, https://arxiv.org/abs/2305.18290. Of all policies, p exp(r / beta) is best for a reward r with
beta times the KL divergence from the prior p as its cost. So beta (log policy - log p) of a whole melody is, up to a
constant, the reward that a policy is best for, and votes are explained by it as by any other.

Shapes: N pairs of melodies, T steps, A actions.
"""

from torch import Tensor
from torch.nn.functional import logsigmoid

from agents.algorithms.objectives import action_scores


def sequence_log_prob(logits: Tensor, actions: Tensor) -> Tensor:
    """Return the log-probability [N] of whole melodies, `actions` [T, N], given the policy's `logits` [T, N, A]."""
    return action_scores(logits.log_softmax(-1), actions).sum(0)


def preference_log_odds(first_gain: Tensor, second_gain: Tensor, beta: float) -> Tensor:
    """Return the log-odds [N] that the first of two melodies is preferred, given log policy - log p [N] of both."""
    return beta * (first_gain - second_gain)


def preference_loss(log_odds: Tensor, outcomes: Tensor) -> Tensor:
    """Return the loss [N] of votes (Eq. 7): `outcomes` are 1 where the first was preferred, 0.5 for no difference."""
    return -(outcomes * logsigmoid(log_odds) + (1 - outcomes) * logsigmoid(-log_odds))
