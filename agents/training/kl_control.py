"""KL control by dual ascent: c adapted to hold a KL budget or an entropy floor; and c annealed on a schedule.

c divides the rules' reward, so it is the price of a nat of KL in units of r_MT. Shapes: N environments.
"""

from math import exp
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from agents.runs.config import TrainConfig
from melody_env import RewardProfile

_MIN_C, _MAX_C = 0.01, 100.0


class _CCallback(BaseCallback):
    """Access to c of the environment, with logging."""

    def c(self) -> float:
        """Return the current c."""
        return self.training_env.get_attr("c")[0]

    def set_c(self, c: float) -> None:
        """Set c, and log it."""
        self.training_env.set_attr("c", c)
        self.logger.record("train/c", c)

    def _on_step(self) -> bool:
        return True


class AnnealCallback(_CCallback):
    """Geometric annealing of c from `first` to `last` over the first `fraction` of the training."""

    def __init__(self, first: float, last: float, fraction: float):
        super().__init__()
        self.first = first
        self.ratio = last / first
        self.fraction = fraction

    def _on_rollout_start(self) -> None:
        progress = 1 - self.model._current_progress_remaining
        self.set_c(self.first * self.ratio ** min(progress / self.fraction, 1))


class _DualAscentCallback(_CCallback):
    """Dual ascent: after each rollout a step on log c, by log policy and log p of the pieces that ended in it.

    The algorithm reports `log_policy` [N] of its actions, the environment a piece's log p in its last info. The sums
    over pieces in progress are stored on the model, so that they are saved and restored with it.
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
            self.adapt(float(np.mean(self._log_policy)), float(np.mean(self._log_prior)))
            self._log_policy.clear()
            self._log_prior.clear()

    def step(self, size: float, minimum: float) -> None:
        """Add `size`, clipped to 1/4 either way, to log c; keep c between `minimum` and 100."""
        self.set_c(float(np.clip(self.c() * exp(np.clip(size, -0.25, 0.25)), minimum, _MAX_C)))

    def adapt(self, log_policy: float, log_prior: float) -> None:
        """Adapt c, given the means over pieces of log policy and log p, in nats."""
        raise NotImplementedError


class KLBudgetCallback(_DualAscentCallback):
    """KL control by dual ascent on log c: hold a piece's KL from the Note RNN at `budget` nats.

    A KL below the budget lowers c, so that the rules count more. `rate` is the step for a KL that is off by the whole
    budget.
    """

    def __init__(self, budget: float, rate: float = 0.1):
        super().__init__()
        self.budget = budget
        self.rate = rate

    def adapt(self, log_policy: float, log_prior: float) -> None:
        """Raise c if KL is above the budget, else lower it."""
        kl = log_policy - log_prior
        self.logger.record("train/kl", kl)
        self.step(self.rate * (kl / self.budget - 1), minimum=_MIN_C)


class EntropyFloorCallback(_DualAscentCallback):
    """Entropy control by dual ascent on log c: raise c while the policy's entropy per step is below `floor` nats.

    It never lowers c below `c`. `length` is that of a piece in steps; `rate` is the step for an entropy of 0.
    """

    def __init__(self, floor: float, c: float, length: int, rate: float = 0.1):
        super().__init__()
        self.floor = floor
        self.minimum = c
        self.length = length
        self.rate = rate

    def adapt(self, log_policy: float, log_prior: float) -> None:
        """Raise c if entropy is below the floor, else lower it towards its minimum."""
        entropy = -log_policy / self.length
        self.logger.record("train/entropy", entropy)
        self.step(self.rate * (1 - entropy / self.floor), minimum=self.minimum)


def kl_control_callbacks(config: TrainConfig[Any], profile: RewardProfile) -> list[BaseCallback]:
    """Return the callbacks that change c of the `profile` in training, as configured; none for a constant c."""
    if config.kl_budget is not None:
        return [KLBudgetCallback(config.kl_budget)]
    if config.entropy_floor is not None:
        return [EntropyFloorCallback(config.entropy_floor, profile.c, profile.setting.steps)]
    if config.final_c is not None:
        return [AnnealCallback(profile.c, config.final_c, config.c_fraction)]
    return []
