"""Algorithms of Stable-Baselines3 and sb3-contrib, for comparison, and SB3's schedule."""

from typing import Any

from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from agents.algorithms.networks import Flatten

BASELINES: dict[str, type[BaseAlgorithm]] = {"ppo": PPO, "a2c": A2C, "dqn": DQN, "recurrent_ppo": RecurrentPPO}
"""Their classes, by the name of the algorithm."""


def baseline(algo: str, env: VecEnv, **arguments: Any) -> BaseAlgorithm:
    """Return an agent that learns `algo` in `env` from random weights; `arguments` are those of its class."""
    kind = BASELINES[algo]
    if kind is RecurrentPPO:
        return kind("MlpLstmPolicy", env, policy_kwargs={"features_extractor_class": Flatten}, **arguments)
    return kind("MlpPolicy", env, **arguments)


def linear_schedule(start: float, end: float) -> LinearSchedule:
    """Return the schedule of a learning rate that changes linearly over the whole training."""
    return LinearSchedule(start, end, 1)
