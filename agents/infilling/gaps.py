"""Gaps of a tune, written as text: "bars 3-4", "bars 1, 7-8", "steps 16-31".

Shapes: T steps.
"""

import re

import numpy as np

from agents.infilling.constraints import Flags
from note_rnn import InputError
from note_rnn.common.plain_text import shown

_HOW = 'write bars, as in "bars 3-4, 7", or steps, as in "steps 16-31"'
_GAP = re.compile(r"(?:(bar|step)s?\s*)?(\d{1,9})(?:\s*(?:-|\N{EN DASH}|to)\s*(\d{1,9}))?", re.IGNORECASE)


class GapError(InputError):
    """Gaps that cannot be read, or that a tune does not have."""


def parse_gaps(text: str, steps: int, steps_per_bar: int) -> Flags:
    """Return whether each of the `steps` [T] of a piece is in one of the gaps of `text`.

    Bars count from 1, steps from 0, both ends included; numbers without a word are bars, or what the gap before has.
    The last bar may be incomplete. Raises GapError for anything else, for gaps outside the piece or on top of each
    other, and if nothing is left to be kept.
    """
    is_open = np.zeros(steps, np.bool_)
    unit = "bar"
    for part in re.split("[,;]", text):
        match = _GAP.fullmatch(part.strip())
        if match is None:
            raise GapError(f"The gap {shown(part.strip())} cannot be read: {_HOW}.")
        unit = (match[1] or unit).lower()
        first, last = int(match[2]), int(match[3] or match[2])
        gap = _gap(unit, first, last, steps, steps_per_bar)
        if is_open[gap].any():
            raise GapError(f"The gap {shown(part.strip())} overlaps with one before it: join them.")
        is_open[gap] = True
    if is_open.all():
        raise GapError("The gaps leave nothing of the tune to keep: keep at least a step of it.")
    return is_open


def _gap(unit: str, first: int, last: int, steps: int, steps_per_bar: int) -> slice:
    """Return the steps from the `first` to the `last` bar or step; raises GapError."""
    lowest, size = (1, steps_per_bar) if unit == "bar" else (0, 1)
    highest = lowest + -(-steps // size) - 1
    if not lowest <= first <= last <= highest:
        what = f"{unit} {first}" if first == last else f"{unit}s {first}-{last}"
        raise GapError(f"The gap {what} is not in the piece, which has the {unit}s {lowest} to {highest}.")
    return slice((first - lowest) * size, (last - lowest + 1) * size)
