"""Corpora: joined, separated by collection, and split without leaks into the held-out parts."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from note_rnn.corpus import Corpus, CorpusError, Origin, split
from note_rnn.corpus.corpus import joined
from note_rnn.extraction.tunes import UNKNOWN_BARS, Bars


def corpus_of(*melodies, titles=None, **parts):
    """A corpus of tunes of one segment each."""
    number = len(melodies)
    titles = titles or [""] * number
    return Corpus([*melodies], np.arange(number), titles, [f"book/{n}" for n in range(number)], **parts)


def random_melodies(number, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(2, 38, rng.integers(32, 60)) for _ in range(number)]


def place(*melodies):
    """Where a group of tunes lies between 0 and 1: the first 8 bytes of their SHA-256, added up."""
    digests = [hashlib.sha256(bytes(melody.tolist()) + b"\xff").digest() for melody in melodies]
    return sum(int.from_bytes(digest[:8], "big") for digest in digests) % 2**64 / 2**64


def test_a_part_has_the_bars_of_its_own_segments():
    corpus = Corpus(
        random_melodies(4),
        np.array([0, 0, 1, 2]),
        ["a", "b", "c"],
        ["x#1", "x#2", "x#3"],
        bars=[Bars("4/4", 1), Bars("4/4", 2), Bars("6/8", 3), Bars("3/4", 4)],
    )
    assert corpus.of_tunes(np.array([True, False, True])).bars == [Bars("4/4", 1), Bars("4/4", 2), Bars("3/4", 4)]
    assert replace(corpus, bars=[]).of_tunes(np.array([True, False, True])).bars == []


def test_a_part_has_the_sections_of_its_own_segments_and_the_origins_of_its_tunes():
    corpus = Corpus(
        random_melodies(4),
        np.array([0, 0, 1, 2]),
        ["a", "b", "c"],
        ["x#1", "x#2", "x#3"],
        sections=[(0,), (0, 9), (), (0, 16)],
        origins=[Origin((2, 3), 5), None, Origin((4,), 6, 1, 2)],
    )
    part = corpus.of_tunes(np.array([True, False, True]))
    assert part.sections == [(0,), (0, 9), (0, 16)]
    assert part.origins == [Origin((2, 3), 5), Origin((4,), 6, 1, 2)]
    unknown = replace(corpus, sections=[], origins=[])
    assert (part := unknown.of_tunes(np.array([True, False, True]))).sections == part.origins == []
    both = joined([unknown, corpus])
    assert both.sections == [(), (), (), (), *corpus.sections]
    assert both.origins == [None, None, None, *corpus.origins]


def test_a_collection_is_the_outermost_folder_of_its_sources():
    corpus = replace(corpus_of(*random_melodies(3)), sources=["mine/deep/a.abc#1", "other/a.abc#1", "mine/b.abc#1"])
    assert {name: part.sources for name, part in corpus.by_collection().items()} == {
        "mine": ["mine/deep/a.abc#1", "mine/b.abc#1"],
        "other": ["other/a.abc#1"],
    }


def test_where_one_corpus_knows_its_bars_and_another_does_not():
    known = corpus_of(*random_melodies(2), bars=[Bars("6/8", 2), Bars("4/4", 0)], provenance=[{"collection": "known"}])
    unknown = corpus_of(*random_melodies(1), provenance=[{"collection": "unknown"}])
    both = joined([unknown, known])
    assert both.bars == [UNKNOWN_BARS, Bars("6/8", 2), Bars("4/4", 0)]
    assert [entry["collection"] for entry in both.provenance] == ["unknown", "known"]


def test_tunes_of_several_segments_stay_with_their_titles_when_corpora_are_joined():
    one = Corpus(random_melodies(3), np.array([0, 0, 1]), ["a", "b"], ["x#1", "x#2"])
    both = joined([one, one])
    assert both.tune_of_segment.tolist() == [0, 0, 1, 2, 2, 3]
    assert both.titles == ["a", "b", "a", "b"]


def test_a_melody_alone_decides_on_which_side_of_a_split_it_is():
    """Its place between 0 and 1 is its SHA-256; test tunes come first, then those of validation.

    So what one version holds out the next one does too.
    """
    melodies = random_melodies(300)
    parts = split(corpus_of(*melodies), validation=0.3, test=0.1)
    expected = [[], [], []]
    for number, melody in enumerate(melodies):
        expected[0 if (at := place(melody)) >= 0.4 else 1 if at >= 0.1 else 2].append(f"book/{number}")
    assert [part.sources for part in parts] == expected
    assert [len(part.sources) / 300 for part in parts] == pytest.approx([0.6, 0.3, 0.1], abs=0.1)


def test_where_a_tune_has_an_origin_that_decides_whatever_its_tokens():
    """By its hash, and by its notes as written, of which two tunes without a note in common here are variants."""
    tokens, written = random_melodies(300), random_melodies(150, seed=4)
    codes = [int(place(melody) * 2**64) for melody in random_melodies(300, seed=3)]
    origins = [Origin(tuple(written[number // 2].tolist()), code) for number, code in enumerate(codes)]
    parts = split(corpus_of(*tokens, origins=origins), validation=0.2, test=0.2)
    for number in range(0, 300, 2):
        at = (codes[number] + codes[number + 1]) % 2**64 / 2**64
        expected = 2 if at < 0.2 else 1 if at < 0.4 else 0
        assert {f"book/{number}", f"book/{number + 1}"} <= set(parts[expected].sources)


def test_tunes_with_and_without_an_origin_are_compared():
    """A tune of 32nds that lost its notes on the grid, and the same tune from a file that knows no origin."""
    melodies = random_melodies(100, seed=5)
    origins = [Origin(tuple(melody.tolist()), 1 + number) for number, melody in enumerate(melodies)]
    known = corpus_of(*(melody[:3] for melody in melodies), origins=origins)
    parts = split(joined([known, corpus_of(*melodies)]), 0.2, 0.2)
    for part in parts:
        assert all(part.sources.count(source) == 2 for source in part.sources)


@pytest.mark.parametrize("count", [3, 4, 12, 30])
def test_in_a_small_corpus_no_part_is_empty(count):
    """The tune of the lowest hash is held out for the test, the next one for validation, the last one learned from."""
    for seed in range(20):
        melodies = random_melodies(count, seed)
        places = [place(melody) for melody in melodies]
        parts = split(corpus_of(*melodies))
        number = {
            part: [int(source.split("/")[1]) for source in getattr(parts, part).sources] for part in parts._fields
        }
        test, validation, train = ([places[i] for i in number[part]] for part in ("test", "validation", "train"))
        assert max(test) < min(validation) <= max(validation) < min(train)
        assert max(test) < 0.05 or len(test) == 1
        assert min(validation) >= 0.05 or len(train) == 1
        assert max(validation) < 0.1 or len(validation) == 1
        assert min(train) >= 0.1 or len(train) == 1


def test_only_what_an_empty_part_needs_is_moved():
    melodies = sorted(
        (melody for seed in range(40) for melody in random_melodies(10, seed)), key=lambda each: place(each)
    )
    low, middle, high = (
        [melody for melody in melodies if first <= place(melody) < last]
        for first, last in ((0, 0.05), (0.05, 0.1), (0.1, 1))
    )

    def sizes(*tunes):
        return [len(part.titles) for part in split(corpus_of(*tunes))]

    assert sizes(*low[:4], *middle[:5], *high[:6]) == [6, 5, 4]  # as the hashes say
    assert sizes(*low[:4], *high[:6]) == [5, 1, 4]
    assert sizes(*middle[:5], *high[:6]) == [6, 4, 1]
    assert sizes(*high[:6]) == [4, 1, 1]
    assert sizes(*low[:4]) == [1, 1, 2]
    assert sizes(*low[:4], *middle[:5]) == [1, 4, 4]


def test_each_part_has_some_of_the_tunes_that_are_asked_for():
    melodies = random_melodies(200)
    corpus = corpus_of(*melodies)
    plain = split(corpus)
    learned = np.isin(corpus.sources, plain.train.sources)
    chosen = learned & (np.cumsum(learned) <= 5)
    for part in split(corpus, among=chosen):
        assert {*part.sources} & {*np.array(corpus.sources)[chosen]}
    everywhere = np.isin(corpus.sources, [part.sources[0] for part in plain])
    assert [part.sources for part in split(corpus, among=everywhere)] == [part.sources for part in plain]


@pytest.mark.parametrize(("number", "told"), [(1, "is 1"), (2, "are 2")])
def test_fewer_than_three_tunes_cannot_be_split(number, told):
    melodies = [melody for tune in random_melodies(number) for melody in (tune, tune)]  # each with a copy
    with pytest.raises(CorpusError, match=rf"need a tune each, .* there {told}: add a collection\.$"):
        split(corpus_of(*melodies))


def test_a_group_of_variants_goes_where_all_of_them_together_lie_in_any_order():
    """Each tune of 150 has a variant, itself without its first five notes."""
    pairs = [(melody, melody[5:]) for melody in random_melodies(150, seed=1)]
    one = split(corpus_of(*[melody for pair in pairs for melody in pair]), 0.2, 0.2)
    other = split(corpus_of(*[melody for pair in pairs for melody in pair[::-1]]), 0.2, 0.2)
    for parts in (one, other):
        held_out = [{source.split("/")[1] for source in part.sources} for part in (parts.test, parts.validation)]
        for number, pair in enumerate(pairs):
            first, second = ([str(each) in names for names in held_out] for each in (2 * number, 2 * number + 1))
            assert first == second == [(at := place(*pair)) < 0.2, 0.2 <= at < 0.4]


def test_tunes_of_one_title_are_on_one_side_and_files_of_one_name_need_not_be():
    melodies = random_melodies(300, seed=2)
    names = [f"The Tune {'abcdefghijklmnopqrstuvwxyz'[n // 2 % 26] * (n // 52 + 1)}" for n in range(300)]
    for part in split(corpus_of(*melodies, titles=names), 0.2, 0.2):
        numbers = [int(source.split("/")[1]) for source in part.sources]
        assert {n ^ 1 for n in numbers} == {*numbers}  # the tunes 2 n and 2 n + 1 have one title
    files = replace(
        corpus_of(*melodies, titles=["tune.abc#1"] * 300), sources=[f"f/{n}/tune.abc#1" for n in range(300)]
    )
    assert all(part.segments for part in split(files))
