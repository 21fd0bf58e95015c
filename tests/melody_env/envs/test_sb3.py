"""Plain Stable-Baselines3 algorithms learn in the environment without special treatment."""

import gymnasium as gym
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

from melody_env import MelodyVecEnv


@pytest.mark.parametrize("observation", ["position", "token", "lookback"])
@pytest.mark.parametrize("make", ["gym.make", "MelodyVecEnv"])
def test_ppo_and_dqn_learn(prior, observation, make):
    def environment():
        keywords = {"prior": prior, "observation": observation, "length": 8}
        return gym.make("MelodyComposition-v0", **keywords) if make == "gym.make" else MelodyVecEnv(4, **keywords)

    ppo = PPO("MlpPolicy", environment(), n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu").learn(256)
    dqn = DQN("MlpPolicy", environment(), learning_starts=64, train_freq=8, seed=0, device="cpu").learn(256)
    for model in (ppo, dqn):
        assert len(model.ep_info_buffer) == 32
        assert all(episode["l"] == 8 for episode in model.ep_info_buffer)
        evaluation = VecMonitor(MelodyVecEnv(4, prior=prior, observation=observation, length=8))
        _, lengths = evaluate_policy(model, evaluation, 8, return_episode_rewards=True)
        assert lengths == [8] * 8
