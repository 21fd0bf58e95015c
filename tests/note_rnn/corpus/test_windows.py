"""Windows from the first bar line on, and Markov melodies."""

from dataclasses import replace

import numpy as np
import pytest

from note_rnn.corpus import Corpus, Origin
from note_rnn.corpus.windows import bar_windows, first_steps, from_first_bar, like_bars, meter_kind, why_no_window
from note_rnn.extraction.tunes import Bars
from note_rnn.markov import markov_melodies


def corpus(*segments_and_bars):
    segments = [np.array(segment) for segment, _ in segments_and_bars]
    names = [""] * len(segments)
    return Corpus(segments, np.arange(len(segments)), names, names, bars=[bars for _, bars in segments_and_bars])


def test_windows_begin_on_the_first_bar_line_of_tunes_with_bars_like_those_of_the_meter():
    tunes = corpus(
        ([9, 14, 1, 16, 1], Bars("4/4", 1)),
        ([20, 1, 21, 1, 22], Bars("2/2", 0)),
        ([24, 1, 1, 1, 1], Bars("2/4", 0)),
        ([30, 1, 1, 1, 1], Bars("3/4", 0)),
        ([9, 14, 1, 16], Bars("4/4", 1)),  # one step short
        ([9, 1, 16, 1, 16], Bars("4/4", 1)),  # a note lasts over the bar line
        ([9, 14, 1, 16, 1], Bars("", 0)),
    )
    assert bar_windows(tunes, 4).tolist() == [[14, 1, 16, 1], [20, 1, 21, 1]]
    assert bar_windows(tunes, 4, "2/4").tolist() == [[24, 1, 1, 1]]
    assert bar_windows(tunes, 4, "3/4").tolist() == [[30, 1, 1, 1]]
    assert bar_windows(tunes, 4, "6/8").shape == (0, 4)


@pytest.mark.parametrize(
    ("segment", "bars", "reason"),
    [
        ([9, 14, 1, 16, 1], Bars("2/2", 1), ""),
        ([9, 14, 1, 16, 1], Bars("2/4", 1), "in another meter (2/4)"),
        ([30, 1, 1, 1, 1], Bars("3/4", 0), "in another meter (3/4)"),
        ([30, 1, 1, 1, 1], Bars("7/16", 0, True), "in another meter (7/16, estimated)"),
        ([30, 1, 1, 1, 1], Bars("", 0), "in another meter (unknown)"),
        ([9, 14, 1, 16], Bars("4/4", 1), "shorter than 4 sixteenths from its first bar line on"),
        ([9, 1, 16, 1, 16], Bars("4/4", 1), "no note begins on its first bar line"),
        ([9, 0, 16, 1, 16], Bars("4/4", 1), "no note begins on its first bar line"),
    ],
)
def test_what_has_no_window_has_a_reason(segment, bars, reason):
    assert why_no_window(np.array(segment), bars, 4, "4/4") == reason
    assert (len(bar_windows(corpus((segment, bars)), 4)) == 0) == (reason != "")


def test_tunes_from_the_first_bar_on_are_a_corpus_of_their_own():
    tunes = corpus(
        ([9, 14, 1], Bars("4/4", 1)),
        ([30, 1, 1], Bars("3/4", 0)),
        ([20, 1, 21], Bars("2/4", 0)),
        ([9, 9], Bars("4/4", 2)),  # nothing after the upbeat
    )
    tunes = replace(tunes, titles=list("abcd"), sources=["x/1", "x/2", "y/3", "y/4"])
    origins = [Origin((n,), n) for n in range(2, 6)]
    tunes = replace(tunes, sections=[(0, 1, 2), (0,), (), (1,)], origins=origins)
    barred = from_first_bar(tunes, "4/4")
    assert (barred.sections, barred.origins) == ([(0, 1), ()], [origins[0], origins[2]])
    unknown = from_first_bar(replace(tunes, sections=[], origins=[]), "4/4")
    assert unknown.sections == unknown.origins == []
    assert [segment.tolist() for segment in barred.segments] == [[14, 1], [20, 1, 21]]
    assert (barred.titles, barred.sources, barred.tune_of_segment.tolist()) == (["a", "c"], ["x/1", "y/3"], [0, 1])
    assert barred.bars == [Bars("4/4", 0), Bars("2/4", 0)]
    assert from_first_bar(tunes, "5/4").segments == []


