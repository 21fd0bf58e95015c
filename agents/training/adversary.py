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
    return AdversarialVecEnv(env, adversary)


class AdversaryCallback(BaseCallback):
    """Log the mean log-odds of "human" by each discriminator, of the pieces that ended last."""

    def _on_step(self) -> bool:
        log_odds = [info["adversary"] for info in self.locals["infos"] if "adversary" in info]
        for name in log_odds[0] if log_odds else ():
            self.logger.record(f"adversary/{name}", float(np.mean([each[name] for each in log_odds])))
        return True
