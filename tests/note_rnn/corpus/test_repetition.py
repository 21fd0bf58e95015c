"""Bars that come back, counted by hand."""

import numpy as np
import pytest

from note_rnn.corpus.repetition import (
    distinct_bars,
    repeats_exactly,
    repeats_rhythm,
    repeats_transposed,
    whole_bars,
)

C4, D4, E4, F4, G4 = 14, 16, 18, 19, 21
A, B, C = [C4, 1], [D4, 1], [C4, 0]
SEMITONES = np.arange(38)
DIATONIC = np.zeros(38, int)
DIATONIC[[C4, D4, E4, F4, G4]] = [0, 1, 2, 3, 4]


def bars(*rows, steps=2):
    return whole_bars(np.array([[token for bar in row for token in bar] for row in rows]), steps)


def test_bars_that_equal_the_one_so_many_before():
    two = bars([A, B, A, A], [C, A, C, B])
    assert repeats_exactly(two, 1).tolist() == [[False, False, True], [False, False, False]]
    assert repeats_exactly(two, 2).tolist() == [[True, False], [True, False]]
    assert repeats_exactly(two, 3).tolist() == [[True], [False]]


def test_steps_after_the_last_whole_bar_do_not_count():
    three = np.array([[*A, *A, *B]])
    assert whole_bars(three[:, :5], 2).tolist() == [[A, A]]
    assert whole_bars(three, 8).shape == (1, 0, 8)


def test_a_rhythm_has_notes_note_offs_and_holds_at_the_same_steps():
    assert repeats_rhythm(bars([A, B, C, A]), 1).tolist() == [[True, False, False]]
    assert repeats_rhythm(bars([A, B, C, A]), 3).tolist() == [[True]]


@pytest.mark.parametrize(
    ("bar", "semitones", "diatonic"),
    [
        ([C4, D4, E4], True, True),  # exactly
        ([D4, E4, F4], False, True),  # a step higher within C major, where E to F is a semitone
        ([D4, E4, F4 + 1], True, False),
        ([D4, E4, G4], False, False),
        ([D4, E4, 1], False, False),  # another rhythm
        ([C4 + 12, D4 + 12, E4 + 12], True, False),  # this table has no notes there
    ],
)
def test_a_transposition_moves_all_notes_by_one_interval(bar, semitones, diatonic):
    both = bars([[C4, D4, E4], bar], steps=3)
    assert repeats_transposed(both, 1, SEMITONES).tolist() == [[semitones]]
    assert repeats_transposed(both, 1, DIATONIC).tolist() == [[diatonic]]


def test_holds_and_note_offs_have_no_height():
    heights = np.arange(38)
    heights[:2] = 99
    both = bars([[C4, 1, D4, 0], [D4, 1, E4, 0]], steps=4)
    assert repeats_transposed(both, 1, heights).tolist() == [[True]]


def test_a_bar_of_one_note_is_transposed_only_where_it_is_the_same():
    assert repeats_transposed(bars([A, B, B]), 1, SEMITONES).tolist() == [[False, True]]
    assert repeats_rhythm(bars([A, B, B]), 1).tolist() == [[True, True]]


@pytest.mark.parametrize("empty", [[1, 1], [0, 1]], ids=["held or silent", "note off"])
def test_a_bar_in_which_no_note_begins_repeats_nothing(empty):
    both = bars([empty, empty, A])
    for repeats in (repeats_exactly, repeats_rhythm, lambda found, lag: repeats_transposed(found, lag, SEMITONES)):
        assert repeats(both, 1).tolist() == [[False, False]]


def test_an_exact_repeat_is_a_transposition_and_a_transposition_has_the_rhythm():
    rng = np.random.default_rng(0)
    found = whole_bars(rng.choice([C4, D4, 1, 1, 1], (500, 32)), 4)
    for lag in (1, 2, 4):
        exact, moved = repeats_exactly(found, lag), repeats_transposed(found, lag, SEMITONES)
        rhythm = repeats_rhythm(found, lag)
        assert 0 < exact.sum() < moved.sum() < rhythm.sum()
        assert not (exact & ~moved).any()
        assert not (moved & ~rhythm).any()


def test_different_bars_of_each_melody():
    assert distinct_bars(bars([A, B, A, A], [C, A, C, B], [A, A, A, A])).tolist() == [1 / 2, 3 / 4, 1 / 4]


def test_ten_melodies_at_once_are_as_one_by_one():
    melodies = np.random.default_rng(1).choice([C4, D4, 1, 1], (10, 16))
    together = whole_bars(melodies, 2)
    for row, melody in enumerate(melodies):
        alone = whole_bars(melody[None], 2)
        np.testing.assert_array_equal(
            repeats_transposed(alone, 2, DIATONIC)[0], repeats_transposed(together, 2, DIATONIC)[row]
        )
        assert distinct_bars(alone)[0] == distinct_bars(together)[row] == len({*map(tuple, alone[0].tolist())}) / 8
