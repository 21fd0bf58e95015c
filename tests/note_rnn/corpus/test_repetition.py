"""Bars that come back, counted by hand."""

import numpy as np
import pytest

from note_rnn.corpus.repetition import repeated_bars

A, B, C = [14, 1], [16, 1], [14, 0]


def melodies(*rows):
    return np.array([[token for bar in row for token in bar] for row in rows])


def test_the_share_of_bars_that_equal_the_one_so_many_before():
    two = melodies([A, B, A, A], [C, A, C, B])
    assert repeated_bars(two, 2, 1) == 1 / 6  # the last of the first
    assert repeated_bars(two, 2, 2) == 2 / 4  # the third of both
    assert repeated_bars(two, 2, 3) == 1 / 2  # the last of the first
    assert repeated_bars(two, 4, 1) == 0


def test_steps_after_the_last_whole_bar_do_not_count():
    assert repeated_bars(melodies([A, A, B])[:, :5], 2, 1) == 1


@pytest.mark.parametrize(("steps", "lag"), [(2, 3), (8, 1)])
def test_without_a_bar_so_far_before_there_is_no_share(steps, lag):
    assert np.isnan(repeated_bars(melodies([A, B, A]), steps, lag))
    assert np.isnan(repeated_bars(np.zeros((0, 6), int), 2, 1))
