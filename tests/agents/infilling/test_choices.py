"""Notes chosen to be changed, and the distance of variations."""

import numpy as np
import pytest

from agents.infilling.choices import changed_spans, chosen_notes, chosen_section, note_distance

BAR = 4
TUNE = np.array([14, 16, 1, 1, 18, 1, 19, 1, 14, 16, 1, 1, 18, 1, 19, 21])
NOTES = [0, 1, 4, 6, 8, 9, 12, 14, 15]


def steps(flags):
    return np.flatnonzero(flags).tolist()


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_as_many_notes_are_chosen_as_are_asked_for(count):
    rng = np.random.default_rng(0)
    other = np.full(len(TUNE), 0.5)
    for flags in (chosen_notes(TUNE, count, BAR, other, rng), chosen_section(TUNE, count, BAR, other, rng)):
        assert flags.sum() == count
        assert {*steps(flags)} <= {*NOTES}


def test_notes_are_chosen_where_others_are_likely_and_alike_in_equal_bars():
    other = np.full(len(TUNE), 1e-6)
    other[1] = 0.9  # the second note of bar 1, whose copy in bar 3 follows it
    for seed in range(20):
        assert steps(chosen_notes(TUNE, 2, BAR, other, np.random.default_rng(seed))) == [1, 9]


def test_the_cost_of_a_choice_is_shared_by_its_copies():
    other = np.full(len(TUNE), 0.05)
    other[4] = 0.06  # as likely, but alone in its bar
    assert steps(chosen_notes(TUNE, 2, BAR, other, np.random.default_rng(0))) in ([0, 8], [1, 9])


def test_a_section_is_consecutive_from_a_bar_on_and_where_others_are_likely():
    other = np.full(len(TUNE), 0.1)
    other[8:12] = 0.9
    assert steps(chosen_section(TUNE, 2, BAR, other, np.random.default_rng(0))) == [8, 9]
    assert steps(chosen_section(TUNE, 9, BAR, other, np.random.default_rng(0))) == NOTES


def test_the_distance_counts_notes_replaced_removed_and_added():
    tune = np.array([14, 1, 16, 1])
    others = np.array([[14, 1, 16, 1], [14, 1, 18, 1], [14, 1, 1, 16], [14, 1, 1, 1], [14, 16, 16, 1], [1, 1, 1, 1]])
    np.testing.assert_allclose(note_distance(tune, others), [0, 0.5, 0.5, 0.5, 0.5, 1.0])


def test_spans_cover_notes_as_long_as_they_sound():
    tune = np.array([14, 1, 16, 1, 18, 1, 0, 1])
    assert changed_spans(tune, tune).tolist() == []
    assert changed_spans(tune, np.array([14, 1, 17, 1, 18, 1, 0, 1])).tolist() == [[2, 3]]
    assert changed_spans(tune, np.array([14, 1, 1, 1, 18, 1, 1, 1])).tolist() == [[2, 3], [6, 7]]
    assert changed_spans(tune, np.array([14, 14, 16, 1, 18, 1, 0, 1])).tolist() == [[1, 1]]
    assert changed_spans(tune, np.array([1, 1, 16, 1, 18, 1, 0, 1])).tolist() == [[0, 1]]
