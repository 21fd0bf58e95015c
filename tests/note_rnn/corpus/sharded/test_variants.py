"""Variants of tunes: titles, shingles and groups."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from note_rnn.corpus.sharded import variants
from note_rnn.corpus.sharded.variants import ShingleSets, normalised_title, shingles, title_codes, variant_groups

RNG = np.random.default_rng(0)


def random_melody(num_notes=60):
    return RNG.integers(2, 38, num_notes)


def with_rhythm(notes):
    """The same notes, each held for another number of steps, with rests here and there."""
    tokens = [[note] + [1] * RNG.integers(0, 4) + [0] * RNG.integers(0, 2) for note in notes]
    return np.concatenate(tokens)


def groups(segments, titles=None, tune_of_segment=None):
    tune_of_segment = np.arange(len(segments)) if tune_of_segment is None else np.array(tune_of_segment)
    titles = titles or [""] * (tune_of_segment.max() + 1)
    return variant_groups(ShingleSets.of(segments, tune_of_segment, len(titles)), title_codes(titles)).tolist()


def test_shingles_are_runs_of_intervals_whatever_the_rhythm_and_the_key():
    notes = RNG.integers(10, 30, 30)
    assert len(shingles(notes)) == 30 - 8
    assert shingles(with_rhythm(notes)).tolist() == shingles(notes).tolist()
    assert shingles(notes + 5).tolist() == shingles(notes).tolist()


def test_nine_notes_make_a_shingle():
    assert [len(shingles(random_melody(n))) for n in (0, 1, 8, 9, 10)] == [0, 0, 0, 1, 2]


RUN = st.lists(st.integers(-35, 35), min_size=8, max_size=8)


@given(RUN, RUN)
@example([35] * 8, [-35] * 8)
@example([35] * 8, [34] + [35] * 7)
@example([2, -2, 0, 0, 0, 0, 0, 0], [2, 2, 0, 0, 0, 0, 0, 0])
def test_different_intervals_make_different_shingles(one, other):
    """Eight intervals of up to 35 semitones fit in one number without collision, the widest ones too."""
    (first,), (second,) = (shingles(np.cumsum([300, *run])) for run in (one, other))
    assert (first == second) == (one == other)
    assert first >= 0


@pytest.mark.parametrize("place", [0, 6])
def test_no_pair_of_intervals_is_taken_for_another(place):
    """All 71 * 71 pairs of two successive intervals make different numbers, the other six being the same."""
    wide = range(-35, 36)
    runs = np.zeros((71 * 71, 8), np.int64)
    runs[:, place : place + 2] = [(one, other) for one in wide for other in wide]
    assert len({int(shingles(np.cumsum([300, *run]))[0]) for run in runs}) == len(runs)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (slice(0, 30), slice(0, 30), 1.0),
        (slice(0, 30), slice(0, 60), 1.0),
        (slice(0, 30), slice(10, 40), 12 / 22),
        (slice(0, 30), slice(21, 60), 1 / 22),
    ],
)
def test_the_overlap_is_the_shared_part_of_the_shorter_tune(one, other, overlap):
    melody = random_melody(60)
    sets = ShingleSets.of([melody[one], melody[other]], np.array([0, 1]), 2)
    assert sets.overlap(np.array([[0, 1], [1, 0], [1, 1]])).tolist() == pytest.approx([overlap, overlap, 1])


def test_shingles_are_counted_once_and_tunes_may_have_none():
    melody = random_melody(30)
    sets = ShingleSets.of([melody, random_melody(3), np.tile(melody, 3), melody], np.array([0, 2, 3, 3]), 5)
    assert sets.sizes.tolist() == [22, 0, 0, 30, 0]
    assert sets.starts.tolist() == [0, 22, 22, 22, 52, 52]
    assert all((np.diff(sets.codes[start:end]) > 0).all() for start, end in ((0, 22), (22, 52)))
    same = ShingleSets.of([with_rhythm(melody)], np.array([0]), 1).hashes
    assert (sets.hashes == same).tolist() == [True, False, False, False, False]


def test_the_overlaps_are_those_of_sets():
    rng = np.random.default_rng(2)
    segments = [rng.integers(2, 4, rng.integers(5, 60)) for _ in range(40)]
    tunes = np.sort(rng.integers(0, 15, 40))
    sets = [set().union(*(shingles(segments[i]).tolist() for i in np.flatnonzero(tunes == t))) for t in range(15)]
    expected = {
        (a, b): len(sets[a] & sets[b]) / min(len(sets[a]), len(sets[b]))
        for a in range(15)
        for b in range(a + 1, 15)
        if sets[a] & sets[b]
    }
    pairs = np.array(list(expected))
    found = ShingleSets.of(segments, tunes, 15).overlap(pairs)
    assert dict(zip(map(tuple, pairs.tolist()), found.tolist(), strict=True)) == pytest.approx(expected)


def linked_by_sets(segments, min_overlap):
    """The groups of one-segment tunes by the definition: all pairs compared, links followed to the end."""
    sets = [set(shingles(segment).tolist()) for segment in segments]
    group = list(range(len(sets)))
    for a in range(len(sets)):
        for b in range(a):
            if len(sets[a] & sets[b]) >= min_overlap * min(len(sets[a]), len(sets[b])) > 0:
                low, high = sorted((group[a], group[b]))
                group = [low if each == high else each for each in group]
    return group


@pytest.mark.parametrize("bucket", [1 << 21, 50])
@pytest.mark.parametrize("min_overlap", [0.2, 0.5])
def test_the_groups_are_those_that_a_comparison_of_all_pairs_finds(monkeypatch, bucket, min_overlap):
    """Of excerpts of two melodies and of two notes alone, in one bucket of shingles and in many."""
    monkeypatch.setattr(variants, "_BUCKET", bucket)
    rng = np.random.default_rng(3)
    sources = [rng.integers(2, 38, 400), rng.integers(2, 38, 400), rng.integers(2, 4, 400)]
    places = zip(rng.integers(0, 340, 60), rng.integers(5, 60, 60), strict=True)
    segments = [sources[i % 3][start : start + length] for i, (start, length) in enumerate(places)]
    sets = ShingleSets.of(segments, np.arange(60), 60)
    found = variant_groups(sets, np.zeros(60, np.uint64), min_overlap).tolist()
    assert found == linked_by_sets(segments, min_overlap)
    assert 1 < len(set(found)) < 50


def test_of_tunes_that_share_a_shingle_each_is_compared_with_as_many_after_it_as_the_limit_says(monkeypatch):
    """The first tune and the last share twelve shingles, each of which another tune between them has as well."""
    melody = random_melody(60)
    between = [np.append(melody[20 + n : 29 + n], random_melody(60)) for n in range(12)]
    tunes = [melody[:40], *between, melody[20:]]
    assert groups(tunes) == [*range(13), 0]
    monkeypatch.setattr(variants, "MAX_LAG", 1)
    assert groups(tunes) == [*range(14)]


def test_tunes_with_the_same_shingles_are_one_group_however_many_there_are(monkeypatch):
    monkeypatch.setattr(variants, "MAX_LAG", 0)
    one, other = random_melody(), random_melody()
    assert groups([one, other, with_rhythm(one), other[:50], one, random_melody(4), random_melody(4)]) == [
        *(0, 1, 0, 3, 0, 5, 6)
    ]


def test_variants_are_grouped_and_others_are_not():
    one, other = random_melody(), random_melody()
    changed = one.copy()
    changed[[10, 40]] = 2
    assert groups([one, other, with_rhythm(changed), other[20:]]) == [0, 1, 0, 1]


def test_half_of_a_tune_is_a_variant_up_to_an_overlap_of_half():
    """22 intervals of 8 in a tune of 30 notes: of the later one 11 are in the first, so the overlap is exactly .5."""
    melody = random_melody(60)
    sets = ShingleSets.of([melody[:30], melody[11:41]], np.array([0, 1]), 2)
    assert sets.overlap(np.array([[0, 1]])).tolist() == [0.5]
    found = [variant_groups(sets, title_codes(["", ""]), overlap).tolist() for overlap in (0.49, 0.5, 0.51)]
    assert found == [[0, 0], [0, 0], [0, 1]]


def test_two_tunes_are_variants_from_a_fifth_of_common_shingles_on():
    """Of 20 shingles each, 4 in common are a fifth, 3 are less."""
    melody = random_melody(60)
    assert groups([melody[:28], melody[16:44]]) == [0, 0]
    assert groups([melody[:28], melody[17:45]]) == [0, 1]


def test_variants_of_variants_are_in_one_group():
    melody = random_melody(120)
    assert groups([melody[:40], melody[20:60], melody[40:80], random_melody()]) == [0, 0, 0, 3]


def test_a_late_variant_of_two_tunes_joins_their_groups():
    melody = random_melody(80)
    assert groups([melody[:40], melody[40:], random_melody(), melody[20:60]]) == [0, 0, 2, 0]


def test_a_tune_may_have_several_segments():
    melody = random_melody(80)
    assert groups([melody[:40], melody[40:], melody], tune_of_segment=[0, 0, 1]) == [0, 0]


def test_tunes_of_one_title_are_grouped():
    titles = ["The Blackbird", "Acacia -- Reel", "BLACKBIRD, the.", "Jig", "Reel"]
    assert groups([random_melody() for _ in titles], titles) == [0, 1, 0, 3, 4]


@pytest.mark.parametrize(
    ("title", "same"),
    [
        ("Greencastle Hornpipe., The", "greencastle"),
        ("TERRY HEIGH - JIG", "Terry Heigh"),
        ("Fisher's Hornpipe (1st Setting)", "FISHER'S -- HORNPIPE"),
        ("Se\u00e1n \u00d3 D\u00edr", "Sean O Dir"),
    ],
)
def test_titles_that_are_the_same(title, same):
    assert normalised_title(title) == normalised_title(same) != ""


@pytest.mark.parametrize("title", ["", "Reel", "The Jig", "Untitled", "12"])
def test_titles_that_name_nothing(title):
    assert normalised_title(title) == ""
