"""Training against an adversary: the environment whose reward learns along, and its curves.

Shapes: B melodies.
"""

from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from agents.runs.config import TrainConfig
from melody_env import EnvironmentSpec, MelodyVecEnv
from melody_env.adversary.adversary import Adversary
from melody_env.adversary.vec_env import AdversarialVecEnv
from melody_env.measures.populations import training_melodies
from note_rnn import InputError
from note_rnn.corpus import tune_books_command


def training_env(config: TrainConfig[Any], environment: EnvironmentSpec) -> VecEnv:
    """Return the vector environment of a training, with an adversary if the reward profile has one.

    Raises InputError for an adversary without human tunes to compare with.
    """
    env = MelodyVecEnv(config.n_envs, **environment.arguments)
    weights = environment.profile.adversary
    if not weights:
        return env
    human = training_melodies(environment.setting)
    if human is None:
        raise InputError(
            f"--reward {config.reward} compares the agent's pieces with human tunes, which are not here yet: "
            f"{tune_books_command()}"
        )
    adversary = Adversary(weights, human, environment.setting, config.seed)
    return AdversarialVecEnv(env, adversary, config.agent.gamma)


class AdversaryCallback(BaseCallback):
    """Log the mean log-odds of "human" by each discriminator, of all pieces that have ended in a rollout."""

    def _on_training_start(self) -> None:
        self._log_odds: dict[str, list[float]] = {}

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            for name, value in info.get("adversary", {}).items():
                self._log_odds.setdefault(name, []).append(value)
        return True

    def _on_rollout_end(self) -> None:
        for name, values in self._log_odds.items():
            self.logger.record(f"adversary/{name}", float(np.mean(values)))
        self._log_odds.clear()
