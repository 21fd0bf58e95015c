"""Capped counts: occurrences rewarded up to a cap per bar.

Without a cap, the best achievable reward is one bar repeated for ever. Shapes: B melodies.
"""

from collections.abc import Callable

import numpy as np

from melody_env.reward.composition import Composition, Floats

Increments = Callable[..., Floats]
"""Increments of a count at step t of each melody: `increments(composition, t, *parameters)` returns [B]."""

NO_CAP = 1e9
"""More than any bar can count."""


class CappedCount:
    """A count that is at most `cap` times the number of bars so far, including the current one."""

    def __init__(self, composition: Composition, increments: Increments, cap: float, *parameters: int):
        self._increments, self._cap, self._parameters = increments, cap, parameters
        self._bar = composition.setting.steps_per_bar
        self._total = np.zeros(composition.batch_size)
        self.newest = np.zeros(composition.batch_size)
        """[B]; what the newest token adds below the cap."""
        increments(composition, 0, *parameters)  # builds the memories it reads before this one, so they update first

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        room = self._cap * (t // self._bar + 1)
        self.newest = np.minimum(self._increments(composition, t, *self._parameters), room - self._total)
        self._total += self.newest


def capped_count(composition: Composition, increments: Increments, cap: float, *parameters: int) -> Floats:
    """Return what the newest tokens add [B] to the count of `increments`, at most `cap` per bar so far."""
    if cap == NO_CAP:
        return increments(composition, composition.position - 1, *parameters)
    return composition.memory(CappedCount, increments, cap, *parameters).newest
