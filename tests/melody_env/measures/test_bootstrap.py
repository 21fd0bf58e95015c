"""Coverage and width of bootstrap intervals, and tests of differences."""

import math

import numpy as np
import pytest

from melody_env.measures.bootstrap import Estimate, Sums, estimates, holm, p_value, pooled, resampled_sums


def of(values, resamples=400, seed=0) -> Estimate:
    """Return the estimate of the mean of `values` [N]."""
    sums = resampled_sums(values[:, None], np.ones((len(values), 1)), resamples, np.random.default_rng(seed))
    return estimates(sums)[0]


def test_a_ratio_is_of_sums_not_a_mean_of_ratios():
    numerators, denominators = np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([[2.0, 0.0], [8.0, 0.0]])
    first, second = estimates(resampled_sums(numerators, denominators, 50, np.random.default_rng(0)))
    assert first.value == 4 / 10
    assert {first.low, first.high} <= {3 / 8, 4 / 10, 1 / 2}
    assert math.isnan(second.value)


def test_every_resample_has_as_many_pieces_each_as_likely_as_another():
    sums = resampled_sums(np.eye(20), np.ones((20, 20)), 3_000, np.random.default_rng(0))
    np.testing.assert_array_equal(sums.resampled[:, 1], 20)
    times = sums.resampled[:, 0]
    np.testing.assert_array_equal(times.sum(axis=1), 20)
    np.testing.assert_allclose(times.mean(axis=0), 1, atol=0.08)
    np.testing.assert_allclose(times.var(axis=0), 19 / 20, atol=0.12)  # binomial
    assert len(np.unique(times, axis=0)) > 2_900


def test_standard_errors_are_those_of_the_mean_and_shrink_with_the_root_of_n():
    rng = np.random.default_rng(1)
    small, large = of(rng.normal(size=400)), of(rng.normal(size=40_000))
    assert small.error == pytest.approx(1 / 20, rel=0.15)
    assert large.error == pytest.approx(1 / 200, rel=0.15)
    assert (large.high - large.low) / (small.high - small.low) == pytest.approx(0.1, rel=0.25)


def coverage(sums: Sums, truth: float) -> float:
    """Return the share of intervals that hold `truth`, the K statistics being as many repetitions of one experiment."""
    return float(np.mean([each.low <= truth <= each.high for each in estimates(sums)]))


def test_intervals_and_errors_of_a_known_distribution():
    # Of the 201 values 0..200 a 40th lies 5 places in; for n values 0..n-1 the variance is n (n + 1) / 12.
    resampled = np.stack([np.arange(201.0)[::-1], np.full(201, 2.0)], axis=1)[:, :, None]
    (estimate,) = estimates(Sums(np.array([[240.0], [3.0]]), resampled))
    assert estimate.value == 80
    assert (estimate.low, estimate.high) == pytest.approx((5 / 2, 195 / 2))
    assert estimate.error == pytest.approx(math.sqrt(201 * 202 / 12) / 2)


def test_95_percent_of_the_intervals_over_pieces_hold_the_truth():
    rng = np.random.default_rng(2)
    pieces = rng.normal(0.3, 1, size=(200, 2_000))
    sums = resampled_sums(pieces, np.ones_like(pieces), 1_000, rng)
    assert coverage(sums, 0.3) == pytest.approx(0.95, abs=0.015)


def test_95_percent_of_the_intervals_of_a_ratio_hold_the_truth():
    rng = np.random.default_rng(3)
    leaps = rng.poisson(3, size=(200, 2_000))
    sums = resampled_sums(rng.binomial(leaps, 0.7).astype(float), leaps.astype(float), 1_000, rng)
    assert coverage(sums, 0.7) == pytest.approx(0.95, abs=0.015)


def test_95_percent_of_the_intervals_over_seeds_hold_the_truth():
    rng = np.random.default_rng(4)
    seeds = [rng.normal(rng.normal(size=800), 1, size=(20, 800)) for _ in range(25)]
    agents = [resampled_sums(pieces, np.ones_like(pieces), 300, rng) for pieces in seeds]
    assert coverage(pooled(agents, rng), 0) == pytest.approx(0.95, abs=0.02)


