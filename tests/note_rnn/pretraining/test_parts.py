"""The parts of a corpus in shards, for pretraining: those of `split`, the training tunes shard by shard."""

import numpy as np
import pytest

from note_rnn.corpus import Corpus, CorpusError, Shards, split
from note_rnn.corpus.corpus import joined
from note_rnn.corpus.windows import from_first_bar, tunes_in_meter
from note_rnn.extraction.tunes import Bars
from note_rnn.pretraining import parts
from note_rnn.pretraining.parts import split_shards


def corpus_of(first, number):
    rng = np.random.default_rng(first)
    tunes = [rng.integers(2, 38, 30 + n) for n in range(number)]
    names = [f"book/{first + n}" for n in range(number)]
    bars = [Bars("4/4" if n % 2 else "6/8", n % 3) for n in range(number)]
    return Corpus(tunes, np.arange(number), [""] * number, names, [], bars)


CORPORA = [corpus_of(0, 60), corpus_of(100, 3), corpus_of(200, 70)]
SHARDS = Shards([lambda i=i: CORPORA[i] for i in range(3)], [{"name": "all"}])


@pytest.mark.parametrize("meter", [None, "4/4"])
def test_the_parts_are_those_of_the_whole_corpus(meter):
    found, whole = split_shards(SHARDS, meter), joined(CORPORA)
    expected = split(whole, among=None if meter is None else tunes_in_meter(whole, meter))
    if meter:
        expected = type(expected)(*(from_first_bar(part, meter) for part in expected))
    train = joined([found.train.read(n) for n in range(3)])
    for one, other in zip((train, found.validation, found.test), expected, strict=True):
        assert one.sources == other.sources
        assert [tune.tolist() for tune in one.segments] == [tune.tolist() for tune in other.segments]
    sizes = found.sizes
    assert [sizes[name].tunes for name in ("train", "validation", "test")] == [len(part.titles) for part in expected]
    assert [sizes[name].tokens for name in ("train", "validation", "test")] == [part.num_tokens for part in expected]
    assert found.sample().train.sources == found.train.read(2).sources


def test_of_a_large_corpus_a_smaller_share_is_held_out(monkeypatch):
    monkeypatch.setattr(parts, "MAX_HELD_OUT", 2)
    sizes = split_shards(SHARDS).sizes
    assert 1 <= sizes["validation"].tunes <= 5
    assert sum(size.tunes for size in sizes.values()) == 133


@pytest.mark.parametrize("number", [132, 134])
def test_an_index_of_other_shards_is_noticed(number):
    rng = np.random.default_rng(0)
    shards = Shards(SHARDS.readers, [], rng.integers(2**63, size=number).astype(np.uint64))
    with pytest.raises(CorpusError, match="is not that of its shards: build the corpus again"):
        split_shards(shards)


def test_a_stream_has_the_bars_of_the_tunes_or_none():
    train = split_shards(SHARDS, "4/4").train
    assert train.stream(0, with_bars=False).read(0).bars is None
    segments, bars = train.stream(0, with_bars=True).read(0)
    assert bars == [Bars("4/4", 0)] * len(segments) != []
    assert train.stream(3, with_bars=True).tokens == [train.read(n).num_tokens for n in range(3)]
