"""The area under the ROC curve and its interval, against values worked out by hand."""

import numpy as np
import pytest

from melody_env.measures.auc import Scores, auc, auc_interval, mean_auc, mean_auc_interval


def test_auc_counts_the_pairs():
    assert auc(np.array([3.0, 1.0]), np.array([2.0, 1.0, 0.0])) == (3 + 1.5) / 6
    assert auc(np.array([2.0, 1.0, 0.0]), np.array([3.0, 1.0])) == (0.5 + 1) / 6
    assert auc(np.ones(3), np.ones(2)) == 0.5


def test_the_interval_is_that_of_95_percent():
    # Of scores 0 and 1 the AUC is 1/2 + (p - q) / 2, where p and q are the shares of ones among `higher` and `lower`.
    higher, lower = np.repeat([0.0, 1.0], [40, 120]), np.repeat([0.0, 1.0], [30, 30])
    deviation = np.sqrt(0.25 * 0.75 / 160 + 0.5 * 0.5 / 60) / 2
    rng = np.random.default_rng(0)
    low, high = np.mean([auc_interval(higher, lower, rng) for _ in range(30)], axis=0)
    assert (low + high) / 2 == pytest.approx(0.5 + (0.75 - 0.5) / 2, abs=0.004)
    assert (high - low) / 2 == pytest.approx(1.96 * deviation, rel=0.05)  # of 90 % it would be 1.64


def test_the_mean_of_several_parts_and_its_interval():
    one, other = Scores(np.array([3.0, 1.0]), np.array([2.0])), Scores(np.array([3.0, 1.0]), np.array([0.0]))
    assert mean_auc([one, other]) == (0.5 + 1) / 2
    # Where both parts score the higher alike and no lower differ, they vary as one part does.
    higher, lower = np.repeat([0.0, 1.0], [40, 120]), np.full(60, 0.5)
    rng = np.random.default_rng(0)
    low, high = np.mean([mean_auc_interval([Scores(higher, lower)] * 2, rng) for _ in range(8)], axis=0)
    assert (low + high) / 2 == pytest.approx(0.75, abs=0.007)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.25 * 0.75 / 160), rel=0.08)
    same, again, other = (mean_auc_interval([Scores(higher, lower)], np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert same == again != other


def test_what_is_drawn_is_the_generators():
    scores = np.arange(20.0), np.arange(20.0) - 3
    same, again, other = (auc_interval(*scores, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert same == again != other
