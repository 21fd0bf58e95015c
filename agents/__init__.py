"""Agents that learn to compose: algorithms, training, composing, evaluation and reports."""

from agents.algorithms.episode_buffer import EpisodeBatch, EpisodeBuffer
from agents.algorithms.policies import RecurrentDQNPolicy, RecurrentPolicy
from agents.algorithms.ppo_kl import PPOKL
from agents.algorithms.recurrent_dqn import RecurrentDQN
from agents.algorithms.saved_policies import SavedPolicy
from agents.composing.composers import load_composer
from agents.composing.melodies import compose
from agents.composing.pieces import Pieces, compose_pieces
from agents.runs.run_directory import RunDirectory, RunError

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
    "SavedPolicy",
    "compose",
    "compose_pieces",
    "load_composer",
]
