"""The 38 tokens of a melody, one per sixteenth note.

0 is note off, 1 is no event (a note or a silence continues), 2..37 start MIDI pitch 48..83 (C3..B5, middle C = 60 =
token 14). Shapes: B melodies, T steps, A = 38 tokens.
"""

import numpy as np
import numpy.typing as npt

from note_rnn.common.errors import InputError

NOTE_OFF = 0
NO_EVENT = 1
FIRST_PITCH_TOKEN = 2
MIN_PITCH = 48
MAX_PITCH = 83
VOCABULARY_SIZE = FIRST_PITCH_TOKEN + MAX_PITCH - MIN_PITCH + 1
STEPS_PER_QUARTER = 4
VOCABULARY = "0 note off, 1 no event, 2..37 MIDI pitch 48..83, one token per sixteenth"

Tokens = npt.NDArray[np.int64]


class VocabularyError(InputError):
    """A token or pitch outside the vocabulary."""


def pitch_to_token(pitch: int) -> int:
    """Return the token that starts MIDI `pitch` (48..83); raises VocabularyError outside that range."""
    if not MIN_PITCH <= pitch <= MAX_PITCH:
        raise VocabularyError(f"MIDI pitch {pitch} is outside {MIN_PITCH}..{MAX_PITCH}: transpose it by octaves.")
    return pitch - MIN_PITCH + FIRST_PITCH_TOKEN


def token_to_pitch(token: int) -> int:
    """Return the MIDI pitch that `token` (2..37) starts; raises VocabularyError for any other token."""
    if not FIRST_PITCH_TOKEN <= token < VOCABULARY_SIZE:
        raise VocabularyError(f"Token {token} starts no note: pitches are {FIRST_PITCH_TOKEN}..{VOCABULARY_SIZE - 1}.")
    return token - FIRST_PITCH_TOKEN + MIN_PITCH


def transposed(tokens: npt.NDArray[np.integer], semitones: int) -> Tokens:
    """Return `tokens`, of any shape, with every pitch moved by `semitones`.

    A pitch that would leave the vocabulary is moved by three octaves, to its other end: every note keeps its name, and
    the opposite transposition restores the tokens.
    """
    pitches = (tokens.astype(np.int64) - FIRST_PITCH_TOKEN + semitones) % (MAX_PITCH - MIN_PITCH + 1)
    return np.where(tokens >= FIRST_PITCH_TOKEN, pitches + FIRST_PITCH_TOKEN, tokens)


def check_tokens(tokens: npt.ArrayLike, ndim: int | None = None) -> Tokens:
    """Return `tokens` as an int64 array, of `ndim` dimensions if given.

    Raises VocabularyError if they have another number of dimensions or are not integers 0..37, naming the first.
    """
    array = np.asarray(tokens)
    if ndim is not None and array.ndim != ndim:
        raise VocabularyError(f"Expected a {ndim}-dimensional array of tokens, got shape {array.shape}.")
    if array.size and array.dtype.kind not in "iu":
        raise VocabularyError(f"Tokens must be integers 0..{VOCABULARY_SIZE - 1}, got {array.dtype}.")
    checked = array.astype(np.int64)
    outside = checked.view(np.uint64) >= VOCABULARY_SIZE  # those below 0 are among the largest
    if np.count_nonzero(outside):
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        raise VocabularyError(
            f"Token {array[where]} at position {where} is outside the vocabulary 0..{VOCABULARY_SIZE - 1}."
        )
    return checked
