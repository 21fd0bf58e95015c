"""Vector environment for Stable-Baselines3 whose reward learns along with the agent.

An agent with a KL cost that is rewarded by the log-odds of human against its own melodies approaches the human
distribution (generative adversarial imitation: Ho & Ermon 2016, https://arxiv.org/abs/1606.03476). Each token is paid
what it changes in the log-odds of the beginning that it ends: if they were exact, that would be by how much likelier it
is in human tunes than in the agent's, and no agent would have to look ahead.

Shapes: B melodies, T steps.
"""

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from melody_env.adversary.adversary import Adversary
from melody_env.envs.sb3_vec_env import MelodyVecEnv
from melody_env.reward.composition import Floats


class AdversarialVecEnv(VecEnvWrapper):
    """A `MelodyVecEnv` whose melodies also earn their weighted log-odds of "human" by an `adversary`, divided by c.

    Those of beginnings are paid as the melody goes, each token what it changes. The `info` of a melody's last step has
    the log-odds, by discriminator, as "adversary".
    """

    venv: MelodyVecEnv

    def __init__(self, venv: MelodyVecEnv, adversary: Adversary):
        super().__init__(venv)
        self.adversary = adversary
        self._begin()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "class_attributes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.class_attributes = dict(inspect.getmembers(type(self)))  # SB3's, which cannot be pickled

    def reset(self) -> npt.NDArray[np.int64]:
        """Start B new melodies; return the observations."""
        self._begin()
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        """Append the actions to the melodies; the rewards include what the adversary pays."""
        observations, rewards, dones, infos = self.venv.step_wait()
        if dones.any():
            paid = self._pay_end(infos)
            self._begin()
        else:
            paid = self._pay()
        return observations, (rewards + paid).astype(np.float32), dones, infos

    def _begin(self) -> None:
        self._potential = np.zeros(self.num_envs)
        self._paid = np.zeros(self.num_envs)
        self.adversary.begin(self.num_envs)

    def _pay(self) -> Floats:
        """Return what is paid [B] for the newest tokens, none of them the last."""
        before, self._potential = self._potential, self.adversary.potential(self.venv.engine.last_tokens)
        return self._earned((self._potential - before) / self.venv.c)

    def _pay_end(self, infos: list[dict[str, Any]]) -> Floats:
        """Return what is paid [B] for the last tokens; add the log-odds, and all that was paid, to `infos`."""
        log_odds = self.adversary.judge(np.array([info["melody"] for info in infos]))
        total = sum(weight * log_odds[name] for name, weight in self.adversary.weights.items())
        paid = self._earned((total - self._potential) / self.venv.c)
        for row, info in enumerate(infos):
            info["adversary"] = {name: float(values[row]) for name, values in log_odds.items()}
            info["episode"]["r"] += float(self._paid[row])
        return paid

    def _earned(self, paid: Floats) -> Floats:
        self._paid += paid
        return paid
