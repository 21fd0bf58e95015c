"""A taste for tokens: features by hand, a bound that ensembles lower, and a weights file that is no code."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from melody_env import MelodyVecEnv, RewardProfile, RuleError, Setting, WeightedRule, load_profile, score_melodies
from melody_env.reward.profile_yaml import write_profile
from melody_env.reward.token_taste import (
    NUM_FEATURES,
    TokenTaste,
    read_token_taste,
    token_features,
    write_token_taste,
)

SETTING = Setting(length=8)
FIRST, SECOND, OCCURS = slice(38), slice(38, 76), slice(76, None)


def taste(members=3, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(members, NUM_FEATURES)).astype(np.float32)
    lowest, highest = np.zeros(NUM_FEATURES), np.full(NUM_FEATURES, 4.0)
    return TokenTaste(weights.astype(np.float64), np.full(NUM_FEATURES, 0.5), lowest, highest)


def about(feature, *weights, highest=4.0):
    """A taste of members that weigh one feature alone."""
    of_feature = np.zeros((len(weights), NUM_FEATURES))
    of_feature[:, feature] = weights
    return TokenTaste(of_feature, *np.zeros((2, NUM_FEATURES)), np.full(NUM_FEATURES, highest))


def melodies(number, seed=0, length=8):
    return np.random.default_rng(seed).choice([0, 1, 14, 16, 18, 21], (number, length))


def test_features_are_counts_by_half_and_what_occurs():
    (row,) = token_features(np.array([[14, 14, 1, 1, 0, 16, 14, 37]]), SETTING)
    assert {int(token): int(row[FIRST][token]) for token in np.flatnonzero(row[FIRST])} == {1: 2, 14: 2}
    assert {int(token): int(row[SECOND][token]) for token in np.flatnonzero(row[SECOND])} == {0: 1, 14: 1, 16: 1, 37: 1}
    assert (np.flatnonzero(row[OCCURS]) + 2).tolist() == [14, 16, 37]
    assert row.shape == (NUM_FEATURES,)


def test_the_key_does_not_matter():
    in_c = np.array([[14, 1, 16, 18, 0, 14, 1, 1]])
    in_d = np.where(in_c >= 2, in_c + 2, in_c)
    assert (token_features(in_d, Setting(key="D", length=8)) == token_features(in_c, SETTING)).all()
    lowest = np.full((1, 8), 2)  # below what C has: the lowest note there is
    assert token_features(lowest, Setting(key="D", length=8))[0, 2] == 4


def test_it_pays_the_mean_of_its_members_less_their_deviation():
    two = np.array([[14, 14, 1, 1, 1, 1, 1, 1]])
    assert about(14, 1.0, 1.0).log_odds(two, SETTING).tolist() == [2.0]
    assert about(14, 0.0, 2.0).log_odds(two, SETTING).tolist() == [0.0]  # mean 2, deviation 2
    assert about(14, -1.0, -3.0).log_odds(two, SETTING).tolist() == [-6.0]


def test_nothing_is_gained_beyond_what_was_heard_nor_beyond_a_limit():
    two, four = np.array([[14, 14, 1, 1, 1, 1, 1, 1]]), np.array([[14, 14, 14, 14, 1, 1, 1, 1]])
    only_two = about(14, 1.0, highest=2.0)
    assert only_two.log_odds(four, SETTING) == only_two.log_odds(two, SETTING) == 2
    assert about(14, 1e30).log_odds(two, SETTING) == 30
    assert about(14, -1e30).log_odds(two, SETTING) == -30


def test_a_melody_is_worth_the_same_alone_and_among_others():
    many = melodies(50)
    together = taste().log_odds(many, SETTING)
    assert together.tolist() == [taste().log_odds(many[[row]], SETTING)[0] for row in range(50)]


@pytest.fixture
def profile_file(tmp_path):
    """A profile of `key` and a taste for tokens, which lies beside it under a name that YAML would misread."""
    write_token_taste(tmp_path / "a: {b}.safetensors", taste())
    rules = (WeightedRule("key"), WeightedRule("token_taste", 0.5, file=tmp_path / "a: {b}.safetensors"))
    write_profile(RewardProfile("mine", rules, c=2.0, setting=SETTING), tmp_path / "mine.yaml", [])
    return tmp_path / "mine.yaml"


def test_files_are_read_as_they_were_written_and_can_be_moved_together(profile_file, tmp_path):
    read = read_token_taste(tmp_path / "a: {b}.safetensors")
    assert all((values == vars(taste())[name]).all() for name, values in vars(read).items())
    moved = tmp_path.rename(tmp_path.parent / "moved")
    assert load_profile(moved / "mine.yaml").rules[1].file == moved / "a: {b}.safetensors"


def test_it_is_paid_with_the_last_token_and_has_a_name_in_info(profile_file, small_prior_file):
    profile = load_profile(profile_file)
    own = melodies(3)
    scores = score_melodies(own, profile)
    value = scores.rules["token_taste"]
    assert (value[:, :-1] == 0).all()
    assert value[:, -1].tolist() == taste().log_odds(own, SETTING).tolist()
    assert scores.music_theory == pytest.approx(scores.rules["key"] + 0.5 * value)
    assert profile.piece_rules == {"token_taste"}
    env = MelodyVecEnv(3, reward=profile, prior=str(small_prior_file))
    env.seed(0)
    env.reset()
    for tokens in own.T:
        *_, infos = env.step(tokens)
    assert [info["rules"]["token_taste"] for info in infos] == value[:, -1].tolist()


def test_its_file_is_no_code(profile_file):
    assert load_profile(profile_file, trust_code=False).rule_names == ("key", "token_taste")


def test_a_profile_can_only_ask_for_what_the_file_has(profile_file):
    profile_file.write_text(profile_file.read_text().replace("token_taste", "other"))
    with pytest.raises(RuleError, match="has no rule or mask 'other': it has token_taste"):
        load_profile(profile_file)


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": torch.zeros(3, NUM_FEATURES + 1)},
        {"weights": torch.zeros(NUM_FEATURES)},
        {"weights": torch.zeros(0, NUM_FEATURES)},
        {"weights": torch.zeros(101, NUM_FEATURES)},
        {"weights": torch.full((3, NUM_FEATURES), torch.nan)},
        {"center": torch.zeros(1)},
        {"lowest": torch.full((NUM_FEATURES,), 5.0)},
        {"more": torch.zeros(1)},
        {"center": torch.zeros(NUM_FEATURES, dtype=torch.int64)},
    ],
)
def test_other_weights_are_answered_in_a_sentence(changes, tmp_path):
    path = tmp_path / "taste.safetensors"
    write_token_taste(path, taste())
    save_file({**load_file(path), **changes}, path, {"kind": '"token taste"'})
    with pytest.raises(RuleError, match=r"holds no taste for tokens"):
        RewardProfile("mine", (WeightedRule("token_taste", file=path),))


@pytest.mark.parametrize("description", [None, {}, {"kind": '"another taste"'}])
def test_weights_of_another_kind_are_no_taste(description, tmp_path):
    path = tmp_path / "taste.safetensors"
    write_token_taste(path, taste())
    save_file(load_file(path), path, description)
    with pytest.raises(RuleError, match="holds no taste for tokens"):
        RewardProfile("mine", (WeightedRule("token_taste", file=path),))


def test_a_note_rnn_is_no_taste(small_prior_file):
    with pytest.raises(RuleError, match=r"no taste for tokens: name the file that 'study learn --tokens' wrote\."):
        RewardProfile("mine", (WeightedRule("token_taste", file=small_prior_file),))
