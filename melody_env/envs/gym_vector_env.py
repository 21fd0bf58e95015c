"""The Gymnasium vector environment: B pieces at a time.

Shapes: B pieces, T steps.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from melody_env.envs.engine import FinishedPieces, MelodyEngine
from melody_env.envs.gym_env import (
    RENDER_MODES,
    STEPS_PER_SECOND,
    Frame,
    check_render_mode,
    frames_per_second,
    render_pieces,
)
from melody_env.envs.specification import EnvironmentArguments, EnvironmentSpec
from melody_env.setting import Flags
from note_rnn.common.errors import InputError, check_count

Observations = npt.NDArray[np.int64]


class MelodyCompositionVectorEnv(VectorEnv[Observations, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """`num_envs` pieces composed in lockstep, with the arguments of `MelodyCompositionEnv`.

    Seeded with s, row i equals a `MelodyCompositionEnv` seeded with s + i. Pieces are reset in the step in which they
    end (`AutoresetMode.SAME_STEP`): the observation is the first of the new piece, and `infos` have `final_obs` and
    `final_info`, as in Gymnasium's own vector environments. `engine.finished` has the same results without nesting.
    """

    metadata = {  # noqa: RUF012
        "render_modes": list(RENDER_MODES),
        "render_fps": STEPS_PER_SECOND,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, num_envs: int = 1, *, render_mode: str | None = None, **arguments: Unpack[EnvironmentArguments]):
        self.render_mode = check_render_mode(render_mode)
        self.engine = MelodyEngine(num_envs, EnvironmentSpec.of(**arguments))
        self.num_envs = num_envs
        self.single_observation_space = self.engine.observation_space
        self.single_action_space = self.engine.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.setting = self.engine.setting
        self.metadata = {**self.metadata, "render_fps": frames_per_second(self.setting)}

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start `num_envs` new pieces; row i is seeded with `seed + i` or `seed[i]`.

        Raises InputError for a wrong number of seeds, an invalid one, and a `reset_mask` in `options`.
        """
        if options and "reset_mask" in options:
            raise InputError("The pieces are composed in lockstep: they cannot be reset separately by reset_mask.")
        if seed is not None:
            seeds: list[Any] = list(seed) if isinstance(seed, Iterable) else self._consecutive(seed)
            if len(seeds) != self.num_envs:
                raise InputError(f"Expected {self.num_envs} seeds, one for each piece, got {len(seeds)}.")
            self.engine.seed(seeds)
        self.engine.reset()
        return self.engine.observations(), {}

    def _consecutive(self, seed: int) -> list[int]:
        first = int(check_count("seed", seed, minimum=0))
        return [first + i for i in range(self.num_envs)]

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Observations, npt.NDArray[np.float32], Flags, Flags, dict[str, Any]]:
        """Append `actions` [B] to the pieces; raises VocabularyError for an invalid token."""
        rewards, finished = self.engine.step(actions)
        infos = {}
        if finished:
            infos = _final_infos(self.engine.observations(), finished)
            self.engine.reset()
        terminated = np.full(self.num_envs, finished is not None)
        return self.engine.observations(), rewards, terminated, np.zeros_like(terminated), infos

    def action_masks(self) -> Flags:
        """Return which of the 38 tokens are allowed next [B, 38]."""
        return self.engine.action_masks()

    def render(self) -> tuple[Frame, ...] | None:
        """Return each piece so far, as in `MelodyCompositionEnv.render`."""
        return None if self.render_mode is None else tuple(render_pieces(self.engine, self.render_mode))


def _final_infos(observations: Observations, finished: FinishedPieces) -> dict[str, Any]:
    """Return the result of `VectorEnv._add_info` for the last steps of all pieces, without a loop over them."""
    size = len(observations)
    final_obs = np.empty(size, dtype=object)
    final_obs[:] = list(observations)
    info = {
        "melody": finished.melodies.copy(),
        "rules": _with_masks(finished.rules, size),
        "music_theory": finished.music_theory,
        "log_prob": finished.log_prob,
    }
    for name, values in (("form", finished.forms), ("chords", finished.chords)):
        if values:
            info[name] = np.array(values, dtype=object)
    return _with_masks({"final_obs": final_obs, "final_info": _with_masks(info, size)}, size)


def _with_masks(info: dict[str, Any], size: int) -> dict[str, Any]:
    """Return `info` with a mask [B] `_key` for each key, of the pieces that have it: all of them."""
    return info | {f"_{key}": np.ones(size, np.bool_) for key in info}
