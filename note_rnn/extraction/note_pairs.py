"""Pairing of notes on with the notes off that end them, for all keys at once.

A note off ends all notes of its key that started before. A note that starts at the same tick continues if there were
any, since the note off is theirs; else it has no length and is dropped: as in `pretty_midi`. E messages, N notes, K
notes off.
"""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def paired(times: Integers, keys: Integers, is_note_on: Flags) -> tuple[Integers, Integers]:
    """Return the indices of the messages that start [N] and that end [N] the notes, in order of the ends.

    `times` [E] never decrease; `keys` [E], at least 0, identify pitch and channel; `is_note_on` [E] is false for notes
    off. A note that nothing ends is left out.
    """
    small = keys.astype(np.min_scalar_type(keys.max(initial=0)))  # 16 bits sort four times as fast
    order = np.argsort(small, kind="stable")
    ons, offs = order[is_note_on[order]], order[~is_note_on[order]]
    following = np.searchsorted(np.flatnonzero(~is_note_on[order]), np.flatnonzero(is_note_on[order]))
    ended = following < len(offs)
    ended[ended] = keys[ons[ended]] == keys[offs[following[ended]]]
    ons, following = ons[ended], following[ended]
    first_of_key = np.diff(keys[offs], prepend=-1) != 0
    coincides = times[ons] == times[offs[following]]
    continues = _some_continue(times[ons], times[offs], following, first_of_key)
    last_of_key = np.append(first_of_key[1:], True)
    ends = following + coincides
    has_end = ~coincides | (continues & ~last_of_key)[following]
    ons, ends = ons[has_end], ends[has_end]
    has_length = times[offs[ends]] > times[ons]
    ons, ends = ons[has_length], offs[ends[has_length]]
    in_order = np.argsort(ends, kind="stable")
    return ons[in_order], ends[in_order]


def _some_continue(starts: Integers, ends: Integers, following: Integers, first_of_key: Flags) -> Flags:
    """Return whether, at each note off [K], some of the sounding notes end and some, which start there, continue.

    `starts` [N] are those of the notes, `ends` [K] the times of the notes off, `following` [N] the first of them after
    each note. Successive notes off that each coincide with the start of the next note pass the result on.
    """
    first_start = np.full(len(ends), np.iinfo(np.int64).max)
    first_start[following[::-1]] = starts[::-1]
    last_start = np.full(len(ends), -1)
    last_start[following] = starts
    starts_here = (last_start == ends) & (first_of_key | (np.diff(ends, prepend=-1) > 0))
    started_before = first_start < ends
    number = np.arange(len(ends))
    yes = np.maximum.accumulate(np.where(starts_here & started_before, number, -1))
    no = np.maximum.accumulate(np.where(~starts_here | (first_of_key & ~started_before), number, -1))
    return yes > no
