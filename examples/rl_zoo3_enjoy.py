"""Agents trained by rl_zoo3_train.py, played back by RL Baselines3 Zoo.

python examples/rl_zoo3_enjoy.py --algo recurrent_dqn --env CartPoleNoVel-v1 --folder logs

With --no-render it only reports the returns; rendering needs pygame: pip install "gymnasium[classic-control]"
"""

import rl_zoo3_train  # noqa: F401 (registers RecurrentDQN)
from rl_zoo3.enjoy import enjoy

if __name__ == "__main__":
    enjoy()
