"""What votes say, by hand on small numbers, and the ranking that was planted on many."""

import numpy as np
import pytest

from agents.preference import (
    Votes,
    analyse,
    bradley_terry,
    compared,
    holm,
    ratings,
    resampled_weights,
    wins,
)


def votes_of(rows, models=("X", "Y"), listeners=1) -> Votes:
    """Return votes of `rows` (left, right, preference), dealt out to `listeners` in turn."""
    left, right, preference = np.array(rows).T
    return Votes(models, left, right, preference, np.arange(len(rows)) % listeners)


ONE_SIDED = [(0, 1, 1), (0, 1, 1), (1, 0, 4), (0, 1, 3)]
"""X much better twice, once a little (it was B), once alike."""


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


def test_holm_multiplies_the_smallest_by_all_and_never_goes_down():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1, 1])


def test_the_papers_tests_by_hand():
    # Ranks of 1 1 2 3 | 3 4 5 5: Y 1.5 1.5 3 4.5, X 4.5 6 7.5 7.5; U = 25.5 - 10; three ties of two.
    preference = analyse(votes_of(ONE_SIDED), samples=10)
    assert preference.kruskal_h == pytest.approx((12 / 72 * (25.5**2 + 10.5**2) / 4 - 27) / (1 - 18 / 504))
    (pair,) = preference.pairs
    assert (pair.first, pair.second, pair.u) == ("X", "Y", 15.5)
    assert 0 < pair.p == pair.p_holm < 0.05


def test_nothing_but_ties_says_nothing():
    preference = analyse(votes_of([(0, 1, 3)] * 4), samples=10)
    assert (preference.kruskal_h, preference.kruskal_p) == (0, 1)
    assert preference.pairs[0].p == 1
    np.testing.assert_allclose(preference.strengths, 0)


def test_a_model_that_never_lost_has_a_finite_strength():
    preference = analyse(votes_of([(0, 1, 1)] * 9), samples=10)
    assert preference.strengths[0] - preference.strengths[1] == pytest.approx(np.log(9.5 / 0.5))


def test_samples_have_as_many_listeners_and_all_votes_of_each():
    listener = np.array([0, 0, 0, 1, 2, 2])
    weights = resampled_weights(listener, 500, np.random.default_rng(0))
    per_listener = np.stack([weights[:, listener == one].sum(1) for one in range(3)], axis=1)
    assert (per_listener % [3, 1, 2] == 0).all()
    assert ((per_listener / [3, 1, 2]).sum(1) == 3).all()
    np.testing.assert_allclose(weights.mean(0), 1, atol=0.15)


def simulated(strengths, votes_per_pair, listeners, seed=0) -> Votes:
    """Return votes of listeners who hear strengths through logistic noise, and call small differences none."""
    rng = np.random.default_rng(seed)
    size = len(strengths)
    pairs = np.array([(i, j) for i in range(size) for j in range(size) if i < j] * votes_per_pair)
    swapped = rng.random(len(pairs)) < 0.5
    left, right = np.where(swapped[:, None], pairs[:, ::-1], pairs).T
    heard = np.array(strengths)[right] - np.array(strengths)[left] + rng.logistic(size=len(pairs))
    preference = 1 + np.digitize(heard, [-1.5, -0.3, 0.3, 1.5])
    names = tuple("ABCDEF"[:size])
    return Votes(names, left, right, preference, rng.integers(listeners, size=len(pairs)))


def test_planted_ranking_is_found_again():
    preference = analyse(simulated([0.0, 1.4, 0.7, 2.1], votes_per_pair=60, listeners=12), samples=300)
    assert [preference.models[i] for i in np.argsort(preference.strengths)] == ["A", "C", "B", "D"]
    low, high = preference.interval("D", "A")
    assert 1 < low < 2.1 < high + 0.6  # ties, which are half a win of both, draw strengths together
    assert preference.kruskal_p < 1e-6
    assert all(pair.p_holm < 0.05 for pair in preference.pairs if {pair.first, pair.second} in ({"A", "D"}, {"A", "B"}))


def test_intervals_shrink_with_the_votes_and_leave_nothing_out():
    few, many = (analyse(simulated([0, 1.0], count, 1), samples=400) for count in (30, 480))
    widths = [np.diff(preference.interval("B", "A"))[0] for preference in (few, many)]
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.3)


def test_listeners_who_hear_no_difference_prefer_nothing():
    misled = 0
    for seed in range(40):
        low, high = analyse(simulated([0, 0, 0], 20, 5, seed), samples=200).interval("B", "A")
        misled += not low <= 0 <= high
    assert misled <= 5


def test_models_are_compared_pair_by_pair():
    pairs = compared(("A", "B", "C"), [np.array([1, 2]), np.array([2, 3]), np.array([4, 5])])
    assert [(pair.first, pair.second, pair.u) for pair in pairs] == [("A", "B", 0.5), ("A", "C", 0), ("B", "C", 0)]
