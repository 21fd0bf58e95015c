"""The Bradley-Terry fit agrees with hand-computed cases and recovers what was planted."""

import numpy as np
import pytest

from melody_env.reward_design.bradley_terry import (
    LISTENER_PENALTY,
    Votes,
    before_votes,
    fit,
    log_likelihoods,
)


def planted(seed=0, votes=4_000, weights=(1.0, -0.5, 0.0), bias=(0.0, 2.0)):
    rng = np.random.default_rng(seed)
    differences = rng.normal(size=(votes, len(weights)))
    listener = np.arange(votes) % len(bias)
    log_odds = differences @ np.array(weights) + np.array(bias)[listener]
    return Votes(differences, (rng.random(votes) < 1 / (1 + np.exp(-log_odds))).astype(float), listener)


def test_planted_weights_and_biases_are_recovered():
    fitted = fit(planted(), 1.0)
    assert fitted.weights == pytest.approx([1.0, -0.5, 0.0], abs=0.12)
    assert fitted.bias + fitted.listener_bias == pytest.approx([0.0, 2.0], abs=0.2)


def test_the_fit_is_where_the_gradient_vanishes():
    votes, penalty = planted(votes=60), 3.0
    multiplicity = np.linspace(0.1, 2, 60)
    fitted = fit(votes, penalty, multiplicity)
    log_odds = votes.differences @ fitted.weights + fitted.bias + fitted.listener_bias[votes.listener]
    errors = multiplicity * (votes.outcomes - 1 / (1 + np.exp(-log_odds)))
    assert votes.differences.T @ errors == pytest.approx(penalty * fitted.weights, abs=1e-5)
    assert errors.sum() == pytest.approx(0.01 * fitted.bias, abs=1e-5)
    own = np.bincount(votes.listener, errors)
    assert own == pytest.approx(LISTENER_PENALTY * fitted.listener_bias, abs=1e-5)


def test_a_vote_counted_twice_is_as_two_votes():
    votes = planted(votes=30)
    twice = fit(votes, 1.0, np.where(np.arange(30) < 10, 2.0, 1.0))
    rows = np.concatenate([np.arange(30), np.arange(10)])
    assert fit(votes.rows(rows), 1.0).weights == pytest.approx(twice.weights, abs=1e-6)


def test_swapped_sides_turn_the_bias_and_not_the_weights():
    votes = planted(votes=200)
    swapped = Votes(-votes.differences, 1 - votes.outcomes, votes.listener)
    some, other = fit(votes, 1.0), fit(swapped, 1.0)
    assert some.weights == pytest.approx(other.weights, abs=1e-6)
    assert some.bias == pytest.approx(-other.bias, abs=1e-6)


def test_no_difference_is_half_a_vote_for_each():
    tie = Votes(np.array([[1.0], [2.0]]), np.array([0.5, 0.5]), np.array([0, 0]))
    assert fit(tie, 1.0).weights == pytest.approx([0.0], abs=1e-9)


def test_the_covariance_is_that_of_one_rule_by_hand():
    # One listener, two balanced votes on a difference of 2: at weights 0 the curvature is 2 * 4 / 4, plus the penalty.
    votes = Votes(np.array([[2.0], [-2.0]]), np.array([0.5, 0.5]), np.array([0, 0]))
    # Of the bias: 2 / 4, less what the listener's own bias explains of it, plus its penalty.
    of_bias = 1 / 2 - (1 / 2) ** 2 / (1 / 2 + LISTENER_PENALTY) + 0.01
    assert fit(votes, 3.0).covariance == pytest.approx(np.diag([1 / 5, 1 / of_bias]))
    assert before_votes(1, 4.0).covariance == pytest.approx(np.diag([1 / 4, 1 / 0.01]))


def test_likelihoods_by_hand():
    found = log_likelihoods(np.array([0.0, np.log(3), np.log(3), 0.0]), np.array([1.0, 1.0, 0.0, 0.5]))
    assert found == pytest.approx(np.log([0.5, 0.75, 0.25, 0.5]))


def test_a_scale_of_zero_removes_a_rule():
    scaled = planted(votes=5).scaled(np.array([2.0, 0.0, 1.0]))
    assert scaled.differences[:, 1].tolist() == [0] * 5
    assert scaled.differences[:, 0] == pytest.approx(planted(votes=5).differences[:, 0] / 2)


def test_a_part_keeps_the_first_weights_and_the_bias():
    fitted = fit(planted(votes=30, weights=(1.0, 0.0, -1.0)), 1.0)
    part = fitted.part(2)
    assert part.weights.tolist() == fitted.weights[:2].tolist()
    assert part.covariance.tolist() == fitted.covariance[[0, 1, 3]][:, [0, 1, 3]].tolist()
    assert part.bias == fitted.bias
