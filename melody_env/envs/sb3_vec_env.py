"""The Stable-Baselines3 vector environment: B pieces at a time.

Shapes: B pieces, T steps.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Unpack

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from melody_env.envs.engine import FinishedPieces, MelodyEngine
from melody_env.envs.gym_env import RENDER_MODES, check_render_mode, frames_per_second, render_pieces
from melody_env.envs.specification import EnvironmentArguments, EnvironmentSpec
from melody_env.setting import Flags, Setting
from note_rnn.common.errors import check_seed


class MelodyVecEnv(VecEnv):
    """`num_envs` pieces composed in lockstep, with the arguments of `MelodyCompositionEnv`.

    The `info` of the last step of a piece has the keys of `MelodyCompositionEnv`, `terminal_observation`, and `episode`
    as from `Monitor` and `VecMonitor`, so that SB3 logs returns without a wrapper. All pieces share one engine and the
    attributes of this object.
    """

    def __init__(self, num_envs: int = 1, *, render_mode: str | None = None, **arguments: Unpack[EnvironmentArguments]):
        self.render_mode = check_render_mode(render_mode)
        self.engine = MelodyEngine(num_envs, EnvironmentSpec.of(**arguments))
        super().__init__(num_envs, self.engine.observation_space, self.engine.action_space)
        fps: Any = frames_per_second(self.engine.setting)
        self.metadata = {"render_modes": list(RENDER_MODES), "render_fps": fps}
        self._started = time.time()
        self._actions: npt.NDArray[Any] = np.zeros(0, np.int64)

    @property
    def prior_log_probs(self) -> npt.NDArray[np.float32]:
        """The Note RNN's log p [B, A] of every possible next token."""
        return self.engine.prior_log_probs

    @property
    def forbids(self) -> bool:
        """Whether any token can be forbidden."""
        return self.engine.forbids

    def action_masks(self) -> Flags:
        """Return which of the 38 tokens are allowed next [B, 38]; `env_method` returns one row per piece."""
        return self.engine.action_masks()

    @property
    def setting(self) -> Setting:
        """Key, mode, meter, length, range and tempo."""
        return self.engine.setting

    @property
    def c(self) -> float:
        """The divisor of the rules' reward; it can be changed between steps."""
        return self.engine.profile.c

    @c.setter
    def c(self, value: float) -> None:
        self.engine.profile = replace(self.engine.profile, c=value)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed piece i of the next reset with `seed` + i; raises InputError for an invalid seed."""
        return super().seed(None if seed is None else int(check_seed("seed", seed)))

    def reset(self) -> npt.NDArray[np.int64]:
        """Start B new pieces, seeded by the last call of `seed`; return the observations."""
        self.engine.seed(self._seeds)
        self.engine.reset()
        self.reset_infos = [{} for _ in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return self.engine.observations()

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Store `actions` [B] for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], Flags, list[dict[str, Any]]]:
        """Append the actions to the pieces; raises VocabularyError for an invalid token."""
        rewards, finished = self.engine.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if finished:
            infos = self._final_infos(finished)
            self.engine.reset()
            self.reset_infos = [{} for _ in range(self.num_envs)]
        return self.engine.observations(), rewards, np.full(self.num_envs, finished is not None), infos

    def _final_infos(self, finished: FinishedPieces) -> list[dict[str, Any]]:
        elapsed = round(time.time() - self._started, 6)
        infos = finished.infos()
        for info, observation, total in zip(infos, self.engine.observations(), finished.returns.tolist(), strict=True):
            info["terminal_observation"] = observation
            info["TimeLimit.truncated"] = False
            info["episode"] = {"r": total, "l": self.engine.length, "t": elapsed}
        return infos

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """Return each piece so far as an image."""
        return [np.asarray(image) for image in render_pieces(self.engine, "rgb_array")]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return this object's attribute, once for each piece of `indices`."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set this object's attribute; raises ValueError unless `indices` are all pieces."""
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"All pieces share {attr_name!r}: set it for all of them.")
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Return the result of "render" or "action_masks" for each piece of `indices`.

        Raises AttributeError for any other method.
        """
        if method_name not in ("render", "action_masks"):
            raise AttributeError(f"A piece of MelodyVecEnv has no method {method_name!r}.")
        if method_name == "action_masks":
            results: Sequence[Any] = list(self.action_masks())
        else:
            results = render_pieces(self.engine, self.render_mode or "ansi")
        return [results[index] for index in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Return False for each piece of `indices`: pieces have no wrappers."""
        return [False for _ in self._get_indices(indices)]
