"""Streams of tunes in shards: each has its turn, in an order that the seed decides."""

from itertools import islice

import numpy as np
import pytest

from note_rnn.pretraining.crops import Tunes, TuneStream

SEGMENTS = [[np.full(4, shard)] for shard in range(4)]


def stream(seed=0, tokens=(100, 0, 50, 4)):
    return TuneStream(tokens, lambda shard: Tunes(SEGMENTS[shard]), seed)


def turns(stream, update, number):
    found = islice(stream.turns(update, 10), number)
    return [(int(tunes.segments[0][0]), updates) for tunes, updates in found]


def test_in_a_round_each_shard_has_updates_for_its_tokens_and_at_least_one():
    first, second = turns(stream(), 1, 3), turns(stream(), 1, 6)[3:]
    assert sorted(first) == sorted(second) == [(0, 10), (2, 5), (3, 1)]


def test_the_order_of_each_round_is_the_seeds():
    orders = {tuple(shard for shard, _ in turns(stream(seed), 1, 12)) for seed in range(20)}
    assert len(orders) > 15
    assert turns(stream(7), 1, 12) == turns(stream(7), 1, 12)
    rounds = {tuple(shard for shard, _ in turns(stream(0), 1, 60)[n : n + 3]) for n in range(0, 60, 3)}
    assert len(rounds) > 3


@pytest.mark.parametrize("update", [1, 2, 10, 11, 15, 16, 17, 33, 100])
def test_a_stream_goes_on_from_any_update(update):
    one_by_one = [shard for shard, updates in turns(stream(), 1, 60) for _ in range(updates)]
    later = [shard for shard, updates in turns(stream(), update, 30) for _ in range(updates)]
    assert later[:100] == one_by_one[update - 1 :][:100]


def test_tunes_in_memory_are_one_shard():
    assert [updates for _, updates in islice(TuneStream.of(SEGMENTS[0] * 5).turns(3, 10), 3)] == [2, 2, 2]
