"""The rules: each a function of the composition so far that says what the newest token is worth.

A rule takes a `Composition` of B melodies (and parameters by keyword, with the original's values as defaults) and
returns float64 [B]. It keeps nothing to itself: what it must remember from step to step is a `Memory` of the
composition.
"""

from collections.abc import Callable

from melody_env.composition import Floats
from melody_env.rules.extremes import extrema
from melody_env.rules.intervals import interval
from melody_env.rules.leaps import leap
from melody_env.rules.motifs import motif, repeated_motif
from melody_env.rules.periodicity import autocorrelation
from melody_env.rules.runs import repetition
from melody_env.rules.tonality import key, tonic

Rule = Callable[..., Floats]

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (key, tonic, repetition, autocorrelation, motif, repeated_motif, interval, leap, extrema)
}
"""The rules that a reward profile can name, in the order of the paper."""
