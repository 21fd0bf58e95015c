from .baselines import BASELINES, baseline, linear_schedule
from .ppo_kl import PPOKL
from .recurrent_dqn import RecurrentDQN

__all__ = ["BASELINES", "PPOKL", "RecurrentDQN", "baseline", "linear_schedule"]
