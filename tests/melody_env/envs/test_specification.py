"""An environment specification is checked once, round trips, changes only where requested, and can be recorded."""

import copy
import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from melody_env import (
    EnvironmentSpec,
    MelodyVecEnv,
    ProfileError,
    RewardProfile,
    Setting,
    SettingError,
    WeightedRule,
    load_profile,
)
from note_rnn import CheckpointError, InputError, PrimerError, VocabularyError, load_note_rnn, save_note_rnn, transposed

IN_G = {"key": "G", "mode": "dorian", "meter": "6/8", "length": "2 bars", "pitch_range": (55, 79), "tempo": 90.0}
FIELDS = ("profile", "prior", "observation", "priming", "setting")
PRIMER = [14, 1, 18]


def assert_same(one: EnvironmentSpec, other: EnvironmentSpec, but: tuple[str, ...] = ()) -> None:
    """Assert that two specifications are the same in every field but those named."""
    for name in FIELDS:
        assert name in but or getattr(one, name) == getattr(other, name)
    assert "primer" in but or np.array_equal(one.primer, other.primer)
    assert "fixed" in but or one.fixed == other.fixed


@pytest.fixture
def spec(small_prior) -> EnvironmentSpec:
    """A specification of which every field differs from the default."""
    others = {"observation": "lookback", "reward": "varied", "priming": "none", "primer": PRIMER, "fixed": {3: 21}}
    return EnvironmentSpec.of(prior=small_prior, **others, **IN_G)


def test_it_holds_the_requested_values(spec, small_prior):
    assert (spec.observation, spec.priming, spec.prior) == ("lookback", "none", small_prior)
    assert spec.setting == Setting(**IN_G)
    assert spec.profile == load_profile("varied").with_setting(**IN_G)
    assert (spec.primer.tolist(), spec.fixed) == (PRIMER, {3: 21})


def test_by_default_it_is_the_papers_environment():
    spec = EnvironmentSpec.of()
    assert (spec.profile, spec.setting) == (load_profile("paper"), Setting())
    assert (spec.observation, spec.priming, spec.primer, spec.fixed) == ("position", "random_note", None, {})
    assert spec.prior.head.weight.equal(load_note_rnn("default").head.weight)


def test_a_note_rnn_and_a_profile_can_be_files(small_prior, tmp_path):
    (tmp_path / "mine.yaml").write_text("rules: {key: {weight: 2}}\nsetting: {key: D}\n")
    spec = EnvironmentSpec.of(prior=save_note_rnn(small_prior, tmp_path / "prior"), reward=tmp_path / "mine.yaml")
    assert spec.prior.head.weight.equal(small_prior.head.weight)
    assert (spec.profile.rules, spec.setting.key) == ((WeightedRule("key", 2),), "D")


def test_its_note_rnn_is_moved_to_the_key_of_the_setting(spec, small_prior):
    assert spec.setting.transposition != 0
    moved = small_prior.transposed(spec.setting.transposition)
    assert spec.prior_in_key.head.weight.equal(moved.head.weight)
    assert spec.prior_in_key is spec.prior_in_key  # made once
    assert spec.changed(key="C", mode="major").prior_in_key.head.weight.equal(small_prior.head.weight)


def test_its_arguments_make_the_same_environment_again(spec):
    assert_same(EnvironmentSpec.of(**spec.arguments), spec)
    assert_same(MelodyVecEnv(2, **spec.arguments).engine.environment, spec)


def test_without_changes_it_stays_as_it_is(spec):
    assert_same(spec.changed(), spec)


