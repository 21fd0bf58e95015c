"""The built-in rules: each a function of the composition so far that says what the newest token is worth.

A rule takes a `Composition` of B melodies (and parameters by keyword, with the original's values as defaults) and
returns float64 [B]. It keeps nothing to itself: what it must remember from step to step is a `Memory` of the
composition.
"""

from collections.abc import Callable

from melody_env.composition import Floats
from melody_env.rules.bells import density, phrase_range, pitch_entropy
from melody_env.rules.contour import (
    beyond_octave,
    fourth_or_fifth,
    leap_answered,
    leap_continued,
    repeated_note,
    scale_run,
    stepwise,
    tritone_or_seventh,
    turn,
)
from melody_env.rules.degrees import chromatic_step, opening, stable_beat, stable_end
from melody_env.rules.extremes import extrema, extrema_so_far
from melody_env.rules.form import bar_repeat, echo, overused_motif, sequence
from melody_env.rules.intervals import interval
from melody_env.rules.leaps import leap
from melody_env.rules.masks import in_scale, no_wide_leaps
from melody_env.rules.modes import in_key, non_repeating, scale
from melody_env.rules.motifs import motif, repeated_motif
from melody_env.rules.periodicity import autocorrelation, autocorrelation_so_far
from melody_env.rules.rhythm import bar_rhythm, long_end, off_eighth, onset, rest, standstill, syncopation
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

MORE_RULES: dict[str, Rule] = {rule.__name__: rule for rule in (in_key, scale, non_repeating)}
"""Those of the original's other reward modes."""

SHAPED_RULES: dict[str, Rule] = {rule.__name__: rule for rule in (extrema_so_far, autocorrelation_so_far)}
"""What tells at once how a whole piece comes nearer to what is asked of it at the end."""

HUMAN_RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        *(echo, overused_motif, bar_repeat, sequence),
        *(bar_rhythm, off_eighth, onset, syncopation, rest, standstill, long_end),
        *(stepwise, scale_run, turn, repeated_note, fourth_or_fifth, tritone_or_seventh, beyond_octave),
        *(leap_answered, leap_continued),
        *(chromatic_step, stable_beat, opening, stable_end),
        *(density, phrase_range, pitch_entropy),
    )
}
"""What tells people's melodies from machines'. They count; the profile `calibrated` weighs them."""

MASKS: dict[str, Mask] = {mask.__name__: mask for mask in (in_scale, no_wide_leaps)}
"""The masks that a reward profile can name."""
