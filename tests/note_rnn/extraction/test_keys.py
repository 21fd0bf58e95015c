"""Key estimation and transposition to C major."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.extraction.keys import folded, major_key, transposition

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


def test_every_note_counts_however_often_its_pitch_came_before():
    """Of ten notes nine are in G, with three F sharps, and seven in C; of their eight pitches seven are in each."""
    assert major_key(np.array([60, 62, 64, 65, 66, 66, 66, 67, 69, 71])) == 7


def test_a_key_is_that_of_most_notes_and_not_of_most_names():
    # Ten of C and E, and four others: in G major are eleven of them, in E major all five names but C.
    assert major_key(np.array([60, 64] * 5 + [61, 63, 66, 68])) == 7


@pytest.mark.parametrize(("sharps", "tonic"), [(0, 60), (1, 67), (2, 62), (-1, 65), (-3, 63), (7, 61), (-7, 59)])
def test_a_signature_is_believed(sharps, tonic):
    pitches = np.array([tonic])
    assert (tonic + transposition(pitches, sharps)) % 12 == 0


def test_a_signature_without_sharps_is_believed_against_all_notes():
    """A scale of F sharp major, which the notes alone would move down by a tritone."""
    scale = 60 + np.array([6, 8, 10, 11, 13, 15, 17])
    assert transposition(scale) == -6
    assert transposition(scale, 0) == 0


def test_octaves_bring_it_nearest_to_the_middle():
    assert transposition(np.array([24, 36]), 0) == 36  # 60..72 has the middle 66, and the vocabulary 65.5
    assert transposition(np.array([60, 72]), 0) == 0
    assert transposition(np.array([96, 108]), 0) == -36
    assert transposition(np.array([60, 60, 60, 84]), 0) == -12  # the middle of the range, not the mean
    assert transposition(np.array([66, 78]), -6) == -6  # G flat comes to C before the octave is looked for


def test_the_middle_is_half_way_between_the_lowest_and_the_highest_note_once_they_are_moved_to_c():
    """Six semitones down from F#: 72..78 comes to 66..72, its middle is 69, and 65.5 is nearer than an octave lower."""
    assert transposition(np.array([72, 78]), 6) == -6
    assert transposition(np.array([60, 60, 60, 84]), 0) == -12


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
