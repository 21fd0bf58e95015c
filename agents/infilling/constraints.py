"""Constraints on tunes: which tokens may stand at each step, as flags.

Shapes: N tunes, T steps, A = 38 tokens. Notes are named by their first steps.
"""

import numpy as np
import numpy.typing as npt

from note_rnn import NO_EVENT, VOCABULARY_SIZE, Tokens
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

Flags = npt.NDArray[np.bool_]

_TOKENS = np.arange(VOCABULARY_SIZE)
_IS_PITCH = _TOKENS >= FIRST_PITCH_TOKEN


def gaps_filled(tunes: Tokens, is_open: Flags) -> Flags:
    """Return the tokens allowed [N, T, A]: any where `is_open` [N, T], elsewhere those of `tunes` [N, T]."""
    return _own(tunes) | is_open[..., None]


def other_notes(tunes: Tokens, is_chosen: Flags) -> Flags:
    """Return the tokens allowed [N, T, A] if the chosen notes [N, T] of `tunes` [N, T] give way to any other music.

    It lasts up to the next note that is not chosen, and no chosen note starts where it did.
    """
    is_open = _last_note(tunes, is_chosen)
    return np.where(is_chosen[..., None], ~_own(tunes), gaps_filled(tunes, is_open))


def other_pitches(tunes: Tokens, is_chosen: Flags) -> Flags:
    """Return the tokens allowed [N, T, A] if the chosen notes [N, T] of `tunes` [N, T] have other pitches."""
    own = _own(tunes)
    return np.where(is_chosen[..., None], _IS_PITCH & ~own, own)


def other_rhythms(tunes: Tokens, is_chosen: Flags) -> Flags:
    """Return the tokens allowed [N, T, A] if the chosen notes [N, T] of `tunes` [N, T] start at other steps.

    They start later, while the note before lasts, or not at all, and they may be repeated: pitches keep their order.
    """
    own, hold = _own(tunes), _TOKENS == NO_EVENT
    starts = _starts(tunes)
    pitches = np.take_along_axis(tunes, np.maximum(starts, 0), axis=1)
    lasting = _last_note(tunes, is_chosen)[..., None] & ((pitches[..., None] == _TOKENS) | hold)
    ends = _next_starts(tunes)
    following = np.take_along_axis(np.pad(tunes, ((0, 0), (0, 1))), ends, axis=1)
    is_before = np.take_along_axis(np.pad(is_chosen, ((0, 0), (0, 1))), ends, axis=1) & (starts >= 0)
    early = is_before[..., None] & (following[..., None] == _TOKENS) & (tunes == NO_EVENT)[..., None]
    return np.where(is_chosen[..., None], hold, own | lasting | early)


def _own(tunes: Tokens) -> Flags:
    own: Flags = tunes[..., None] == _TOKENS
    return own


def _starts(tunes: Tokens) -> npt.NDArray[np.int64]:
    """Return the first step [N, T] of the last note that has started at each step; -1 before the first."""
    steps = np.arange(tunes.shape[1])
    return np.maximum.accumulate(np.where(tunes >= FIRST_PITCH_TOKEN, steps, -1), axis=1)


def _next_starts(tunes: Tokens) -> npt.NDArray[np.int64]:
    """Return the first step [N, T] of the first note after each step; T after the last."""
    length = tunes.shape[1]
    starts = np.where(tunes >= FIRST_PITCH_TOKEN, np.arange(length), length)
    later = np.minimum.accumulate(starts[:, ::-1], axis=1)[:, ::-1]
    return np.pad(later[:, 1:], ((0, 0), (0, 1)), constant_values=length)


def _last_note(tunes: Tokens, is_chosen: Flags) -> Flags:
    """Return whether the last note [N, T] that has started at each step is chosen."""
    starts = _starts(tunes)
    return (starts >= 0) & np.take_along_axis(is_chosen, np.maximum(starts, 0), axis=1)
