"""What may stand at each step, worked out by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.infilling.constraints import gaps_filled, other_notes, other_pitches, other_rhythms
from note_rnn import NO_EVENT, NOTE_OFF, VOCABULARY_SIZE

TUNE = np.array([[14, 1, 16, 1, 0, 18, 1]])
PITCHES = set(range(2, VOCABULARY_SIZE))
ALL = {NOTE_OFF, NO_EVENT} | PITCHES


def chosen(*steps):
    return np.isin(np.arange(TUNE.shape[1]), steps)[None]


def sets(allowed):
    return [{*np.flatnonzero(step).tolist()} for step in allowed[0]]


def test_in_gaps_anything_may_stand_and_elsewhere_what_is_kept():
    assert sets(gaps_filled(TUNE, chosen(1, 2))) == [{14}, ALL, ALL, {1}, {0}, {18}, {1}]


def test_chosen_notes_give_way_up_to_the_next_note_that_is_kept():
    assert sets(other_notes(TUNE, chosen(2))) == [{14}, {1}, ALL - {16}, ALL, ALL, {18}, {1}]
    assert sets(other_notes(TUNE, chosen(0, 5))) == [ALL - {14}, ALL, {16}, {1}, {0}, ALL - {18}, ALL]


def test_chosen_notes_have_other_pitches_and_nothing_else_changes():
    assert sets(other_pitches(TUNE, chosen(2))) == [{14}, {1}, PITCHES - {16}, {1}, {0}, {18}, {1}]


def test_chosen_notes_come_earlier_later_or_not():
    assert sets(other_rhythms(TUNE, chosen(2))) == [{14}, {1, 16}, {1}, {1, 16}, {0, 1, 16}, {18}, {1}]
    assert sets(other_rhythms(TUNE, chosen(0))) == [{1}, {1, 14}, {16}, {1}, {0}, {18}, {1}]
    assert sets(other_rhythms(TUNE, chosen(5))) == [{14}, {1}, {16}, {1, 18}, {0}, {1}, {1, 18}]


tunes = st.lists(st.sampled_from([0, 1, 14, 16, 18]), min_size=1, max_size=20)


@given(tunes, st.integers(0, 2**20 - 1))
def test_something_may_stand_at_every_step_and_the_tune_may_not_where_notes_are_chosen(tokens, bits):
    tune = np.array([tokens])
    is_chosen = (tune >= 2) & ((bits >> np.arange(len(tokens))) & 1).astype(bool)
    for constraint in (other_notes, other_pitches, other_rhythms):
        allowed = constraint(tune, is_chosen)
        own = np.take_along_axis(allowed, tune[..., None], axis=2)[..., 0]
        assert allowed.any(axis=2).all()
        np.testing.assert_array_equal(own, ~is_chosen)
