"""The selection of pieces."""

from dataclasses import replace

import numpy as np

from agents import compose
from agents.composing.selection import best_of_each, good_and_diverse
from melody_env import load_profile, score_melodies


def test_the_best_of_each_group_is_kept():
    assert best_of_each(np.array([1.0, 5.0, 2.0, 9.0, 8.0, 7.0]), 2).tolist() == [1, 3]
    assert best_of_each(np.array([3.0, 1.0]), 2).tolist() == [0, 1]


def test_good_pieces_are_kept_unless_they_are_like_one_that_is():
    melodies = np.array([[1, 1, 1, 1], [1, 1, 1, 2], [5, 6, 7, 8], [1, 1, 9, 9]])
    rewards = np.array([10.0, 9.0, 8.0, 7.0])
    assert good_and_diverse(melodies, rewards, 4).tolist() == [0, 2, 1, 3]
    #  after 0: 1 outdoes 2/4 and differs at 1/4, 2: 1/4 and 4/4, 3: 0 and 2/4
    assert good_and_diverse(np.array([[1], [1], [2]]), np.array([0.0, 1.0, -1.0]), 2).tolist() == [1, 2]


def test_each_next_piece_is_compared_with_the_kept_one_that_is_most_like_it():
    melodies = np.array([[1, 1, 1, 1], [5, 6, 7, 8], [1, 1, 1, 2], [9, 9, 9, 1]])
    rewards = np.array([10.0, 9.0, 8.0, 7.0])
    #  once 0 and 1 are kept, 2 differs from 0 at 1/4 and outdoes 1/4; 3 differs from 0 at 3/4 and outdoes none
    assert good_and_diverse(melodies, rewards, 4).tolist() == [0, 1, 3, 2]


def test_no_piece_is_kept_twice():
    rng = np.random.default_rng(0)
    rows = good_and_diverse(rng.integers(38, size=(20, 4)), np.zeros(20), 20)
    assert sorted(rows.tolist()) == list(range(20))


def test_composed_pieces_are_better_or_more_various(small_prior):
    def reward(melodies):
        return score_melodies(melodies).music_theory.sum(1).mean()

    rules_alone = {"reward": replace(load_profile("paper"), log_prior=False)}
    plain = compose(small_prior, 12, **rules_alone)
    best = compose(small_prior, 12, best_of=8, **rules_alone)
    various = compose(small_prior, 12, best_of=8, diverse=True, **rules_alone)
    assert plain.shape == best.shape == various.shape == (12, 32)
    assert reward(plain) < min(reward(best), reward(various))
    best = compose(small_prior, 12, best_of=8, length=1)
    various = compose(small_prior, 12, best_of=8, diverse=True, length=1)
    assert len(np.unique(best)) < len(np.unique(various)) == 12
