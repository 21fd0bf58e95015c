"""What learns to compose: a Q-network and a policy gradient with memory, and what is measured of them."""

from agents.composing import Pieces, compose_pieces
from agents.episode_buffer import EpisodeBatch, EpisodeBuffer
from agents.melodies import compose
from agents.policies import RecurrentDQNPolicy, RecurrentPolicy
from agents.ppo_kl import PPOKL
from agents.recurrent_dqn import RecurrentDQN
from agents.run_directory import RunDirectory, RunError

__all__ = [
    "PPOKL",
    "EpisodeBatch",
    "EpisodeBuffer",
    "Pieces",
    "RecurrentDQN",
    "RecurrentDQNPolicy",
    "RecurrentPolicy",
    "RunDirectory",
    "RunError",
    "compose",
    "compose_pieces",
]
