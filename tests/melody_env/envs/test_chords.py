"""Pieces over chords: what is observed and drawn, the same in every interface, and what cannot be asked for."""

import json

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3.common.env_checker
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode

from melody_env import (
    EnvironmentSpec,
    MelodyCompositionEnv,
    MelodyEngine,
    MelodyVecEnv,
    NamedMask,
    ProfileError,
    RewardProfile,
    WeightedRule,
    score_melodies,
)
from melody_env.envs.observations import are_tokens, kind_of, length_of, observes_chords, observes_form, space_of
from melody_env.reward.rules import CHORD_RULES
from note_rnn import InputError

ID = "MelodyComposition-v0"
B = 3
TEXTS = ("C | Am F", "Dm7 | G7 | N.C.", "E | Bb/D")
PROFILE = RewardProfile(
    "chords",
    tuple(WeightedRule(name, 1.5) for name in CHORD_RULES),
    masks=(NamedMask("chord_tones_on_strong_beats"),),
)
ARGUMENTS = {"meter": "4/16", "length": 16, "chords": "; ".join(TEXTS), "reward": PROFILE}
"""Bars of four steps that are beats: the first and the third are strong."""


def observed(chords: str, prior, steps: int = 8, observation: str = "position", **arguments) -> np.ndarray:
    """The columns of chords before each step, and after the last one."""
    env = MelodyCompositionEnv(
        prior=prior, meter="4/16", length=steps, chords=chords, observation=observation, **arguments
    )
    rows = [env.reset(seed=0)[0], *(env.step(token)[0] for token in [14] * steps)]
    assert all(row in env.observation_space for row in rows)
    end = len(rows[0]) - 6 * observes_form(env.observation_space)
    return np.array(rows)[:, end - 27 : end]


def tones(*pitch_classes: int, value: int = 1) -> list[int]:
    return [value if number in pitch_classes else 0 for number in range(12)]


@pytest.mark.parametrize("observation", ["position", "lookback"])
@pytest.mark.parametrize("form", ["", "AB"])
def test_this_chord_the_next_and_the_steps_to_it(observation, form, prior):
    columns = observed("C | Dm7 F", prior, observation=observation, form=form)
    c, d, f, none = (0, 4, 7), (0, 2, 5, 9), (0, 5, 9), ()
    expected = [
        *([0, *tones(*c, value=2 - t % 2), 2, *tones(*d), 4 - t] for t in range(4)),
        *([2, *tones(*d, value=2 - t % 2), 5, *tones(*f), 2 - t] for t in range(2)),
        *([5, *tones(*f, value=2 - t % 2), 12, *tones(*none), 2 - t] for t in range(2)),
        [12, *tones(), 12, *tones(), 0],
    ]
    assert columns.tolist() == expected


def test_chords_are_observed_as_if_the_piece_were_in_c(prior):
    own = observed("C | Am7 | F#dim", prior)
    for key, chords in (("G", "G | Em7 | C#dim"), ("Eb", "Eb | Cm7 | Adim")):
        np.testing.assert_array_equal(observed(chords, prior, key=key), own)
    np.testing.assert_array_equal(observed("Bb | Gm7 | Edim", prior, key="G", mode="minor"), own)


def test_no_chord_shows_none_and_what_is_far_is_32_steps_away(prior):
    columns = observed("N.C. | G7", prior)
    assert columns[3].tolist() == [12, *tones(), 7, *tones(2, 5, 7, 11), 1]
    assert columns[5].tolist() == [7, *tones(2, 5, 7, 11), 12, *tones(), 3]
    long = observed("C", prior, steps=40)
    assert long[:, -1].tolist() == [32] * 8 + list(range(32, -1, -1))
    empty = observed("", prior, observes_chords=True)
    assert empty.tolist() == [[12, *tones(), 12, *tones(), 0]] * 9


@pytest.mark.parametrize("observation", ["position", "lookback"])
@pytest.mark.parametrize("has_form", [False, True])
@pytest.mark.parametrize("has_chords", [False, True])
def test_a_space_tells_what_is_observed(observation, has_form, has_chords):
    space = space_of(observation, 24, has_form, has_chords)
    assert (kind_of(space), length_of(space)) == (observation, 24)
    assert (observes_form(space), observes_chords(space)) == (has_form, has_chords)
    lookback = [39] * 4 if observation == "lookback" else []
    chords = [13, *[3] * 12, 13, *[2] * 12, 33] if has_chords else []
    form = [39, 39, 39, 33, 33, 17] if has_form else []
    assert space.nvec.tolist() == [38, 25, *lookback, *chords, *form]
    flags = [True, False, *[True] * len(lookback), *[False] * len(chords), *([True] * 3 + [False] * 3) * has_form]
    assert are_tokens(len(space.nvec)).tolist() == flags


def test_the_token_alone_shows_no_chords():
    assert not observes_chords(space_of("token", 24))
    with pytest.raises(InputError, match=r"^observation 'token' does not show the chords: choose 'position' or"):
        EnvironmentSpec.of(observation="token", chords="C")
    assert EnvironmentSpec.of(observation="token", chords="C", observes_chords=False).setting.progressions


