"""Weights fitted to rank and to match means, and the AUC of a score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from melody_env.measures.auc import auc, auc_interval
from melody_env.reward_design.fits import fit_means, fit_ranking, log_odds_scale


def test_auc_is_the_chance_to_be_higher_with_half_for_ties():
    assert auc(np.array([3.0, 1.0]), np.array([2.0, 1.0])) == (2 + 0.5) / 4
    assert auc(np.array([1.0]), np.array([2.0])) == 0


def test_the_interval_of_an_auc_holds_it_and_narrows():
    rng = np.random.default_rng(0)
    few = auc_interval(rng.normal(1, 1, 50), rng.normal(size=50), rng)
    many = auc_interval(rng.normal(1, 1, 2000), rng.normal(size=2000), rng)
    truth = 0.760  # the normal distribution at 1 / sqrt(2)
    assert few[0] < truth < few[1]
    assert many[0] < truth < many[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 3


@given(st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_weights_rank_as_requested_with_the_signs_allowed(seed):
    rng = np.random.default_rng(seed)
    high, low = rng.normal([1, 1, -1], size=(500, 3)), rng.normal(size=(500, 3))
    weights = fit_ranking([{"a": high, "b": low}], {("a", "b"): 4000}, [1, -1, -1], rng)
    assert weights[0] > 0.5
    assert weights[1] == 0  # it would have to be positive
    assert weights[2] < -0.5
    scaled = fit_ranking([{"a": high * [10, 1, 1], "b": low * [10, 1, 1]}], {("a", "b"): 4000}, [1, -1, -1], rng)
    assert scaled[0] == pytest.approx(weights[0] / 10, rel=0.2)  # but for the draw of pairs


def test_a_strong_penalty_shrinks_weights_by_the_deviations_of_the_highest_population():
    """With a penalty that dwarfs all else, a weight is mean difference / (4 * penalty * deviation^2)."""
    rng = np.random.default_rng(0)
    spread = [2.0, 0.5]
    groups = [
        {"best": rng.normal([1, 3], spread, (4000, 2)), "worse": rng.normal(0, 6, (4000, 2))},
        {"best": rng.normal([2, 1], spread, (4000, 2)), "worse": rng.normal(0, 6, (4000, 2))},
    ]
    weights = fit_ranking(groups, {("best", "worse"): 50_000}, [1, 1], rng, penalty=1e4)
    mean_differences = [np.mean([group["best"].mean(0) - group["worse"].mean(0) for group in groups], axis=0)]
    # The second rule hardly varies in the best, so a tenth of the deviation of the differences, about 6, is larger.
    deviations = [2.0, np.sqrt(0.5**2 + 6**2 + 1) / 10]
    assert weights == pytest.approx(mean_differences[0] / (4 * 1e4 * np.square(deviations)), rel=0.05)


def test_a_ranking_is_the_optimum_of_its_cost():
    rng = np.random.default_rng(1)
    high, low = rng.normal([0.5, 0.3, 0, 2], [1, 1, 1, 0.1], (300, 4)), rng.normal(size=(1, 4))
    high[:, 1] += high[:, 0]  # so that one rule takes from the other
    penalty = 0.05
    weights = fit_ranking([{"a": high, "b": low}], {("a", "b"): 20_000}, [1, 1, -1, 1], rng, penalty)
    scales = np.maximum(high.std(axis=0), (high - low).std(axis=0) / 10)

    def cost(weights):
        return np.log1p(np.exp(-(high - low) @ weights)).mean() + penalty * np.square(weights * scales).sum()

    best = minimize(cost, np.zeros(4), method="L-BFGS-B", bounds=[(0, None), (0, None), (None, 0), (0, None)])
    assert weights == pytest.approx(best.x, abs=0.03 * np.abs(best.x).max())
    assert cost(weights) == pytest.approx(best.fun, rel=1e-3)


@pytest.mark.parametrize(("counts", "sign"), [((900, 100), 1), ((100, 900), -1)])
def test_pairs_count_as_many_times_as_they_are_given(counts, sign):
    """One pair wants the rule to pay, the other to cost: the one with more draws decides."""
    zeros, rng = np.zeros((10, 1)), np.random.default_rng(0)
    group = {"a": zeros + [[0.0], [0.1]] * 5, "b": zeros - 1, "c": zeros + 1}
    pairs = {("a", "b"): counts[0], ("a", "c"): counts[1]}
    weights = [fit_ranking([group], pairs, [allowed], rng)[0] for allowed in (1, -1)]
    assert weights[sign == -1] * sign > 0.01
    assert weights[sign == 1] == 0


def test_every_group_counts():
    rng = np.random.default_rng(0)
    higher = [rng.normal([1, 0], size=(500, 2)), rng.normal([0, 1], size=(500, 2))]
    groups = [{"a": high, "b": rng.normal(size=(500, 2))} for high in higher]
    weights = fit_ranking(groups, {("a", "b"): 4000}, [1, 1], rng)
    assert (weights > 0.2).all()
    one = fit_ranking(groups[:1], {("a", "b"): 4000}, [1, 1], rng)
    assert one[1] < 0.15


def test_scale_of_log_odds():
    rng = np.random.default_rng(0)
    # normal(1, 1) against normal(0, 1): log-odds x - 1/2; the scores are three times too large
    groups = [(3 * rng.normal(1, 1, 20_000) + shift, 3 * rng.normal(0, 1, 20_000) + shift) for shift in (0, 5)]
    assert log_odds_scale([high for high, _ in groups], [low for _, low in groups]) == pytest.approx(1 / 3, rel=0.05)


def test_matched_weights_give_the_prior_the_human_means():
    rng = np.random.default_rng(0)
    prior = np.column_stack([rng.integers(0, 2, 4000), rng.normal(0, 2, 4000), np.zeros(4000)])
    human = np.column_stack([rng.random(4000) < 0.8, rng.normal(1, 2, 4000), np.zeros(4000)])
    weights = fit_means(human, prior, penalty=0)
    odds = np.exp(prior @ weights)
    np.testing.assert_allclose(odds @ prior / odds.sum(), human.mean(axis=0), atol=1e-3)
    assert weights == pytest.approx([np.log(0.8 / 0.2), 1 / 2**2, 0], abs=0.15)  # log-odds; mean difference / variance


def test_a_strong_penalty_shrinks_matched_weights_by_the_human_deviations():
    """With a penalty that dwarfs all else, a weight is mean difference / (2 * penalty * deviation^2)."""
    rng = np.random.default_rng(0)
    human, prior = rng.normal([1, 5], [2, 0.5], (4000, 2)), rng.normal(0, 3, (4000, 2))
    mean_difference = human.mean(axis=0) - prior.mean(axis=0)
    expected = mean_difference / (2 * 1e5 * human.var(axis=0))
    np.testing.assert_allclose(fit_means(human, prior, penalty=1e5), expected, rtol=0.01)


def test_a_rule_that_is_constant_but_for_rounding_has_no_weight():
    rng = np.random.default_rng(0)
    constant = 0.1 + rng.choice([0.0, np.spacing(0.1)], 500)  # as sums of the same numbers in another order
    assert constant.std() > 0
    human = np.column_stack([constant, rng.normal(1, 1, 500)])
    prior = np.column_stack([rng.normal(0.1, 1, 500), rng.normal(0, 1, 500)])
    weights = fit_means(human, prior)
    assert weights[0] == 0
    assert weights[1] == pytest.approx(1, abs=0.2)
    ranked = fit_ranking([{"a": human, "b": np.tile([0.1, 0.0], (500, 1))}], {("a", "b"): 4000}, [1, 1], rng)
    assert ranked[0] == 0
    assert ranked[1] > 0.5
