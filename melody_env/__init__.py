"""What melodies are worth: rules of music theory, reward profiles, statistics, and the environment to compose in."""

from melody_env.profile import ProfileError, RewardProfile, WeightedRule, load_profile
from melody_env.scoring import MelodyScores, score_melodies
from melody_env.statistics import MelodyStatistics, melody_statistics

__all__ = [
    "MelodyScores",
    "MelodyStatistics",
    "ProfileError",
    "RewardProfile",
    "WeightedRule",
    "load_profile",
    "melody_statistics",
    "score_melodies",
]