OTHERS = {
    "observation": "token",
    "priming": "random_note",
    "primer": [20, 21],
    "fixed": {0: 14, 5: 18},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_change_is_of_one_field_alone(name, spec):
    changed = spec.changed(**{name: OTHERS[name]})
    assert np.array_equal(getattr(changed, name), OTHERS[name])
    assert_same(changed, spec, but=(name,))


@pytest.mark.parametrize("name", ["primer", "fixed"])
def test_primer_and_fixed_tokens_can_be_taken_away(name, spec):
    changed = spec.changed(**{name: None})
    assert not getattr(changed, name)
    assert_same(changed, spec, but=(name,))


@pytest.mark.parametrize(("name", "value"), [("key", "A"), ("mode", "minor"), ("length", 16), ("tempo", 77.0)])
def test_a_change_of_the_setting_leaves_the_rest_of_it(name, value, spec):
    changed = spec.changed(**{name: value})
    assert changed.setting == Setting(**IN_G | {name: value})
    assert changed.profile == spec.profile.with_setting(**{name: value})
    assert_same(changed, spec, but=("profile", "setting"))


def test_another_note_rnn_keeps_the_rest(spec, prior):
    changed = spec.changed(prior=prior)
    assert changed.prior is prior
    assert_same(changed, spec, but=("prior",))


@pytest.mark.parametrize("reward", ["paper", RewardProfile("mine", (), c=3.0, setting=Setting("F", length=9))])
def test_another_reward_is_read_in_the_same_musical_setting(reward, spec):
    """Even a profile that has a setting of its own: the pieces stay what they were."""
    changed = spec.changed(reward=reward)
    assert changed.setting == spec.setting
    assert (changed.profile.rules, changed.profile.c) == (load_profile(reward).rules, load_profile(reward).c)
    assert_same(changed, spec, but=("profile",))
    assert spec.changed(reward=reward, key="E").setting == Setting(**IN_G | {"key": "E"})


def test_a_primer_is_read_in_the_key(small_prior, tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text("X:1\nT:t\nM:4/4\nL:1/16\nK:G\nG2A2B2c2d8|d2c2B2A2G8|\n")
    in_c, in_d = (EnvironmentSpec.of(prior=small_prior, primer=path, key=key).primer for key in ("C", "D"))
    assert in_c[:8].tolist() == [14, 1, 16, 1, 18, 1, 19, 1]
    assert in_d.tolist() == transposed(in_c, 2).tolist()
    late = EnvironmentSpec.of(prior=small_prior, key="D").changed(primer=path)
    assert late.primer.tolist() == in_d.tolist()
    assert late.changed(tempo=90).primer.tolist() == in_d.tolist()  # tokens by now: moved once


def test_fixed_tokens_must_be_in_the_piece_however_long_it_is(spec):
    assert spec.changed(length=4).fixed == {3: 21}
    with pytest.raises(InputError, match=r"must be at a step 0\.\.2 of the piece, not at 3"):
        spec.changed(length=3)
    assert spec.changed(fixed={np.int64(23): np.int8(14)}).fixed == {23: 14}
    with pytest.raises(InputError, match=r"must be at a step 0\.\.23 of the piece, not at 24"):
        spec.changed(fixed={24: 14})


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"observation": "beat"}, InputError, "observation must be one of 'position', 'token', 'lookback', not 'beat'"),
        ({"priming": "song"}, InputError, "priming must be one of 'random_note', 'none', not 'song'"),
        ({"fixed": {0: 38}}, InputError, "Token 38"),
        ({"fixed": {True: 14}}, InputError, "not at True"),
        ({"fixed": {0.5: 14}}, InputError, "not at 0.5"),
        ({"reward": "papper"}, ProfileError, "No reward profile papper"),
        ({"key": "H"}, SettingError, "'H'"),
        ({"length": 0}, SettingError, "length must be a whole number .* not 0"),
        ({"prior": "nowhere"}, CheckpointError, "No Note RNN at nowhere"),
        ({"primer": "nowhere.mid"}, InputError, "There is no file nowhere.mid"),
        ({"primer": []}, PrimerError, "is empty: give at least one token"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, error, sentence, spec, small_prior):
    for make in (lambda: EnvironmentSpec.of(**{"prior": small_prior, **arguments}), lambda: spec.changed(**arguments)):
        with pytest.raises(error, match=sentence) as raised:
            make()
        assert "\n" not in str(raised.value)


def test_it_cannot_be_altered(spec):
    with pytest.raises(FrozenInstanceError):
        spec.observation = "token"
    given = {0: 14}
    changed = spec.changed(fixed=given)
    given[1] = 15
    assert changed.fixed == {0: 14}


def test_its_record_is_json_with_all_but_the_weights(spec):
    record = json.loads(json.dumps(spec.as_record()))
    assert record["profile"] == json.loads(json.dumps(spec.profile.as_record()))
    assert Setting(**record["setting"]) == spec.setting
    names = ("observation", "priming", "primer", "fixed")
    assert [record[name] for name in names] == ["lookback", "none", PRIMER, {"3": 21}]
    assert EnvironmentSpec.of(prior=spec.prior).as_record()["primer"] is None


def test_an_unknown_argument_is_named_with_the_valid_ones(small_prior):
    with pytest.raises(TypeError, match=r"no argument 'lenght'; it can be one of: .*length"):
        EnvironmentSpec.of(prior=small_prior, lenght=None)
    with pytest.raises(InputError, match=r"no argument 'max_episode_steps' \(pieces end after 'length' steps\)"):
        EnvironmentSpec.of(max_episode_steps=5)
    with pytest.raises(TypeError, match="no argument 'strenght'"):
        EnvironmentSpec.of(prior=small_prior).changed(strenght=1)


def test_a_primer_given_directly_is_checked(small_prior):
    profile = load_profile("paper")
    assert EnvironmentSpec(profile, small_prior, primer=[14, 1]).as_record()["primer"] == [14, 1]
    with pytest.raises(VocabularyError):
        EnvironmentSpec(profile, small_prior, primer=[14, 99])


def test_a_prior_that_cannot_reward_is_refused(small_prior):
    broken = copy.deepcopy(small_prior)
    broken.head.bias[3] = float("nan")
    with pytest.raises(InputError, match="The prior has weights that are not finite numbers"):
        EnvironmentSpec.of(prior=broken)


def test_fixed_tokens_are_a_mapping(small_prior):
    with pytest.raises(InputError, match=r"fixed must map steps to tokens, as in \{0: 14, 16: 21\}, not \[1\]"):
        EnvironmentSpec.of(prior=small_prior, fixed=[1])
