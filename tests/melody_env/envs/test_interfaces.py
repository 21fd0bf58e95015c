"""The three interfaces of the environment: each as its library requires, and all of them the same."""

import copy

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3.common.env_checker
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from melody_env import MelodyCompositionEnv, MelodyCompositionVectorEnv, MelodyVecEnv, piano_roll_image
from note_rnn import InputError, VocabularyError

ID = "MelodyComposition-v0"
B = 3


def same_step_environments(prior, **keywords):
    """Return Gymnasium's own vector environment, made of `B` scalar ones."""
    return gym.make_vec(
        ID,
        num_envs=B,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        prior=prior,
        **keywords,
    )


@pytest.mark.parametrize("observation", ["position", "token", "lookback"])
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_the_checkers_of_gymnasium_and_sb3_pass(prior, observation, render_mode):
    env = gym.make(ID, prior=prior, observation=observation, render_mode=render_mode)
    check_env(env.unwrapped)
    stable_baselines3.common.env_checker.check_env(env.unwrapped)


def test_observations_are_last_token_and_position(prior):
    env = gym.make(ID, prior=prior, length=2)
    assert env.observation_space == gym.spaces.MultiDiscrete([38, 3])
    assert env.action_space == gym.spaces.Discrete(38)
    assert env.reset(seed=0)[0][1] == 0
    observation, reward, terminated, truncated, info = env.step(14)
    assert (observation.tolist(), terminated, truncated, info) == ([14, 1], False, False, {})
    assert type(reward) is float
    observation, _, terminated, truncated, info = env.step(16)
    assert (observation.tolist(), terminated, truncated) == ([16, 2], True, False)
    assert info["melody"].tolist() == [14, 16]


def test_token_observations_are_the_last_token(prior):
    env = gym.make(ID, prior=prior, observation="token", priming="none")
    assert env.observation_space == gym.spaces.Discrete(38)
    assert env.reset()[0] == 1
    assert env.step(14)[0] == 14


def test_the_last_info_has_the_piece_and_its_rewards_in_plain_numbers(prior):
    env = gym.make(ID, prior=prior, length=3)
    env.reset(seed=0)
    rewards = [env.step(token)[1] for token in (14, 15)]
    _, reward, _, _, info = env.step(16)
    assert set(info) == {"melody", "rules", "music_theory", "log_prob"}
    assert info["rules"]["key"] == -1.0
    assert all(type(value) is float for value in (*info["rules"].values(), info["music_theory"], info["log_prob"]))
    assert info["music_theory"] == pytest.approx(sum(info["rules"].values()))
    assert sum([*rewards, reward]) == pytest.approx(info["log_prob"] + info["music_theory"] / 0.5, rel=1e-5)


@pytest.mark.parametrize(
    "keywords",
    [{}, {"observation": "token", "priming": "none"}, {"length": 5}, {"observation": "lookback", "length": 5}],
)
def test_vector_environment_is_gymnasiums_own_vector_of_scalar_ones(prior, keywords):
    ours = gym.make_vec(ID, num_envs=B, prior=prior, **keywords)
    theirs = same_step_environments(prior, **keywords)
    assert isinstance(ours, MelodyCompositionVectorEnv)
    assert ours.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    for seed in (7, [5, 5, 99]):
        (first, infos), (expected, expected_infos) = ours.reset(seed=seed), theirs.reset(seed=seed)
        np.testing.assert_array_equal(first, expected)
        assert infos == expected_infos == {}
        for _ in range(70):
            actions = theirs.action_space.sample()
            *step, infos = ours.step(actions)
            *expected, expected_infos = theirs.step(actions)
            for mine, other in zip(step, expected, strict=True):
                np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-4)
            assert step[0] in ours.observation_space
            assert data_equivalence(infos, expected_infos)


