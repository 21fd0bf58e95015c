"""The built-in rules and masks by family, marked with the same decorators as user-defined ones.

A rule takes a `Composition` of B melodies (and parameters by keyword, with the original's values as defaults) and
returns float64 [B]. It holds no state: whatever it needs from step to step is a `Memory` of the composition. The
functions of a family are in the order of their definition.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from melody_env.reward.composition import Floats
from melody_env.reward.plugins import marked_functions
from melody_env.reward.rules import chords, masks, shaping
from melody_env.reward.rules.human import bells, contour, degrees, form, rhythm, sections
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
    """Return the decorated functions of `modules` by name, without imported ones."""
    return {
        name: function
        for module in modules
        for name, function in marked_functions(module).items()
        if function.__module__ == module.__name__
    }


RULES: dict[str, Rule] = _defined_in(tonality, repetition, autocorrelation, motifs, intervals, leaps, extremes)
"""The nine rules of the paper, in its order."""

REWARD_MODE_RULES: dict[str, Rule] = _defined_in(reward_modes)
"""Further rules of the original's reward modes."""

SHAPED_RULES: dict[str, Rule] = _defined_in(shaping)
"""Rules that spread a reward for the whole piece over its steps."""

HUMAN_RULES: dict[str, Rule] = _defined_in(form, rhythm, contour, degrees, bells)
"""Counts that distinguish human melodies from machine-made ones; the profile `calibrated` weights them."""

FORM_RULES: dict[str, Rule] = _defined_in(sections)
"""The rule for a setting with form."""

CHORD_RULES: dict[str, Rule] = _defined_in(chords)
"""The rules for a setting with chords."""

MASKS: dict[str, Mask] = _defined_in(masks)
"""The masks that a reward profile can name."""

CHORD_MASKS = ("chord_tones_on_strong_beats",)
"""Those for a setting with chords."""
