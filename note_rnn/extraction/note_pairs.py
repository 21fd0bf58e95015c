"""Which note off ends which note on, for all keys of a track at once.

A note off ends all notes of its key that started before. One that starts at that very tick goes on if there were any,
since then the note off is theirs, else it has no length and goes: as `pretty_midi` has it. E messages, N notes, K notes
off.
"""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def paired(times: Integers, keys: Integers, strikes: Flags) -> tuple[Integers, Integers]:
    """Return which messages start [N] and which end [N] the notes, in order of the ends.

    `times` [E] do not fall; `keys` [E], from 0 on, say which notes are the same; `strikes` [E] are the notes on, all
    others are notes off. A note that nothing ends is left out.
    """
    small = keys.astype(np.min_scalar_type(keys.max(initial=0)))  # 16 bits are sorted four times as fast
    order = np.argsort(small, kind="stable")
    ons, offs = order[strikes[order]], order[~strikes[order]]
    following = np.searchsorted(np.flatnonzero(~strikes[order]), np.flatnonzero(strikes[order]))
    ended = following < len(offs)
    ended[ended] = keys[ons[ended]] == keys[offs[following[ended]]]
    ons, following = ons[ended], following[ended]
    first_of_key = np.diff(keys[offs], prepend=-1) != 0
    late = times[ons] == times[offs[following]]
    goes_on = _leaves_some(times[ons], times[offs], following, first_of_key)
    last_of_key = np.append(first_of_key[1:], True)
    ends = following + late
    kept = ~late | (goes_on & ~last_of_key)[following]
    ons, ends = ons[kept], ends[kept]
    long = times[offs[ends]] > times[ons]
    ons, ends = ons[long], offs[ends[long]]
    in_order = np.argsort(ends, kind="stable")
    return ons[in_order], ends[in_order]


def _leaves_some(starts: Integers, ends: Integers, following: Integers, first_of_key: Flags) -> Flags:
    """Return whether, of the notes that sound at each note off [K], some end there and some, which start there, go on.

    `starts` [N] are those of the notes, `ends` [K] the times of the notes off, `following` [N] the first of them after
    each note. Notes off in a row that each come with the next note's start hand this on from one to the next.
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
