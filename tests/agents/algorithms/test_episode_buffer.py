"""Whole episodes come out as they went in, whatever their lengths, and none that is half overwritten."""

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.envs import IdentityEnvBox
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from agents import EpisodeBuffer
from agents.algorithms.episode_buffer import EpisodeBatch

RNG = np.random.default_rng(0)


def fill(buffer: EpisodeBuffer, lengths: list[list[int]], truncated: bool = False) -> None:
    """Add episodes of the given lengths, a list for each environment; observation = 1000 * episode + step.

    The policy's log-probability of the action is -observation, what it adds to the scores 3 and observation / 2.
    """
    rows = []
    for environment, column in enumerate(lengths):
        steps = [
            (1000 * (10 * environment + number) + step, step == length - 1)
            for number, length in enumerate(column)
            for step in range(length)
        ]
        rows.append(steps)
    for transitions in zip(*rows, strict=True):
        observation = np.array([[seen] for seen, _ in transitions], dtype=np.float32)
        done = np.array([end for _, end in transitions])
        buffer.store_policy(-observation[:, 0], np.stack([np.full(len(rows), 3), observation[:, 0] / 2], axis=1))
        buffer.add(
            observation,
            observation + 1,
            action=observation[:, 0].astype(int) % 5,
            reward=observation[:, 0] / 10,
            done=done,
            infos=[{"TimeLimit.truncated": bool(end and truncated)} for end in done],
        )


def make_buffer(size: int = 1000, n_envs: int = 1) -> EpisodeBuffer:
    space = spaces.Box(-np.inf, np.inf, (1,))
    return EpisodeBuffer(size * n_envs, space, spaces.Discrete(5), device="cpu", n_envs=n_envs)


def check(batch: EpisodeBatch) -> dict[float, int]:
    """Check that the columns of `batch` are episodes as `fill` adds them; return their first observations and lengths.

    Past its end an episode repeats its last step.
    """
    lengths = batch.mask.sum(0).int().tolist()
    assert len(batch.mask) == max(lengths)
    for column, length in enumerate(lengths):
        first = batch.observations[0, column, 0].item()
        assert first % 1000 == 0
        assert (batch.observations[: length + 1, column, 0] - first).tolist() == list(range(length + 1))
        assert batch.actions[:length, column].tolist() == [(int(first) + step) % 5 for step in range(length)]
        assert batch.rewards[:length, column].tolist() == pytest.approx([(first + step) / 10 for step in range(length)])
        assert batch.terminated[:length, column].tolist() == [0.0] * (length - 1) + [1.0]
        assert batch.mask[:, column].tolist() == [1.0] * length + [0.0] * (len(batch.mask) - length)
        seen = [first + min(step, length - 1) for step in range(len(batch.mask) + 1)]
        assert batch.log_policy[:, column].tolist() == [-number for number in seen[:-1]]
        assert batch.log_base[:, column].tolist() == [[3, number / 2] for number in seen]
    return dict(zip(batch.observations[0, :, 0].tolist(), lengths, strict=True))


def test_episodes_are_sampled_whole_with_what_was_seen_after_the_last_step():
    buffer = make_buffer(n_envs=2)
    fill(buffer, [[3, 5, 2], [4, 1, 5]])
    assert buffer.num_episodes == 6
    batch = buffer.sample_episodes(64, RNG)
    assert batch.mask.shape[1] == 64
    assert check(batch) == {0: 3, 1000: 5, 2000: 2, 10_000: 4, 11_000: 1, 12_000: 5}


def test_every_episode_is_as_likely_whatever_its_length():
    buffer = make_buffer()
    fill(buffer, [[1, 9, 2]])
    first = buffer.sample_episodes(3_000, RNG).observations[0, :, 0]
    shares = [(first == number).float().mean().item() for number in (0, 1000, 2000)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.04)


def test_a_time_limit_is_no_end():
    buffer = make_buffer()
    fill(buffer, [[3, 3]], truncated=True)
    assert buffer.sample_episodes(4, RNG).terminated.sum() == 0


def test_overwritten_episodes_leave_the_index():
    buffer = make_buffer(size=10)
    fill(buffer, [[4, 4, 4]])  # 12 steps into 10 places: the first episode is half gone
    assert check(buffer.sample_episodes(64, RNG)) == {1000: 4, 2000: 4}  # the last lies across the seam


def test_an_episode_is_kept_as_long_as_all_of_it_is_there():
    buffer = make_buffer(size=10)
    fill(buffer, [[10]])
    assert check(buffer.sample_episodes(2, RNG)) == {0: 10}
    fill(buffer, [[1]])
    assert buffer.num_episodes == 1
    assert check(buffer.sample_episodes(2, RNG)) == {0: 1}