def test_sb3_environment_is_the_vector_environment(prior):
    vector, sb3 = MelodyCompositionVectorEnv(B, prior=prior), MelodyVecEnv(B, prior=prior)
    sb3.seed(7)
    np.testing.assert_array_equal(sb3.reset(), vector.reset(seed=7)[0])
    for t in range(1, 65):
        actions = vector.action_space.sample()
        observations, rewards, terminated, _, final = vector.step(actions)
        sb3_observations, sb3_rewards, dones, infos = sb3.step(actions)
        np.testing.assert_array_equal(sb3_observations, observations)
        np.testing.assert_array_equal(sb3_rewards, rewards)
        np.testing.assert_array_equal(dones, terminated)
        assert dones.all() == (t % 32 == 0)
        for i, info in enumerate(infos):
            assert bool(info) == dones[i]
            if info:
                np.testing.assert_array_equal(info["terminal_observation"], final["final_obs"][i])
                np.testing.assert_array_equal(info["melody"], final["final_info"]["melody"][i])
                assert info["music_theory"] == final["final_info"]["music_theory"][i]
                assert info["rules"]["key"] == final["final_info"]["rules"]["key"][i]
                assert info["TimeLimit.truncated"] is False


def test_sb3_environment_is_sb3s_own_vector_of_scalar_ones(prior):
    ours = MelodyVecEnv(B, prior=prior)
    theirs = DummyVecEnv([lambda: Monitor(MelodyCompositionEnv(prior=prior))] * B)
    ours.seed(7)
    theirs.seed(7)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    for _ in range(40):
        actions = np.array([ours.action_space.sample() for _ in range(B)])
        (*step, infos), (*expected, expected_infos) = ours.step(actions), theirs.step(actions)
        for mine, other in zip(step, expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-4)
            assert mine.dtype == other.dtype
        for info, expected_info in zip(infos, expected_infos, strict=True):
            assert info.keys() | {"TimeLimit.truncated"} == expected_info.keys()
            if "episode" in info:
                assert info["episode"].keys() == expected_info["episode"].keys()
                assert info["episode"]["r"] == pytest.approx(expected_info["episode"]["r"], rel=1e-4)
                assert info["episode"]["l"] == 32


def test_seeds_repeat_and_unseeded_resets_go_on(prior):
    env = MelodyCompositionVectorEnv(B, prior=prior)
    first = [env.reset(seed=3)[0], env.reset()[0], env.reset()[0]]
    again = [env.reset(seed=3)[0], env.reset()[0], env.reset()[0]]
    np.testing.assert_array_equal(first, again)
    assert not (first[0] == first[1]).all()
    scalar = MelodyCompositionEnv(prior=prior)
    np.testing.assert_array_equal([scalar.reset(seed=4)[0], scalar.reset()[0]], [first[0][1], first[1][1]])


def test_a_seed_counts_for_one_reset_and_for_each_piece(prior):
    vector, sb3 = MelodyCompositionVectorEnv(B, prior=prior), MelodyVecEnv(B, prior=prior)
    expected = [vector.reset(seed=3)[0], vector.reset()[0], vector.reset(seed=[9, 3, 4])[0]]
    assert expected[2][1:].tolist() == expected[0][:2].tolist()
    sb3.seed(3)
    np.testing.assert_array_equal([sb3.reset(), sb3.reset()], expected[:2])
    goes_on = vector.reset(seed=[3, None, None])[0]
    assert goes_on[0].tolist() == expected[0][0].tolist()
    rngs = [np.random.default_rng(seed) for seed in (3, 4)]
    drawn = [rng.integers(38, size=2).tolist() for rng in rngs]  # the second and the third piece have drawn once since
    assert goes_on[1:, 0].tolist() == [drawn[0][1], drawn[1][1]]


