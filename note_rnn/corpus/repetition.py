"""Repetition: which bars of a melody come back so many bars later, exactly, in rhythm or transposed.

Melodies start on a bar line. A bar in which no note begins, silent or held over, has nothing to repeat: it counts among
the bars, never among the repeated ones.
Shapes: B melodies, T steps, K whole bars of S steps, A = 38 tokens.
"""

import numpy as np
import numpy.typing as npt

from note_rnn.vocabulary import FIRST_PITCH_TOKEN, Tokens

Flags = npt.NDArray[np.bool_]
Bars = npt.NDArray[np.int8]

LAGS = (1, 2, 4, 8)
"""Bars from one to the bar that repeats it: the lengths of motifs, phrases and sections."""


def whole_bars(melodies: Tokens, steps_per_bar: int) -> Bars:
    """Return the whole bars [B, K, S] of `melodies` [B, T]; the steps after them are left out."""
    number = melodies.shape[1] // steps_per_bar
    return melodies[:, : number * steps_per_bar].astype(np.int8).reshape(len(melodies), number, steps_per_bar)


def repeats_exactly(bars: Bars, lag: int) -> Flags:
    """Return whether each of `bars` [B, K, S] from the `lag`-th on equals, in all its tokens, the one `lag` before.

    [B, K - lag], as in the functions below.
    """
    return _begins_notes(bars[:, lag:]) & (bars[:, lag:] == bars[:, :-lag]).all(axis=-1)


def repeats_rhythm(bars: Bars, lag: int) -> Flags:
    """Return whether each bar has notes, note offs and holds where the one `lag` before has them."""
    kinds = np.minimum(bars, FIRST_PITCH_TOKEN)
    return repeats_exactly(kinds, lag)


def repeats_transposed(bars: Bars, lag: int, heights: npt.NDArray[np.integer]) -> Flags:
    """Return whether each bar repeats the one `lag` before with all its notes moved by one interval, or none.

    :param heights: the height of each token [A], between which intervals are taken: semitones, or steps of a scale.

    A bar of one note would be a transposition of every other, so it counts only where it repeats exactly.
    """
    is_note = bars[:, lag:] >= FIRST_PITCH_TOKEN
    moves = heights[bars[:, lag:]] - heights[bars[:, :-lag]]
    first = np.take_along_axis(moves, is_note.argmax(axis=-1)[..., None], axis=-1)
    is_one_interval = ((moves == first) | ~is_note).all(axis=-1)
    is_moved = repeats_rhythm(bars, lag) & is_one_interval & (is_note.sum(axis=-1) > 1)
    return is_moved | repeats_exactly(bars, lag)


def distinct_bars(bars: Bars) -> npt.NDArray[np.float64]:
    """Return the number of different bars in each melody [B] as a share of its K >= 1 `bars` [B, K, S]."""
    size, number, steps = bars.shape
    rows = np.ascontiguousarray(bars).reshape(-1, steps).view(np.dtype((np.void, steps)))
    _, kinds = np.unique(rows, return_inverse=True)
    ordered = np.sort(kinds.reshape(size, number), axis=1)
    return (1 + (np.diff(ordered, axis=1) != 0).sum(axis=1)) / number


def _begins_notes(bars: Bars) -> Flags:
    """Return whether a note begins in each of `bars` [..., S]."""
    return np.asarray((bars >= FIRST_PITCH_TOKEN).any(axis=-1))