def test_first_steps_of_what_is_long_enough():
    tunes = corpus(([14, 1, 16], Bars("", 0)), ([20], Bars("", 0)), ([1, 22, 1, 24], Bars("3/4", 1)))
    assert first_steps(tunes, 3).tolist() == [[14, 1, 16], [1, 22, 1]]
    assert first_steps(tunes, 5).shape == (0, 5)


@pytest.mark.parametrize(
    ("meter", "kind"),
    [("4/4", "duple"), ("2/2", "duple"), ("2/4", "duple"), ("6/8", "compound"), ("12/8", "compound"), ("3/4", "triple")]
    + [(meter, meter) for meter in ("9/8", "5/4", "3/8", "")],
)
def test_meters_of_a_kind(meter, kind):
    assert meter_kind(meter) == kind


@pytest.mark.parametrize(
    ("meter", "other", "are_like"),
    [
        *(("4/4", "2/2", True), ("2/4", "4/8", True), ("5/4", "5/4", True)),
        *(("4/4", "2/4", False), ("6/8", "3/4", False), ("6/8", "12/8", False), ("3/32", "4/4", False)),
        *(("", "4/4", False), ("", "2/4", False)),
    ],
)
def test_bars_that_are_alike_are_of_a_kind_and_as_long(meter, other, are_like):
    assert like_bars(meter, other) == like_bars(other, meter) == are_like


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_chain_makes_only_transitions_of_its_corpus(order):
    rng = np.random.default_rng(0)
    segments = [rng.integers(2, 8, 40) for _ in range(20)]
    seen = {tuple(segment[i : i + order + 1]) for segment in segments for i in range(40 - order)}
    melodies = markov_melodies(segments, order, 50, 12, rng)
    assert melodies.shape == (50, 12)
    assert {tuple(row[i : i + order + 1]) for row in melodies for i in range(12 - order)} <= seen
    assert {tuple(row[:order]) for row in melodies} <= {tuple(segment[:order]) for segment in segments}


def test_a_chain_draws_in_proportion_to_its_corpus():
    melodies = markov_melodies(
        [np.array([2, 3]), np.array([2, 3]), np.array([2, 3]), np.array([2, 4])], 1, 4000, 2, np.random.default_rng(0)
    )
    assert (melodies[:, 0] == 2).all()
    assert (melodies[:, 1] == 3).mean() == pytest.approx(0.75, abs=0.03)


def test_where_a_context_only_ends_segments_a_shorter_one_decides():
    melodies = markov_melodies([np.array([2, 3, 5]), np.array([9, 5, 7, 7, 7])], 2, 20, 4, np.random.default_rng(0))
    assert {tuple(row) for row in melodies if row[0] == 2} == {(2, 3, 5, 7)}  # 3 5 was the end, 5 goes on with 7


def test_a_chain_begins_as_segments_do_and_follows_shorter_contexts_only_where_it_must():
    """After 2 3 always comes 4, though 3 alone is mostly followed by 9."""
    segments = [np.array([2, 3, 4, 3, 9, 3, 9, 3, 9]), np.array([2, 3, 4, 8])]
    rng = np.random.default_rng(0)
    second = markov_melodies(segments, 2, 400, 4, rng)
    assert {tuple(row[:3]) for row in second} == {(2, 3, 4)}
    assert (second[:, 3] == 8).mean() == pytest.approx(0.5, abs=0.08)
    first = markov_melodies(segments, 1, 400, 3, rng)
    assert {tuple(row[:2]) for row in first} == {(2, 3)}
    assert (first[:, 2] == 9).mean() == pytest.approx(0.6, abs=0.08)  # of five that follow 3, three


def test_the_same_generator_draws_the_same_chain():
    segments = [np.arange(2, 30), np.arange(10, 37)[::-1].copy(), np.array([14, 16, 14, 18, 14])]
    one, again, other = (markov_melodies(segments, 1, 20, 8, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
