"""Conversion between tokens and notes, the one place that defines how long a note sounds.

A note starts at its pitch token and ends at the next token that is not NO_EVENT. T steps of a sixteenth, N notes.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, NO_EVENT, NOTE_OFF, Tokens, check_tokens

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""Pitch classes of the letter names."""
ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
"""Semitones of the accidentals after a letter."""


class Notes(NamedTuple):
    """First step, first step after the end, and MIDI pitch of each note: [N] each, in order, without overlaps."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    pitches: npt.NDArray[np.int64]


def tokens_to_notes(tokens: npt.ArrayLike) -> Notes:
    """Return the notes of `tokens` [T]; raises VocabularyError if they are not a melody."""
    tokens = check_tokens(tokens, ndim=1)
    starts = np.flatnonzero(tokens >= FIRST_PITCH_TOKEN)
    changes = np.append(np.flatnonzero(tokens != NO_EVENT), len(tokens))
    ends = changes[np.searchsorted(changes, starts, side="right")]
    return Notes(starts, ends, tokens[starts] - FIRST_PITCH_TOKEN + MIN_PITCH)


def notes_to_tokens(notes: Notes, num_steps: int) -> Tokens:
    """Return `notes` as tokens [T], T = `num_steps`; each note ends at the next one or at the last step."""
    tokens = np.full(num_steps, NO_EVENT, np.int64)
    tokens[notes.ends[notes.ends < num_steps]] = NOTE_OFF
    tokens[notes.starts] = notes.pitches - MIN_PITCH + FIRST_PITCH_TOKEN
    return tokens


def without_redundant_note_offs(tokens: npt.ArrayLike) -> Tokens:
    """Return `tokens` [T] with NO_EVENT for each note off in silence: the same music in its canonical form."""
    tokens = check_tokens(tokens, ndim=1)
    return notes_to_tokens(tokens_to_notes(tokens), len(tokens))
