"""Pieces with form: what is observed and drawn, the same in every interface, and what cannot be asked for."""

import json

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3.common.env_checker
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from melody_env import (
    EnvironmentSpec,
    MelodyCompositionEnv,
    MelodyCompositionVectorEnv,
    MelodyEngine,
    MelodyVecEnv,
    ProfileError,
    RewardProfile,
    SettingError,
    WeightedRule,
    score_melodies,
)
from melody_env.envs.observations import are_tokens, kind_of, length_of, observes_form, space_of
from note_rnn import InputError

ID = "MelodyComposition-v0"
B = 3
NONE = 38
FORMS = "AABA | AA'BC | ABAB"
ARGUMENTS = {"meter": "1/4", "length": 16, "form": FORMS, "reward": RewardProfile("form", (WeightedRule("form", 2.0),))}
"""Bars of four steps."""


def observed(form: str, tokens: list[int], prior, observation: str = "position", **arguments) -> np.ndarray:
    """The columns of form before each step, and after the last one."""
    env = MelodyCompositionEnv(prior=prior, meter="1/4", form=form, observation=observation, **arguments)
    rows = [env.reset(seed=0)[0], *(env.step(token)[0] for token in tokens)]
    assert all(row in env.observation_space for row in rows)
    return np.array(rows)[:, -6:]


@pytest.mark.parametrize("observation", ["position", "lookback"])
def test_the_token_due_stands_in_the_column_of_its_kind_of_section(prior, observation):
    """A, its exact repeat, its varied repeat, and B, each of two steps more than the first two of A."""
    tokens = [14, 1, 0, 16, 14, 1, 0, 18, 20, 21, 22, 23, 1, 1, 1, 1]
    columns = observed("AAA'B", tokens, prior, observation, length=16)
    repeated = [14, 1, 0, 16]
    assert columns[:, 0].tolist() == [NONE] * 4 + repeated + [NONE] * 9
    assert columns[:, 1].tolist() == [NONE] * 8 + repeated + [NONE] * 5
    assert columns[:, 2].tolist() == [NONE] * 12 + [20, 21, 22, 23] + [NONE]
    assert columns[:, 3].tolist() == [4, 3, 2, 1] * 4 + [0]
    assert columns[:, 4].tolist() == [0] * 12 + [4, 3, 2, 1] + [0]


def test_the_balance_of_a_section_counts_events_kept_beyond_what_human_tunes_keep(prior):
    """Four steps each: 85 % are asked for in the first half of A', 60 % in its second, 30 % are enough in B."""
    a = [14, 16, 18, 19]

    def balances(form, *sections):
        tokens = [token for section in (a, *sections) for token in section]
        return (observed(form, tokens, prior, length=len(tokens))[:, 5] - 8).tolist()

    assert balances("AA", [14, 20, 18, 21]) == [0] * 5 + [0, 0, 0, -8]  # each half by itself; the piece is complete
    assert balances("AA", [20, 20, 20, 20])[4:8] == [0, -1, 0, -1]
    assert balances("AA'", [14, 20, 18, 1])[4:8] == [0, 0, 0, 0]  # 1 - .85, 1 - .6
    assert balances("AA'", [20, 1, 1, 20])[4:8] == [0, -1, 0, -1]
    assert balances("AB", a)[4:8] == [0, 1, 1, 2]  # .7, 1.4, 2.1
    assert balances("ABC", [20, 16, 21, 1], [20, 16, 18, 1])[8:12] == [0, 1, 1, 1]  # of B .7, 1.4, 1.1; of A less
    assert (observed("A3 A3", a * 6, prior, length=24)[12:24, 5] == 8).all()  # an exact repeat has none too many
    long = [14] * 16
    assert observed("A4 B4", long + long, prior, length=32)[-2, 5] == 8 + 8  # 10.5, no more are told apart


def test_what_exceeds_the_section_repeated_is_due_nothing_and_long_sections_are_far_from_their_ends(prior):
    columns = observed("A1 A9", [14, 16, 18, 20, *[1] * 36], prior, length=40)
    assert columns[:, 0].tolist() == [NONE] * 4 + [14, 16, 18, 20] + [NONE] * 33
    assert (columns[:, 1:3] == NONE).all()
    assert columns[:, 3].tolist() == [4, 3, 2, 1] + [32] * 5 + list(range(31, -1, -1))
    assert columns[:, 4].tolist() == [0] * 4 + [32] * 5 + list(range(31, -1, -1))


