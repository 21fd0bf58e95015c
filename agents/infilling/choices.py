"""Choices of the notes of a tune to change, and how far a variation is from its tune.

Shapes: N tunes, T steps, K notes. Notes are named by their first steps.
"""

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt

from agents.infilling.constraints import Flags
from agents.infilling.particles import Floats
from note_rnn import NO_EVENT, Tokens
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

_LEAST = 1e-12
"""The least probability counted."""
_NOISE = 0.2
"""Scale of the Gumbel noise on log probabilities by which notes are chosen: the same tune is varied in many ways."""


def chosen_notes(tune: Tokens, count: int, bar: int, other: Floats, rng: np.random.Generator) -> Flags:
    """Return `count` notes of `tune` [T], drawn where other tokens are likely: with the probability `other` [T].

    A note is chosen with those at the same place of equal bars, so that bars that come back stay equal; for these
    the probability of the first counts, since the others follow it.
    """
    groups: dict[Hashable, list[int]] = {}
    for step in np.flatnonzero(tune >= FIRST_PITCH_TOKEN).tolist():
        start = step - step % bar
        groups.setdefault((tune[start : start + bar].tobytes(), step - start), []).append(step)
    steps = list(groups.values())
    costs = np.array([np.log(max(other[group[0]], _LEAST)) / len(group) for group in steps])
    order = (costs + _NOISE * rng.gumbel(size=len(steps))).argsort()[::-1]
    return _flags([step for number in order for step in steps[number]][:count], len(tune))


def chosen_section(tune: Tokens, count: int, bar: int, other: Floats, rng: np.random.Generator) -> Flags:
    """Return `count` consecutive notes of `tune` [T], from the first note of a bar on where there are enough after it.

    They are drawn where other tokens are likely, as in `chosen_notes`; `count` is at most the number of notes.
    """
    notes = np.flatnonzero(tune >= FIRST_PITCH_TOKEN)
    begins = np.flatnonzero(np.diff(notes // bar, prepend=-1) > 0)
    begins = begins[begins + count <= len(notes)]
    if not len(begins):
        begins = np.array([len(notes) - count])
    sums = np.append(0.0, np.log(np.maximum(other[notes], _LEAST)).cumsum())
    likely = (sums[begins + count] - sums[begins]) / count + _NOISE * rng.gumbel(size=len(begins))
    first = int(begins[likely.argmax()])
    return _flags(notes[first : first + count], len(tune))


def note_distance(tune: Tokens, others: Tokens) -> Floats:
    """Return the edit distance [N] of `others` [N, T] from `tune` [T], as a share of its notes.

    Notes are equal if they start at the same step with the same pitch. The distance is the least number of notes that
    are replaced, removed or added.
    """
    is_note = tune >= FIRST_PITCH_TOKEN
    common = (is_note & (others == tune)).sum(axis=1)
    notes = np.maximum(is_note.sum(), (others >= FIRST_PITCH_TOKEN).sum(axis=1))
    distance: Floats = (notes - common) / max(int(is_note.sum()), 1)
    return distance


def changed_spans(tune: Tokens, other: Tokens) -> npt.NDArray[np.int64]:
    """Return the first and last step [M, 2] of each of M runs in which `other` [T] sounds otherwise than `tune` [T].

    A note that begins or ends elsewhere, or has another pitch, sounds otherwise as long as it lasts.
    """
    steps = np.arange(len(tune))
    begun = [np.maximum.accumulate(np.where(tokens != NO_EVENT, steps, -1)) for tokens in (tune, other)]
    differs = (begun[0] != begun[1]) | (tune[begun[0]] != other[begun[1]])
    edges = np.diff(np.pad(differs, 1).astype(np.int8))
    return np.column_stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1])


def _flags(steps: npt.ArrayLike, length: int) -> Flags:
    flags = np.zeros(length, np.bool_)
    flags[np.asarray(steps, np.int64)] = True
    return flags