def test_pictures_have_the_bars_of_the_setting(prior):
    env = gym.make(ID, prior=prior, render_mode="ansi", meter="2/4", length="2 bars")
    env.reset()
    for _ in range(9):
        env.step(14)
    assert [line.count("C4") for line in env.render().splitlines()] == [8, 1]
    images = MelodyVecEnv(2, prior=prior, length=9, meter="2/4")
    images.reset()
    images.step(np.array([14, 1]))
    expected = [piano_roll_image([token], 9, setting=images.setting) for token in (14, 1)]
    assert (expected[0] != expected[1]).any()
    assert (expected[0] != piano_roll_image([14], 9)).any()  # bar lines
    np.testing.assert_array_equal(images.get_images(), expected)
    silent = MelodyCompositionVectorEnv(2, prior=prior)
    silent.reset()
    assert silent.render() is None
    assert images.env_method("render", indices=[1])[0].split()[2] == "."


def test_a_finished_piece_is_followed_by_a_new_one_in_the_same_step(prior):
    env = MelodyVecEnv(2, prior=prior, priming="none", length=2)
    first = env.reset()
    expected = env.prior_log_probs
    env.step(np.array([14, 16]))
    observations, _, dones, infos = env.step(np.array([18, 1]))
    assert dones.tolist() == [True, True]
    np.testing.assert_array_equal(observations, first)
    np.testing.assert_array_equal(env.prior_log_probs, expected)
    assert [info["terminal_observation"].tolist() for info in infos] == [[18, 2], [1, 2]]
    assert [info["melody"].tolist() for info in infos] == [[14, 18], [16, 1]]
    assert [info["episode"]["l"] for info in infos] == [2, 2]
    returns = env.engine.finished.returns
    assert [info["episode"]["r"] for info in infos] == returns.tolist()
    assert returns[0] != returns[1]
    assert env.reset_infos == [{}, {}]


def test_what_is_returned_is_not_touched_again(prior):
    env = MelodyVecEnv(B, prior=prior, length=4)
    kept = [env.reset()]
    for _ in range(8):
        kept.append(env.step(np.array([14, 1, 0])))
        copies = copy.deepcopy(kept)
    env.step(np.array([2, 2, 2]))
    for mine, other in zip(kept[1:], copies[1:], strict=True):
        np.testing.assert_array_equal(mine[0], other[0])
        np.testing.assert_array_equal(mine[1], other[1])
        assert data_equivalence(mine[3], other[3], exact=True)


def test_gymnasiums_and_sb3s_statistics_wrappers_work(prior):
    recorded = RecordEpisodeStatistics(gym.make_vec(ID, num_envs=B, prior=prior))
    recorded.reset(seed=0)
    monitored = VecMonitor(MelodyVecEnv(B, prior=prior))
    monitored.seed(0)
    monitored.reset()
    for _ in range(32):
        actions = np.array([14, 16, 1])
        recorded_infos, infos = recorded.step(actions)[-1], monitored.step(actions)[-1]
    for i, info in enumerate(infos):
        assert info["episode"]["l"] == recorded_infos["episode"]["l"][i] == 32
        assert info["episode"]["r"] == pytest.approx(recorded_infos["episode"]["r"][i], rel=1e-4)


def test_sb3s_methods_for_single_environments(prior):
    env = MelodyVecEnv(B, prior=prior, render_mode="ansi")
    assert env.get_attr("render_mode", indices=[0, 2]) == ["ansi", "ansi"]
    assert not env.has_attr("wings")
    assert env.env_is_wrapped(Monitor) == [False] * B
    env.set_attr("note", 1)
    assert env.get_attr("note") == [1] * B
    with pytest.raises(ValueError, match="All pieces share 'note'"):
        env.set_attr("note", 2, indices=0)
    env.reset()
    env.step(np.array([14, 16, 1]))
    assert [text.split()[2] for text in env.env_method("render", indices=[0, 1])] == ["C4", "D4"]
    with pytest.raises(AttributeError, match="no method 'fly'"):
        env.env_method("fly")


