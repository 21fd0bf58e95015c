"""Rewards for melodies: rules of music theory, reward profiles, statistics, and the environment."""

from gymnasium.envs.registration import register

from melody_env.envs.engine import FinishedPieces, MelodyEngine
from melody_env.envs.gym_env import MelodyCompositionEnv
from melody_env.envs.gym_vector_env import MelodyCompositionVectorEnv
from melody_env.envs.sb3_vec_env import MelodyVecEnv
from melody_env.envs.specification import EnvironmentSpec
from melody_env.measures.copying import longest_shared_runs
from melody_env.measures.discriminator import discriminator_auc
from melody_env.measures.diversity import largest_bar_share, mean_hamming_distance
from melody_env.measures.human_reference import HumanReference
from melody_env.measures.statistics import MelodyStatistics, melody_statistics
from melody_env.pictures import melody_text, piano_roll_figure, piano_roll_image
from melody_env.reward.composition import Composition
from melody_env.reward.plugins import Melody, RuleError, mask, rule
from melody_env.reward.profile import NamedMask, ProfileError, RewardProfile, WeightedRule
from melody_env.reward.profile_yaml import load_profile, profile_path
from melody_env.reward.scoring import MelodyScores, score_melodies
from melody_env.setting import MODES, Setting, SettingError, SettingOptions

__all__ = [
    "MODES",
    "Composition",
    "EnvironmentSpec",
    "FinishedPieces",
    "HumanReference",
    "Melody",
    "MelodyCompositionEnv",
    "MelodyCompositionVectorEnv",
    "MelodyEngine",
    "MelodyScores",
    "MelodyStatistics",
    "MelodyVecEnv",
    "NamedMask",
    "ProfileError",
    "RewardProfile",
    "RuleError",
    "Setting",
    "SettingError",
    "SettingOptions",
    "WeightedRule",
    "discriminator_auc",
    "largest_bar_share",
    "load_profile",
    "longest_shared_runs",
    "mask",
    "mean_hamming_distance",
    "melody_statistics",
    "melody_text",
    "piano_roll_figure",
    "piano_roll_image",
    "profile_path",
    "rule",
    "score_melodies",
]

register(
    id="MelodyComposition-v0",
    entry_point="melody_env.envs.gym_env:MelodyCompositionEnv",
    vector_entry_point="melody_env.envs.gym_vector_env:MelodyCompositionVectorEnv",
)
