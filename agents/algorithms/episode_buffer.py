"""Replay buffer of whole episodes: recurrent networks are unrolled from the zero state, never from a stale one.

Shapes: T steps (of the longest episode in a batch), B episodes, N environments.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor


class EpisodeBatch(NamedTuple):
    """B whole episodes, time-major, padded with copies of their last step, where `mask` is 0."""

    observations: Tensor
    """[T + 1, B, ...]: the observation before each action, then the one after the last."""
    actions: Tensor
    """[T, B], integers."""
    rewards: Tensor
    """[T, B]."""
    terminated: Tensor
    """[T, B], 1 where the episode reached a terminal state (a time limit is not one), else 0."""
    mask: Tensor
    """[T, B], 1 in the episode, 0 in the padding."""
    log_policy: Tensor
    """[T, B], log policy(a|s) of the behaviour policy."""
    log_base: Tensor
    """[T + 1, B, A], what the policy adds to the scores at each observation (the last step's twice); or 0."""
    log_prior: Tensor
    """[T, B, A], the prior's log p of every action; or 0."""
    kl_cost: Tensor
    """[T, B], what KL from the prior is expected to cost at each step; or 0."""


class EpisodeBuffer(ReplayBuffer):
    """SB3's ring buffer of transitions with an index of the whole episodes in it, from which `sample_episodes` draws.

    The N environments may have episodes of any length; one longer than the ring (`buffer_size` / N steps) is never
    sampled.
    """

    log_prior: npt.NDArray[np.float32] | None = None
    kl_cost: npt.NDArray[np.float32] | None = None

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
    ):
        if optimize_memory_usage:
            raise ValueError(
                "EpisodeBuffer stores the last observation of each episode: optimize_memory_usage must be False."
            )
        if isinstance(observation_space, spaces.Dict):
            raise ValueError("EpisodeBuffer cannot hold Dict observations: wrap the environment in FlattenObservation.")
        super().__init__(buffer_size, observation_space, action_space, device, n_envs)
        self.log_policy = np.zeros((self.buffer_size, n_envs), dtype=np.float32)
        self.log_base: npt.NDArray[np.float32] | None = None
        self.reset()

    def reset(self) -> None:
        """Empty the buffer."""
        super().reset()
        self._steps = 0
        self._open_since = np.zeros(self.n_envs, dtype=np.int64)
        self._episodes = np.zeros((0, 3), dtype=np.int64)  # environment, first step since the reset, length

    @property
    def num_episodes(self) -> int:
        """Number of episodes that can be sampled."""
        return len(self._episodes)

    def store_policy(
        self, log_policy: npt.NDArray[np.float32], log_base: npt.NDArray[np.float32] | None = None
    ) -> None:
        """Store `log_policy` [N] and, if any, `log_base` [N, A] of the transitions that are added next."""
        self.log_policy[self.pos] = log_policy
        if log_base is not None:
            if self.log_base is None:
                self.log_base = np.zeros((self.buffer_size, *log_base.shape), dtype=np.float32)
            self.log_base[self.pos] = log_base

    def store_prior(self, log_prior: npt.NDArray[np.float32], kl_cost: npt.NDArray[np.float32]) -> None:
        """Store `log_prior` [N, A] and `kl_cost` [N] of the transitions that are added next."""
        if self.log_prior is None or self.kl_cost is None:
            self.log_prior = np.zeros((self.buffer_size, *log_prior.shape), dtype=np.float32)
            self.kl_cost = np.zeros((self.buffer_size, *kl_cost.shape), dtype=np.float32)
        self.log_prior[self.pos], self.kl_cost[self.pos] = log_prior, kl_cost

    def add(
        self,
        obs: npt.NDArray[Any],
        next_obs: npt.NDArray[Any],
        action: npt.NDArray[Any],
        reward: npt.NDArray[Any],
        done: npt.NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """Store one transition of each environment; arguments [N, ...] as in SB3's ReplayBuffer."""
        super().add(obs, next_obs, action, reward, done, infos)
        self._steps += 1
        ended = np.flatnonzero(done)
        if ended.size:
            first = self._open_since[ended]
            closed = np.stack([ended, first, self._steps - first], axis=1)
            self._episodes = np.concatenate([self._episodes, closed])
            self._open_since[ended] = self._steps
        overwritten = self._episodes[:, 1] < self._steps - self.buffer_size
        if overwritten.any():
            self._episodes = self._episodes[~overwritten]

    def abandon_open_episodes(self) -> None:
        """Drop the episodes in progress, for environments that are reset from outside."""
        self._open_since[:] = self._steps

    def sample_episodes(
        self, batch_size: int, rng: np.random.Generator, env: VecNormalize | None = None
    ) -> EpisodeBatch:
        """Return `batch_size` episodes drawn uniformly with replacement; raises ValueError if none has ended yet."""
        if not self.num_episodes:
            raise ValueError("No episode has ended yet: collect at least one before sampling.")
        return self._batch(self._episodes[rng.integers(self.num_episodes, size=batch_size)], env)

    def take_all(self) -> EpisodeBatch:
        """Return all episodes that have ended, and remove them; raises ValueError if there is none."""
        if not self.num_episodes:
            raise ValueError("No episode has ended yet: collect at least one before taking it.")
        episodes, self._episodes = self._episodes, self._episodes[:0]
        return self._batch(episodes, None)

    def _batch(self, episodes: npt.NDArray[np.int64], env: VecNormalize | None) -> EpisodeBatch:
        """Return the `episodes` [B, 3] of the index, normalized by `env` if there is one."""
        environment, first, length = episodes.T
        step = np.arange(length.max() + 1)[:, None]
        row = (first + np.minimum(step, length - 1)) % self.buffer_size
        place = row * self.n_envs + environment
        observations = _take(self.observations, place)
        observations[length, np.arange(len(episodes))] = _take(self.next_observations, place[-1])
        if isinstance(self.observation_space, spaces.Discrete):
            observations = observations.squeeze(-1)
        observations = self._normalize_obs(observations, env)  # type: ignore[assignment]
        assert isinstance(observations, np.ndarray)
        log_base = _take_if_any(self.log_base, place)
        place, mask = place[:-1], (step < length)[:-1]
        terminated = _take(self.dones, place) * (1 - _take(self.timeouts, place))
        return EpisodeBatch(
            observations=self.to_torch(observations, copy=False),
            actions=self.to_torch(_take(self.actions, place)[..., 0], copy=False).long(),
            rewards=self.to_torch(self._normalize_reward(_take(self.rewards, place), env), copy=False),
            terminated=self.to_torch(terminated, copy=False),
            mask=self.to_torch(mask.astype(np.float32), copy=False),
            log_policy=self.to_torch(_take(self.log_policy, place), copy=False),
            log_base=self.to_torch(log_base, copy=False),
            log_prior=self.to_torch(_take_if_any(self.log_prior, place), copy=False),
            kl_cost=self.to_torch(_take_if_any(self.kl_cost, place), copy=False),
        )


def _take(array: npt.NDArray[Any], place: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return a copy of the entries [T, B, ...] of `array` [steps, N, ...] at `place` [T, B], that is step * N + n."""
    return array.reshape(-1, *array.shape[2:]).take(place, axis=0)


def _take_if_any(array: npt.NDArray[Any] | None, place: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return the entries of `array` at `place`, 0 if there is none."""
    return np.zeros((), np.float32) if array is None else _take(array, place)
