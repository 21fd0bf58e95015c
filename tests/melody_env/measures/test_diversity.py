"""Diversity of melodies, against tables worked out by hand and a slow definition."""

import numpy as np
import pytest

from melody_env import largest_bar_share, mean_hamming_distance


def test_distance_is_the_mean_over_all_pairs():
    melodies = np.array([[2, 2, 2, 2], [2, 2, 3, 3], [5, 2, 3, 37]])
    pairs = [2 / 4, 3 / 4, 2 / 4]
    assert mean_hamming_distance(melodies) == pytest.approx(np.mean(pairs))


def test_the_same_melody_has_no_distance_and_a_single_one_none_that_is_defined():
    assert mean_hamming_distance(np.full((5, 8), 14)) == pytest.approx(0.0)
    assert np.isnan(mean_hamming_distance(np.full((1, 8), 14)))


def test_random_melodies_differ_nearly_everywhere():
    melodies = np.random.default_rng(0).integers(38, size=(500, 32))
    slow = np.mean([(a != b).mean() for i, a in enumerate(melodies[:60]) for b in melodies[:i]])
    assert mean_hamming_distance(melodies[:60]) == pytest.approx(slow)
    assert mean_hamming_distance(melodies) == pytest.approx(37 / 38, abs=0.002)


def test_the_commonest_bar_is_counted_in_whole_bars_wherever_it_stands():
    bar = np.arange(2, 18)
    other = bar + 1
    melodies = np.array([[*bar, *other, 0], [*(bar + 2), *bar, 0]])
    assert largest_bar_share(melodies) == 2 / 4
    in_halves = np.array([[*bar[:8], *bar[8:], *bar[:8], *other[:8]]])
    assert [largest_bar_share(in_halves), largest_bar_share(in_halves, 8)] == [1 / 2, 2 / 4]
    assert largest_bar_share(np.array([[2, 3, 4, 2, 3, 4, 5, 5, 5, 2]]), 3) == 2 / 3
    assert np.isnan(largest_bar_share(melodies[:, :15]))
