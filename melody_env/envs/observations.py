"""Observations: the last token, the position and lookback features of a piece.

Shapes: B pieces, T steps.
"""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from gymnasium import Space, spaces

from melody_env.reward.composition import Composition
from melody_env.reward.rules.paper.extremes import UniqueExtremes
from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

Observation = Literal["position", "token", "lookback"]
OBSERVATIONS: tuple[str, ...] = get_args(Observation)

POSITION = 1
"""The column of the position in observations of several columns; all others are tokens."""

NOTHING = VOCABULARY_SIZE
"""Stands for a missing token."""

LOOKBACK_FEATURES = 4
"""Columns of "lookback" besides the last token and the position."""


def space_of(observation: str, length: int) -> Space[Any]:
    """Return the space of the `observation` of a piece of `length` steps."""
    if observation == "token":
        return spaces.Discrete(VOCABULARY_SIZE)
    lookback = [NOTHING + 1] * (LOOKBACK_FEATURES if observation == "lookback" else 0)
    return spaces.MultiDiscrete([VOCABULARY_SIZE, length + 1, *lookback])


def kind_of(space: Space[Any]) -> Observation:
    """Return the name of the observation that has this `space`."""
    if isinstance(space, spaces.MultiDiscrete):
        return "position" if len(space.nvec) == POSITION + 1 else "lookback"
    return "token"


def observe(observation: str, last_tokens: Tokens, composition: Composition | None) -> npt.NDArray[np.int64]:
    """Return the `observation` [B, ...] of pieces whose last tokens are `last_tokens` [B].

    "token" is these tokens alone; "position" adds the number of tokens so far. "lookback" also has the tokens half a
    bar and one bar before the next token, and the highest and the lowest note so far, `NOTHING` where missing: an agent
    can then repeat earlier tokens and keep track of the range without memory. Without a `composition`, no token has
    been composed.
    """
    if observation == "token":
        return last_tokens.copy()
    position = 0 if composition is None else composition.position
    columns: list[npt.NDArray[np.integer]] = [last_tokens, np.full_like(last_tokens, position)]
    if observation == "lookback":
        if composition is None:
            columns += [np.full_like(last_tokens, NOTHING)] * LOOKBACK_FEATURES
        else:
            columns += _lookback_features(composition)
    return np.stack(columns, axis=1, dtype=np.int64)


def _lookback_features(composition: Composition) -> list[npt.NDArray[np.integer]]:
    bar = composition.setting.steps_per_bar
    nothing = np.full(composition.batch_size, NOTHING, np.int8)
    earlier = [composition.position - lag for lag in (-(-bar // 2), bar)]
    extremes = composition.memory(UniqueExtremes)
    highest = np.where(extremes.highest, extremes.highest, nothing)
    return [*(composition.tokens[step] if step >= 0 else nothing for step in earlier), highest, extremes.lowest]
