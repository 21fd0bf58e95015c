"""Voicings of chords for an accompaniment: close position above a bass, each chord as near to the last as it can be.

Source: the rules of keyboard harmony, as in E. Aldwell, C. Schachter, Harmony and Voice Leading, 2011, chapter 5.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from note_rnn.chords import Chord, ChordStart

LOWEST, HIGHEST = 48, 67
"""MIDI pitches within which the notes above the bass lie."""
_LOWEST_BASS = 36
_MAX_VOICES = 4


class VoicedChord(NamedTuple):
    """A chord as it is played, from the step `start` to `end`."""

    start: int
    end: int
    chord: Chord
    pitches: tuple[int, ...]
    """MIDI pitches in ascending order, the bass first; empty where there is no chord."""


def accompaniment(chords: Sequence[ChordStart], steps: int) -> list[VoicedChord]:
    """Return `chords`, in order, as they are played in a piece of so many `steps`: each until the next."""
    ends = [after.step for _, after in pairwise(chords)] + [steps] * (len(chords) > 0)
    voiced = voicings([chord for _, chord in chords])
    return [
        VoicedChord(start, end, chord, pitches)
        for (start, chord), end, pitches in zip(chords, ends, voiced, strict=True)
    ]


def voicings(chords: Iterable[Chord]) -> list[tuple[int, ...]]:
    """Return the MIDI pitches of each chord, in ascending order from its bass on.

    The notes above the bass move as little as they can from one chord to the next; the first chord lies in the middle
    of their range.
    """
    middle = (LOWEST + HIGHEST) / 2
    found: list[tuple[int, ...]] = []
    before: tuple[int, ...] = ()
    for chord in chords:
        if not chord.pitch_classes:
            found.append(())
            continue
        near = before or (middle,)
        before = min(_close_positions(_voices(chord)), key=lambda pitches: _movement(near, pitches))
        found.append((_LOWEST_BASS + chord.bass, *before))
    return found


def _voices(chord: Chord) -> tuple[int, ...]:
    """Return the pitch classes above the bass; of large chords the third, the seventh and the two highest."""
    classes = chord.pitch_classes
    if len(classes) <= _MAX_VOICES:
        return classes
    return tuple(dict.fromkeys((classes[1], classes[3], *classes[-2:])))


def _close_positions(classes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the ways to play the pitch `classes` within an octave and the range, in ascending order."""
    found = []
    for lowest in (pitch for pitch in range(LOWEST, HIGHEST + 1) if pitch % 12 in classes):
        pitches = tuple(sorted(lowest + (each - lowest) % 12 for each in classes))
        if pitches[-1] <= HIGHEST:
            found.append(pitches)
    return found


def _movement(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the semitones by which the notes move: from each note to the nearest one of the other chord."""
    pairs = [(before, after), (after, before)]
    return sum(min(abs(note - other) for other in others) for notes, others in pairs for note in notes)
