"""The key of a melody, and how it comes to C major or A minor and into the vocabulary."""

import numpy as np

from note_rnn.extraction.midi_events import Integers
from note_rnn.extraction.tunes import shift_to_no_sharps
from note_rnn.vocabulary import MAX_PITCH, MIN_PITCH

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_IN_KEY = np.array([[(pitch - key) % 12 in _MAJOR for pitch in range(12)] for key in range(12)])


def major_key(pitches: Integers) -> int:
    """Return the major key (0 = C) that most of `pitches` [N] belong to, of equal ones the lowest.

    A melody in A minor is in 0.
    """
    return int(np.argmax(_IN_KEY @ np.bincount(pitches % 12, minlength=12)))


def transposition(pitches: Integers, sharps: int | None = None) -> int:
    """Return the semitones that bring `pitches` [N], at least one, to C major or A minor and nearest to MIDI 48..83.

    The key is that of a signature of `sharps` (negative: flats), else the one that `major_key` finds.
    """
    to_c = -major_key(pitches) if sharps is None else shift_to_no_sharps(sharps)
    middle = (pitches.min() + pitches.max()) / 2 + to_c
    return to_c + 12 * round(((MIN_PITCH + MAX_PITCH) / 2 - middle) / 12)


def folded(pitches: Integers) -> Integers:
    """Return `pitches`, of any shape, each that is outside the vocabulary moved by octaves to the nearest inside."""
    low, high = MIN_PITCH + (pitches - MIN_PITCH) % 12, MAX_PITCH - (MAX_PITCH - pitches) % 12
    return np.where(pitches < MIN_PITCH, low, np.where(pitches > MAX_PITCH, high, pitches))
