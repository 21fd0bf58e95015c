"""What melodies are worth: rules of music theory, reward profiles, statistics, and the environment to compose in."""

from gymnasium.envs.registration import register

from melody_env.diversity import largest_bar_share, mean_hamming_distance
from melody_env.engine import FinishedPieces, MelodyEngine, setting_of
from melody_env.env import MelodyCompositionEnv
from melody_env.pictures import melody_text, piano_roll_figure, piano_roll_image
from melody_env.profile import ProfileError, RewardProfile, WeightedRule, load_profile
from melody_env.scoring import MelodyScores, score_melodies
from melody_env.setting import MODES, Setting, SettingError, SettingOptions
from melody_env.statistics import MelodyStatistics, melody_statistics
from melody_env.vec_env import MelodyVecEnv
from melody_env.vector_env import MelodyCompositionVectorEnv

__all__ = [
    "MODES",
    "FinishedPieces",
    "MelodyCompositionEnv",
    "MelodyCompositionVectorEnv",
    "MelodyEngine",
    "MelodyScores",
    "MelodyStatistics",
    "MelodyVecEnv",
    "ProfileError",
    "RewardProfile",
    "Setting",
    "SettingError",
    "SettingOptions",
    "WeightedRule",
    "largest_bar_share",
    "load_profile",
    "mean_hamming_distance",
    "melody_statistics",
    "melody_text",
    "piano_roll_figure",
    "piano_roll_image",
    "score_melodies",
    "setting_of",
]

register(
    id="MelodyComposition-v0",
    entry_point="melody_env.env:MelodyCompositionEnv",
    vector_entry_point="melody_env.vector_env:MelodyCompositionVectorEnv",
)
