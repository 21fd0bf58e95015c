"""Training of RecurrentDQN by RL Baselines3 Zoo, with hyperparameters from a file.

pip install rl_zoo3
python examples/rl_zoo3_train.py --algo recurrent_dqn --env CartPoleNoVel-v1 \
    --conf-file examples/hyperparams/recurrent_dqn.yml --num-threads 1 --seed 0

For melodies: --env MelodyComposition-v0 --gym-packages melody_env.
"""

from rl_zoo3 import ALGOS
from rl_zoo3.train import train

from agents import RecurrentDQN

ALGOS["recurrent_dqn"] = RecurrentDQN

if __name__ == "__main__":
    train()
