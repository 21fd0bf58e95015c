"""Corpus files: round trips, and errors for files that are not corpora."""

from dataclasses import replace

import numpy as np
import pytest

from note_rnn.corpus import Corpus, CorpusError, Origin, load_corpus, read_corpus, write_corpus
from note_rnn.extraction.tunes import Bars
from note_rnn.vocabulary import VocabularyError

CORPUS = Corpus(
    [np.array([2, 1, 37]), np.array([0]), np.array([14, 16])],
    np.array([0, 0, 1]),
    ["Eine Weise", ""],
    ["mine/a.mid#1", "mine/b.abc#7"],
    [{"files": 2}],
    [Bars("6/8", 2), Bars("", 0), Bars("4/4", 0, is_estimated=True)],
    [(), (0,), (0, 1)],
    [None, Origin((14, 16, 14), 2**64 - 1, 2, 1, "an ending without its repeat")],
)
NEW_ARRAYS = ("sections", "section_offsets", "notes", "note_offsets", "codes", "moved", "dropped", "folded")


def same(one, other):
    return (
        [segment.tolist() for segment in one.segments] == [segment.tolist() for segment in other.segments]
        and one.tune_of_segment.tolist() == other.tune_of_segment.tolist()
        and (one.titles, one.sources, one.provenance) == (other.titles, other.sources, other.provenance)
        and (one.bars, one.sections, one.origins) == (other.bars, other.sections, other.origins)
    )


@pytest.mark.parametrize("corpus", [CORPUS, Corpus([], np.zeros(0, np.int64), [], [])], ids=["tunes", "empty"])
def test_what_is_written_is_read(tmp_path, corpus):
    write_corpus(corpus, tmp_path / "mine.npz")
    assert same(read_corpus(tmp_path / "mine.npz"), corpus)
    assert all(segment.dtype == np.int64 for segment in read_corpus(tmp_path / "mine.npz").segments)


def test_a_corpus_of_version_0_1_has_no_estimates(tmp_path):
    write_corpus(CORPUS, tmp_path / "mine.npz")
    with np.load(tmp_path / "mine.npz") as file:
        arrays = {name: file[name] for name in file if name != "meter_estimated"}
    np.savez(tmp_path / "old.npz", **arrays)
    assert read_corpus(tmp_path / "old.npz").bars == [Bars("6/8", 2), Bars("", 0), Bars("4/4", 0)]


def arrays_of(corpus, path):
    write_corpus(corpus, path)
    with np.load(path) as file:
        return dict(file)


