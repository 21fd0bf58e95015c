"""Watch what rl_zoo3_train.py has trained.

python examples/rl_zoo3_enjoy.py --algo recurrent_dqn --env CartPoleNoVel-v1 --folder logs

With --no-render it only reports the returns; the window needs pygame: pip install "gymnasium[classic-control]"
"""

import rl_zoo3_train  # noqa: F401 (makes RecurrentDQN known)
from rl_zoo3.enjoy import enjoy

if __name__ == "__main__":
    enjoy()
