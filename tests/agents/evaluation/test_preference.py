"""Analysis of votes: small numbers by hand, and planted rankings of many."""

import math
from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.preference import (
    Votes,
    analyse,
    bradley_terry,
    pairwise_tests,
    ratings,
    resampled_weights,
    wins,
)


def votes_of(rows, models=("X", "Y"), listeners=1) -> Votes:
    """Return votes of `rows` (left, right, preference), dealt out to `listeners` in turn."""
    left, right, preference = np.array(rows).T
    return Votes(models, left, right, preference, np.arange(len(rows)) % listeners)


ONE_SIDED = [(0, 1, 1), (0, 1, 1), (1, 0, 4), (0, 1, 3)]
"""X much better twice, once a little (as B), once a tie."""


def test_a_tie_is_half_a_win_of_both():
    np.testing.assert_array_equal(wins(votes_of(ONE_SIDED)), [[0, 3.5], [0.5, 0]])


def test_wins_of_weighted_votes():
    weights = np.array([[1, 1, 1, 1], [2, 0, 0, 2.0]])
    np.testing.assert_array_equal(wins(votes_of(ONE_SIDED), weights), [[[0, 3.5], [0.5, 0]], [[0, 3], [1, 0]]])


def test_ratings_are_as_high_as_the_model_was_preferred():
    x, y = ratings(votes_of(ONE_SIDED))
    assert sorted(x) == [3, 4, 5, 5]
    assert sorted(y) == [1, 1, 2, 3]


def test_strengths_of_two_models_are_the_log_odds():
    x, y = bradley_terry(np.array([[0, 3.0], [1, 0]]))
    assert x - y == pytest.approx(np.log(3))
    assert x + y == pytest.approx(0)


def test_strengths_are_found_again_in_the_wins_that_they_make_likeliest():
    strengths = np.array([1.0, 2, 4])
    compared = np.array([[0, 12, 15], [12, 0, 12], [15, 12, 0]])
    expected_wins = compared * strengths[:, None] / (strengths[:, None] + strengths)
    np.testing.assert_allclose(expected_wins[0], [0, 4, 3])
    found = bradley_terry(np.stack([expected_wins, compared / 2.0]))
    np.testing.assert_allclose(found[0], np.log(strengths / 2), atol=1e-6)
    np.testing.assert_allclose(found[1], 0, atol=1e-6)


def test_a_circle_has_no_winner():
    np.testing.assert_allclose(bradley_terry(np.array([[0, 5.0, 1], [1, 0, 5], [5, 1, 0]])), 0, atol=1e-9)


def test_the_papers_tests_by_hand():
    # Ranks of 1 1 2 3 | 3 4 5 5: Y 1.5 1.5 3 4.5, X 4.5 6 7.5 7.5; U = 25.5 - 10; three ties of two.
    preference = analyse(votes_of(ONE_SIDED), samples=10)
    assert preference.kruskal_h == pytest.approx((12 / 72 * (25.5**2 + 10.5**2) / 4 - 27) / (1 - 18 / 504))
    (pair,) = preference.pairs
    assert (pair.first, pair.second, pair.u) == ("X", "Y", 15.5)
    # U's mean is 8, its variance 4 * 4 / 12 * (9 - (3 * (2**3 - 2)) / (8 * 7)); half a vote of continuity; both sides.
    assert pair.p == pair.p_holm == pytest.approx(math.erfc(7 / math.sqrt(4 / 3 * (9 - 18 / 56)) / math.sqrt(2)))
    assert preference.kruskal_p == pytest.approx(math.erfc(math.sqrt(preference.kruskal_h / 2)))  # chi-square, 1 degree


def test_p_of_every_pair_is_adjusted_for_the_number_of_pairs():
    preference = analyse(simulated([0.0, 0.2, 1.0, 1.4], votes_per_pair=30, listeners=5), samples=10)
    p_values = sorted(pair.p for pair in preference.pairs)
    assert len({*p_values}) == 6
    assert sorted(pair.p_holm for pair in preference.pairs) == pytest.approx(
        np.maximum.accumulate([min(1, number * p) for number, p in zip((6, 5, 4, 3, 2, 1), p_values, strict=True)])
    )


def test_ties_alone_give_no_preference():
    preference = analyse(votes_of([(0, 1, 3)] * 4), samples=10)
    assert (preference.kruskal_h, preference.kruskal_p) == (0, 1)
    assert preference.pairs[0].p == 1
    np.testing.assert_allclose(preference.strengths, 0)


def test_a_model_that_never_lost_has_a_finite_strength():
    preference = analyse(votes_of([(0, 1, 1)] * 9), samples=10)
    assert preference.strengths[0] - preference.strengths[1] == pytest.approx(np.log(9.5 / 0.5))
    np.testing.assert_allclose(preference.samples[:, 0] - preference.samples[:, 1], np.log(9.5 / 0.5))


