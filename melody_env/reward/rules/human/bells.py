"""Bell-shaped rules of note density, range and pitch entropy: highest at the value typical of human tunes.

Each measures a phrase of S steps when it ends. Shapes: B melodies.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.human.phrases import is_end_of_phrase
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE

MAX_DISTANCE = 3.0
"""Distance from the centre, in widths, beyond which a bell is flat."""

Phrases = npt.NDArray[np.integer]


def count_notes(phrases: Phrases) -> Floats:
    """Return the number [B] of notes in `phrases` [S, B]."""
    return np.count_nonzero(phrases >= FIRST_PITCH_TOKEN, axis=0).astype(np.float64)


def range_in_semitones(phrases: Phrases) -> Floats:
    """Return the semitones [B] from the lowest to the highest note of `phrases` [S, B]; 0 without notes."""
    lowest = np.where(phrases >= FIRST_PITCH_TOKEN, phrases, VOCABULARY_SIZE).min(axis=0)
    return np.maximum(phrases.max(axis=0).astype(np.float64) - lowest, 0)


def pitch_class_entropy(phrases: Phrases) -> Floats:
    """Return the entropy [B], in bits, of the distribution of pitch classes over the notes of `phrases` [S, B]."""
    size = phrases.shape[1]
    pitch_classes = np.where(phrases >= FIRST_PITCH_TOKEN, phrases.astype(np.int64) % 12, 12)
    counts = np.bincount((pitch_classes * size + np.arange(size)).ravel(), minlength=13 * size).reshape(13, size)[:12]
    shares = np.sort(counts, axis=0) / np.maximum(counts.sum(axis=0), 1)  # sorted: exactly the same sum in every key
    return -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=0)


@rule(batched=True)
def density(composition: Composition, *, centre: float = 9.0, width: float = 3.5, bars: int = 1) -> Floats:
    """At the end of a bar, a bell over its number of notes."""
    return _bell(composition, count_notes, centre, width, bars)


@rule(batched=True)
def phrase_range(composition: Composition, *, centre: float = 13.0, width: float = 4.0, bars: int = 2) -> Floats:
    """At the end of a phrase, a bell over its range in semitones."""
    return _bell(composition, range_in_semitones, centre, width, bars)


@rule(batched=True)
def pitch_entropy(composition: Composition, *, centre: float = 2.4, width: float = 0.3, bars: int = 2) -> Floats:
    """At the end of a phrase, a bell over the entropy of its pitch classes in bits."""
    return _bell(composition, pitch_class_entropy, centre, width, bars)


def _bell(
    composition: Composition, measure: Callable[[Phrases], Floats], centre: float, width: float, bars: int
) -> Floats:
    """Return -z^2 at the end of a phrase, with z its distance from `centre` in `width`s, at most 3; elsewhere 0."""
    if not is_end_of_phrase(composition, composition.position, bars):
        return np.zeros(composition.batch_size)
    steps = bars * composition.setting.steps_per_bar
    measured = measure(composition.tokens[composition.position - steps : composition.position])
    z = np.minimum(np.abs(measured - centre) / max(width, 1e-9), MAX_DISTANCE)
    return -(z * z)
