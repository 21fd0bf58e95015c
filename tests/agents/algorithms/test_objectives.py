"""Each function against a table worked out by hand, and against numbers computed by the original RL Tuner."""

from math import e, log
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.algorithms.objectives import (
    DuelingScores,
    double_q_value,
    lambda_returns,
    max_q_value,
    policy_logits,
    soft_value,
    squared_loss,
    td_error,
)

# Two episodes side by side, two steps, three actions.
ONLINE = torch.tensor([[[1.0, 5.0, 2.0], [0.0, -1.0, -2.0]], [[3.0, 3.5, 9.0], [7.0, 1.0, 2.0]]])
TARGET = torch.tensor([[[4.0, 3.0, 9.0], [1.0, 2.0, 3.0]], [[0.0, 8.0, -5.0], [6.0, 7.0, 8.0]]])
ZERO = torch.zeros(())


def test_double_q_lets_the_online_network_choose_and_the_target_network_score():
    assert double_q_value(TARGET, ONLINE).tolist() == [[3.0, 1.0], [-5.0, 6.0]]


def test_single_q_takes_the_best_score():
    assert max_q_value(TARGET).tolist() == [[9.0, 3.0], [8.0, 8.0]]


def test_psi_value_is_the_log_of_the_sum_of_exponentials():
    psi = torch.tensor([[log(1.0), log(2.0), log(5.0)], [log(e), log(e), log(2 * e)]])
    assert soft_value(psi, ZERO).tolist() == pytest.approx([log(8.0), log(4 * e)])


def test_g_value_weighs_the_exponentials_with_the_prior():
    g = torch.tensor([[log(1.0), log(2.0), log(4.0)]])
    prior = torch.tensor([[0.5, 0.25, 0.25]])
    assert soft_value(g, prior.log()).tolist() == pytest.approx([log(0.5 * 1 + 0.25 * 2 + 0.25 * 4)])


def test_g_policy_is_the_prior_where_g_is_zero():
    prior = torch.tensor([[0.5, 0.25, 0.25]])
    logits = policy_logits(torch.zeros(1, 3), prior.log())
    torch.testing.assert_close(logits.softmax(-1), prior)


@pytest.mark.parametrize("log_base", [ZERO, torch.tensor([0.7, 0.2, 0.1]).log()])
def test_dueling_scores_have_the_value_and_the_policy_that_they_are_made_of(log_base):
    logits, value = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), torch.tensor([[40.0], [-3.0]])
    scores = DuelingScores.apply(torch.cat([logits, value / 8], -1), 8.0, log_base)
    torch.testing.assert_close(soft_value(scores, log_base), value.squeeze(-1))
    torch.testing.assert_close(policy_logits(scores, log_base).softmax(-1), (logits + log_base).softmax(-1))


@pytest.mark.parametrize("log_base", [torch.zeros(()), torch.randn(2, 5, 4)])
def test_the_gradient_of_dueling_scores_is_that_of_their_definition(log_base):
    outputs = torch.randn(2, 5, 5, dtype=torch.float64, requires_grad=True)
    base = log_base.double()
    assert torch.autograd.gradcheck(lambda x: DuelingScores.apply(x, 3.0, base), [outputs])
    log_policy = (outputs[..., :-1] + base).log_softmax(-1)
    expected = 3.0 * outputs[..., -1:] + log_policy - base
    torch.testing.assert_close(DuelingScores.apply(outputs, 3.0, base), expected)


# One episode of three steps: rewards, values of the states after each, log-ratios of the actions.
R = torch.tensor([[1.0], [2.0], [4.0]])
V = torch.tensor([[10.0], [20.0], [99.0]])
COST = torch.tensor([[7.0], [0.5], [0.25]])
DISCOUNT = torch.tensor([[0.5], [0.5], [0.0]])