def test_samples_have_as_many_listeners_and_all_votes_of_each():
    listener = np.array([0, 0, 0, 1, 2, 2])
    weights = resampled_weights(listener, 500, np.random.default_rng(0))
    per_listener = np.stack([weights[:, listener == one].sum(1) for one in range(3)], axis=1)
    assert (per_listener % [3, 1, 2] == 0).all()
    assert ((per_listener / [3, 1, 2]).sum(1) == 3).all()
    np.testing.assert_allclose(weights.mean(0), 1, atol=0.15)
    assert (weights[:, :3] != weights[:, :1]).any()  # the votes of a listener are drawn too


def simulated(strengths, votes_per_pair, listeners, seed=0) -> Votes:
    """Return votes of listeners who perceive strengths with logistic noise and report small differences as ties."""
    rng = np.random.default_rng(seed)
    size = len(strengths)
    pairs = np.array([(i, j) for i in range(size) for j in range(size) if i < j] * votes_per_pair)
    swapped = rng.random(len(pairs)) < 0.5
    left, right = np.where(swapped[:, None], pairs[:, ::-1], pairs).T
    perceived = np.array(strengths)[right] - np.array(strengths)[left] + rng.logistic(size=len(pairs))
    preference = 1 + np.digitize(perceived, [-1.5, -0.3, 0.3, 1.5])
    names = tuple("ABCDEF"[:size])
    return Votes(names, left, right, preference, rng.integers(listeners, size=len(pairs)))


def test_planted_ranking_is_found_again():
    strengths = np.array([0.0, 1.4, 0.7, 2.1])
    preference = analyse(simulated(strengths, votes_per_pair=400, listeners=12), samples=300)
    assert [preference.models[i] for i in np.argsort(preference.strengths)] == ["A", "C", "B", "D"]
    assert preference.strengths == pytest.approx(strengths - strengths.mean(), abs=0.1)
    low, high = preference.interval("D", "A")
    assert 1.7 < low < 2.1 < high < 2.5
    assert preference.kruskal_p < 1e-6
    assert all(pair.p_holm < 0.05 for pair in preference.pairs if {pair.first, pair.second} in ({"A", "D"}, {"A", "B"}))
    assert preference.listeners == 12


def test_intervals_hold_95_percent_of_the_samples():
    preference = analyse(votes_of(ONE_SIDED), samples=10)
    samples = np.stack([np.arange(201.0), -np.arange(201.0)], axis=1)[np.random.default_rng(0).permutation(201)]
    preference = replace(preference, samples=samples)
    assert preference.interval("X") == pytest.approx((5, 195))  # a 40th of the 201 is on either side
    assert preference.interval("Y") == pytest.approx((-195, -5))
    assert preference.interval("X", "Y") == pytest.approx((10, 390))
    assert preference.interval("Y", "X") == pytest.approx((-390, -10))


def test_intervals_shrink_with_the_votes():
    few, many = (analyse(simulated([0, 1.0], count, 1), samples=400) for count in (30, 480))
    widths = [np.diff(preference.interval("B", "A"))[0] for preference in (few, many)]
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.3)


def intervals_of(repetitions, listeners, votes_each, lean) -> np.ndarray:
    """Return the intervals [repetitions, 2] of A over B, by listeners each of whom leans to one of them by chance."""
    rng = np.random.default_rng(1)
    listener = np.repeat(np.arange(listeners), votes_each)
    zeros, ones = np.zeros_like(listener), np.ones_like(listener)
    found = []
    for seed in range(repetitions):
        probability = 1 / (1 + np.exp(-rng.normal(0, lean, listeners)))
        preference = np.where(rng.random(len(listener)) < probability[listener], 1, 5)
        votes = Votes(("A", "B"), zeros, ones, preference, listener)
        found.append(analyse(votes, samples=300, seed=seed).interval("A", "B"))
    return np.array(found)


def test_95_percent_of_the_intervals_of_single_votes_hold_the_truth():
    low, high = intervals_of(500, listeners=60, votes_each=1, lean=0).T
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(0.95, abs=0.02)


def test_intervals_include_the_correlation_of_a_listeners_votes():
    low, high = intervals_of(200, listeners=25, votes_each=12, lean=3).T
    assert 0.92 < np.mean((low <= 0) & (high >= 0)) < 0.99


def test_the_seed_draws_the_samples_and_nothing_else():
    votes = simulated([0, 0.5, 1.0], 20, 5)
    first, again, other = (analyse(votes, samples=50, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.samples, again.samples)
    assert (first.samples != other.samples).any(1).mean() > 0.9
    assert first.samples.shape == (50, 3)
    np.testing.assert_array_equal(first.strengths, other.strengths)
    assert first.pairs == other.pairs


def test_models_are_compared_pair_by_pair():
    pairs = pairwise_tests(("A", "B", "C"), [np.array([1, 2]), np.array([2, 3]), np.array([4, 5])])
    assert [(pair.first, pair.second, pair.u) for pair in pairs] == [("A", "B", 0.5), ("A", "C", 0), ("B", "C", 0)]
