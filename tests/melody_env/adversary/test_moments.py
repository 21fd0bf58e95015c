"""Moments: weights of features that grow until two kinds of melodies have the same means.

Features here are numbers drawn by hand, not those of melodies.
"""

import numpy as np
import pytest

from melody_env.adversary.moments import DECAY, PROPORTIONAL, RIDGE, SMALLEST, STEP, MomentMatching
from melody_env.measures.auc import auc


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_fit_adds_a_part_of_the_discriminant_to_a_sum_beside_which_the_latest_counts(rng):
    """One feature, 1 or 3 for the human, 0 or 2 for the others: by hand."""
    human, composed = np.tile([[1.0], [3.0]], (500, 1)), np.tile([[0.0], [2.0]], (500, 1))
    moments = MomentMatching(human, composed, squared=0)
    spread = np.sqrt(1.25)  # of 0, 1, 2, 3
    discriminant = (1 / spread) / (1 / spread**2 * 1000 / 999 + RIDGE)
    for added in (1, 2 - DECAY):
        moments.learn(composed)
        gap = (moments.log_odds(human) - moments.log_odds(composed)).mean()
        assert gap == pytest.approx((STEP * added + PROPORTIONAL) * discriminant / spread)
    assert moments.log_odds(composed).mean() == pytest.approx(0)


def test_paid_as_a_reward_it_ends_where_the_means_are_nearly_the_same_and_does_not_overshoot(rng):
    """Composers with the density of exp(-x^2 / 2 + reward), as agents with KL have, follow it slowly.

    Human numbers have a mean of 1. The sum grows to STEP / DECAY discriminants, so that a tenth of the way is left.
    """
    human = rng.normal(1, 1, (4_000, 1))
    moments = MomentMatching(human, rng.normal(size=(4_000, 1)), squared=0)
    candidates = rng.normal(size=(50_000, 1))
    followed, means = np.zeros(len(candidates)), []
    for _ in range(300):
        followed = 0.97 * followed + 0.03 * moments.log_odds(candidates)
        chances = np.exp(followed)
        composed = candidates[rng.choice(len(candidates), 2_000, p=chances / chances.sum())]
        moments.learn(composed)
        means.append(composed.mean())
    assert np.mean(means[15:25]) > 0.55  # the sum alone is at .35 then, and overshoots later
    assert max(means) < 1.05
    assert np.mean(means[-100:]) == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize(("squared", "is_told"), [(0, False), (1, True)])
def test_squares_tell_spreads(rng, squared, is_told):
    """The same mean; the human ones vary half as much."""
    human, composed = rng.normal(0, 1, (3_000, 1)), rng.normal(0, 2, (3_000, 1))
    moments = MomentMatching(human, composed, squared)
    moments.learn(composed)
    assert (auc(moments.log_odds(human), moments.log_odds(composed)) > 0.6) == is_told


def test_a_feature_that_hardly_varies_is_measured_by_the_smallest_deviation(rng):
    """Or a piece with the rarest note of all would be as far from the mean as one without any note."""
    still = np.full((200, 1), 0.5)
    human, composed = (np.concatenate([rng.normal(mean, 1, (200, 1)), still], axis=1) for mean in (1, 0))
    moments = MomentMatching(human, composed, squared=0)
    moments.learn(composed + np.array([0.0, SMALLEST]))
    same, near, nearer = moments.log_odds(np.array([[0.5, 0.5], [0.5, 0.5 - SMALLEST], [0.5, 0.5 - SMALLEST / 2]]))
    assert near - same == pytest.approx((STEP + PROPORTIONAL) / RIDGE)
    assert nearer - same == pytest.approx((STEP + PROPORTIONAL) / RIDGE / 2)


def test_outliers_count_no_more_than_three_deviations(rng):
    human, composed = rng.normal(1, 1, (500, 1)), rng.normal(0, 1, (500, 1))
    moments = MomentMatching(human, composed, squared=1)
    moments.learn(composed)
    far, further = moments.log_odds(np.array([[8.0], [16.0]]))
    assert far == further
