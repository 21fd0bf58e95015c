"""What a composer sees of a piece before the next token.

Shapes: B pieces, T steps.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import Space, spaces

from melody_env.reward.composition import Composition
from melody_env.reward.rules.paper.extremes import UniqueExtremes
from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

OBSERVATIONS = ("position", "token", "lookback")

POSITION = 1
"""The column that is no token, where there is more than one."""

NOTHING = VOCABULARY_SIZE
"""Stands for a token that there is none of."""

LOOKS_BACK = 4
"""Columns of "lookback" beside last token and position."""


def space_of(observation: str, length: int) -> Space[Any]:
    """Return the space of one piece's `observation`, the piece being `length` steps long."""
    if observation == "token":
        return spaces.Discrete(VOCABULARY_SIZE)
    looks_back = [NOTHING + 1] * (LOOKS_BACK if observation == "lookback" else 0)
    return spaces.MultiDiscrete([VOCABULARY_SIZE, length + 1, *looks_back])


def kind_of(space: Space[Any]) -> str:
    """Return the observation that has this `space`."""
    if isinstance(space, spaces.MultiDiscrete):
        return "position" if len(space.nvec) == POSITION + 1 else "lookback"
    return "token"


def observe(observation: str, heard: Tokens, composition: Composition | None) -> npt.NDArray[np.int64]:
    """Return the `observation` [B, ...] of pieces after which the tokens `heard` [B] were the last.

    "token" is these alone, "position" the number of tokens composed beside them. "lookback" sees besides what came half
    a bar and a bar before the next token, and the highest and the lowest note so far, `NOTHING` where there is none: a
    composer can then repeat what is there, whatever it is, and knows the range without having to remember it. Without a
    `composition` nothing has been composed.
    """
    if observation == "token":
        return heard.copy()
    position = 0 if composition is None else composition.position
    columns: list[npt.NDArray[np.integer]] = [heard, np.full_like(heard, position)]
    if observation == "lookback":
        columns += [np.full_like(heard, NOTHING)] * LOOKS_BACK if composition is None else _looking_back(composition)
    return np.stack(columns, axis=1, dtype=np.int64)


def _looking_back(composition: Composition) -> list[npt.NDArray[np.integer]]:
    bar = composition.setting.steps_per_bar
    nothing = np.full(composition.batch_size, NOTHING, np.int8)
    earlier = [composition.position - lag for lag in (-(-bar // 2), bar)]
    extremes = composition.memory(UniqueExtremes)
    highest = np.where(extremes.highest, extremes.highest, nothing)
    return [*(composition.tokens[step] if step >= 0 else nothing for step in earlier), highest, extremes.lowest]