def test_without_form_its_columns_are_empty(prior):
    columns = observed("", [14, 16, 18, 20], prior, length=4, observes_form=True)
    assert columns.tolist() == [[NONE, NONE, NONE, 0, 0, 0]] * 5


@pytest.mark.parametrize("observation", ["position", "lookback"])
@pytest.mark.parametrize("has_form", [False, True])
def test_a_space_tells_its_observation_length_and_form(observation, has_form):
    space = space_of(observation, 24, has_form)
    assert (kind_of(space), length_of(space), observes_form(space)) == (observation, 24, has_form)
    lookback = [39] * 4 if observation == "lookback" else []
    form = [39, 39, 39, 33, 33, 17] if has_form else []
    assert space.nvec.tolist() == [38, 25, *lookback, *form]
    flags = are_tokens(len(space.nvec)).tolist()
    assert flags == [True, False, *[True] * len(lookback), *([True] * 3 + [False] * 3 if has_form else [])]


def test_the_token_alone_shows_no_form():
    assert not observes_form(space_of("token", 24))
    with pytest.raises(
        InputError, match=r"^observation 'token' does not show the form: choose 'position' or 'lookback'"
    ):
        EnvironmentSpec.of(observation="token", form="AB")
    assert EnvironmentSpec.of(observation="token", form="AB", observes_form=False).setting.forms


