"""Monophonic melodies from possibly overlapping notes: N notes of one instrument, times in steps.

The procedure of Magenta's melody pipeline
(https://github.com/magenta/magenta/blob/main/magenta/pipelines/melody_pipelines.py). A note ends at the latest where
the next one starts. Of notes that start together the highest is used, or they end the search. A melody ends at a gap.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from note_rnn.extraction.midi_events import Integers
from note_rnn.notes import Notes


class Monophony(NamedTuple):
    """Melodies, and whether notes that start together ended the search for more."""

    melodies: list[Notes]
    is_polyphonic: bool


def monophonic(starts: Integers, ends: Integers, pitches: Integers, gap: float, keep_highest: bool) -> Monophony:
    """Return the melodies in the notes [N], cut where the silence between two notes lasts at least `gap` steps.

    A note lasts at least a step. If `keep_highest` is false, the first melody in which two notes start at the same step
    is left out, with all that follow.
    """
    order = np.lexsort((-pitches, starts))
    starts, pitches, ends = starts[order], pitches[order], np.maximum(ends, starts + 1)[order]
    together = np.diff(starts, prepend=-1) == 0
    first_chord = starts[together].min(initial=np.iinfo(np.int64).max)
    starts, ends, pitches = starts[~together], ends[~together], pitches[~together]
    cuts = np.flatnonzero(starts[1:] - ends[:-1] >= gap) + 1
    ends[:-1] = np.minimum(ends[:-1], starts[1:])
    bounds = [0, *cuts.tolist(), len(starts)] if len(starts) else []
    melodies = [Notes(starts[a:b], ends[a:b], pitches[a:b]) for a, b in pairwise(bounds)]
    if keep_highest:
        return Monophony(melodies, False)
    before = [melody for melody in melodies if melody.starts[-1] < first_chord]
    return Monophony(before, len(before) < len(melodies))