@pytest.mark.parametrize(
    ("lambda_", "returns"),
    [
        (0.0, [1 + 0.5 * 10, 2 + 0.5 * 20, 4.0]),  # one step, then the value
        (1.0, [1 + 0.5 * (2 + 0.5 * (4 - 0.25) - 0.5), 2 + 0.5 * (4 - 0.25), 4.0]),  # all that followed
        (0.5, [1 + 0.5 * (5 + 0.5 * (7.9375 - 0.5)), 2 + 0.5 * (10 + 0.5 * 3.75), 4.0]),  # half of each
    ],
)
def test_lambda_mixes_the_value_of_the_next_state_with_what_followed(lambda_, returns):
    lambdas = torch.tensor([[lambda_], [lambda_], [0.0]])
    assert lambda_returns(R, DISCOUNT, V, COST, lambdas).flatten().tolist() == pytest.approx(returns)


def test_nothing_after_the_end_reaches_a_return():
    ended = torch.tensor([[0.5], [0.0], [0.5]])
    going_on = torch.tensor([[1.0], [0.0], [0.0]])
    returns = lambda_returns(R, ended, V, COST, going_on)
    assert returns.flatten().tolist()[:2] == pytest.approx([1 + 0.5 * (2 - 0.5), 2.0])


def test_error_is_of_the_action_taken():
    a_tm1 = torch.tensor([[1, 0], [2, 2]])
    return_t = torch.tensor([[2.0, -1.0], [9.5, 0.0]])
    assert td_error(ONLINE, a_tm1, return_t).tolist() == [[-3.0, -1.0], [0.5, -2.0]]


def test_loss_is_the_square_or_goes_on_with_its_slope():
    error = torch.tensor([-3.0, 0.5, 2.0, 200.0])
    assert squared_loss(error, None).tolist() == [9.0, 0.25, 4.0, 40_000.0]
    assert squared_loss(error, 2.0).tolist() == [4 + 4 * 1, 0.25, 4.0, 4 + 4 * 198]


def test_gradient_reaches_only_the_score_of_the_action_taken():
    scores = ONLINE.clone().requires_grad_()
    td_error(scores, torch.tensor([[1, 0], [2, 2]]), torch.zeros(2, 2)).square().sum().backward()
    assert scores.grad is not None
    assert scores.grad[0, 0].tolist() == [0.0, 10.0, 0.0]
    assert scores.grad.count_nonzero() == 3  # the fourth score, ONLINE[0, 1, 0], is already right


@pytest.fixture(scope="module")
def original():
    """64 transitions through the original's TensorFlow graph."""
    with np.load(Path(__file__).parent / "rl_tuner_targets.npz") as data:
        return {name: torch.from_numpy(np.asarray(data[name])).double() for name in data.files}


@pytest.mark.parametrize("objective", ["q", "psi", "g"])
def test_parity_with_the_original(original, objective):
    zero = torch.zeros((), dtype=torch.float64)
    next_scores, scores = original["next_action_scores"], original["action_scores"]
    base_next = original["reward_scores_next"].log_softmax(-1) if objective == "g" else zero
    base = original["reward_scores_current"].log_softmax(-1) if objective == "g" else zero
    values = max_q_value(next_scores) if objective == "q" else soft_value(next_scores, base_next)
    discount = original["discount"].expand(1, 64)
    nothing = torch.zeros(1, 64, dtype=torch.float64)
    (returns,) = lambda_returns(original["rewards"][None], discount, values[None], nothing, nothing)
    logits = policy_logits(scores, base)
    expected = {name: original[f"{objective}_{name}"] for name in ("target_vals", "future_rewards", "action_softmax")}
    torch.testing.assert_close(values, expected["target_vals"], rtol=0, atol=2e-5)
    torch.testing.assert_close(returns, expected["future_rewards"], rtol=0, atol=2e-5)
    torch.testing.assert_close(logits.softmax(-1), expected["action_softmax"], rtol=0, atol=1e-6)
    assert logits.argmax(-1).tolist() == original[f"{objective}_greedy_action"].long().tolist()
    error = td_error(scores, original["actions"].long(), returns).square().mean()
    torch.testing.assert_close(error, original[f"{objective}_prediction_error"], rtol=1e-5, atol=0)
