"""Learning objectives: state values, returns, policies and losses, as pure functions of scores.

The three objectives of Jaques et al. 2017, https://arxiv.org/abs/1611.02796, score the next action a in state s:

- Q(s, a), the expected discounted reward (Eq. 4); the policy takes the best action (Eq. 5).
- Psi(s, a), the same with the policy's KL divergence from the prior as a cost (Eq. 11); the policy is softmax(Psi)
(Eq. 12).
- G(s, a), Psi without log p(a|s), which the prior gives (Eq. 13); the policy is softmax(G + log p) (Eq. 14).

So Psi and G differ only in the `log_base` that the policy adds to the scores: 0 for Psi (and Q), log p(a|s) for G. For
a masked action, `log_base` also contains MASKED_LOGIT, with every objective: no policy takes the action and no value
counts it.

Time indices as in Sutton & Barto: at time t-1 (`tm1`) the agent scores and acts, at time t it receives `r_t` and scores
again. Shapes: T steps, B melodies, A actions; every function takes any leading shape [...], in learning [T, B].
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import huber_loss

MASKED_LOGIT = -1e9
"""Added to the logit of a masked action: its probability becomes exactly 0, and 0 times the logit is not nan."""


def double_q_value(q_target_t: Tensor, q_online_t: Tensor) -> Tensor:
    """Return the value [...] of state t: the target network's score of the online network's best action.

    Eq. 4 with Double Q-learning (van Hasselt et al. 2015, https://arxiv.org/abs/1509.06461), which section 2.1 names.
    Both inputs are [..., A].
    """
    return q_target_t.gather(-1, q_online_t.argmax(-1, keepdim=True)).squeeze(-1)


def max_q_value(q_t: Tensor) -> Tensor:
    """Return the value [...] of state t: the highest of the scores [..., A] (Eq. 4)."""
    return q_t.amax(-1)


def soft_value(scores_t: Tensor, log_base_t: Tensor) -> Tensor:
    """Return the value [...] of state t, log sum_a exp(scores + log_base), of [..., A] (Eq. 11 for Psi, 13 for G)."""
    return (scores_t + log_base_t).logsumexp(-1)


def policy_logits(scores_t: Tensor, log_base_t: Tensor) -> Tensor:
    """Return the logits [..., A] of the policy, up to a constant (Eq. 12 for Psi, 14 for G; the original's for Q)."""
    return scores_t + log_base_t


class DuelingScores(torch.autograd.Function):
    """Scores [..., A] with a given soft value, whose policy is softmax(logits + log_base).

    V(s) and the policy are separate outputs, so that values in the hundreds need not pass through the logits of a
    softmax. The gradient in closed form needs a third of the passes over memory that autograd's takes.
    """

    @staticmethod
    def forward(ctx: Any, outputs_t: Tensor, value_scale: float, log_base_t: Tensor) -> Tensor:
        """Return V + log softmax(logits + log_base) - log_base, of `outputs_t` [..., A + 1].

        Its last is V / `value_scale`, the others are the logits; `log_base_t` is [..., A] or 0.
        """
        log_policy = (outputs_t[..., :-1] + log_base_t).log_softmax(-1)
        ctx.save_for_backward(log_policy)
        ctx.value_scale = value_scale
        return (log_policy + value_scale * outputs_t[..., -1:]).sub_(log_base_t)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_scores: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of `outputs_t`, given that of the scores."""
        (log_policy,) = ctx.saved_tensors
        total = d_scores.sum(-1, keepdim=True)
        return torch.cat([d_scores - log_policy.exp() * total, ctx.value_scale * total], -1), None, None


def lambda_returns(r_t: Tensor, discount_t: Tensor, v_t: Tensor, cost_tm1: Tensor, lambda_t: Tensor) -> Tensor:
    """Return the target [T, ...] for the score of each (s_tm1, a_tm1), computed backwards from the last step:

        return_tm1 = r_t + discount_t * ((1 - lambda_t) * v_t + lambda_t * (return_t - cost_t))

    Rows are steps: the reward of an action, its discount (0 where the episode terminated), the value of the state after
    it, the KL cost log policy(a) - log_base(a) of the action under the behaviour policy (0 for Q), and lambda (0 at the
    last step of an episode). The return of an action without its cost estimates the soft value of its state. With
    lambda 0 this is Eq. 4, 11, 13.
    """
    carried = discount_t * lambda_t
    cost_t = torch.cat([cost_tm1[1:], torch.zeros_like(cost_tm1[:1])])
    returns = (r_t + discount_t * (1 - lambda_t) * v_t - carried * cost_t).cpu().numpy()
    for row, factor, after in zip(returns[-2::-1], carried.cpu().numpy()[-2::-1], returns[:0:-1], strict=True):
        row += factor * after  # in NumPy, whose calls are short
    return torch.from_numpy(returns).to(r_t.device)


def td_error(scores_tm1: Tensor, a_tm1: Tensor, return_t: Tensor) -> Tensor:
    """Return return_t - scores_tm1[a_tm1] [...], for scores [..., A] and integer actions [...] (Eq. 4, 11, 13)."""
    return return_t - action_scores(scores_tm1, a_tm1)


def squared_loss(error: Tensor, huber_delta: float | None) -> Tensor:
    """Return error^2 [...] (Eq. 4), or twice the Huber loss, in which a penalty of -100 does not dominate."""
    if huber_delta is None:
        return error.square()
    return 2 * huber_loss(error, torch.zeros_like(error), reduction="none", delta=huber_delta)


def action_scores(scores: Tensor, action: Tensor) -> Tensor:
    """Return the scores [...] of the actions [...], taken from `scores` [..., A]."""
    return scores.gather(-1, action[..., None]).squeeze(-1)