@pytest.mark.parametrize("observation", ["position", "lookback"])
def test_the_checkers_of_gymnasium_and_sb3_pass(prior, observation):
    env = gym.make(ID, prior=prior, observation=observation, **ARGUMENTS)
    check_env(env.unwrapped)
    stable_baselines3.common.env_checker.check_env(env.unwrapped)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 1000),
    observation=st.sampled_from(["position", "lookback"]),
    forms=st.sampled_from([FORMS, "AA'BA", "A2 A'1 B1"]),
)
def test_every_interface_plays_the_same_pieces(prior, seed, observation, forms):
    arguments = {**ARGUMENTS, "form": forms, "prior": prior, "observation": observation}
    ours = gym.make_vec(ID, num_envs=B, **arguments)
    kwargs = {"autoreset_mode": AutoresetMode.SAME_STEP}
    theirs = gym.make_vec(ID, num_envs=B, vectorization_mode="sync", vector_kwargs=kwargs, **arguments)
    sb3 = MelodyVecEnv(B, **arguments)
    sb3.seed(seed)
    first = ours.reset(seed=seed)[0]
    np.testing.assert_array_equal(first, theirs.reset(seed=seed)[0])
    np.testing.assert_array_equal(first, sb3.reset())
    actions = np.random.default_rng(seed).choice([0, 1, 1, 14, 16, 18], size=(35, B))
    for row in actions:
        *step, infos = ours.step(row)
        *expected, expected_infos = theirs.step(row)
        observations, rewards, _, sb3_infos = sb3.step(row)
        for mine, other in zip(step, expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(observations, step[0])
        np.testing.assert_array_equal(rewards, step[1])
        assert data_equivalence(infos, expected_infos)
        if infos:
            assert infos["final_info"]["form"].tolist() == [info["form"] for info in sb3_infos]


def test_each_piece_has_a_form_drawn_by_its_generator_after_its_priming_token(prior):
    plain, several, one = (
        MelodyCompositionVectorEnv(64, prior=prior, **{**ARGUMENTS, "form": form, "reward": "paper"})
        for form in ("", FORMS, "AABA")
    )
    first = [env.reset(seed=1)[0] for env in (plain, several, one)]
    np.testing.assert_array_equal(first[0][:, 0], first[1][:, 0])
    np.testing.assert_array_equal(first[0][:, 0], first[2][:, 0])
    np.testing.assert_array_equal(plain.reset()[0][:, 0], one.reset()[0][:, 0])  # a single form is not drawn
    rngs = [np.random.default_rng(1 + i) for i in range(64)]
    drawn = [(rng.integers(38), rng.integers(3)) for rng in rngs]
    assert first[1][:, 0].tolist() == [token for token, _ in drawn]
    for _ in range(16):
        infos = several.step(np.full(64, 1))[-1]
    names = ["AABA", "AA'BC", "ABAB"]
    assert infos["final_info"]["form"].tolist() == [names[form] for _, form in drawn]
    assert several.engine.finished.forms == tuple(names[form] for _, form in drawn)


def test_forms_are_drawn_without_priming_tokens_too(prior):
    arguments = {**ARGUMENTS, "prior": prior, "priming": "none"}
    engines = [MelodyEngine(32, EnvironmentSpec.of(**arguments)) for _ in range(2)]
    for engine in engines:
        engine.seed(list(range(32)))
        engine.reset()
        for _ in range(16):
            engine.step(np.full(32, 1))
    assert engines[0].finished.forms == engines[1].finished.forms
    assert {*engines[0].finished.forms} == {"AABA", "AA'BC", "ABAB"}
    unseeded = MelodyEngine(2, EnvironmentSpec.of(**arguments))
    unseeded.reset()


def test_the_reward_of_each_piece_is_by_its_own_form(prior):
    engine = MelodyEngine(40, EnvironmentSpec.of(prior=prior, **ARGUMENTS))
    engine.seed(list(range(40)))
    engine.reset()
    melodies = np.random.default_rng(0).choice([1, 14, 16, 18], size=(40, 16))
    rewards = [engine.step(tokens) for tokens in melodies.T]
    finished = rewards[-1][1]
    scores = score_melodies(melodies, ARGUMENTS["reward"], engine.setting, finished.forms)
    np.testing.assert_allclose(finished.rules["form"], scores.rules["form"].sum(1))
    np.testing.assert_allclose(finished.music_theory, 2 * scores.rules["form"].sum(1))
    assert finished.infos()[3]["form"] == finished.forms[3]
    plain = MelodyEngine(1, EnvironmentSpec.of(prior=prior, length=1))
    plain.reset()
    assert "form" not in plain.step([1])[1].infos()[0]


def test_a_specification_with_form_round_trips_and_keeps_its_columns(prior):
    spec = EnvironmentSpec.of(prior=prior, form="AABA", length="16 bars")
    assert spec.shows_form
    again = EnvironmentSpec.of(**spec.arguments)
    assert (again.setting, again.observation_space) == (spec.setting, spec.observation_space)
    assert json.loads(json.dumps(spec.as_record()))["setting"]["form"] == "AABA"
    for change in ({"form": "ABAC"}, {"length": "8 bars"}, {"form": "A8 B8 | A12 B4"}, {"form": "A4 B4"}, {"form": ""}):
        assert spec.changed(**change).observation_space == spec.observation_space
    assert spec.changed(form="A4 B4").setting.steps == 128
    assert spec.changed(length="32 bars", form="AAB'B").setting.steps == 512
    with pytest.raises(SettingError, match="form 'AABA' has 4 sections, into which the 6 bars of the piece cannot be"):
        spec.changed(length="6 bars")


def test_an_environment_that_shows_no_form_takes_none(prior):
    sentence = r"^form is for agents that were trained with one: leave it out, or train with --form\.$"
    for spec in (
        EnvironmentSpec.of(prior=prior, length="4 bars"),
        EnvironmentSpec.of(prior=prior, length="4 bars", form="AABB", observes_form=False),
    ):
        with pytest.raises(InputError, match=sentence):
            spec.changed(form="AABA")
        assert spec.changed(form=None).setting == spec.changed(form=spec.setting.form).setting == spec.setting


def test_a_profile_with_the_rule_needs_a_form(prior, tmp_path):
    path = tmp_path / "formal.yaml"
    path.write_text("rules: {form: {contrast: 2}}\n")
    with pytest.raises(
        ProfileError, match=r"formal\.yaml has the rule 'form', which needs a form: set one, such as AABA"
    ):
        EnvironmentSpec.of(prior=prior, reward=path)
    assert EnvironmentSpec.of(prior=prior, reward=path, form="A1 B1").setting.steps == 32
    path.write_text("rules: {form: {contrast: 2}}\nsetting: {form: A2 B2, meter: 3/4}\n")
    spec = EnvironmentSpec.of(prior=prior, reward=path)
    assert (spec.setting.steps, spec.setting.forms[0].name) == (48, "A2 B2")
    path.write_text("rules: {}\nsetting: {form: AAB}\n")
    with pytest.raises(ProfileError, match="under 'setting', form 'AAB' has 3 sections"):
        EnvironmentSpec.of(prior=prior, reward=path)
