from .envs.engine import FinishedPieces, MelodyEngine
from .envs.gym_env import MelodyCompositionEnv
from .envs.gym_vector_env import MelodyCompositionVectorEnv
from .envs.sb3_vec_env import MelodyVecEnv
from .envs.specification import EnvironmentSpec
from .measures.discriminator import discriminator_auc
from .measures.diversity import largest_bar_share, mean_hamming_distance
from .measures.human_reference import HumanReference
from .measures.statistics import MelodyStatistics, melody_statistics
from .pictures import melody_text, piano_roll_figure, piano_roll_image
from .reward.composition import Composition
from .reward.plugins import Melody, RuleError, mask, rule
from .reward.profile import NamedMask, ProfileError, RewardProfile, WeightedRule
from .reward.profile_yaml import load_profile, profile_path
from .reward.scoring import MelodyScores, score_melodies
from .setting import MODES, Setting, SettingError, SettingOptions

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
