"""The original's other reward modes: rules that give what it gives, and the profiles that name them."""

from pathlib import Path

import numpy as np
import pytest

from melody_env import load_profile
from melody_env.reward.composition import Composition
from melody_env.reward.rules import REWARD_MODE_RULES, RULES

ORIGINAL_NAMES = {
    "scale": "reward_scale",
    "in_key": "reward_key_distribute_prob",
    "non_repeating": "reward_non_repeating",
}


@pytest.mark.parametrize("name", REWARD_MODE_RULES)
def test_rule_agrees_with_the_original_at_every_step(name):
    with np.load(Path(__file__).parent / "rl_tuner_simple_rewards.npz") as golden:
        tokens, primers = golden["tokens"], golden["primers"]
        expected = golden["rewards"][..., list(golden["names"]).index(ORIGINAL_NAMES[name])]
    expected = np.nan_to_num(expected)  # where the original gives None and crashes, there is no reward
    composition = Composition(*tokens.shape, priming_tokens=primers)
    for column, expected_of_step in zip(tokens.T, expected.T, strict=True):
        composition.append(column)
        np.testing.assert_allclose(REWARD_MODE_RULES[name](composition), expected_of_step, atol=1e-6)


FIRST_THREE = ("key", "tonic", "repetition")


@pytest.mark.parametrize(
    ("mode", "rules", "log_prior"),
    [
        ("key", ("in_key",), False),
        ("scale", ("scale",), False),
        ("key_and_tonic", ("key", "tonic"), False),
        ("non_repeating", ("non_repeating",), False),
        ("preferred_intervals", ("interval",), False),
        ("music_theory_random", FIRST_THREE, False),
        ("music_theory_basic", FIRST_THREE, True),
        ("music_theory_basic_plus_variety", (*FIRST_THREE, "autocorrelation"), True),
        ("music_theory_only", tuple(RULES), False),
        ("music_theory_all", tuple(RULES), True),
    ],
)
def test_every_mode_is_a_profile(mode, rules, log_prior):
    profile = load_profile(mode)
    assert (profile.rule_names, profile.log_prior, profile.c) == (rules, log_prior, 1)
    assert profile.weights.tolist() == [1] * len(rules)
