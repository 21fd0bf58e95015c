"""What an agent learns: the value of the next state, and the policy that its scores define, as pure functions.

Time indices as in Sutton & Barto: at time t-1 (`tm1`) the agent scores and acts, at time t it receives `r_t` and
scores again. Shapes: T steps, B melodies, A actions; every function takes any leading shape [...], in learning [T, B].
Equations are those of Jaques et al. 2017, https://arxiv.org/abs/1611.02796.
"""

from torch import Tensor


def double_q_value(q_target_t: Tensor, q_online_t: Tensor) -> Tensor:
    """Return the value [...] of state t: the target network's score of the action that the online network likes best.

    Eq. 4 with Double Q-learning (van Hasselt et al. 2015, https://arxiv.org/abs/1509.06461), which section 2.1 names.
    Both inputs are [..., A].
    """
    return q_target_t.gather(-1, q_online_t.argmax(-1, keepdim=True)).squeeze(-1)


def max_q_value(q_target_t: Tensor) -> Tensor:
    """Return the value [...] of state t: the target network's best score, of [..., A] (Eq. 4)."""
    return q_target_t.amax(-1)


def bootstrapped_return(r_t: Tensor, discount_t: Tensor, v_t: Tensor) -> Tensor:
    """Return what the score of (s_tm1, a_tm1) should be, r_t + discount_t * v_t, all [...] (Eq. 4).

    `discount_t` is zero where the episode terminated: there is nothing after the end to bootstrap from.
    """
    return r_t + discount_t * v_t


def squared_td_error(q_tm1: Tensor, a_tm1: Tensor, return_t: Tensor) -> Tensor:
    """Return (return_t - q_tm1[a_tm1])^2 [...], for scores [..., A] and integer actions [...] (Eq. 4)."""
    return (return_t - q_tm1.gather(-1, a_tm1[..., None]).squeeze(-1)).square()
