"""Diversity of a set of melodies.

Shapes: B melodies, T steps.
"""

import numpy as np

from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens


def mean_hamming_distance(melodies: Tokens) -> float:
    """Return the mean share of the T steps at which two rows of `melodies` [B, T] differ.

    0 if all rows are equal; nan for a single row.
    """
    count, length = melodies.shape
    if count < 2:
        return float("nan")
    places = melodies + VOCABULARY_SIZE * np.arange(length)
    shares = np.bincount(places.ravel(), minlength=VOCABULARY_SIZE * length) / count
    return float(1 - np.square(shares).sum() / length) * count / (count - 1)


def largest_bar_share(melodies: Tokens, steps_per_bar: int = 16) -> float:
    """Return the share of the commonest bar among all whole bars of `melodies` [B, T]; nan without whole bars."""
    whole = melodies.shape[1] // steps_per_bar * steps_per_bar
    bars = np.ascontiguousarray(melodies[:, :whole].astype(np.int8)).reshape(-1, steps_per_bar)
    if not len(bars):
        return float("nan")
    _, counts = np.unique(bars.view(np.dtype((np.void, steps_per_bar))), return_counts=True)
    return float(counts.max() / len(bars))
