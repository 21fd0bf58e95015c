"""Enough is enough: what people do some of pays no more than they do of it.

Without a limit, whoever looks for the most that a reward can pay repeats one bar for ever. Shapes: B melodies.
"""

from collections.abc import Callable

import numpy as np

from melody_env.reward.composition import Composition, Floats

Gains = Callable[..., Floats]
"""What step t of each melody adds to a count: called as `gains(composition, t, *parameters)`, returns [B]."""

NO_LIMIT = 1e9
"""More than any bar can have."""


class Paid:
    """What of a count is paid: nothing more once a melody has had `most` a bar, the bar under way included."""

    def __init__(self, composition: Composition, gains: Gains, most: float, *parameters: int):
        self._gains, self._most, self._parameters = gains, most, parameters
        self._bar = composition.setting.steps_per_bar
        self._total = np.zeros(composition.batch_size)
        self.newest = np.zeros(composition.batch_size)
        """[B]; what the newest token is paid."""
        gains(composition, 0, *parameters)  # so that the memories it looks at come before this one

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        room = self._most * (t // self._bar + 1)
        self.newest = np.minimum(self._gains(composition, t, *self._parameters), room - self._total)
        self._total += self.newest


def enough(composition: Composition, gains: Gains, most: float, *parameters: int) -> Floats:
    """Return what the newest tokens add [B] to the count of `gains`, as long as that is at most `most` a bar."""
    return composition.memory(Paid, gains, most, *parameters).newest
