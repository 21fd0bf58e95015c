"""Corpora of music21's collections: parsing, cache, provenance and split."""

import importlib.util
import json
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest

from note_rnn.common.errors import InputError
from note_rnn.corpus import collections as corpora
from note_rnn.corpus.collections import (
    DEFAULT_COLLECTIONS,
    Corpus,
    CorpusError,
    known_collections,
    load_corpus,
    parse_collection,
    split,
)
from note_rnn.corpus.sharded.variants import MIN_OVERLAP, ShingleSets
from note_rnn.corpus.terms import COLLECTION_TERMS
from note_rnn.extraction.tune_files import Reading
from note_rnn.extraction.tunes import Bars

pytest.importorskip("music21")


def abc(number, title, music):
    return f"X: {number}\nT: {title}\nM: 4/4\nL: 1/16\nK: C\n{music}|\n\n"


@pytest.fixture
def books(tmp_path, monkeypatch):
    """A corpus folder with a book of six tunes in two files, a book of one silent tune, and one without any."""
    folder = tmp_path / "music"
    for name in ("book", "silent", "empty", "_hidden"):
        (folder / name).mkdir(parents=True)
    (folder / "book" / "b.abc").write_text(
        abc(1, "Whole", "C8D8|E8F8") + abc(2, "Cut", "C16|D16|(3C4D4E4|E16|F16") + abc(3, "Silent", "z16|z16")
    )
    (folder / "book" / "a.abc").write_text(
        abc(1, "Wide", "C,,16|c''16") + abc(2, "Short", "C16") + abc(3, "", "A16|B16")
    )
    (folder / "silent" / "0.abc").write_text(abc(1, "Silent", "z16|z16"))
    (folder / "empty" / "readme.txt").write_text("no music")
    monkeypatch.setattr(corpora, "_corpus_folder", lambda: folder)
    return folder


@pytest.fixture
def parsed(monkeypatch):
    """The names of the collections that were parsed and not taken from the cache."""
    names = []

    def parse(name, num_workers, reading):
        names.append(name)
        return parse_collection(name, 1, reading)

    monkeypatch.setattr(corpora, "parse_collection", parse)
    return names


def random_corpus(num_tunes, rng):
    tune_of_segment = np.repeat(np.arange(num_tunes), rng.integers(1, 4, num_tunes))
    segments = [rng.integers(2, 38, rng.integers(32, 60)) for _ in tune_of_segment]
    bars = [Bars("4/4", int(pickup)) for pickup in rng.integers(16, size=len(segments))]
    return Corpus(segments, tune_of_segment, [""] * num_tunes, [f"tune {n}" for n in range(num_tunes)], bars=bars)


def same(one, other):
    return (
        [segment.tolist() for segment in one.segments] == [segment.tolist() for segment in other.segments]
        and one.tune_of_segment.tolist() == other.tune_of_segment.tolist()
        and (one.titles, one.sources, one.provenance) == (other.titles, other.sources, other.provenance)
        and one.bars == other.bars
    )


def test_a_collection_is_its_tunes_in_the_order_of_its_files(books):
    corpus = parse_collection("book", 1)
    assert corpus.titles == ["a.abc#3", "Whole", "Cut"]
    assert corpus.sources == ["book/a.abc#3", "book/b.abc#1", "book/b.abc#2"]
    assert corpus.tune_of_segment.tolist() == [0, 1, 2]
    assert [len(segment) for segment in corpus.segments] == [32, 32, 72]
    assert all(segment.dtype == np.int64 for segment in corpus.segments)
    assert corpus.num_tokens == 136
    cut = parse_collection("book", 1, Reading(off_grid="cut"))
    assert cut.sources == corpus.sources
    assert cut.tune_of_segment.tolist() == [0, 1, 2, 2]
    assert [len(segment) for segment in cut.segments] == [32, 32, 32, 32]


def test_what_was_kept_cut_and_dropped_is_counted(books):
    (provenance,) = parse_collection("book", 1, Reading(off_grid="cut")).provenance
    counts = {key: value for key, value in provenance.items() if key not in ("music21", "extraction")}
    assert counts == {
        "collection": "book",
        "off_grid": "cut",
        "repeats": "once",
        "files": 2,
        "tunes_read": 6,
        "tunes_kept": 3,
        "tunes_cut": 1,
        "tunes_rounded": 0,
        "notes_moved": 0,
        "notes_dropped": 0,
        "tunes_folded": {},
        "tunes_dropped": {
            "wider than the vocabulary": 1,
            "no run of 32 sixteenths on the grid": 1,
            "no notes": 1,
        },
    }
    json.dumps(provenance)


def test_what_was_parsed_once_comes_from_the_cache(books, parsed, tmp_path):
    first = load_corpus(["book"], cache_dir=tmp_path)
    again = load_corpus(["book"], cache_dir=tmp_path)
    assert parsed == ["book"]
    assert same(first, again)
    assert all(segment.dtype == np.int64 for segment in again.segments)


