"""Repetition: how often a bar of a melody equals an earlier one.

Shapes: B melodies, T steps.
"""

from note_rnn.vocabulary import Tokens


def repeated_bars(melodies: Tokens, steps_per_bar: int, lag: int) -> float:
    """Return the share of the whole bars of `melodies` [B, T] that equal the bar `lag` bars before, of those with one.

    Melodies start on a bar line; a bar equals another if all its tokens do. nan if no bar has one so far before.
    """
    bars = melodies.shape[1] // steps_per_bar
    if bars <= lag or not len(melodies):
        return float("nan")
    whole = melodies[:, : bars * steps_per_bar].reshape(len(melodies), bars, steps_per_bar)
    return float((whole[:, lag:] == whole[:, :-lag]).all(axis=-1).mean())
