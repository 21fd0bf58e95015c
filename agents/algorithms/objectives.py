"""What an agent learns: the value of a state, the return of an action, and the policy, as pure functions of scores.

Three objectives of Jaques et al. 2017, https://arxiv.org/abs/1611.02796. All score the next action a in state s:

- Q(s, a), the expected discounted reward (Eq. 4); the policy takes the best (Eq. 5).
- Psi(s, a), the same with the policy's KL divergence from the prior as a cost (Eq. 11); the policy is softmax(Psi)
(Eq. 12).
- G(s, a), Psi without the part log p(a|s) that the prior knows (Eq. 13); the policy is softmax(G + log p) (Eq. 14).

So Psi and G differ only in a `log_base` that the policy adds to the scores: 0 for Psi (and Q), log p(a|s) for G. Where
an action is forbidden, `log_base` also has FORBIDDEN, whatever is learned: no policy takes it and no value counts it.

Time indices as in Sutton & Barto: at time t-1 (`tm1`) the agent scores and acts, at time t it receives `r_t` and scores
again. Shapes: T steps, B melodies, A actions; every function takes any leading shape [...], in learning [T, B].
"""

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

FORBIDDEN = -1e9
"""Added to the logit of an action that may not be taken: its probability is exactly 0, and 0 times it is no nan."""


def double_q_value(q_target_t: Tensor, q_online_t: Tensor) -> Tensor:
    """Return the value [...] of state t: the target network's score of the action that the online network likes best.

    Eq. 4 with Double Q-learning (van Hasselt et al. 2015, https://arxiv.org/abs/1509.06461), which section 2.1 names.
    Both inputs are [..., A].
    """
    return q_target_t.gather(-1, q_online_t.argmax(-1, keepdim=True)).squeeze(-1)


def max_q_value(q_t: Tensor) -> Tensor:
    """Return the value [...] of state t: the best of the scores [..., A] (Eq. 4)."""
    return q_t.amax(-1)


def soft_value(scores_t: Tensor, log_base_t: Tensor) -> Tensor:
    """Return the value [...] of state t, log sum_a exp(scores + log_base), of [..., A] (Eq. 11 for Psi, 13 for G)."""
    return (scores_t + log_base_t).logsumexp(-1)


def policy_logits(scores_t: Tensor, log_base_t: Tensor) -> Tensor:
    """Return the logits [..., A] of the policy, up to a constant (Eq. 12 for Psi, 14 for G; the original's for Q)."""
    return scores_t + log_base_t


def dueling_scores(value_t: Tensor, logits_t: Tensor, log_base_t: Tensor) -> Tensor:
    """Return scores [..., A] whose soft value is `value_t` [...] and whose policy is softmax(logits_t + log_base_t).

    V(s) and the policy have outputs of their own, so that values of hundreds need not go through the logits of a
    softmax.
    """
    return value_t[..., None] + (logits_t + log_base_t).log_softmax(-1) - log_base_t


def lambda_returns(r_t: Tensor, discount_t: Tensor, v_t: Tensor, cost_tm1: Tensor, lambda_t: Tensor) -> Tensor:
    """Return what the score of each (s_tm1, a_tm1) should be [T, ...], from the last step backwards:

        return_tm1 = r_t + discount_t * ((1 - lambda_t) * v_t + lambda_t * (return_t - cost_t))

    Rows are steps: the reward of an action, its discount (0 where the episode terminated), the value of the state after
    it, what the action cost in KL, log policy(a) - log_base(a) of the policy that acted (0 for Q), and lambda (0 at the
    last step of an episode). The return of an action without its cost estimates the soft value of its state. With
    lambda 0 this is Eq. 4, 11, 13.
    """
    carried = discount_t * lambda_t
    cost_t = torch.cat([cost_tm1[1:], torch.zeros_like(cost_tm1[:1])])
    returns = r_t + discount_t * (1 - lambda_t) * v_t - carried * cost_t
    rows = returns.unbind()
    for step in reversed(range(len(rows) - 1)):
        rows[step].addcmul_(carried[step], rows[step + 1])
    return returns


def td_error(scores_tm1: Tensor, a_tm1: Tensor, return_t: Tensor) -> Tensor:
    """Return return_t - scores_tm1[a_tm1] [...], for scores [..., A] and integer actions [...] (Eq. 4, 11, 13)."""
    return return_t - of_action(scores_tm1, a_tm1)


def squared_loss(error: Tensor, linear_beyond: float | None) -> Tensor:
    """Return error^2 [...] (Eq. 4), or what goes on linearly beyond (Huber), lest a penalty of -100 rule all."""
    if linear_beyond is None:
        return error.square()
    return 2 * huber_loss(error, torch.zeros_like(error), reduction="none", delta=linear_beyond)


def of_action(scores: Tensor, action: Tensor) -> Tensor:
    """Return the scores [...] of the given actions [...], of [..., A]."""
    return scores.gather(-1, action[..., None]).squeeze(-1)
