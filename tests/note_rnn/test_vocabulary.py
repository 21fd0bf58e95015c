"""Tokens, pitches, transposition and checks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.vocabulary import (
    MAX_PITCH,
    MIN_PITCH,
    NO_EVENT,
    NOTE_OFF,
    VOCABULARY_SIZE,
    VocabularyError,
    check_tokens,
    pitch_to_token,
    token_to_pitch,
    transposed,
)


def test_the_vocabulary_is_that_of_the_paper():
    assert (NOTE_OFF, NO_EVENT, VOCABULARY_SIZE) == (0, 1, 38)


@pytest.mark.parametrize(("pitch", "token"), [(48, 2), (60, 14), (69, 23), (83, 37)])
def test_pitches_and_their_tokens(pitch, token):
    assert pitch_to_token(pitch) == token
    assert token_to_pitch(token) == pitch


@given(st.integers(MIN_PITCH, MAX_PITCH))
def test_a_pitch_survives_its_token(pitch):
    assert token_to_pitch(pitch_to_token(pitch)) == pitch


@pytest.mark.parametrize("pitch", [47, 84, -1, 128])
def test_a_pitch_out_of_range_is_named(pitch):
    with pytest.raises(VocabularyError, match=rf"pitch {pitch} is outside 48\.\.83"):
        pitch_to_token(pitch)


@pytest.mark.parametrize("token", [NOTE_OFF, NO_EVENT, 38, -1])
def test_a_token_that_starts_no_note_has_no_pitch(token):
    with pytest.raises(VocabularyError, match=f"Token {token} starts no note"):
        token_to_pitch(token)


@pytest.mark.parametrize(
    ("semitones", "moved"),
    [
        (0, [[0, 1, 2], [3, 14, 37]]),
        (1, [[0, 1, 3], [4, 15, 2]]),
        (-2, [[0, 1, 36], [37, 12, 35]]),
        (36, [[0, 1, 2], [3, 14, 37]]),
        (-35, [[0, 1, 3], [4, 15, 2]]),
    ],
)
def test_notes_move_by_semitones_and_come_in_again_at_the_other_end(semitones, moved):
    """Three octaves: what leaves at the top is three octaves lower; note offs and holds stay."""
    tokens = transposed(np.array([[0, 1, 2], [3, 14, 37]], np.int8), semitones)
    assert tokens.tolist() == moved
    assert tokens.dtype == np.int64


def test_tokens_become_int64_whatever_integers_they_were():
    tokens = check_tokens(np.array([[0, 37]], np.int8))
    assert tokens.dtype == np.int64
    assert tokens.tolist() == [[0, 37]]


def test_no_tokens_are_tokens():
    assert check_tokens([]).shape == (0,)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([14, 38], r"Token 38 at position \(1,\)"),
        ([[14, 1], [1, -1]], r"Token -1 at position \(1, 1\)"),
        ([14.0, 1.0], "must be integers"),
        (["14"], "must be integers"),
        ([True, False], "must be integers"),
    ],
)
def test_what_are_no_tokens(tokens, message):
    with pytest.raises(VocabularyError, match=message):
        check_tokens(tokens)


def test_another_number_of_dimensions_than_requested():
    with pytest.raises(VocabularyError, match=r"2-dimensional array of tokens, got shape \(2,\)"):
        check_tokens([14, 1], ndim=2)


def test_a_transposed_note_keeps_its_name_and_holds_and_rests_stay():
    assert transposed(np.array([[0, 1, 2], [14, 36, 37]]), 2).tolist() == [[0, 1, 4], [16, 2, 3]]
    assert transposed(np.array([2, 3, 4, 37]), -2).tolist() == [36, 37, 2, 35]
    assert transposed(np.array([14, 1], np.int8), 36).tolist() == [14, 1]
    assert transposed(np.array([37], np.int8), 12).dtype == np.int64
