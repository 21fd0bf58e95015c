"""Weights of candidates: shares, effective sizes, resampling and drawing without replacement."""

import numpy as np
import pytest

from agents.infilling.particles import drawn, effective_sizes, resampled, shares

WEIGHTS = np.log([[1.0, 1.0, 2.0], [1e-300, 1.0, 1e-300]])


def test_shares_and_effective_sizes_by_hand():
    np.testing.assert_allclose(shares(WEIGHTS), [[0.25, 0.25, 0.5], [0, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(effective_sizes(WEIGHTS), [1 / (1 / 16 + 1 / 16 + 1 / 4), 1.0])
    np.testing.assert_allclose(effective_sizes(np.full((1, 5), -900.0)), [5.0])


@pytest.mark.parametrize("seed", range(5))
def test_candidates_go_on_as_often_as_their_shares_rounded_up_or_down(seed):
    rng = np.random.default_rng(seed)
    log_weights = rng.normal(0, 2, (4, 50))
    rows = resampled(log_weights, rng)
    for row, share in zip(rows, shares(log_weights), strict=True):
        counts = np.bincount(row, minlength=50)
        assert (np.abs(counts - 50 * share) < 1).all()


def test_resampling_is_unbiased():
    rng = np.random.default_rng(0)
    counts = np.mean([np.bincount(resampled(WEIGHTS[:1], rng)[0], minlength=3) for _ in range(3000)], axis=0)
    np.testing.assert_allclose(counts, [0.75, 0.75, 1.5], atol=0.04)


def test_the_first_drawn_follows_the_weights_and_none_comes_twice():
    orders = drawn(np.tile(WEIGHTS[0], (6000, 1)), np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile([0, 1, 2], (6000, 1)))
    np.testing.assert_allclose(np.bincount(orders[:, 0]) / 6000, [0.25, 0.25, 0.5], atol=0.02)
