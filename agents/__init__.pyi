from .algorithms.dpo import DPO, PreferencePairs
from .algorithms.episode_buffer import EpisodeBatch, EpisodeBuffer
from .algorithms.policies import RecurrentDQNPolicy, RecurrentPolicy
from .algorithms.ppo_kl import PPOKL
from .algorithms.recurrent_dqn import RecurrentDQN
from .algorithms.saved_policies import SavedPolicy
from .composing.composers import load_composer
from .composing.live_player import LivePlayer, load
from .composing.melodies import compose, infill, vary
from .composing.pieces import Pieces, compose_pieces
from .runs.run_directory import RunDirectory, RunError

__all__ = [
    "DPO",
    "PPOKL",
    "EpisodeBatch",
    "EpisodeBuffer",
    "LivePlayer",
    "Pieces",
    "PreferencePairs",
    "RecurrentDQN",
    "RecurrentDQNPolicy",
    "RecurrentPolicy",
    "RunDirectory",
    "RunError",
    "SavedPolicy",
    "compose",
    "compose_pieces",
    "infill",
    "load",
    "load_composer",
    "vary",
]
