"""Rules by potential-based shaping: the change of an end-of-piece reward by each token.

Ng, Harada & Russell 1999, https://dl.acm.org/doi/10.5555/645528.657613. Shapes: B melodies.
"""

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.paper.autocorrelation import TotalAutocorrelation
from melody_env.reward.rules.paper.extremes import UniqueExtremes


@rule(batched=True)
def extrema_so_far(composition: Composition) -> Floats:
    """The change in what `extrema` would be if the piece ended here; over a piece, the same sum.

    An agent is rewarded at once for what `extrema` rewards up to 32 steps later.
    """
    return 3.0 * composition.memory(UniqueExtremes).gain


@rule(batched=True)
def autocorrelation_so_far(composition: Composition, *, max_lag: int = 3) -> Floats:
    """-3 times the change in the absolute autocorrelations at lags 1..max_lag; over a piece, -3 times their sum.

    `autocorrelation` penalises every prefix of a piece above a threshold; this rule drives the autocorrelation of the
    whole piece to 0 and reports the progress at each step.
    """
    return composition.memory(TotalAutocorrelation, max_lag).gain * -3.0