def test_the_ring_is_shared_among_the_environments():
    space = spaces.Box(-np.inf, np.inf, (1,))
    buffer = EpisodeBuffer(8, space, spaces.Discrete(5), device="cpu", n_envs=2)
    fill(buffer, [[2, 2, 2], [1, 3, 2]])
    assert check(buffer.sample_episodes(64, RNG)) == {1000: 2, 2000: 2, 12_000: 2}


def test_an_episode_longer_than_the_ring_is_never_sampled():
    buffer = make_buffer(size=10)
    fill(buffer, [[12, 3]])
    assert buffer.num_episodes == 1
    assert buffer.sample_episodes(8, RNG).mask.sum(0).unique().tolist() == [3.0]


def test_an_abandoned_episode_is_not_joined_to_the_next():
    buffer = make_buffer()
    fill(buffer, [[4]])
    for _ in range(3):
        buffer.add(np.zeros((1, 1)), np.zeros((1, 1)), np.array([0]), np.zeros(1), np.array([False]), [{}])
    buffer.abandon_open_episodes()
    fill(buffer, [[2]])
    assert buffer.num_episodes == 2
    assert sorted(buffer.take_all().mask.sum(0).tolist()) == [2.0, 4.0]


def test_what_is_taken_is_all_that_ended_and_is_forgotten():
    buffer = make_buffer(n_envs=2)
    fill(buffer, [[3, 2], [4, 1]])
    assert check(buffer.take_all()) == {0: 3, 10_000: 4, 1000: 2, 11_000: 1}
    assert buffer.num_episodes == 0
    with pytest.raises(ValueError, match="No episode has ended yet"):
        buffer.take_all()
    fill(buffer, [[6], [6]])
    assert check(buffer.take_all()) == {0: 6, 10_000: 6}


def test_nothing_is_left_after_a_reset():
    buffer = make_buffer()
    fill(buffer, [[3, 2]])
    buffer.add(np.zeros((1, 1)), np.zeros((1, 1)), np.array([0]), np.zeros(1), np.array([False]), [{}])
    buffer.reset()
    assert buffer.num_episodes == 0
    fill(buffer, [[4]])
    assert check(buffer.take_all()) == {0: 4}


def test_observations_and_rewards_are_normalized_as_the_environment_says_now():
    buffer = make_buffer()
    fill(buffer, [[3]])
    env = VecNormalize(DummyVecEnv([lambda: IdentityEnvBox()]), clip_obs=1e9, clip_reward=1e9, epsilon=0)
    env.obs_rms.mean, env.obs_rms.var, env.ret_rms.var = np.array([1.0]), np.array([4.0]), np.array(0.25)
    batch = buffer.sample_episodes(1, RNG, env)
    assert batch.observations[:, 0, 0].tolist() == [-0.5, 0.0, 0.5, 1.0]  # what was seen after the end, too
    assert batch.rewards[:, 0].tolist() == pytest.approx([0.0, 0.2, 0.4])
    plain = buffer.take_all()
    assert plain.observations[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert plain.rewards[:, 0].tolist() == pytest.approx([0.0, 0.1, 0.2])


def test_what_a_policy_never_added_to_its_scores_is_zero():
    buffer = make_buffer()
    buffer.store_policy(np.array([-0.5], dtype=np.float32))
    buffer.add(np.zeros((1, 1)), np.ones((1, 1)), np.array([1]), np.ones(1), np.array([True]), [{}])
    batch = buffer.take_all()
    assert (batch.log_base.shape, batch.log_base.item(), batch.log_policy.item()) == ((), 0.0, -0.5)


def test_the_same_generator_gives_the_same_sample():
    buffer = make_buffer()
    fill(buffer, [[3, 5, 2, 7]])
    first, second = (buffer.sample_episodes(5, np.random.default_rng(3)).rewards for _ in range(2))
    assert first.equal(second)


def test_discrete_observations_come_without_an_extra_axis():
    buffer = EpisodeBuffer(100, spaces.Discrete(38), spaces.Discrete(38), device="cpu", n_envs=2)
    for done in (False, True):
        buffer.add(np.array([3, 4]), np.array([5, 6]), np.array([5, 6]), np.zeros(2), np.array([done] * 2), [{}, {}])
    batch = buffer.sample_episodes(7, RNG)
    assert batch.observations.shape == (3, 7)
    assert set(map(tuple, batch.observations.T.tolist())) == {(3, 3, 5), (4, 4, 6)}


def test_an_empty_buffer_says_what_is_missing():
    with pytest.raises(ValueError, match="No episode has ended yet"):
        make_buffer().sample_episodes(1, RNG)


def test_observations_of_the_end_cannot_be_left_out():
    with pytest.raises(ValueError, match="optimize_memory_usage must be False"):
        EpisodeBuffer(10, spaces.Discrete(2), spaces.Discrete(2), optimize_memory_usage=True)
