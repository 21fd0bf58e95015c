"""Ends of bars and phrases, and metrical weights. Bars are the setting's; a phrase is a number of bars."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition
from melody_env.setting import Setting


def is_end_of_phrase(composition: Composition, position: int, bars: int) -> bool:
    """Return whether a phrase of `bars` bars ends after `position` tokens."""
    return position > 0 and position % (bars * composition.setting.steps_per_bar) == 0


@lru_cache
def beat_strengths(setting: Setting) -> npt.NDArray[np.int8]:
    """Return the metrical weight of each step of a bar: how many of eighth, beat, half bar and bar begin there."""
    bar, beat = setting.steps_per_bar, setting.steps_per_beat
    grids = [2, beat, half_bar(setting), bar]
    return np.array([sum(step % grid == 0 for grid in grids) for step in range(bar)], np.int8)


def half_bar(setting: Setting) -> int:
    """Return the steps in half a bar if that is a whole number of beats, as in 4/4 and 6/8; else in a bar."""
    bar = setting.steps_per_bar
    return bar // 2 if bar % (2 * setting.steps_per_beat) == 0 else bar