@pytest.mark.parametrize("version", ["music21", "extraction"])
def test_a_cache_of_another_version_is_made_anew(books, parsed, tmp_path, monkeypatch, version):
    before = load_corpus(["book"], cache_dir=tmp_path)
    if version == "music21":
        monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0")
    else:
        monkeypatch.setattr(corpora, "EXTRACTION_VERSION", 0)
    after = load_corpus(["book"], cache_dir=tmp_path)
    assert parsed == ["book", "book"]
    assert before.provenance[0][version] != after.provenance[0][version] in ("0.0", 0)


def test_tunes_by_collection():
    corpus = replace(random_corpus(4, np.random.default_rng(0)), sources=["b/0", "a/0#1", "b/1", "a/1"])
    parts = corpus.by_collection()
    assert {name: part.sources for name, part in parts.items()} == {"a": ["a/0#1", "a/1"], "b": ["b/0", "b/1"]}
    assert sum(part.num_tokens for part in parts.values()) == corpus.num_tokens


def test_tunes_without_titles_are_no_variants_of_one_another():
    corpus = random_corpus(200, np.random.default_rng(0))
    named = replace(corpus, titles=["song.abc#1"] * 200, sources=[f"mine/{n}/song.abc#1" for n in range(200)])
    assert len(split(named).train.titles) < 200
    with pytest.raises(CorpusError, match="there is 1: add a collection"):
        split(replace(named, titles=["The Same Tune"] * 200))


def test_held_out_openings_are_those_of_the_test_tunes_once_they_are_cached(tmp_path, monkeypatch):
    assert corpora.held_out_openings(16, tmp_path) is None
    tunes = random_corpus(300, np.random.default_rng(0))
    made_by = {"music21": version("music21"), "extraction": corpora.EXTRACTION_VERSION}
    tunes = replace(tunes, provenance=[{**made_by, "off_grid": "round", "repeats": "once"}])
    for name in DEFAULT_COLLECTIONS:
        corpora.write_corpus(tunes, tmp_path / "corpus" / corpora._cache_name(name))
    openings = corpora.held_out_openings(16, tmp_path)
    test = split(corpora.joined([tunes, tunes])).test
    assert openings.shape[1] == 16
    assert 0 < len(openings) <= len(test.titles)
    first = {tuple(segment[:16]) for segment in test.segments}
    assert {tuple(opening) for opening in openings} <= first
    assert corpora.held_out_openings(100_000, tmp_path) is None


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"not a cache", lambda b: b[:-9]]
)
def test_a_damaged_cache_is_made_anew(books, parsed, tmp_path, damage):
    first = load_corpus(["book"], cache_dir=tmp_path)
    cache = tmp_path / "corpus" / corpora._cache_name("book")
    cache.write_bytes(damage(cache.read_bytes()))
    assert same(load_corpus(["book"], cache_dir=tmp_path), first)
    assert parsed == ["book", "book"]


def test_collections_are_joined_and_none_counts_twice(books, tmp_path):
    (books / "other").mkdir()
    (books / "other" / "c.abc").write_text(abc(1, "Other", "G16|A16"))
    corpus = load_corpus(["other", "book", "other"], cache_dir=tmp_path, num_workers=1)
    assert corpus.titles == ["Other", "a.abc#3", "Whole", "Cut"]
    assert corpus.tune_of_segment.tolist() == [0, 1, 2, 3]
    assert [entry["collection"] for entry in corpus.provenance] == ["other", "book"]


def test_collections_that_cannot_be_had(books, tmp_path):
    with pytest.raises(
        CorpusError, match=r"^music21 has no collection 'bok'; it has book, empty, silent\. For your own music, build"
    ):
        load_corpus(["bok"], cache_dir=tmp_path)
    with pytest.raises(CorpusError, match="Collection empty has no tune on a grid of sixteenths"):
        load_corpus(["empty"], cache_dir=tmp_path)
    with pytest.raises(CorpusError, match="Collection silent has no tune"):
        load_corpus(["silent"], cache_dir=tmp_path, num_workers=1)
    with pytest.raises(CorpusError, match="Name at least one collection"):
        load_corpus([], cache_dir=tmp_path)
    assert issubclass(CorpusError, InputError)
    assert not (tmp_path / "corpus").exists()


def test_without_music21_the_error_says_what_to_install(monkeypatch, tmp_path):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "music21" else find_spec(name))
    with pytest.raises(CorpusError, match=r'pip install "melody-rl\[corpus\]"\.$'):
        load_corpus(cache_dir=tmp_path)


def test_the_default_collections_are_there_and_their_terms_are_known():
    assert set(DEFAULT_COLLECTIONS) <= set(known_collections())
    assert set(DEFAULT_COLLECTIONS) <= set(COLLECTION_TERMS) <= set(known_collections())


