"""What progressions of chords say of each step of a piece, as arrays that observations, rules and masks read.

Shapes: T steps, P progressions or B pieces with one each, D different chords. Pitch classes are 0..11 with C = 0; the
13th column of a table, number 12, is that of no note.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from melody_env.form import Flags, Integers
from note_rnn.chords import NO_CHORD, Chord, Progression

NO_PITCH_CLASS = 12
"""Stands for the root of no chord, and for the pitch class of no note."""
_THIRDS, _SEVENTHS = (3, 4), (10, 11)
_DIMINISHED_SEVENTH = 9


class ChordTable(NamedTuple):
    """D different chords, of which the first is none."""

    chords: tuple[Chord, ...]
    roots: Integers
    """[D]; pitch class of the root, 12 without a chord."""
    tones: Flags
    """[D, 13]; whether a pitch class is of the chord."""
    guides: Flags
    """[D, 13]; whether it is the third or the seventh."""
    avoided: Flags
    """[D, 13]; whether it is a semitone above one of the chord, and not of the chord."""

    @classmethod
    def of(cls, chords: Sequence[Chord]) -> "ChordTable":
        """Return the table of `chords` [D]."""
        roots = [chord.root if chord.pitch_classes else NO_PITCH_CLASS for chord in chords]
        tones = np.stack([_flags(chord.pitch_classes) for chord in chords])
        guides = np.stack([_flags(guide_tones(chord)) for chord in chords])
        above = np.zeros_like(tones)
        above[:, :NO_PITCH_CLASS] = np.roll(tones[:, :NO_PITCH_CLASS], 1, axis=1)
        return cls(tuple(chords), np.array(roots), tones, guides, above & ~tones)


class HarmonySteps(NamedTuple):
    """What progressions say of each step: columns are P progressions, or B pieces."""

    chord: Integers
    """[T, B]; the number of the chord in `table`, 0 for none."""
    following: Integers
    """[T, B]; that of the next chord, 0 for none and at the end of the piece."""
    remaining: Integers
    """[T, B]; steps to the next chord or the end of the piece, this one included."""
    starts: Flags
    """[T, B]; whether a chord begins, other than the one before."""
    is_strong: Flags
    """[T, B]; whether there is a chord, and it begins or a strong beat does."""
    table: ChordTable

    def of(self, rows: Integers) -> "HarmonySteps":
        """Return the columns `rows` [B]: those of B pieces, given the progression 0..P-1 of each."""
        chord, following, remaining = (array[:, rows] for array in (self.chord, self.following, self.remaining))
        return HarmonySteps(chord, following, remaining, self.starts[:, rows], self.is_strong[:, rows], self.table)


def guide_tones(chord: Chord) -> tuple[int, ...]:
    """Return the pitch classes of the third and the seventh of `chord`, as far as it has them."""
    above = {(pitch_class - chord.root) % 12 for pitch_class in chord.pitch_classes}
    is_diminished = {3, 6, _DIMINISHED_SEVENTH} <= above
    wanted = (*_THIRDS, *_SEVENTHS, *((_DIMINISHED_SEVENTH,) if is_diminished else ()))
    return tuple((chord.root + interval) % 12 for interval in wanted if interval in above)


def strong_beats(steps: int, bar: int, beat: int) -> Flags:
    """Return the strong beats [T] of a piece of `steps`: the first of a bar, and the middle of a bar of four beats."""
    place = np.arange(steps) % bar
    return (place == 0) | ((bar == 4 * beat) & (place == 2 * beat))


def chord_steps(progressions: Sequence[Progression], steps: int, bar: int, beat: int) -> HarmonySteps:
    """Return what `progressions` [P] say of each of `steps` T, in bars of `bar` steps and beats of `beat`.

    Each is repeated to the end. A chord that sounds as the one before is the same. Raises ChordError for more chords in
    a bar than it has steps.
    """
    columns = [progression.chords_by_step(steps, bar, beat) for progression in progressions]
    chords = list(dict.fromkeys(chain([NO_CHORD], *(column.chords for column in columns))))
    numbers = [np.array([chords.index(each) for each in column.chords]) for column in columns]
    chord = np.stack([own[column.indices] for own, column in zip(numbers, columns, strict=True)], axis=1)
    table = ChordTable.of(chords)
    sound = np.unique(np.column_stack([table.roots, table.tones]), axis=0, return_inverse=True)[1].ravel()[chord]
    changes = np.concatenate([np.ones_like(sound[:1], np.bool_), sound[1:] != sound[:-1]])
    following, remaining = _ahead(chord, changes)
    has_chord = chord > 0
    is_strong = has_chord & (changes | strong_beats(steps, bar, beat)[:, None])
    return HarmonySteps(chord, following, remaining, has_chord & changes, is_strong, table)


def _ahead(chord: Integers, changes: Flags) -> tuple[Integers, Integers]:
    """Return the chord [T, P] after the next of the `changes`, 0 if there is none, and the steps to it or the end."""
    following, remaining = np.zeros((2, *chord.shape), np.int64)
    for t in range(len(chord) - 1, -1, -1):
        is_last = t == len(chord) - 1
        remaining[t] = 1 if is_last else np.where(changes[t + 1], 1, remaining[t + 1] + 1)
        if not is_last:
            following[t] = np.where(changes[t + 1], chord[t + 1], following[t + 1])
    return following, remaining


def _flags(pitch_classes: Sequence[int]) -> Flags:
    """Return [13]; whether each pitch class is one of `pitch_classes`."""
    return np.isin(np.arange(NO_PITCH_CLASS + 1), pitch_classes)
