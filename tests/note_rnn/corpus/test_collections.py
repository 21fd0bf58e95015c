"""Collections: files in order, the cache, and the openings of held-out tunes."""

from importlib.metadata import version

import numpy as np
import pytest

from note_rnn.corpus import (
    Corpus,
    Reading,
    cached_corpus,
    held_out_openings,
    load_corpus,
    parse_collection,
    read_corpus,
    split,
)
from note_rnn.corpus import collections as corpora
from note_rnn.corpus.collections import DEFAULT_COLLECTIONS
from note_rnn.extraction.tunes import Bars

pytest.importorskip("music21")

MADE_BY = {
    "music21": version("music21"),
    "extraction": corpora.EXTRACTION_VERSION,
    "off_grid": "round",
    "repeats": "once",
}


def abc(title):
    return f"X:1\nT:{title}\nM:4/4\nL:1/16\nK:C\nC16|D16|\n"


@pytest.fixture
def books(tmp_path, monkeypatch):
    """A corpus folder with a book in deep folders and one of another kind of file."""
    folder = tmp_path / "music"
    for name in ("book/z.abc", "book/deep/er/m.ABC", "book/a.abc", "other/b.abc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(abc(name.split("/")[-1][0]))
    (folder / "book" / "readme.txt").write_text("no music")
    monkeypatch.setattr(corpora, "_corpus_folder", lambda: folder)
    return folder


def cache(folder, name, corpus):
    corpora.write_corpus(corpus, folder / "corpus" / corpora._cache_name(name))


def tunes(number, segments, steps, seed=0, provenance=MADE_BY):
    """A corpus of tunes of so many segments each, all of so many steps or a few more."""
    rng = np.random.default_rng(seed)
    melodies = [rng.integers(2, 38, steps + n % 3) for n in range(number * segments)]
    names = [f"tune {n}" for n in range(number)]
    return Corpus(melodies, np.repeat(np.arange(number), segments), [""] * number, names, [provenance])


def test_all_files_of_a_collection_are_read_in_the_order_of_their_names(books):
    """However deep they are, and in capitals or not."""
    corpus = parse_collection("book", 1)
    assert corpus.titles == ["a", "m", "z"]
    assert corpus.sources == ["book/a.abc#1", "book/m.ABC#1", "book/z.abc#1"]
    assert corpus.bars == [Bars("4/4", 0)] * 3


def test_what_is_cached_can_be_had_without_parsing_if_all_of_it_is(books, tmp_path):
    assert cached_corpus(["book", "other"], tmp_path) is None
    first = load_corpus(["book"], tmp_path, 1)
    assert cached_corpus(["book"], tmp_path).titles == first.titles == ["a", "m", "z"]
    assert cached_corpus(["book", "other"], tmp_path) is None
    load_corpus(["other"], tmp_path, 1)
    assert cached_corpus(["other", "book"], tmp_path).titles == ["b", "a", "m", "z"]
    assert cached_corpus(["book"], tmp_path / "elsewhere") is None


@pytest.mark.parametrize(("variable", "folder"), [("named", "named"), ("", "users/melody-rl")])
def test_without_a_folder_that_of_the_variable_or_of_the_user_is_taken(variable, folder, books, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(corpora, "user_cache_dir", lambda name: f"users/{name}")
    monkeypatch.setenv("MELODY_RL_CACHE", variable)
    load_corpus(["book"], num_workers=1)
    assert [path.name for path in (tmp_path / folder / "corpus").iterdir()] == [
        f"book-{corpora.EXTRACTION_VERSION}.npz"
    ]
    assert cached_corpus(["book"]).titles == ["a", "m", "z"]
    assert cached_corpus(["book"], tmp_path) is None


def test_a_cache_made_by_other_versions_counts_as_none(tmp_path):
    for change in ({"music21": "0.0"}, {"extraction": -1}, {"off_grid": "cut"}, {"repeats": "unfold"}, {}):
        cache(tmp_path, "book", tunes(3, 1, 32, provenance=MADE_BY | change))
        assert (cached_corpus(["book"], tmp_path) is None) == bool(change)


def test_each_reading_is_cached_in_a_file_of_its_own(books, tmp_path):
    (books / "book" / "a.abc").write_text("X:1\nT:a\nM:4/4\nL:1/16\nK:C\n|:C16|D16|(3C4D4E4|E16|F16:|\n")
    number = corpora.EXTRACTION_VERSION
    for reading, tokens, name in (
        (Reading(), 72, f"book-{number}.npz"),
        (Reading(off_grid="cut"), 64, f"book-{number}-cut.npz"),
        (Reading(repeats="unfold"), 144, f"book-{number}-unfold.npz"),
        (Reading("cut", "unfold"), 128, f"book-{number}-cut-unfold.npz"),
    ):
        for _ in range(2):
            assert load_corpus(["book"], tmp_path, 1, reading).num_tokens == tokens + 64
        cached = read_corpus(tmp_path / "corpus" / name)
        assert cached.num_tokens == tokens + 64
        assert (cached.provenance[0]["off_grid"], cached.provenance[0]["repeats"]) == (
            reading.off_grid,
            reading.repeats,
        )
    assert cached_corpus(["book"], tmp_path).num_tokens == 72 + 64


def test_what_reading_changed_is_counted_and_stands_beside_each_tune(books):
    (books / "book" / "a.abc").write_text("X:1\nT:a\nM:4/4\nL:1/16\nK:C\n|:C16|D16|(3CDE(3C2D2E2 F10|\n")
    corpus = parse_collection("book", 1, Reading(repeats="unfold"))
    unclear = "a repeat that begins and does not end"
    assert [origin[2:] for origin in corpus.origins] == [(3, 1, unclear), (0, 0, ""), (0, 0, "")]
    assert corpus.sections == [(0,)] * 3
    counts = {name: corpus.provenance[0][name] for name in ("tunes_rounded", "notes_moved", "notes_dropped")}
    assert counts == {"tunes_rounded": 1, "notes_moved": 3, "notes_dropped": 1}
    assert corpus.provenance[0]["tunes_folded"] == {unclear: 1}


def test_the_split_is_the_same_for_every_reading(books):
    """A book of tunes with triplets and repeats, each of them with a variant under another title."""
    rng = np.random.default_rng(0)
    tunes = []
    for number in range(60):
        notes = ["CDEFGABcdefg"[n] for n in rng.integers(0, 12, 48)]
        music = "".join(f"{note}2" if n % 24 != 12 else f"(3{note}2{note}2{note}2" for n, note in enumerate(notes))
        for variant in ("", "E2E2"):
            title = f"{number:02}{variant}".translate(str.maketrans("0123456789", "qwrtyuiopa"))
            tunes.append(f"X:1\nT:{title}\nM:4/4\nL:1/16\nK:C\n|:{variant}{music}:|\n\n")
    (books / "book" / "a.abc").write_text("".join(tunes))
    splits = [
        [part.sources for part in split(parse_collection("book", 1, reading), 0.2, 0.2)]
        for reading in (Reading(), Reading("cut"), Reading("round", "unfold"), Reading("cut", "unfold"))
    ]
    assert all(each == splits[0] for each in splits)
    for part in splits[0]:
        numbers = {int(source.split("#")[1]) - 1 for source in part if "a.abc" in source}
        assert {number ^ 1 for number in numbers} == numbers


def test_held_out_openings_are_of_test_tunes_and_of_the_first_segment_of_each(tmp_path):
    """Of two segments a tune; where the first has not as many steps, the tune has no opening."""
    books = [tunes(100, 2, 40, seed) for seed in (0, 1)]
    for name, book in zip(DEFAULT_COLLECTIONS, books, strict=True):
        cache(tmp_path, name, book)
    test = split(corpora.joined(books)).test
    for length in (16, 41):
        firsts = [test.segments[2 * n] for n in range(len(test.titles))]
        expected = [first[:length].tolist() for first in firsts if len(first) >= length]
        assert held_out_openings(length, tmp_path).tolist() == expected
    assert 0 < len(expected) < len(firsts)
