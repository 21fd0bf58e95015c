"""Mutations of whole melodies for search; each row is changed independently.

Shapes: B melodies, T steps. Every move takes melodies [B, T] and a generator and returns new melodies [B, T]. With a
period n, which half of the rows have, a change at one step is repeated at every n-th step, so that repeated figures can
change as a whole.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE, Tokens

Move = Callable[[Tokens, np.random.Generator], Tokens]


def change(melodies: Tokens, rng: np.random.Generator) -> Tokens:
    """Put a random token at a random step."""
    rows, length = melodies.shape
    here = (np.arange(length) - rng.integers(length, size=(rows, 1))) % _periods(rows, length, rng) == 0
    return np.where(here, rng.integers(VOCABULARY_SIZE, size=(rows, 1)), melodies)


def substitute(melodies: Tokens, rng: np.random.Generator) -> Tokens:
    """Replace one token by another throughout."""
    rows, length = melodies.shape
    old = np.take_along_axis(melodies, rng.integers(length, size=(rows, 1)), axis=1)
    return np.where(melodies == old, rng.integers(VOCABULARY_SIZE, size=(rows, 1)), melodies)


def swap(melodies: Tokens, rng: np.random.Generator) -> Tokens:
    """Swap two steps."""
    rows, length = melodies.shape
    period, steps = _periods(rows, length, rng), np.arange(length)
    one, other = rng.integers(length, size=(2, rows, 1))
    source = np.where((steps - one) % period == 0, steps + other - one, steps)
    source = np.where((steps - other) % period == 0, steps + one - other, source)
    return np.take_along_axis(melodies, np.where((source >= 0) & (source < length), source, steps), axis=1)


def transpose(melodies: Tokens, rng: np.random.Generator) -> Tokens:
    """Transpose a run of steps by up to an octave, except pitches that would leave the range."""
    rows, length = melodies.shape
    period = _periods(rows, length, rng)
    width = 1 + (rng.random((rows, 1)) * period).astype(np.int64)
    run = (np.arange(length) - rng.integers(length, size=(rows, 1))) % period < width
    moved = melodies + rng.integers(-12, 13, size=(rows, 1))
    in_range = (moved >= FIRST_PITCH_TOKEN) & (moved < VOCABULARY_SIZE)
    return np.where(run & in_range & (melodies >= FIRST_PITCH_TOKEN), moved, melodies)


def loop(melodies: Tokens, rng: np.random.Generator) -> Tokens:
    """Repeat a run of steps to the end of the melody, or throughout."""
    rows, length = melodies.shape
    width = rng.integers(1, max(length, 2), size=(rows, 1))
    first = (rng.random((rows, 1)) * (length - width + 1)).astype(np.int64)
    steps = np.arange(length)
    unchanged = (steps < first) & (rng.random((rows, 1)) < 0.5)
    return np.take_along_axis(melodies, np.where(unchanged, steps, first + (steps - first) % width), axis=1)


def shift(melodies: Tokens, rng: np.random.Generator) -> Tokens:
    """Shift all from a random step on by up to four steps; steps beyond the end are dropped."""
    rows, length = melodies.shape
    steps = np.arange(length)
    late = steps >= rng.integers(length, size=(rows, 1))
    source = np.where(late, steps + rng.integers(-4, 5, size=(rows, 1)), steps)
    return np.take_along_axis(melodies, source.clip(0, length - 1), axis=1)


MOVES: tuple[Move, ...] = (change, change, substitute, swap, transpose, loop, shift)
"""The moves that a search draws from; `change` is twice as likely."""


def cross(one: Tokens, other: Tokens, rng: np.random.Generator) -> Tokens:
    """Return melodies that follow the rows of `one` up to a random step and those of `other` from there on."""
    cut = rng.integers(one.shape[1] + 1, size=(len(one), 1))
    return np.where(np.arange(one.shape[1]) < cut, one, other)


def _periods(rows: int, length: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a period [rows, 1] for each row; for half of them the whole length, so that nothing is repeated."""
    return np.where(rng.random((rows, 1)) < 0.5, length, rng.integers(1, length + 1, size=(rows, 1)))
