from .baselines import BASELINES, baseline, linear_schedule
from .dpo import DPO, PreferencePairs
from .ppo_kl import PPOKL
from .recurrent_dqn import RecurrentDQN

__all__ = ["BASELINES", "DPO", "PPOKL", "PreferencePairs", "RecurrentDQN", "baseline", "linear_schedule"]
