"""Reward profiles: the paper's, user-defined ones, and the errors for invalid ones."""

import dataclasses
import json

import numpy as np
import pytest

from melody_env import ProfileError, RewardProfile, WeightedRule, load_profile, score_melodies
from melody_env.reward.profile_yaml import parse_profile
from melody_env.reward.rules import RULES

MELODY = [[14, 14, 15, 21, 14, 1, 0, 16]]


def write(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("rule", "c", "worth"),
    [
        (WeightedRule("key"), 1e-320, "100 / c = inf"),
        (WeightedRule("key", -1e11), 0.5, r"1e\+13 / c = 2e\+13"),
        (WeightedRule("onset", 2.0, {"worth": [0.5] * 15 + [-1e12]}), 1.0, r"2e\+12 / c = 2e\+12"),
    ],
)
def test_rewards_that_float32_cannot_learn_from_are_refused(rule, c, worth):
    with pytest.raises(
        ProfileError, match=rf"mine: '{rule.name}' could reward a step with {worth}, .* raise c, now {c}"
    ):
        RewardProfile("mine", (rule,), c)


def test_the_largest_rewards_are_taken_and_a_rule_without_weight_rewards_nothing():
    assert RewardProfile("mine", (WeightedRule("key", 1e10),), 1.0).weights == [1e10]
    assert RewardProfile("mine", (WeightedRule("key", 0.0),), 1e-320).c == 1e-320


def test_paper_has_the_nine_rules_as_they_are():
    paper = load_profile("paper")
    assert paper.rule_names == tuple(RULES)
    assert paper.weights.tolist() == [1] * 9
    assert (paper.c, paper.log_prior) == (0.5, True)
    defaults = RewardProfile("defaults", tuple(WeightedRule(name) for name in RULES))
    for name, values in score_melodies(MELODY, defaults).rules.items():
        np.testing.assert_array_equal(values, score_melodies(MELODY).rules[name])


def test_a_profile_weighs_rules_and_sets_parameters(tmp_path):
    path = write(
        tmp_path, "c: 2\nlog_prior: false\nrules:\n  key: {weight: 3}\n  leap: {min_semitones: 5, weight: .5}\n"
    )
    profile = load_profile(path)
    assert (profile.c, profile.log_prior, profile.rule_names) == (2, False, ("key", "leap"))
    scores = score_melodies([[14, 15, 21, 28]], path)
    assert scores.rules["key"].tolist() == [[0, -1, 0, 0]]
    assert scores.rules["leap"].tolist() == [[0, 0, 0, -5]]
    assert scores.music_theory.tolist() == [[0, -3, 0, -2.5]]


def test_a_profile_can_be_made_and_changed_in_code():
    profile = dataclasses.replace(load_profile("paper"), c=4.0, log_prior=False)
    assert load_profile(profile) is profile
    with pytest.raises(ProfileError, match="c must be a number above 0, not 0"):
        dataclasses.replace(profile, c=0)


def test_without_rules_there_is_no_music_theory(tmp_path):
    assert score_melodies(MELODY, write(tmp_path, "rules: {}")).music_theory.tolist() == [[0] * 8]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("c: 0", "c must be a number above 0, not 0"),
        ("c: many", "c must be a number above 0, not 'many'"),
        ("c: .nan", "c must be a number above 0, not nan"),
        ("c: true", "c must be a number above 0, not True"),
        ("log_prior: 1", "log_prior must be true or false, not 1"),
        ("gamma: 1", "unknown key 'gamma' at the top; valid keys: c, log_prior, rules, setting"),
        ("rules: [key]", r"expected keys and values under 'rules', not \['key'\]"),
        ("rules: {kee: {}}", "unknown key 'kee' under 'rules'; valid keys: key, tonic"),
        ("rules: {key: 3}", "expected keys and values under 'key', not 3"),
        ("rules: {key: {wait: 3}}", "unknown key 'wait' under 'key'; valid keys: weight"),
        ("rules: {key: {weight: heavy}}", "the weight of 'key' must be a number, not 'heavy'"),
        ("rules: {key: {weight: .inf}}", "the weight of 'key' must be a number, not inf"),
        (
            "rules: {motif: {min_pitches: 0}}",
            "'min_pitches' under 'motif' must be a whole number from 1 to 1,000,000, not 0",
        ),
        ("rules: {onset: {worth: 1}}", "'worth' under 'onset' must be a list of numbers, not 1"),
        ("rules: {onset: {worth: [1, high]}}", r"'worth' under 'onset' must be a list of numbers, not \[1, 'high'\]"),
        (
            "rules: {motif: {min_pitches: 2.5}}",
            "'min_pitches' under 'motif' must be a whole number from 1 to 1,000,000, not 2.5",
        ),
        ("rules: {autocorrelation: {threshold: x}}", "'threshold' under 'autocorrelation' must be a number, not 'x'"),
        ("rules: {stepwise: {most: 3}}", "'most' under 'stepwise' is now called 'cap': rename it."),
        ("rules: {key: {most: 3}}", "unknown key 'most' under 'key'; valid keys: weight"),
        ("- key", r"expected keys and values at the top, not \['key'\]"),
        ("c: [", "is not valid YAML"),
    ],
)
def test_a_bad_profile_is_refused_in_one_sentence_naming_the_file(tmp_path, text, sentence):
    path = write(tmp_path, text)
    with pytest.raises(ProfileError, match=sentence) as error:
        load_profile(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_profile_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ProfileError, match=r"No reward profile papper: .* one of: .*, paper"):
        load_profile("papper")
    with pytest.raises(ProfileError, match="No reward profile"):
        load_profile(tmp_path)
    with pytest.raises(ProfileError, match="unknown rule 'kee'; valid rules: key, tonic"):
        RewardProfile("mine", (WeightedRule("kee"),))


@pytest.mark.parametrize("name", ["paper", "calibrated", "matched", "unique_extremes"])
def test_a_recorded_profile_is_the_profile_again(name):
    profile = load_profile(name).with_setting(key="D", length="4 bars")
    record = json.loads(json.dumps({**profile.as_record(), "setting": profile.setting.as_dict()}))
    again = parse_profile(record, record.pop("name"))
    assert again.as_record() == profile.as_record()
    assert again.setting == profile.setting
    melodies = np.random.default_rng(0).integers(38, size=(5, 64))
    np.testing.assert_array_equal(
        score_melodies(melodies, again).music_theory, score_melodies(melodies, profile).music_theory
    )


def test_a_recorded_profile_finds_the_rules_and_masks_of_its_files(tmp_path):
    rules = "from melody_env import rule, mask\n\n@rule\ndef mine(melody, *, worth=2.0):\n    return worth\n"
    (tmp_path / "mine.py").write_text(rules + "\n@mask\ndef anything(melody):\n    return [True] * 38\n")
    text = "rules: {mine: {file: mine.py, weight: 3, worth: 5}}\nmasks: {anything: {file: mine.py}}\nc: 2.0\n"
    text += "log_prior: false\n"
    (tmp_path / "mine.yaml").write_text(text)
    profile = load_profile(tmp_path / "mine.yaml")
    record = {**profile.as_record(), "setting": profile.setting.as_dict()}
    again = parse_profile(record, record.pop("name"))
    assert (again.rules, again.masks, again.c, again.log_prior) == (profile.rules, profile.masks, 2.0, False)
    np.testing.assert_array_equal(score_melodies([[14, 1]], again).music_theory, [[15.0, 15.0]])