def test_an_older_corpus_has_neither_sections_nor_origins(tmp_path):
    arrays = arrays_of(CORPUS, tmp_path / "mine.npz")
    assert set(NEW_ARRAYS) <= arrays.keys()
    np.savez(tmp_path / "old.npz", **{name: array for name, array in arrays.items() if name not in NEW_ARRAYS})
    old = read_corpus(tmp_path / "old.npz")
    assert same(old, replace(CORPUS, sections=[], origins=[]))
    write_corpus(old, tmp_path / "again.npz")
    assert same(read_corpus(tmp_path / "again.npz"), old)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("sections", np.array([0, 0, 2])),
        ("sections", np.array([-1, 0, 1])),
        ("sections", np.array([0.0, 0.0, 1.0])),
        ("section_offsets", np.array([0, 0, 1])),
        ("section_offsets", np.array([0, 1, 0, 3])),
        ("section_offsets", np.array([0, 0, 1, 2])),
        ("section_offsets", None),
        ("note_offsets", np.array([0, 3])),
        ("note_offsets", np.array([0, 4, 3])),
        ("note_offsets", None),
        ("codes", np.array([1], np.uint64)),
        ("codes", np.array([1.0, 2.0])),
        ("moved", np.zeros((2, 1), np.int64)),
        ("dropped", np.zeros(3, np.int64)),
        ("folded", np.array(["a"])),
        ("folded", None),
    ],
)
def test_sections_and_origins_that_do_not_agree_with_the_tunes(tmp_path, name, array):
    arrays = {**arrays_of(CORPUS, tmp_path / "mine.npz"), name: array}
    np.savez(tmp_path / "wrong.npz", **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(CorpusError, match=r"wrong\.npz is not a corpus file: its arrays"):
        read_corpus(tmp_path / "wrong.npz")


def test_a_corpus_file_is_a_collection(tmp_path):
    write_corpus(CORPUS, tmp_path / "mine.npz")
    write_corpus(CORPUS, tmp_path / "more.npz")
    both = load_corpus([str(tmp_path / "mine.npz"), str(tmp_path / "more.npz")])
    assert both.tune_of_segment.tolist() == [0, 0, 1, 2, 2, 3]
    assert both.sources == CORPUS.sources * 2


def test_tokens_and_offsets_are_enough(tmp_path):
    np.savez(tmp_path / "tokens.npz", tokens=np.array([14, 16, 18]), offsets=np.array([0, 2, 3]), more=np.zeros(2))
    corpus = read_corpus(tmp_path / "tokens.npz")
    assert [segment.tolist() for segment in corpus.segments] == [[14, 16], [18]]
    assert corpus.tune_of_segment.tolist() == [0, 1]
    assert corpus.sources == ["tokens.npz#1", "tokens.npz#2"]
    assert (corpus.titles, corpus.bars, corpus.provenance) == (["", ""], [], [{"collection": "tokens.npz"}])


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"tokens": np.array([14])},
        {"tokens": np.array([14]), "offsets": np.zeros(0, np.int64)},
        {"tokens": np.array([14]), "offsets": np.array([0, 2])},
        {"tokens": np.array([14]), "offsets": np.array([0, 1, 0, 1])},
        {"tokens": np.array([14, 16]), "offsets": np.array([1, 2])},
        {"tokens": np.array([14, 16]), "offsets": np.array([0, 1, 1, 2])},
        {"tokens": np.array([14]), "offsets": np.array([0.0, 1.0])},
        {
            "tokens": np.array([14]),
            "offsets": np.array([0, 1]),
            "meters": np.array(["4/4", "4/4"]),
            "pickups": np.zeros(2, np.int64),
        },
        {"tokens": np.array([14]), "offsets": np.array([0, 1]), "meters": np.array(["4/4"])},
        *(
            {"tokens": np.array([14]), "offsets": np.array([0, 1]), "meters": np.array([meter]), "pickups": [pickup]}
            for meter, pickup in [("banana", 0), ("0/4", 0), ("4/0", 0), ("1000/4", 0), ("4/4", -1), ("4/4", 2**40)]
        ),
        {
            "tokens": np.array([14]),
            "offsets": np.array([0, 1]),
            "tune_of_segment": np.array([0, 0]),
            "titles": np.array(["a"]),
            "sources": np.array(["a"]),
            "provenance": np.array("[]"),
        },
        {
            "tokens": np.array([14]),
            "offsets": np.array([0, 1]),
            "tune_of_segment": np.array([0]),
            "titles": np.array(["a"]),
            "sources": np.array(["a", "b"]),
            "provenance": np.array("[]"),
        },
        {"tokens": np.array([[14]]), "offsets": np.array([0, 1])},
        {"tokens": np.array([14]), "offsets": np.array([0, 1]), "tune_of_segment": np.array([0])},
        {
            "tokens": np.array([14]),
            "offsets": np.array([0, 1]),
            "tune_of_segment": np.array([1]),
            "titles": np.array(["a", "b"]),
            "sources": np.array(["a", "b"]),
            "provenance": np.array("[]"),
        },
    ],
)
def test_arrays_that_do_not_agree(tmp_path, arrays):
    np.savez(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(CorpusError, match=r"wrong\.npz is not a corpus file: its arrays"):
        read_corpus(tmp_path / "wrong.npz")


def test_tokens_that_are_none(tmp_path):
    np.savez(tmp_path / "wrong.npz", tokens=np.array([14, 38]), offsets=np.array([0, 2]))
    with pytest.raises(VocabularyError):
        read_corpus(tmp_path / "wrong.npz")


def test_files_that_are_no_corpus(tmp_path):
    with pytest.raises(CorpusError, match="There is no corpus file"):
        load_corpus([str(tmp_path / "none.npz")])
    write_corpus(CORPUS, tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:300] + bytes(40) + whole[340:]):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(CorpusError, match=r"bad\.npz is not a corpus file"):
            read_corpus(tmp_path / "bad.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(CorpusError, match=r"array\.npy is not a corpus file"):
        read_corpus(tmp_path / "array.npy")
