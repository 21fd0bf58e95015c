"""Corpora in shards: the same tunes and the same parts as in one file, and indices that cannot be used."""

import numpy as np
import pytest

from note_rnn.corpus import Corpus, CorpusError, Shards, open_corpus, read_corpus, read_shards, split, write_corpus
from note_rnn.corpus.corpus import joined
from note_rnn.corpus.sharded.shards import joined_shards, shard_folder, write_index
from note_rnn.corpus.sharded.splits import TEST, TRAIN, VALIDATION, parts_of_tunes, tune_groups
from note_rnn.extraction.tunes import Bars


def corpus_of(rng, number, name):
    """Random tunes of 40 notes, every third a variant of the one before, with half of its notes."""
    tunes = [rng.integers(2, 38, 40) for _ in range(number)]
    for n in range(2, number, 3):
        tunes[n] = np.concatenate([tunes[n - 1][:20], rng.integers(2, 38, 20)])
    names = [f"{name}/{n}" for n in range(number)]
    return Corpus(tunes, np.arange(number), [""] * number, names, [{"name": name}], [Bars("4/4", 0)] * number)


@pytest.fixture
def shards(tmp_path):
    """Four shards of which the last has variants of the first one's tunes, and the file of their index."""
    rng = np.random.default_rng(0)
    corpora = [corpus_of(rng, number, name) for number, name in ((40, "a"), (1, "b"), (30, "c"))]
    changed = [np.concatenate([rng.integers(2, 38, 15), tune[10:]]) for tune in corpora[0].segments[:20]]
    names = [f"d/{n}" for n in range(20)]
    corpora.append(Corpus(changed, np.arange(20), [""] * 20, names, [], [Bars("3/4", 1)] * 20))
    paths = [shard_folder(tmp_path / "all.npz") / f"{n}ab.npz" for n in range(4)]
    for corpus, path in zip(corpora, paths, strict=True):
        write_corpus(corpus, path)
    write_index(tmp_path / "all.npz", paths, tune_groups(corpora).hashes, [{"name": "all"}])
    return corpora


def test_an_index_gives_the_tunes_of_its_shards_in_order(shards, tmp_path):
    found, whole = read_corpus(tmp_path / "all.npz"), joined(shards)
    assert [tune.tolist() for tune in found.segments] == [tune.tolist() for tune in whole.segments]
    assert (found.sources, found.bars) == (whole.sources, whole.bars)
    assert found.provenance == [{"name": "all"}]
    assert [corpus.sources for corpus in read_shards(tmp_path / "all.npz")] == [corpus.sources for corpus in shards]


def test_a_file_of_tunes_is_the_only_shard(shards, tmp_path):
    write_corpus(shards[0], tmp_path / "one.npz")
    one = read_shards(tmp_path / "one.npz")
    assert len(one) == 1
    assert one.whole().sources == shards[0].sources
    assert (one.hashes == tune_groups([shards[0]]).hashes).all()


def test_the_split_is_that_of_all_tunes_together(shards, tmp_path):
    found, whole = read_shards(tmp_path / "all.npz"), split(joined(shards), 0.2, 0.2)
    part = parts_of_tunes(found.hashes, 0.2, 0.2)
    sources = np.array(joined(shards).sources)
    for number, corpus in ((TRAIN, whole.train), (VALIDATION, whole.validation), (TEST, whole.test)):
        assert sources[part == number].tolist() == corpus.sources
        assert corpus.sources


def test_variants_are_found_across_shards(shards):
    groups = tune_groups(shards)
    first, last = groups.hashes[:20], groups.hashes[-20:]
    assert (first == last).all()
    assert groups.number == 71 - 13 - 10  # without every third tune of 40 and of 30, and without the last 20


def test_duplicates_are_counted_across_shards(shards):
    assert tune_groups(shards).duplicates == 0
    assert tune_groups([*shards, shards[1], shards[0]]).duplicates == 41
    assert tune_groups([*shards, shards[1]]).number == tune_groups(shards).number


def test_groups_of_a_corpus_and_of_one_joined_to_another_may_differ(shards):
    alone = Shards([lambda: shards[0], lambda: shards[1]], [{"name": "x"}], np.zeros(41, np.uint64))
    other = Shards.of(shards[3])
    both = joined_shards([alone, other])
    assert [corpus.sources for corpus in both] == [corpus.sources for corpus in (shards[3], shards[0], shards[1])]
    assert (both.hashes == tune_groups([shards[3], *shards[:2]]).hashes).all()
    assert joined_shards([alone]).hashes.tolist() == [0] * 41
    small = joined_shards([other, Shards.of(shards[2])])
    assert len(small) == 1
    assert small.whole().sources == shards[3].sources + shards[2].sources


def test_collections_may_be_indices(shards, tmp_path):
    assert len(open_corpus([str(tmp_path / "all.npz")])) == 4
    write_corpus(shards[2], tmp_path / "one.npz")
    opened = open_corpus([str(tmp_path / "all.npz"), str(tmp_path / "one.npz")])
    assert [len(corpus.titles) for corpus in opened] == [30, 40, 1, 30, 20]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shards": np.array(["../0ab.npz"])}, "is not the index of a corpus"),
        ({"shards": np.array(["/etc/passwd"])}, "is not the index of a corpus"),
        ({"shards": np.array([], np.str_)}, "is not the index of a corpus"),
        ({"shards": np.array([1, 2])}, "is not the index of a corpus"),
        ({"hashes": np.zeros(91)}, "is not the index of a corpus"),
        ({"hashes": None}, "is not the index of a corpus"),
        ({"provenance": np.array("{")}, "is not a corpus file"),
        ({"shards": np.array(["0abc.npz"])}, "There is no corpus file"),
    ],
)
def test_indices_that_cannot_be_used_are_one_sentence(shards, tmp_path, change, sentence):
    arrays = dict(np.load(tmp_path / "all.npz")) | change
    np.savez(tmp_path / "bad.npz", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(CorpusError, match=sentence):
        read_corpus(tmp_path / "bad.npz")