def test_what_is_drawn_is_the_generators_and_touches_no_value():
    pieces = np.random.default_rng(5).normal(size=(50, 3))
    same, again, other = (resampled_sums(pieces, np.ones_like(pieces), 9, np.random.default_rng(s)) for s in (0, 0, 1))
    np.testing.assert_array_equal(same.resampled, again.resampled)
    assert (same.resampled[:, 0] != other.resampled[:, 0]).all()
    np.testing.assert_array_equal(same.whole, other.whole)
    agents = [same, other]
    drawn = [pooled(agents, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0].resampled, drawn[1].resampled)
    assert (drawn[0].resampled != drawn[2].resampled).any()
    np.testing.assert_array_equal(drawn[0].whole, drawn[2].whole)


def test_several_agents_differ_by_more_than_their_pieces_do():
    rng = np.random.default_rng(3)
    columns = [rng.normal(mean, 1, size=1_000)[:, None] for mean in (0.0, 5.0, 10.0)]
    agents = [resampled_sums(each, np.ones((1_000, 1)), 500, rng) for each in columns]
    (alone,), (together,) = estimates(pooled(agents[1:2], rng)), estimates(pooled(agents, rng))
    assert alone.value == pytest.approx(columns[1].mean())
    assert together.value == pytest.approx(np.mean(columns))
    assert together.error == pytest.approx(5 * math.sqrt(2 / 3) / math.sqrt(3), rel=0.1)
    assert alone.error < 0.05


def test_p_values():
    # 1.0 apart, with standard errors of 0.3 and 0.4 together 0.5: two deviations, on either side
    assert p_value(Estimate(1.0, 0, 0, 0.3), Estimate(0.0, 0, 0, 0.4)) == pytest.approx(0.0455, abs=1e-4)
    assert p_value(Estimate(0.0, 0, 0, 0.3), Estimate(1.0, 0, 0, 0.4)) == pytest.approx(0.0455, abs=1e-4)
    assert p_value(Estimate(1.0, 0, 0, 0.0), Estimate(1.0, 0, 0, 0.0)) == 1.0
    assert p_value(Estimate(1.0, 0, 0, 0.0), Estimate(0.9, 0, 0, 0.0)) == 0.0
    assert math.isnan(p_value(Estimate(math.nan, 0, 0, 0.1), Estimate(0.9, 0, 0, 0.1)))


def test_composers_of_one_kind_seem_to_differ_in_5_percent_of_comparisons():
    rng = np.random.default_rng(4)
    one, other = (rng.random((100, 2_000)) for _ in range(2))
    sides = [estimates(resampled_sums(pieces, np.ones_like(pieces), 500, rng)) for pieces in (one, other)]
    p_values = np.array([p_value(*pair) for pair in zip(*sides, strict=True)])
    assert np.mean(p_values < 0.05) == pytest.approx(0.05, abs=0.012)


def test_holm_by_hand():
    for p_values, adjusted in (
        ([0.01, 0.04, 0.03], [3 * 0.01, 2 * 0.03, 2 * 0.03]),
        ([0.01, math.nan, 0.04, 0.03], [3 * 0.01, math.nan, 2 * 0.03, 2 * 0.03]),
        ([0.005, 0.03, 0.01, 0.02], [4 * 0.005, 2 * 0.02, 3 * 0.01, 2 * 0.02]),
        ([0.6, 0.5], [1, 1]),
        ([math.nan], [math.nan]),
        ([], []),
    ):
        np.testing.assert_allclose(holm(np.array(p_values)), adjusted)


def test_sums_of_nothing_pooled_stay_what_they_are():
    sums = Sums(np.ones((2, 1)), np.ones((5, 2, 1)))
    np.testing.assert_array_equal(pooled([sums], np.random.default_rng(0)).resampled, sums.resampled)
