"""The built-in rules: each a function of the composition so far that says what the newest token is worth.

A rule takes a `Composition` of B melodies (and parameters by keyword, with the original's values as defaults) and
returns float64 [B]. It keeps nothing to itself: what it must remember from step to step is a `Memory` of the
composition.
"""

from collections.abc import Callable

from melody_env.composition import Floats
from melody_env.rules.extremes import extrema, extrema_so_far
from melody_env.rules.intervals import interval
from melody_env.rules.leaps import leap
from melody_env.rules.masks import in_scale, no_wide_leaps
from melody_env.rules.modes import in_key, non_repeating, scale
from melody_env.rules.motifs import motif, repeated_motif
from melody_env.rules.periodicity import autocorrelation
from melody_env.rules.runs import repetition
from melody_env.rules.tonality import key, tonic
from melody_env.setting import Flags

Rule = Callable[..., Floats]
Mask = Callable[..., Flags]

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (key, tonic, repetition, autocorrelation, motif, repeated_motif, interval, leap, extrema)
}
"""The paper's nine, in its order."""

MORE_RULES: dict[str, Rule] = {rule.__name__: rule for rule in (in_key, scale, non_repeating, extrema_so_far)}
"""What else a reward profile can name."""

MASKS: dict[str, Mask] = {mask.__name__: mask for mask in (in_scale, no_wide_leaps)}
"""The masks that a reward profile can name."""
