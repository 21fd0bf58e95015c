"""The built-in rules and masks: functions under the decorators that users have, by the family they belong to.

A rule takes a `Composition` of B melodies (and parameters by keyword, with the original's values as defaults) and
returns float64 [B]. It keeps nothing to itself: what it must remember from step to step is a `Memory` of the
composition. The functions of a family stand in the order in which they are defined.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from melody_env.reward.composition import Floats
from melody_env.reward.plugins import marked_functions
from melody_env.reward.rules import masks, shaping
from melody_env.reward.rules.human import bells, contour, degrees, form, rhythm
from melody_env.reward.rules.paper import (
    autocorrelation,
    extremes,
    intervals,
    leaps,
    motifs,
    repetition,
    reward_modes,
    tonality,
)
from melody_env.setting import Flags

Rule = Callable[..., Floats]
Mask = Callable[..., Flags]


def _defined_in(*modules: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the decorated functions of `modules` by name, without those that they import from each other."""
    return {
        name: function
        for module in modules
        for name, function in marked_functions(module).items()
        if function.__module__ == module.__name__
    }


RULES: dict[str, Rule] = _defined_in(tonality, repetition, autocorrelation, motifs, intervals, leaps, extremes)
"""The paper's nine, in its order."""

MORE_RULES: dict[str, Rule] = _defined_in(reward_modes)
"""Those of the original's other reward modes."""

SHAPED_RULES: dict[str, Rule] = _defined_in(shaping)
"""Those that pay at each step what others pay at the end of a piece."""

HUMAN_RULES: dict[str, Rule] = _defined_in(form, rhythm, contour, degrees, bells)
"""Those that tell human melodies from machines'. They count; the profile `calibrated` weighs them."""

MASKS: dict[str, Mask] = _defined_in(masks)
"""The masks that a reward profile can name."""
