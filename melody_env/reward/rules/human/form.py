"""Rules of form: bars that return, literally or transposed within the scale, and motifs that return.

A note that only repeats the previous one does not count, except in `overused_motif`. Shapes: B melodies, T steps.
"""

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.capped_counts import NO_CAP, capped_count
from melody_env.reward.rules.human.line import Line, Onsets, scale_positions

_LONGEST = 32
"""Distances between onsets, in steps, are distinguished up to this one."""


class Moves:
    """Each note as a move: its distance from the previous note in steps of the scale and in time."""

    def __init__(self, composition: Composition):
        self._line, self._onsets = composition.memory(Line), composition.memory(Onsets)
        self._positions = scale_positions(composition.setting)
        self.codes = np.zeros((composition.length, composition.batch_size), np.int32)
        """[T, B]; a code for each move, 0 for a hold, a note off and a first note."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        last = composition.previous_pitches[t]
        distance = self._positions.take(composition.tokens[t]) - self._positions.take(last)
        codes = (distance + 100) * _LONGEST + np.minimum(self._onsets.distances[t], _LONGEST - 1)
        codes *= self._line.is_note[t] & (last > 0)
        self.codes[t] = codes


class BarMatches:
    """The number of notes that each melody's current bar shares with the most similar earlier bar."""

    def __init__(self, composition: Composition):
        self._bar = composition.setting.steps_per_bar
        self._matches = np.zeros((-(-composition.length // self._bar), composition.batch_size), np.int16)
        self._best = np.zeros(composition.batch_size, np.int16)
        self.gains = np.zeros((composition.length, composition.batch_size))
        """[T, B]; 1 for each token that increases it."""

    def count(self, codes: npt.NDArray[np.integer], moves: npt.NDArray[np.bool_], t: int) -> None:
        """Take in step `t` of `codes` [T, B]: where `moves` [B] is set, equal codes at one place of a bar match."""
        if t % self._bar == 0:
            self._matches[:] = 0
            self._best = np.zeros_like(self._best)
        if t < self._bar:
            return
        earlier = codes[t - self._bar :: -self._bar]
        matches = self._matches[: len(earlier)]
        matches += (earlier == codes[t]) & moves
        best = matches.max(axis=0)
        np.subtract(best, self._best, out=self.gains[t])
        self._best = best


class RepeatedBars(BarMatches):
    """Shared notes of the same pitch at the same place in the bar."""

    def __init__(self, composition: Composition):
        super().__init__(composition)
        self._line = composition.memory(Line)

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        self.count(composition.tokens, self._line.semitones[t] != 0, t)


class SequencedBars(BarMatches):
    """Shared notes reached by the same move at the same place in the bar."""

    def __init__(self, composition: Composition):
        super().__init__(composition)
        self._line, self._moves = composition.memory(Line), composition.memory(Moves)

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        self.count(self._moves.codes, self._line.semitones[t] != 0, t)


class Motifs:
    """Each melody's last moves as one number, and how often they occurred before."""

    def __init__(self, composition: Composition, moves: int, with_repeated_notes: bool):
        self._line, self._moves = composition.memory(Line), composition.memory(Moves)
        self._with_repeated_notes = with_repeated_notes
        self._last = np.zeros((moves, composition.batch_size), np.int32)
        self._motifs = np.zeros((composition.length, composition.batch_size), np.int32)
        self.earlier = np.zeros((composition.length, composition.batch_size), np.int16)
        """[T, B]; how often the moves that end with each token occurred before."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        code = self._moves.codes[t]
        if not self._with_repeated_notes:
            code = code * (self._line.semitones[t] != 0)
        shifted = np.concatenate([self._last[1:], code[None]])
        np.copyto(self._last, shifted, where=code > 0)
        motif = self._last[0].copy()
        for move in self._last[1:]:
            motif = motif * np.int32(-1640531527) + move  # a hash: multiplication by an odd number modulo 2^32
        motif *= (code > 0) & (self._last[0] > 0)
        self._motifs[t] = motif
        self.earlier[t] = (self._motifs[:t] == motif).sum(axis=0) * (motif != 0)


def _echoes(composition: Composition, t: int, moves: int) -> Floats:
    return (composition.memory(Motifs, moves, False).earlier[t] > 0).astype(np.float64)


@rule(batched=True)
def echo(composition: Composition, *, moves: int = 3, cap: float = NO_CAP) -> Floats:
    """1 for a note that completes an earlier motif: `moves` with the same steps of the scale and the same rhythm.

    The motif can be in any octave and on any degree.
    """
    return capped_count(composition, _echoes, cap, moves)


@rule(batched=True)
def overused_motif(composition: Composition, *, moves: int = 3, times: int = 4) -> Floats:
    """1 for a note that completes a motif (as in `echo`, with repeated notes) that occurred `times` or more before."""
    return (composition.memory(Motifs, moves, True).earlier[composition.position - 1] >= times).astype(np.float64)


def _bar_repeats(composition: Composition, t: int) -> Floats:
    return composition.memory(RepeatedBars).gains[t]


@rule(batched=True)
def bar_repeat(composition: Composition, *, cap: float = NO_CAP) -> Floats:
    """1 for each further note that the bar shares with the most similar earlier bar: same pitch, same place."""
    return capped_count(composition, _bar_repeats, cap)


def _sequences(composition: Composition, t: int) -> Floats:
    return composition.memory(SequencedBars).gains[t]


@rule(batched=True)
def sequence(composition: Composition, *, cap: float = NO_CAP) -> Floats:
    """1 for each further note that the bar shares with the most similar earlier bar: same move, same place.

    The move is the distance from the previous note, in steps of the scale and in time.
    """
    return capped_count(composition, _sequences, cap)