def test_the_checkers_of_gymnasium_and_sb3_pass(prior):
    env = gym.make(ID, prior=prior, **ARGUMENTS)
    check_env(env.unwrapped)
    stable_baselines3.common.env_checker.check_env(env.unwrapped)


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("more", [{}, {"form": "AABA | ABAC", "observation": "lookback"}])
def test_every_interface_plays_the_same_pieces(prior, seed, more):
    arguments = {**ARGUMENTS, "prior": prior, **more}
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
            assert infos["final_info"]["chords"].tolist() == [info["chords"] for info in sb3_infos]


def test_each_piece_has_chords_drawn_by_its_generator_after_priming_token_and_form(prior):
    engine = MelodyEngine(64, EnvironmentSpec.of(prior=prior, form="AB | AA", **ARGUMENTS))
    engine.seed(list(range(64)))
    engine.reset()
    rngs = [np.random.default_rng(seed) for seed in range(64)]
    drawn = [(rng.integers(38), rng.integers(2), rng.integers(3)) for rng in rngs]
    assert engine.last_tokens.tolist() == [token for token, *_ in drawn]
    rows = np.arange(64)[::-1].copy()
    for step in range(16):
        if step == 5:
            engine.select(rows)
        finished = engine.step(np.full(64, 1))[1]
    texts = [engine.setting.progressions[number].text for *_, number in drawn]
    assert list(finished.chords) == texts[::-1]
    assert list(finished.forms) == [["AB", "AA"][form] for _, form, _ in drawn][::-1]
    assert {*finished.chords} == {*TEXTS}


def test_the_reward_of_each_piece_is_by_its_own_chords(prior):
    engine = MelodyEngine(40, EnvironmentSpec.of(prior=prior, **ARGUMENTS))
    engine.seed(list(range(40)))
    engine.reset()
    rng = np.random.default_rng(0)
    melodies, rows = rng.choice([1, 14, 16, 18], size=(40, 16)), rng.permutation(40)
    for step in range(16):
        if step == 7:  # other pieces go on, with what they have
            engine.select(rows)
            melodies[:, :7] = melodies[rows, :7]
        _, finished = engine.step(melodies[:, step], enforces_masks=False)
    scores = score_melodies(melodies, PROFILE, engine.setting, chords=finished.chords)
    for name in CHORD_RULES:
        np.testing.assert_allclose(finished.rules[name], scores.rules[name].sum(1))
    np.testing.assert_allclose(finished.music_theory, scores.music_theory.sum(1))
    assert finished.infos()[3]["chords"] == finished.chords[3]


def test_the_mask_follows_the_chords_of_each_piece(prior):
    engine = MelodyEngine(20, EnvironmentSpec.of(prior=prior, **{**ARGUMENTS, "chords": "C; D"}))
    engine.seed(list(range(20)))
    engine.reset()
    allowed = engine.action_masks()
    for _ in range(16):
        finished = engine.step(np.full(20, 1))[1]
    tones = {"C": [2, 6, 9], "D": [4, 8, 11]}
    for flags, chords in zip(allowed, finished.chords, strict=True):
        assert np.flatnonzero(flags)[2:5].tolist() == tones[chords]


def test_a_specification_with_chords_round_trips_and_keeps_its_columns(prior):
    spec = EnvironmentSpec.of(prior=prior, chords="C | F", length="4 bars")
    assert spec.shows_chords
    again = EnvironmentSpec.of(**spec.arguments)
    assert (again.setting, again.observation_space) == (spec.setting, spec.observation_space)
    assert json.loads(json.dumps(spec.as_record()))["setting"]["chords"] == "C | F"
    for change in ({"chords": "E7 | A"}, {"length": "8 bars"}, {"chords": "C; D; Bb"}, {"chords": ""}, {"key": "D"}):
        assert spec.changed(**change).observation_space == spec.observation_space
    assert spec.changed(key="D").setting.chords == "D | G"
    assert spec.changed(key="D", chords="A | D").setting.chords == "A | D"


def test_an_environment_that_shows_no_chords_takes_none(prior):
    sentence = r"^chords are for agents that were trained with them: leave them out, or train with --chords\.$"
    for spec in (EnvironmentSpec.of(prior=prior), EnvironmentSpec.of(prior=prior, chords="C", observes_chords=False)):
        with pytest.raises(InputError, match=sentence):
            spec.changed(chords="C | F")
        assert spec.changed(chords=None).setting == spec.changed(chords=spec.setting.chords).setting == spec.setting


@pytest.mark.parametrize("section", ["rules: {resolution: {weight: 2}}", "masks: {chord_tones_on_strong_beats: {}}"])
def test_a_profile_of_chords_needs_chords(section, prior, tmp_path):
    path = tmp_path / "harmonic.yaml"
    path.write_text(section + "\n")
    name = section.split("{")[1].split(":")[0]
    with pytest.raises(ProfileError, match=rf"harmonic\.yaml has '{name}', which needs chords: set some, such as C \|"):
        EnvironmentSpec.of(prior=prior, reward=path)
    assert EnvironmentSpec.of(prior=prior, reward=path, chords="C").setting.steps == 32
    path.write_text(section + '\nsetting: {chords: "C | F; G"}\n')
    assert len(EnvironmentSpec.of(prior=prior, reward=path).setting.progressions) == 2
    path.write_text("rules: {}\nsetting: {chords: X}\n")
    with pytest.raises(ProfileError, match="under 'setting', Bar 1 of the chords cannot be read: 'X' is no chord"):
        EnvironmentSpec.of(prior=prior, reward=path)