def test_pictures_of_the_pieces_so_far(prior):
    env = gym.make(ID, prior=prior, render_mode="rgb_array")
    env.reset()
    empty = env.render()
    assert (empty.shape, empty.dtype) == ((36 * 8, 32 * 8, 3), np.uint8)
    env.step(14)
    assert (env.render() != empty).any()
    vector = MelodyCompositionVectorEnv(B, prior=prior, render_mode="ansi")
    vector.reset()
    vector.step(np.array([14, 16, 1]))
    assert [text.split()[2] for text in vector.render()] == ["C4", "D4", "."]
    tiled = MelodyVecEnv(4, prior=prior, render_mode="rgb_array")
    tiled.reset()
    assert tiled.render().shape == (2 * 36 * 8, 2 * 32 * 8, 3)


@pytest.mark.parametrize("environment", [MelodyCompositionEnv, MelodyCompositionVectorEnv, MelodyVecEnv])
def test_every_interface_refuses_an_unknown_render_mode(prior, environment):
    with pytest.raises(ValueError, match="render_mode must be one of 'ansi', 'rgb_array', not 'human'"):
        environment(prior=prior, render_mode="human")


@pytest.mark.parametrize("action", [38, -1, 1.5, [14, 14]])
def test_scalar_interface_refuses_an_invalid_token(prior, action):
    env = gym.make(ID, prior=prior)
    env.reset()
    with pytest.raises(VocabularyError):
        env.step(action)


def test_vector_interface_refuses_seeds_and_masks_that_do_not_fit(prior):
    env = MelodyCompositionVectorEnv(B, prior=prior)
    with pytest.raises(ValueError, match="Expected 3 seeds, one for each piece, got 2"):
        env.reset(seed=[1, 2])
    with pytest.raises(ValueError, match="lockstep"):
        env.reset(options={"reset_mask": np.array([True, False, False])})


@pytest.mark.parametrize(("tempo", "fps"), [(60, 4), (120, 8), (90, 6)])
def test_a_rendered_piece_has_its_tempo_in_every_interface(tempo, fps, small_prior):
    arguments = {"prior": small_prior, "tempo": tempo}
    one = gym.make("MelodyComposition-v0", **arguments)
    several = gym.make_vec("MelodyComposition-v0", num_envs=2, **arguments)
    for env in (one, several, MelodyVecEnv(2, **arguments)):
        assert env.metadata["render_fps"] == fps
        assert env.metadata["render_modes"] == ["ansi", "rgb_array"]


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_a_seed_is_a_whole_number_from_0_on_in_every_interface(seed, small_prior):
    single, vector, sb3 = (
        kind(prior=small_prior) for kind in (MelodyCompositionEnv, MelodyCompositionVectorEnv, MelodyVecEnv)
    )
    with pytest.raises(InputError, match=r"^seed must be "):
        single.reset(seed=seed)
    for seeds in (seed, [seed]):
        if not isinstance(seeds, str):
            with pytest.raises(InputError, match=r"^seed must be "):
                vector.reset(seed=seeds)
    with pytest.raises(InputError, match=r"^seed must be "):
        sb3.engine.seed([seed])
    with pytest.raises(InputError, match=r"^seed must be "):
        sb3.seed(seed)
    assert vector.reset(seed=np.int64(5))[0].tolist() == vector.reset(seed=[5])[0].tolist()


def test_a_seed_of_sb3_is_one_that_sb3_takes(small_prior):
    """Gymnasium's may be larger: its environments return seeds of 128 bits."""
    env = MelodyVecEnv(2, prior=small_prior)
    assert env.seed(np.int64(2**32 - 1)) == [2**32 - 1, 2**32]
    env.reset()
    with pytest.raises(InputError, match=r"^seed must be at most 4,294,967,295, not 4294967296\.$"):
        env.seed(2**32)
    single = MelodyCompositionEnv(prior=small_prior)
    first = single.reset(seed=single.np_random_seed)[0]
    assert (single.reset(seed=single.np_random_seed)[0] == first).all()
