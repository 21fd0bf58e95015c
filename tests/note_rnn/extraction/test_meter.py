"""Meters of melodies: agreement of notes with what a file declares, and estimates, worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.extraction import meter as meters
from note_rnn.extraction.meter import TOLERANCE, falling_log_likelihood, find_bars, meter_support
from note_rnn.extraction.tunes import UNKNOWN_BARS, Bars
from note_rnn.notes import Notes

EIGHTH, QUARTER, DOTTED_QUARTER, HALF = 2, 4, 6, 8
JIG = [*[QUARTER, EIGHTH] * 2, *[EIGHTH] * 3, DOTTED_QUARTER] * 8
WALTZ = [HALF, QUARTER, *[QUARTER] * 3] * 8
MARCH = [QUARTER, QUARTER, EIGHTH, EIGHTH, QUARTER, 6, EIGHTH, HALF] * 8


def melody(lengths: list[int], first: int = 0) -> tuple[Notes, int]:
    """Notes of these lengths without gaps, up and down a scale, from the step `first` on; and their last step."""
    times = first + np.cumsum([0, *lengths])
    pitches = np.array([60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64])[np.arange(len(lengths)) * 5 % 13]
    return Notes(times[:-1], times[1:], pitches), int(times[-1])


@pytest.mark.parametrize(
    ("successes", "trials", "rates"),
    [
        ([3, 1], [4, 4], [3.5 / 5, 1.5 / 5]),
        ([1, 3], [4, 4], [4.5 / 9, 4.5 / 9]),
        ([4, 1, 2, 0], [4, 4, 4, 4], [4.5 / 5, 3.5 / 9, 3.5 / 9, 0.5 / 5]),
        ([0, 0, 4], [4, 4, 4], [4.5 / 13] * 3),
        ([2, 0], [2, 0], [2.5 / 3, 0.5]),
    ],
    ids=["falling", "rising", "a rise within", "all rise", "no trials"],
)
def test_rates_fall_from_rank_to_rank_and_what_rises_is_pooled(successes, trials, rates):
    """With half a success and half a failure more: 3 of 4 is 3.5 of 5."""
    a, n, r = (np.array(each, float) for each in (successes, trials, rates))
    expected = sum(x * math.log(p) + (m - x) * math.log(1 - p) for x, m, p in zip(a, n, r, strict=True))
    assert falling_log_likelihood(a[None], n[None]) == pytest.approx([expected])


@pytest.mark.parametrize(
    ("meter", "ranks"),
    [
        ("4/4", [0, 10, 6, 9, 3, 10, 5, 8, 1, 10, 6, 9, 2, 10, 4, 7]),
        ("6/8", [0, 7, 4, 7, 3, 6, 1, 7, 4, 7, 2, 5]),
        ("3/4", [0, 7, 4, 6, 2, 7, 4, 6, 1, 7, 3, 5]),
        ("3/8", [0, 4, 2, 4, 1, 3]),
    ],
)
def test_places_of_a_bar_are_ranked(meter, ranks):
    """In 6/8 the bar line, the second beat, the eighths before either, the second eighths, and sixteenths last."""
    one_hot = meters._ranks_by_line(meter)
    assert one_hot[0].argmax(axis=-1).tolist() == ranks
    assert one_hot[2].argmax(axis=-1).tolist() == [*ranks[-2:], *ranks[:-2]]


@pytest.mark.parametrize(("lengths", "meter"), [(JIG, "6/8"), (WALTZ, "3/4"), (MARCH, "4/4")])
def test_a_jig_a_waltz_and_a_march_are_known_by_their_notes(lengths, meter):
    assert find_bars(*melody(lengths)) == Bars(meter, 0, is_estimated=True)
    assert find_bars(*melody(lengths), meter) == Bars(meter, 0)


@pytest.mark.parametrize(
    ("lengths", "declared", "bars"),
    [
        (JIG, "4/4", "6/8"),
        (JIG, "3/4", "6/8"),
        (WALTZ, "6/8", "3/4"),
        (WALTZ, "4/4", "3/4"),
        (MARCH, "6/8", "4/4"),
        (JIG, "1/4", "6/8"),
        (JIG, "64/4", "6/8"),
    ],
)
def test_a_meter_that_the_notes_contradict_is_replaced_by_an_estimate(lengths, declared, bars):
    """A bar of a single beat, as many pop songs have, says nothing; nor does one of sixty-four."""
    assert find_bars(*melody(lengths), declared) == Bars(bars, 0, is_estimated=True)


def test_a_meter_to_be_trusted_needs_no_notes_that_agree():
    jig = melody(JIG, first=3)
    assert find_bars(*jig, "4/4").meter != "4/4"
    assert find_bars(*jig, "4/4", trusted=True) == Bars("4/4", 16)
    assert find_bars(*melody(JIG), "3/4", trusted=True) == Bars("3/4", 0)
    for meaningless in ("", "1/4", "64/4"):
        assert find_bars(*jig, meaningless, trusted=True) == find_bars(*jig)


@pytest.mark.parametrize(("lengths", "declared"), [(MARCH, "2/4"), (MARCH, "2/2"), (JIG, "3/8")])
def test_bars_that_are_halves_or_pairs_of_others_agree_too(lengths, declared):
    assert find_bars(*melody(lengths), declared) == Bars(declared, 0)


@pytest.mark.parametrize("declared", ["4/4", "3/4", "6/8", "2/4", "9/8"])
def test_notes_that_say_nothing_agree_with_everything(declared):
    assert find_bars(*melody([EIGHTH] * 64), declared) == Bars(declared, 0)


def test_a_bar_of_one_beat_is_never_taken_for_a_meter():
    """Not even by notes that say nothing."""
    assert find_bars(*melody([EIGHTH] * 64), "1/4").is_estimated


def test_the_pickup_ends_at_the_first_bar_line_from_the_first_note_on():
    """A jig that starts with an eighth before the bar, as a file with bar lines from its beginning has it."""
    assert find_bars(*melody([EIGHTH, *JIG], first=10), "6/8") == Bars("6/8", 12)
    assert find_bars(*melody(JIG, first=12), "6/8") == Bars("6/8", 12)
    assert find_bars(*melody(JIG, first=0), "6/8") == Bars("6/8", 0)


def test_a_pickup_that_a_file_does_not_fill_up_is_found():
    """Its bar lines are an eighth late: the notes begin two steps before the bar, and the file says at it."""
    assert find_bars(*melody([EIGHTH, *JIG]), "6/8") == Bars("6/8", 2, is_estimated=True)
    assert find_bars(*melody([QUARTER, *WALTZ])) == Bars("3/4", 4, is_estimated=True)


@pytest.mark.parametrize(
    ("lengths", "steps", "meter"),
    [
        (JIG, 12, "6/8"),
        (WALTZ, 12, "3/4"),
        (MARCH, 16, "4/4"),
        (MARCH, 8, "2/4"),
        (JIG, 24, "12/8"),
        ([DOTTED_QUARTER, QUARTER, EIGHTH, DOTTED_QUARTER] * 8, 18, "9/8"),
        (MARCH, 22, "22/16"),
        (MARCH, 1000, "1000/16"),
        (MARCH, 1, "1/16"),
    ],
)
def test_a_given_number_of_steps_decides_the_meter(lengths, steps, meter):
    bars = find_bars(*melody(lengths), "5/4", steps)
    assert (bars.meter, bars.is_estimated) == (meter, True)


def test_without_notes_nothing_is_known():
    none = np.zeros(0, np.int64)
    assert find_bars(Notes(none, none, none), 32, "4/4") == UNKNOWN_BARS


def test_repeated_bars_tell_meters_apart_where_rhythm_does_not():
    """Running eighths that repeat every six: bars of 6/8 or 3/4 are repeated, bars of 4/4 are not."""
    starts = np.arange(72) * 2
    notes = Notes(starts, starts + 2, np.array([60, 64, 67, 72, 71, 62])[np.arange(72) % 6])
    support = {meter: meter_support(notes, 144, meter).max() for meter in ("4/4", "3/4", "6/8")}
    assert min(support["3/4"], support["6/8"]) > support["4/4"] + TOLERANCE


@given(
    st.lists(st.sampled_from([1, 2, 3, 4, 6, 8, 12]), min_size=1, max_size=80),
    st.integers(0, 30),
    st.sampled_from(["", "4/4", "3/4", "6/8", "5/4", "1/4", "9/8", "4/1", "3/32", "255/16"]),
    st.sampled_from([None, 1, 4, 16, 12, 7, 200]),
)
def test_bars_are_sensible_for_any_melody(lengths, first, declared, bar_steps):
    notes, num_steps = melody(lengths, first)
    bars = find_bars(notes, num_steps, declared, bar_steps)
    count, unit = map(int, bars.meter.split("/"))
    assert first <= bars.pickup <= first + 16 * count // unit
    assert bars.is_estimated or (bars.meter, bar_steps) == (declared, None)
