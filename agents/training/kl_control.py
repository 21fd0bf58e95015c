"""What c becomes while learning: on a schedule, or held so that the policy stays within a budget.

c divides the rules' reward, so it is what a nat of KL costs in rules. Shapes: N environments.
"""

from math import exp
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from agents.runs.config import TrainConfig
from melody_env import RewardProfile

_SMALLEST, _LARGEST = 0.01, 100.0


class _ControlCallback(BaseCallback):
    """Sets c of the environment, and logs it."""

    def c(self) -> float:
        """Return what it is now."""
        return self.training_env.get_attr("c")[0]

    def set_c(self, c: float) -> None:
        """Set it."""
        self.training_env.set_attr("c", c)
        self.logger.record("train/c", c)

    def _on_step(self) -> bool:
        return True


class AnnealCallback(_ControlCallback):
    """Let c go from `first` to `last` in equal ratios over the first `fraction` of the training."""

    def __init__(self, first: float, last: float, fraction: float):
        super().__init__()
        self.first = first
        self.ratio = last / first
        self.fraction = fraction

    def _on_rollout_start(self) -> None:
        progress = 1 - self.model._current_progress_remaining
        self.set_c(self.first * self.ratio ** min(progress / self.fraction, 1))


class _DualCallback(_ControlCallback):
    """Measures the policy that acts on the pieces that a rollout ends, and takes a step on log c after it.

    The algorithm reports `log_policy` [N] of its actions, the environment a piece's log p in its last info. The sums
    over pieces in progress stand on the model, so that they are saved and restored with it.
    """

    def _on_training_start(self) -> None:
        model: Any = self.model
        so_far = getattr(model, "log_policy_so_far", np.zeros(self.training_env.num_envs))
        self._so_far = model.log_policy_so_far = np.where(model._last_episode_starts, 0.0, so_far)
        self._log_policy: list[float] = []
        self._log_prior: list[float] = []

    def _on_step(self) -> bool:
        self._so_far += self.model.log_policy  # type: ignore[attr-defined]
        for env in np.flatnonzero(self.locals["dones"]):
            self._log_policy.append(self._so_far[env])
            self._log_prior.append(self.locals["infos"][env]["log_prob"])
            self._so_far[env] = 0.0
        return True

    def _on_rollout_end(self) -> None:
        if self._log_policy:
            self.control(float(np.mean(self._log_policy)), float(np.mean(self._log_prior)))
            self._log_policy.clear()
            self._log_prior.clear()

    def step(self, size: float, at_least: float) -> None:
        """Add `size`, 1/4 at the most, to log c, within bounds."""
        self.set_c(float(np.clip(self.c() * exp(np.clip(size, -0.25, 0.25)), at_least, _LARGEST)))

    def control(self, log_policy: float, log_prior: float) -> None:
        """Adapt c, given means over pieces of the log-likelihoods, in nats."""
        raise NotImplementedError


class KLBudgetCallback(_DualCallback):
    """Adapt c so that a piece's KL from the Note RNN is `budget` nats: dual ascent on log c.

    Less than the budget lets the rules count more. `rate` is the step for a KL that is off by the whole budget.
    """

    def __init__(self, budget: float, rate: float = 0.1):
        super().__init__()
        self.budget = budget
        self.rate = rate

    def control(self, log_policy: float, log_prior: float) -> None:
        """Take a step towards the budget."""
        kl = log_policy - log_prior
        self.logger.record("train/kl", kl)
        self.step(self.rate * (kl / self.budget - 1), at_least=_SMALLEST)


class EntropyFloorCallback(_DualCallback):
    """Raise c, above the `c` that is wanted, as long as the policy's entropy per step is below `floor` nats.

    `length` is that of a piece in steps; `rate` is the step for an entropy of 0.
    """

    def __init__(self, floor: float, c: float, length: int, rate: float = 0.1):
        super().__init__()
        self.floor = floor
        self.wanted = c
        self.length = length
        self.rate = rate

    def control(self, log_policy: float, log_prior: float) -> None:
        """Take a step towards the floor, or back to where c was."""
        entropy = -log_policy / self.length
        self.logger.record("train/entropy", entropy)
        self.step(self.rate * (1 - entropy / self.floor), at_least=self.wanted)


def controls(config: TrainConfig[Any], profile: RewardProfile) -> list[BaseCallback]:
    """Return the callbacks that set c of the `profile` as `config` says; none where c stays as it is."""
    if config.kl_budget is not None:
        return [KLBudgetCallback(config.kl_budget)]
    if config.entropy_floor is not None:
        return [EntropyFloorCallback(config.entropy_floor, profile.c, profile.setting.steps)]
    if config.final_c is not None:
        return [AnnealCallback(profile.c, config.final_c, config.c_fraction)]
    return []
