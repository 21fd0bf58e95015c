"""Critic-free policy gradients of whole episodes, as pure functions of arrays.

The objective is that of Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), Eq. 9: reward minus the policy's KL
divergence from the prior. Its gradient is estimated from B parallel episodes with a leave-one-out baseline (RLOO:
Ahmadian et al. 2024, https://arxiv.org/abs/2402.14740) and PPO's clipped surrogate (Schulman et al. 2017,
https://arxiv.org/abs/1707.06347).

Shapes: T steps, B episodes, A actions; every function but `kl_cost` takes [T, B]; `mask` is 1 in an episode and 0 after
its end.
"""

import torch
from torch import Tensor


def reward_to_go(r_t: Tensor, mask: Tensor, gamma: float) -> Tensor:
    """Return the discounted sum [T, B] of the rewards `r_t` from each step to the end of its episode."""
    rows = (r_t * mask).unbind()
    returns = [rows[-1]]
    for reward in reversed(rows[:-1]):
        returns.append(reward + gamma * returns[-1])
    return torch.stack(returns[::-1]) * mask


def last_rewards(r_t: Tensor, mask: Tensor) -> Tensor:
    """Return the rewards `r_t` [T, B] of the last steps of episodes, 0 at all others."""
    following = torch.cat([mask[1:], torch.zeros_like(mask[:1])])
    return r_t * (mask - following)


def discounted_returns(rewards: Tensor, costs: Tensor, mask: Tensor, gamma: float, end_gamma: float | None) -> Tensor:
    """Return the discounted sum of `rewards` minus `costs` from each step to the end of its episode.

    :param end_gamma: discount factor of the episode's last reward, but not of its last cost; None is `gamma`.
    """
    if end_gamma is None:
        return reward_to_go(rewards - costs, mask, gamma)
    ends = last_rewards(rewards, mask)
    return reward_to_go(rewards - ends - costs, mask, gamma) + reward_to_go(ends, mask, end_gamma)


def kl_cost(log_policy: Tensor, log_prior: Tensor, weight: float) -> Tensor:
    """Return the expectation [...] of `weight` times log policy minus log prior over the actions of [..., A].

    With weight 1 it is the KL divergence of the policy from the prior.
    """
    return (log_policy.exp() * (weight * log_policy - log_prior)).sum(-1)


def leave_one_out_advantages(returns: Tensor, mask: Tensor) -> Tensor:
    """Return `returns` minus the leave-one-out baseline, the others' mean at the same step; 0 for a lone episode."""
    count = mask.sum(1, keepdim=True)
    mean = (returns * mask).sum(1, keepdim=True) / count.clamp(min=1)
    return (returns - mean) * mask * count / (count - 1).clamp(min=1)


def deviation_by_step(advantages: Tensor, mask: Tensor) -> Tensor:
    """Return the standard deviation [T, 1] of `advantages` at each step, by which all steps get equal weight.

    It is at least .001, so that rounding errors count for nothing where all advantages are equal.
    """
    count = mask.sum(1, keepdim=True).clamp(min=1)
    return ((advantages.square() * mask).sum(1, keepdim=True) / count).sqrt().clamp(min=1e-3)


def clipped_surrogate(log_policy: Tensor, old_log_policy: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """Return the loss at each step: PPO's clipped surrogate, Eq. 7 of its paper, negated.

    For the behaviour policy itself (a ratio of 1 everywhere) its gradient is that of REINFORCE.
    """
    ratio = (log_policy - old_log_policy).exp()
    clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
    return -torch.minimum(ratio * advantages, clipped * advantages)
