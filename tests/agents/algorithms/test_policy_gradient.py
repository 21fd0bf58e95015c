"""Each function against a table worked out by hand."""

from math import log, sqrt

import pytest
import torch

from agents.algorithms.policy_gradient import (
    clipped_surrogate,
    deviation_by_step,
    discounted_returns,
    kl_cost,
    last_rewards,
    leave_one_out_advantages,
    reward_to_go,
)

# Three episodes of three steps; the last ends after the first step.
R = torch.tensor([[1.0, 0.0, 5.0], [2.0, 4.0, 99.0], [4.0, 8.0, 99.0]])
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])


def test_reward_to_go_is_discounted_and_ends_with_the_episode():
    expected = [[1 + 0.5 * (2 + 0.5 * 4), 0.5 * (4 + 0.5 * 8), 5.0], [2 + 0.5 * 4, 4 + 0.5 * 8, 0.0], [4.0, 8.0, 0.0]]
    assert reward_to_go(R, MASK, 0.5).tolist() == expected


def test_the_last_reward_of_an_episode_is_that_of_its_last_step():
    assert last_rewards(R, MASK).tolist() == [[0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [4.0, 8.0, 0.0]]


def test_baseline_is_the_mean_of_the_others_that_still_go_on():
    returns = torch.tensor([[1.0, 2.0, 6.0], [3.0, 7.0, 99.0], [5.0, 99.0, 99.0]])
    mask = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    expected = [[1 - 4.0, 2 - 3.5, 6 - 1.5], [3 - 7.0, 7 - 3.0, 0.0], [0.0, 0.0, 0.0]]
    torch.testing.assert_close(leave_one_out_advantages(returns, mask), torch.tensor(expected))


def test_costs_are_discounted_with_the_rewards_but_for_the_last_reward():
    costs = torch.full_like(R, 1.0)
    plain = discounted_returns(R, costs, MASK, 0.5, None)
    assert plain.tolist() == [
        [0 + 0.5 * (1 + 0.5 * 3), -1 + 0.5 * (3 + 0.5 * 7), 4.0],
        [2.5, 6.5, 0.0],
        [3.0, 7.0, 0.0],
    ]
    ends = discounted_returns(R, costs, MASK, 0.5, 1.0)
    assert ends[:, 0].tolist() == [0 + 0.5 * (1 + 0.5 * -1) + 4, 1 + 0.5 * -1 + 4, -1 + 4.0]
    assert ends[:, 2].tolist() == [4.0, 0.0, 0.0]


def test_the_cost_of_kl_is_expected_over_all_actions():
    log_policy, log_prior = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.9, 0.1]).log()
    assert kl_cost(log_policy, log_prior, 1.0).item() == pytest.approx(0.5 * log(0.5 / 0.9) + 0.5 * log(0.5 / 0.1))
    assert kl_cost(log_policy, log_prior, 0.0).item() == pytest.approx(-0.5 * (log(0.9) + log(0.1)))
    assert kl_cost(log_prior, log_prior, 1.0).item() == 0


def test_a_masked_action_costs_nothing():
    log_policy = torch.tensor([0.0, 0.0, -1e9]).log_softmax(-1).requires_grad_()
    cost = kl_cost(log_policy, torch.tensor([0.5, 0.25, 0.25]).log(), 1.0)
    cost.backward()
    assert cost.item() == pytest.approx(0.5 * log(2))
    assert log_policy.grad is not None
    assert log_policy.grad.isfinite().all()


def test_every_step_counts_as_much_whatever_its_spread():
    advantages = torch.tensor([[-1.0, 1.0, 0.0], [-300.0, 300.0, 7.0], [0.0, 0.0, 0.0]])
    mask = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    torch.testing.assert_close(deviation_by_step(advantages, mask), torch.tensor([[sqrt(2 / 3)], [300.0], [0.001]]))


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "slope"),
    [
        (1.0, 2.0, -2.0, -2.0),  # the policy that acted: REINFORCE
        (1.5, 2.0, -1.2 * 2.0, 0.0),  # good and already likelier: no further
        (1.5, -2.0, 1.5 * 2.0, 3.0),  # bad and likelier: back
        (0.5, -2.0, 0.8 * 2.0, 0.0),  # bad and already less likely: no further
        (0.5, 2.0, -0.5 * 2.0, -1.0),  # good and less likely: back
    ],
)
def test_surrogate_is_clipped_where_the_policy_has_gone_far_enough(ratio, advantage, loss, slope):
    log_policy = torch.tensor(log(ratio), requires_grad=True)
    surrogate = clipped_surrogate(log_policy, torch.tensor(0.0), torch.tensor(advantage), 0.2)
    surrogate.backward()
    assert surrogate.item() == pytest.approx(loss)
    assert log_policy.grad is not None
    assert log_policy.grad.item() == pytest.approx(slope)
