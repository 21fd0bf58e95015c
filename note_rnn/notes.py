"""Tokens as notes and notes as tokens: the one place that knows how long a note sounds.

A note starts at its pitch token and ends at the next token that is not NO_EVENT. T steps of a sixteenth, N notes.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, NO_EVENT, NOTE_OFF, Tokens, check_tokens

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""Pitch classes by the letters of notes."""
ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
"""Semitones by what may follow the letter."""


class Notes(NamedTuple):
    """Of each note the first step, the first step after it, and the MIDI pitch: [N] each, in order, not overlapping."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    pitches: npt.NDArray[np.int64]


def tokens_to_notes(tokens: npt.ArrayLike) -> Notes:
    """Return the notes of `tokens` [T]; raises VocabularyError if they are no melody."""
    tokens = check_tokens(tokens, ndim=1)
    starts = np.flatnonzero(tokens >= FIRST_PITCH_TOKEN)
    changes = np.append(np.flatnonzero(tokens != NO_EVENT), len(tokens))
    ends = changes[np.searchsorted(changes, starts, side="right")]
    return Notes(starts, ends, tokens[starts] - FIRST_PITCH_TOKEN + MIN_PITCH)


def notes_to_tokens(notes: Notes, num_steps: int) -> Tokens:
    """Return `notes` as tokens [T], T = `num_steps`; no note goes on after the last step or into the next one."""
    tokens = np.full(num_steps, NO_EVENT, np.int64)
    tokens[notes.ends[notes.ends < num_steps]] = NOTE_OFF
    tokens[notes.starts] = notes.pitches - MIN_PITCH + FIRST_PITCH_TOKEN
    return tokens


def without_redundant_note_offs(tokens: npt.ArrayLike) -> Tokens:
    """Return `tokens` [T] with NO_EVENT for each note off while nothing sounds: the same music in its only form."""
    tokens = check_tokens(tokens, ndim=1)
    return notes_to_tokens(tokens_to_notes(tokens), len(tokens))
