"""Whole episodes come out as they went in, whatever their lengths, and none that is half overwritten."""

import numpy as np
import pytest
from gymnasium import spaces

from agents import EpisodeBuffer

RNG = np.random.default_rng(0)


def fill(buffer: EpisodeBuffer, lengths: list[list[int]], truncated: bool = False) -> None:
    """Add episodes of the given lengths, a list for each environment; observation = 1000 * episode + step."""
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


def test_episodes_are_sampled_whole_with_what_was_seen_after_the_last_step():
    buffer = make_buffer(n_envs=2)
    fill(buffer, [[3, 5, 2], [4, 1, 5]])
    batch = buffer.sample_episodes(64, RNG)
    assert buffer.num_episodes == 6
    lengths = batch.mask.sum(0).int().tolist()
    assert set(lengths) == {1, 2, 3, 4, 5}
    for column, length in enumerate(lengths):
        first = batch.observations[0, column, 0].item()
        assert first % 1000 == 0
        assert (batch.observations[: length + 1, column, 0] - first).tolist() == list(range(length + 1))
        assert batch.actions[:length, column].tolist() == [(int(first) + step) % 5 for step in range(length)]
        assert batch.rewards[:length, column].tolist() == pytest.approx([(first + step) / 10 for step in range(length)])
        assert batch.terminated[:length, column].tolist() == [0.0] * (length - 1) + [1.0]
        assert batch.mask[:, column].tolist() == [1.0] * length + [0.0] * (len(batch.mask) - length)


def test_a_time_limit_is_no_end():
    buffer = make_buffer()
    fill(buffer, [[3, 3]], truncated=True)
    assert buffer.sample_episodes(4, RNG).terminated.sum() == 0


def test_overwritten_episodes_leave_the_index():
    buffer = make_buffer(size=10)
    fill(buffer, [[4, 4, 4]])  # 12 steps into 10 places: the first episode is half gone
    starts = buffer.sample_episodes(64, RNG).observations[0, :, 0].unique().tolist()
    assert starts == [1000.0, 2000.0]


def test_an_episode_longer_than_the_ring_is_never_sampled():
    buffer = make_buffer(size=10)
    fill(buffer, [[12, 3]])
    assert buffer.num_episodes == 1
    assert buffer.sample_episodes(8, RNG).mask.sum(0).unique().tolist() == [3.0]


def test_an_abandoned_episode_is_not_joined_to_the_next():
    buffer = make_buffer()
    fill(buffer, [[3]])
    buffer.add(np.zeros((1, 1)), np.zeros((1, 1)), np.array([0]), np.zeros(1), np.array([False]), [{}])
    buffer.abandon_open_episodes()
    fill(buffer, [[2]])
    assert set(buffer.sample_episodes(32, RNG).mask.sum(0).tolist()) <= {2.0, 3.0}


def test_the_same_generator_gives_the_same_sample():
    buffer = make_buffer()
    fill(buffer, [[3, 5, 2, 7]])
    first, second = (buffer.sample_episodes(5, np.random.default_rng(3)).rewards for _ in range(2))
    assert first.equal(second)


def test_discrete_observations_come_without_an_extra_axis():
    buffer = EpisodeBuffer(100, spaces.Discrete(38), spaces.Discrete(38), device="cpu", n_envs=2)
    for done in (False, True):
        buffer.add(np.array([3, 4]), np.array([5, 6]), np.array([5, 6]), np.zeros(2), np.array([done] * 2), [{}, {}])
    assert buffer.sample_episodes(7, RNG).observations.shape == (3, 7)


def test_an_empty_buffer_says_what_is_missing():
    with pytest.raises(ValueError, match="No episode has ended yet"):
        make_buffer().sample_episodes(1, RNG)


def test_observations_of_the_end_cannot_be_left_out():
    with pytest.raises(ValueError, match="optimize_memory_usage must be False"):
        EpisodeBuffer(10, spaces.Discrete(2), spaces.Discrete(2), optimize_memory_usage=True)
