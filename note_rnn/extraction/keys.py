"""Key estimation, and transposition to C major or A minor and into the vocabulary."""

import numpy as np

from note_rnn.extraction.midi_events import Integers
from note_rnn.extraction.tunes import shift_to_no_sharps
from note_rnn.vocabulary import MAX_PITCH, MIN_PITCH

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_IN_KEY = np.array([[(pitch - key) % 12 in _MAJOR for pitch in range(12)] for key in range(12)])


def major_key(pitches: Integers) -> int:
    """Return the major key (0 = C) that contains most of `pitches` [N], the lowest in a tie.

    The key of a melody in A minor is 0.
    """
    return int(np.argmax(_IN_KEY @ np.bincount(pitches % 12, minlength=12)))


def transposition(pitches: Integers, sharps: int | None = None) -> int:
    """Return the semitones that move `pitches` [N >= 1] to C major or A minor, and nearest to MIDI 48..83.

    The key is that of a key signature of `sharps` (negative: flats) if given, else that found by `major_key`.
    """
    to_c = -major_key(pitches) if sharps is None else shift_to_no_sharps(sharps)
    middle = (pitches.min() + pitches.max()) / 2 + to_c
    return to_c + 12 * round(((MIN_PITCH + MAX_PITCH) / 2 - middle) / 12)


def folded(pitches: Integers) -> Integers:
    """Return `pitches`, of any shape, with those outside the vocabulary moved by octaves to the nearest inside."""
    low, high = MIN_PITCH + (pitches - MIN_PITCH) % 12, MAX_PITCH - (MAX_PITCH - pitches) % 12
    return np.where(pitches < MIN_PITCH, low, np.where(pitches > MAX_PITCH, high, pitches))
