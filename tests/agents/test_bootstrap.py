"""Intervals cover what they should, shrink as they should, and differences are told from chance."""

import math

import numpy as np
import pytest

from agents.bootstrap import Estimate, Sums, estimates, holm, p_value, pooled, resampled_sums


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


def test_every_resample_has_as_many_pieces():
    sums = resampled_sums(np.arange(20.0)[:, None], np.ones((20, 1)), 70, np.random.default_rng(0))
    np.testing.assert_array_equal(sums.resampled[:, 1, 0], 20)
    assert len(np.unique(sums.resampled[:, 0, 0])) > 30


def test_standard_errors_are_those_of_the_mean_and_shrink_with_the_root_of_n():
    rng = np.random.default_rng(1)
    small, large = of(rng.normal(size=400)), of(rng.normal(size=40_000))
    assert small.error == pytest.approx(1 / 20, rel=0.15)
    assert large.error == pytest.approx(1 / 200, rel=0.15)
    assert (large.high - large.low) / (small.high - small.low) == pytest.approx(0.1, rel=0.25)


def test_95_percent_of_the_intervals_hold_the_truth():
    rng = np.random.default_rng(2)
    found = [of((rng.random(200) < 0.3).astype(float), 200, seed) for seed in range(300)]
    assert np.mean([each.low <= 0.3 <= each.high for each in found]) == pytest.approx(0.95, abs=0.035)


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
    assert p_value(Estimate(1.0, 0, 0, 0.3), Estimate(0.0, 0, 0, 0.4)) == pytest.approx(0.0455, abs=1e-4)
    assert p_value(Estimate(1.0, 0, 0, 0.0), Estimate(1.0, 0, 0, 0.0)) == 1.0
    assert p_value(Estimate(1.0, 0, 0, 0.0), Estimate(0.9, 0, 0, 0.0)) == 0.0
    assert math.isnan(p_value(Estimate(math.nan, 0, 0, 0.1), Estimate(0.9, 0, 0, 0.1)))


def test_composers_of_one_kind_seldom_seem_to_differ():
    rng = np.random.default_rng(4)
    p_values = [p_value(of(rng.random(100), 100), of(rng.random(100), 100)) for _ in range(200)]
    assert np.mean(np.array(p_values) < 0.05) < 0.11


def test_holm_by_hand():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": math.nan})
    assert adjusted.pop("d") != adjusted.get("d")
    assert adjusted == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})


def test_sums_of_nothing_pooled_stay_what_they_are():
    sums = Sums(np.ones((2, 1)), np.ones((5, 2, 1)))
    np.testing.assert_array_equal(pooled([sums], np.random.default_rng(0)).resampled, sums.resampled)
