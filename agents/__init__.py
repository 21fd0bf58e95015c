"""What learns to compose: the recurrent Q-network, its replay of whole episodes, and what is measured of it."""

from agents.episode_buffer import EpisodeBuffer
from agents.policies import MlpLstmPolicy
from agents.recurrent_dqn import RecurrentDQN

__all__ = ["EpisodeBuffer", "MlpLstmPolicy", "RecurrentDQN"]
