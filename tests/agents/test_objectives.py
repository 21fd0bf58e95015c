"""Each function against a table worked out by hand."""

import pytest
import torch

from agents.objectives import bootstrapped_return, double_q_value, max_q_value, squared_td_error

# Two episodes side by side, two steps, three actions.
ONLINE = torch.tensor([[[1.0, 5.0, 2.0], [0.0, -1.0, -2.0]], [[3.0, 3.5, 9.0], [7.0, 1.0, 2.0]]])
TARGET = torch.tensor([[[4.0, 3.0, 9.0], [1.0, 2.0, 3.0]], [[0.0, 8.0, -5.0], [6.0, 7.0, 8.0]]])


def test_double_q_lets_the_online_network_choose_and_the_target_network_score():
    assert double_q_value(TARGET, ONLINE).tolist() == [[3.0, 1.0], [-5.0, 6.0]]


def test_single_q_takes_the_targets_own_best():
    assert max_q_value(TARGET).tolist() == [[9.0, 3.0], [8.0, 8.0]]


def test_return_discounts_the_next_value_and_stops_at_the_end():
    r_t = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    discount_t = 0.5 * (1 - torch.tensor([[0.0, 0.0], [0.0, 1.0]]))
    v_t = torch.tensor([[3.0, 1.0], [-5.0, 100.0]])
    assert bootstrapped_return(r_t, discount_t, v_t).tolist() == [[2.5, -1.5], [-2.0, 3.0]]


def test_error_is_of_the_action_taken_and_squared():
    a_tm1 = torch.tensor([[1, 0], [2, 2]])
    return_t = torch.tensor([[2.0, -1.0], [9.5, 0.0]])
    assert squared_td_error(ONLINE, a_tm1, return_t).tolist() == [[9.0, 1.0], [0.25, 4.0]]


def test_gradient_reaches_only_the_score_of_the_action_taken():
    scores = ONLINE.clone().requires_grad_()
    squared_td_error(scores, torch.tensor([[1, 0], [2, 2]]), torch.zeros(2, 2)).sum().backward()
    assert scores.grad is not None
    assert scores.grad[0, 0].tolist() == [0.0, 10.0, 0.0]
    assert scores.grad.count_nonzero() == pytest.approx(3)  # the fourth score, ONLINE[0, 1, 0], is already right
