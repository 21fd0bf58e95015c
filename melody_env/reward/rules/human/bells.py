"""Rules of measure: how many notes, how wide, how various. What people do most is worth most, and more is worth less.

Each looks at a phrase of S steps when it ends. Shapes: B melodies.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.human.phrases import is_end_of_phrase
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE

FURTHEST = 3.0
"""Widths from the centre beyond which a bell falls no more."""

Phrases = npt.NDArray[np.integer]


def count_notes(phrases: Phrases) -> Floats:
    """Return the number [B] of notes in `phrases` [S, B]."""
    return np.count_nonzero(phrases >= FIRST_PITCH_TOKEN, axis=0).astype(np.float64)


def range_in_semitones(phrases: Phrases) -> Floats:
    """Return the semitones [B] from the lowest to the highest note of `phrases` [S, B]; 0 without notes."""
    lowest = np.where(phrases >= FIRST_PITCH_TOKEN, phrases, VOCABULARY_SIZE).min(axis=0)
    return np.maximum(phrases.max(axis=0).astype(np.float64) - lowest, 0)


def entropy_of_names(phrases: Phrases) -> Floats:
    """Return the entropy [B] in bits of how often each of the twelve names of notes comes in `phrases` [S, B]."""
    size = phrases.shape[1]
    names = np.where(phrases >= FIRST_PITCH_TOKEN, phrases.astype(np.int64) % 12, 12)
    counts = np.bincount((names * size + np.arange(size)).ravel(), minlength=13 * size).reshape(13, size)[:12]
    shares = np.sort(counts, axis=0) / np.maximum(counts.sum(axis=0), 1)  # sorted: in every key the same sum exactly
    return -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=0)


@rule(batched=True)
def density(composition: Composition, *, centre: float = 9.0, width: float = 3.5, bars: int = 1) -> Floats:
    """At the end of a bar, a bell of the number of its notes."""
    return _bell(composition, count_notes, centre, width, bars)


@rule(batched=True)
def phrase_range(composition: Composition, *, centre: float = 13.0, width: float = 4.0, bars: int = 2) -> Floats:
    """At the end of a phrase, a bell of its range in semitones."""
    return _bell(composition, range_in_semitones, centre, width, bars)


@rule(batched=True)
def pitch_entropy(composition: Composition, *, centre: float = 2.4, width: float = 0.3, bars: int = 2) -> Floats:
    """At the end of a phrase, a bell of the entropy of its notes' names in bits."""
    return _bell(composition, entropy_of_names, centre, width, bars)


def _bell(
    composition: Composition, measure: Callable[[Phrases], Floats], centre: float, width: float, bars: int
) -> Floats:
    """Return, at the end of a phrase, -z^2, z its distance from `centre` in `width`s, 3 at most; else 0."""
    if not is_end_of_phrase(composition, composition.position, bars):
        return np.zeros(composition.batch_size)
    steps = bars * composition.setting.steps_per_bar
    measured = measure(composition.tokens[composition.position - steps : composition.position])
    z = np.minimum(np.abs(measured - centre) / max(width, 1e-9), FURTHEST)
    return -(z * z)
