"""Conversion between tokens and notes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.notes import ACCIDENTALS, LETTERS, Notes, notes_to_tokens, tokens_to_notes, without_redundant_note_offs
from note_rnn.vocabulary import VocabularyError

TOKENS = st.lists(st.sampled_from([0, 1]) | st.integers(2, 37), max_size=70)


def spans(tokens):
    return [tuple(map(int, note)) for note in zip(*tokens_to_notes(tokens), strict=True)]


@pytest.mark.parametrize(
    ("tokens", "notes"),
    [
        ([14, 1, 1, 1], [(0, 4, 60)]),
        ([14, 1, 1, 1, 0, 1, 16, 1], [(0, 4, 60), (6, 8, 62)]),
        ([14, 14, 37], [(0, 1, 60), (1, 2, 60), (2, 3, 83)]),
        ([1, 1, 2, 0, 0, 1], [(2, 3, 48)]),
        ([0, 1, 0], []),
        ([], []),
    ],
)
def test_which_notes_sound_when(tokens, notes):
    assert spans(tokens) == notes


@pytest.mark.parametrize(
    ("tokens", "same_music"),
    [
        ([0, 1, 14, 0, 0, 1, 0, 16], [1, 1, 14, 0, 1, 1, 1, 16]),
        ([14, 1, 0, 16, 0], [14, 1, 0, 16, 0]),
    ],
)
def test_only_a_note_off_that_ends_a_note_stays(tokens, same_music):
    assert without_redundant_note_offs(tokens).tolist() == same_music


@given(TOKENS)
def test_without_redundant_note_offs_nothing_else_changes(tokens):
    plain = without_redundant_note_offs(tokens)
    assert spans(plain) == spans(tokens)
    assert without_redundant_note_offs(plain).tolist() == plain.tolist()
    assert notes_to_tokens(tokens_to_notes(plain), len(plain)).tolist() == plain.tolist()
    assert all(new in (old, 1) for new, old in zip(plain, tokens, strict=True))


@pytest.mark.parametrize(
    ("name", "semitones"),
    [
        *zip(("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B", "B#"), range(13), strict=True),
        *zip(("Cb", "Db", "Eb", "Fb", "Gb", "Ab", "Bb"), (-1, 1, 3, 4, 6, 8, 10), strict=True),
        ("E♭", 3),
        ("F♯", 6),
    ],
)
def test_semitones_above_c_of_the_names_of_notes(name, semitones):
    assert LETTERS[name[0]] + ACCIDENTALS[name[1:]] == semitones


def test_a_note_that_lasts_to_the_last_step_or_beyond_has_no_note_off():
    two = (np.array([0, 2]), np.array([1, 9]), np.array([60, 62]))
    assert [notes_to_tokens(Notes(*two), steps).tolist() for steps in (4, 10)] == [
        [14, 0, 16, 1],
        [14, 0, 16, 1, 1, 1, 1, 1, 1, 0],
    ]


@pytest.mark.parametrize("tokens", [[38], [[14, 1]], [0.5]])
def test_what_is_no_melody(tokens):
    with pytest.raises(VocabularyError):
        tokens_to_notes(tokens)
