"""Base class of SB3 algorithms that act with a recurrent policy.

Shapes: N environments, A actions.
"""

import json
import zipfile
from collections.abc import Container, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from io import BufferedIOBase
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.save_util import open_path
from stable_baselines3.common.type_aliases import MaybeCallback
from torch import Tensor, nn

from agents.algorithms.episode_buffer import EpisodeBuffer
from agents.algorithms.policies import Observation, RecurrentPolicy
from agents.algorithms.ranges import RENAMED
from melody_env import Setting
from note_rnn import CheckpointError, InputError, NoteRNN, State
from note_rnn.common.errors import reason


def prior_arguments(prior: NoteRNN | None, adds_log_p: bool, policy_kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Return `policy_kwargs`, completed by what a network needs that starts as `prior`: plain data, as SB3 saves it."""
    if prior is None:
        return policy_kwargs or {}
    size: dict[str, Any] = {"lstm_hidden_size": prior.widths, "n_lstm_layers": 1, "cell": prior.cell}
    if prior.lookback is not None:
        size |= {"lookback": asdict(prior.lookback), "meter": prior.bars.meter}
    if adds_log_p:
        size["prior_size"] = (prior.widths, 1, prior.cell)
    return {**size, **(policy_kwargs or {})}


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> None:
    """Scale the gradients of `parameters` so that their L2 norm is at most `max_norm`.

    `torch.nn.utils.clip_grad_norm_` in a quarter of its calls, which take longer than the sums of small networks.
    """
    gradients = [weights.grad for weights in parameters if weights.grad is not None]
    norm = float(torch.cat([gradient.flatten() for gradient in gradients]).norm())
    if norm > max_norm:
        torch._foreach_mul_(gradients, max_norm / (norm + 1e-6))


def _saved_names(path: str | Path | BufferedIOBase) -> Container[str]:
    """Return the names of the attributes in a saved agent; nothing in the file is executed. Raises CheckpointError."""
    try:
        opened: Any = nullcontext(path) if isinstance(path, BufferedIOBase) else open_path(path, "r", suffix="zip")
        with opened as file:
            with zipfile.ZipFile(file) as archive:
                names: Container[str] = json.loads(archive.read("data"))
            file.seek(0)  # where `load` begins to read a file that is open
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be loaded as an agent: {reason(error)}.") from error
    return names


class ActsWithMemory(BaseAlgorithm):
    """An SB3 algorithm that steps a `RecurrentPolicy` through its environments, and saves its recurrent state."""

    own_argument: ClassVar[str]
    """An argument that no other algorithm has, by which its saved agents are recognised."""
    policy: RecurrentPolicy
    max_grad_norm: float
    rng: np.random.Generator
    """Generator that the actions are drawn with."""
    log_policy: npt.NDArray[np.float32]
    """log policy(a|s) [N] of the latest actions."""
    masked = False
    """Whether the environment masks actions, by sb3-contrib's `action_masks()`."""
    setting: Setting | None = None
    """Musical setting (key, meter ...) of the environment it last trained in, if that has one."""
    _acting_state: State | None = None

    @property
    def episodes(self) -> EpisodeBuffer:
        """The buffer of episodes."""
        raise NotImplementedError

    @property
    def acting_policy(self) -> RecurrentPolicy:
        """The policy that the actions of the training are drawn from, and that learns."""
        return self.policy

    def _setup_learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        reset_num_timesteps: bool = True,
        tb_log_name: str = "run",
        progress_bar: bool = False,
    ) -> tuple[int, BaseCallback]:
        if reset_num_timesteps or self._last_obs is None:  # the environments will be reset
            self._abandon_open_episodes()
            self._acting_state = None
        if self.env is not None and self.env.has_attr("setting"):
            self.setting = self.env.get_attr("setting")[0]
        if self.env is not None:
            self.masked = is_masking_supported(self.env) and getattr(self.env.unwrapped, "forbids", True)
        return super()._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)

    def _abandon_open_episodes(self) -> None:
        """Drop the episodes in progress, which the environments will not end."""
        self.episodes.abandon_open_episodes()

    def _score(self) -> tuple[Tensor, Tensor]:
        """Return the policy's logits [N, A] for the last observations, and the log_base in them; advance the state."""
        observation = torch.as_tensor(self._last_obs, device=self.device)
        if self._acting_state is None:
            self._acting_state = self.acting_policy.zero_state(len(observation))
        state = tuple(part.to(self.device) for part in self._acting_state)
        start = torch.as_tensor(self._last_episode_starts, device=self.device)
        logits, log_base, self._acting_state = self.acting_policy.step(
            observation, state, start, self._shared_log_probs(), self._penalty()
        )
        return logits, log_base

    def _penalty(self) -> Tensor | None:
        """Return MASKED_LOGIT for masked actions, else 0, [N, A]; None if the environment masks none."""
        if not self.masked or self.env is None:
            return None
        return self.policy.penalty(get_action_masks(self.env))

    def _shared_log_probs(self) -> Tensor | None:
        """Return the prior's log p [N, A] if the policy needs it and the environment has evaluated it, else None."""
        return None if self.policy.prior is None else self._prior_log_probs()

    def _prior_log_probs(self) -> Tensor | None:
        """Return the log p [N, A] of the environment's Note RNN for what comes next, None if it has none."""
        log_probs = None if self.env is None else getattr(self.env.unwrapped, "prior_log_probs", None)
        return None if log_probs is None else torch.as_tensor(log_probs, device=self.device)

    def _descend(self, loss: Tensor) -> float:
        """Take one optimizer step along the clipped gradient of `loss`; return the loss."""
        policy = self.acting_policy
        policy.optimizer.zero_grad()
        loss.backward()
        clip_gradients(policy.network.parameters(), self.max_grad_norm)
        policy.optimizer.step()
        return loss.item()

    def _log_updates(self, losses: Sequence[float]) -> None:
        """Count the updates, one for each of `losses`, and log the mean loss; raises InputError if it is not finite."""
        self._n_updates += len(losses)
        if not np.isfinite(losses).all():
            raise InputError(
                f"The training diverged: the loss is not a finite number after {self._n_updates:,} updates. Lower the "
                "learning rate, or what the rewards are worth."
            )
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(np.mean(losses)))

    def predict(
        self,
        observation: Observation,
        state: tuple[npt.NDArray[Any], ...] | None = None,
        episode_start: npt.NDArray[Any] | None = None,
        deterministic: bool = False,
        action_masks: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Return actions and the next state, as `RecurrentPolicy.predict` does."""
        return self.policy.predict(observation, state, episode_start, deterministic, action_masks)

    def save(
        self,
        path: str | Path | BufferedIOBase,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Save the agent as SB3 does, with its recurrent state in the episodes in progress.

        The file contains pickled objects, which are code: `load` executes it. `SavedPolicy` saves the weights alone.
        """
        if self._acting_state is not None:
            self._acting_state = tuple(part.cpu() for part in self._acting_state)  # so that it loads on any machine
        super().save(path, exclude, include)

    @classmethod
    def load(cls, path: str | Path | BufferedIOBase, *arguments: Any, **keywords: Any) -> Self:
        """Load an agent as SB3 does, also one of version 0.1; raises CheckpointError for anything else."""
        if cls.own_argument not in _saved_names(path):
            raise CheckpointError(f"{path} was not saved by {cls.__name__}: load it with the algorithm that did.")
        model = super().load(path, *arguments, **keywords)
        for old, new in RENAMED.items():
            if old in model.__dict__:
                setattr(model, new, model.__dict__.pop(old))
        return model

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []
