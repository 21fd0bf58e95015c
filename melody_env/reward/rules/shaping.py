"""Rules by potential-based shaping: what the newest token changes in what a rule would pay at the end of the piece.

Ng, Harada & Russell 1999, https://dl.acm.org/doi/10.5555/645528.657613. Shapes: B melodies.
"""

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.paper.autocorrelation import Resemblance
from melody_env.reward.rules.paper.extremes import UniqueExtremes


@rule(batched=True)
def extrema_so_far(composition: Composition) -> Floats:
    """What the newest token changes in what `extrema` would pay if the notes so far were all; in sum the same.

    An agent is rewarded at once for what `extrema` would reward up to 32 steps later.
    """
    return 3.0 * composition.memory(UniqueExtremes).gain


@rule(batched=True)
def autocorrelation_so_far(composition: Composition, *, max_lag: int = 3) -> Floats:
    """-3 times what the newest token adds to the absolute autocorrelations at lags 1..max_lag; over a piece, their sum.

    `autocorrelation` asks every beginning of a piece to be below a threshold; this one asks the whole piece to be near
    0, and says at each step how it comes nearer.
    """
    return composition.memory(Resemblance, max_lag).gain * -3.0
