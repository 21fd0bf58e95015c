"""Stable-Baselines3's PPO and DQN in the environment, unmodified and without recurrence.

python examples/plain_sb3.py --timesteps 20000
"""

import argparse

import gymnasium as gym
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

import melody_env


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--timesteps", type=int, default=20_000, help="environment steps of each algorithm")
    parser.add_argument("--episodes", type=int, default=256, help="pieces that each mean reward is taken over")
    arguments = parser.parse_args()
    timesteps, episodes = arguments.timesteps, arguments.episodes
    torch.set_num_threads(1)
    vector = melody_env.MelodyVecEnv(num_envs=8)
    models: dict[str, BaseAlgorithm] = {
        "PPO, 8 pieces at a time": PPO("MlpPolicy", vector, n_steps=256, seed=0, device="cpu"),
        "DQN, one piece": DQN("MlpPolicy", gym.make("MelodyComposition-v0"), seed=0, device="cpu"),
    }
    evaluation = VecMonitor(melody_env.MelodyVecEnv(num_envs=64))
    for name, model in models.items():
        before, _ = evaluate_policy(model, evaluation, n_eval_episodes=episodes, deterministic=False)
        model.learn(timesteps)
        after, _ = evaluate_policy(model, evaluation, n_eval_episodes=episodes, deterministic=False)
        print(f"{name}: mean reward per piece {before:.0f} before, {after:.0f} after {timesteps:,} steps")


if __name__ == "__main__":
    main()