def test_non_commercial_tunes_are_never_a_default():
    assert "non-commercial" in COLLECTION_TERMS["essenFolksong"]
    assert not any("non-commercial" in COLLECTION_TERMS[name] for name in DEFAULT_COLLECTIONS)


def test_a_file_that_crashes_the_process_that_reads_it_is_dropped_with_that_reason(books, monkeypatch):
    def crashing(read, files, workers, crashed):
        return [crashed(file) if number == 0 else read(file) for number, file in enumerate(files)]

    expected = parse_collection("book", 1)
    monkeypatch.setattr(corpora, "results_of", crashing)
    found = parse_collection("book", 2)
    (provenance,) = found.provenance
    assert provenance["tunes_dropped"]["crashed the process that read it, perhaps out of memory"] == 1
    assert set(found.sources) < set(expected.sources)


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same(books):
    assert same(parse_collection("book", 2), parse_collection("book", 1))


def test_a_part_of_a_corpus_keeps_its_tunes_whole():
    corpus = Corpus(
        [np.full(32, n) for n in range(5)], np.array([0, 0, 1, 2, 2]), ["a", "b", "c"], ["x#1", "x#2", "x#3"], [{}]
    )
    part = corpus.of_tunes(np.array([False, True, True]))
    assert [int(segment[0]) for segment in part.segments] == [2, 3, 4]
    assert part.tune_of_segment.tolist() == [0, 1, 1]
    assert (part.titles, part.sources, part.provenance) == (["b", "c"], ["x#2", "x#3"], [{}])


def test_a_split_shares_no_tune_and_loses_none():
    corpus = random_corpus(2000, np.random.default_rng(0))
    parts = split(corpus)
    assert sorted(source for part in parts for source in part.sources) == sorted(corpus.sources)
    assert sum(part.num_tokens for part in parts) == corpus.num_tokens
    assert len(parts.validation.titles) == pytest.approx(100, abs=40)
    assert len(parts.test.titles) == pytest.approx(100, abs=40)


def test_variants_stay_on_one_side():
    rng = np.random.default_rng(1)
    corpus = random_corpus(300, rng)
    segments, tunes = list(corpus.segments), list(corpus.tune_of_segment)
    for number in range(300):
        original = corpus.segments[int(np.flatnonzero(corpus.tune_of_segment == number)[0])]
        segments.append(np.concatenate([original[5:], rng.integers(2, 38, 9)]))
        tunes.append(300 + number)
    names = [f"{n}" for n in range(300)] + [f"{n}" for n in range(300)]
    for part in split(Corpus(segments, np.array(tunes), [""] * 600, names), 0.2, 0.2):
        assert len(part.sources) == 2 * len(set(part.sources))


def test_the_split_depends_neither_on_the_order_nor_on_other_tunes():
    rng = np.random.default_rng(2)
    corpus = random_corpus(400, rng)
    where = {source: part for part, tunes in enumerate(split(corpus)) for source in tunes.sources}
    order = rng.permutation(300)
    segments = [np.flatnonzero(corpus.tune_of_segment == n) for n in order]
    fewer = Corpus(
        [corpus.segments[i] for tune in segments for i in tune],
        np.repeat(np.arange(300), [len(tune) for tune in segments]),
        [""] * 300,
        [corpus.sources[n] for n in order],
    )
    assert all(where[source] == part for part, tunes in enumerate(split(fewer)) for source in tunes.sources)


def test_too_few_tunes_to_split():
    with pytest.raises(CorpusError, match="there are 2: add a collection"):
        split(random_corpus(2, np.random.default_rng(3)))


@pytest.mark.slow
def test_the_default_corpus():
    """The two tune books as they are: parsed on the first run, from the cache on the next."""
    corpus = load_corpus()
    assert [entry["tunes_read"] for entry in corpus.provenance] == [2009, 1059]
    assert all(entry["tunes_kept"] > 0.95 * entry["tunes_read"] for entry in corpus.provenance)
    assert corpus.num_tokens > 590_000
    notes = np.concatenate([segment[segment > 1] for segment in corpus.segments])
    assert np.isin((notes - 2) % 12, [0, 2, 4, 5, 7, 9, 11]).mean() > 0.98
    parts = split(corpus)
    assert min(part.num_tokens for part in parts) > 20_000
    part_of = {source: number for number, part in enumerate(parts) for source in part.sources}
    part_of_tune = np.array([part_of[source] for source in corpus.sources])
    sets = ShingleSets.of(corpus.segments, corpus.tune_of_segment, len(corpus.titles))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        of_one, of_other = (np.flatnonzero((part_of_tune == part) & (sets.sizes > 0)) for part in (one, other))
        pairs = np.stack(np.meshgrid(of_one, of_other), axis=-1).reshape(-1, 2)
        assert sets.overlap(pairs).max() < MIN_OVERLAP
