"""The key of a melody and the way to C major."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.keys import folded, major_key, transposition

MAJOR = np.array([0, 2, 4, 5, 7, 9, 11, 12])


@pytest.mark.parametrize("key", range(12))
def test_a_scale_is_in_its_key_and_comes_to_c(key):
    pitches = 60 + key + MAJOR
    assert major_key(pitches) == key
    assert set((pitches + transposition(pitches)) % 12) == set(MAJOR % 12)


def test_a_minor_is_taken_for_c_major():
    assert major_key(np.array([69, 71, 72, 74, 76, 77, 79, 81])) == 0


def test_of_equal_keys_the_lowest():
    assert major_key(np.array([60])) == 0
    assert major_key(np.array([61])) == 1


@pytest.mark.parametrize(("sharps", "tonic"), [(0, 60), (1, 67), (2, 62), (-1, 65), (-3, 63), (7, 61), (-7, 59)])
def test_a_signature_is_believed(sharps, tonic):
    pitches = np.array([tonic])
    assert (tonic + transposition(pitches, sharps)) % 12 == 0


def test_octaves_bring_it_nearest_to_the_middle():
    assert transposition(np.array([24, 36]), 0) == 36  # 60..72 has the middle 66, and the vocabulary 65.5
    assert transposition(np.array([60, 72]), 0) == 0
    assert transposition(np.array([96, 108]), 0) == -36


def test_what_is_outside_is_folded_by_octaves():
    assert folded(np.array([24, 47, 48, 60, 83, 84, 96, 127])).tolist() == [48, 59, 48, 60, 83, 72, 72, 79]


@given(st.lists(st.integers(0, 127), min_size=1), st.none() | st.integers(-7, 7))
def test_what_is_folded_is_in_range_and_keeps_its_names(pitches, sharps):
    moved = np.array(pitches) + transposition(np.array(pitches), sharps)
    inside = folded(moved)
    assert ((inside >= 48) & (inside <= 83)).all()
    assert ((inside - moved) % 12 == 0).all()
    if np.ptp(pitches) <= 24:
        assert np.array_equal(inside, moved)
