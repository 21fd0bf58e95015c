"""Cuts of a score, and quantisation of ticks to sixteenths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.extraction.midi_score import parse_midi
from note_rnn.extraction.sections import grid_shift, sections, to_steps


def score_of(midi, *changes, last=1000):
    return parse_midi(midi.file(midi.track(*changes), midi.track(*midi.notes((0, last, 60)))))


@pytest.mark.parametrize(
    ("ticks", "step"),
    [(0, 0), (11, 0), (12, 1), (24, 1), (35, 1), (36, 2), (-12, 0), (-13, -1), (8, 0), (16, 1)],
)
def test_a_tick_goes_to_the_nearest_sixteenth_halves_upward(ticks, step):
    assert to_steps(np.array([ticks]), 96).tolist() == [step]


def test_a_resolution_that_four_does_not_divide():
    assert to_steps(np.arange(6), 5).tolist() == [0, 1, 2, 2, 3, 4]


def test_a_score_without_meter_events_is_one_section_in_4_4_that_nothing_declares(midi):
    assert sections(score_of(midi)) == [(0, 1000, (4, 4), None, False)]


def test_cuts_at_changes_of_meter_and_key_but_not_where_the_same_is_said_again(midi):
    changes = [
        (0, midi.meta(0x58, [3, 2])),
        (0, midi.meta(0x59, [2, 0])),
        (100, midi.meta(0x58, [3, 2])),
        (200, midi.meta(0x58, [4, 2])),
        (300, midi.meta(0x59, [2, 1])),
        (400, midi.meta(0x59, [0xFF, 0])),
        (500, midi.meta(0x51, [1, 2, 3])),
        (2000, midi.meta(0x58, [3, 2])),
    ]
    score = score_of(midi, *changes)
    assert sections(score) == [(0, 200, (3, 4), 2, True), (200, 400, (4, 4), 2, True), (400, 1000, (4, 4), -1, True)]
    assert sections(score, by_meter=False) == [(0, 400, (3, 4), 2, True), (400, 1000, (4, 4), -1, True)]
    assert sections(score, by_key=False) == [(0, 200, (3, 4), 2, True), (200, 1000, (4, 4), 2, True)]
    assert [part.start for part in sections(score, by_tempo=True)] == [0, 200, 400, 500]


def test_a_late_first_key_cuts_and_a_late_4_4_does_not(midi):
    changes = [(100, midi.meta(0x58, [4, 2])), (200, midi.meta(0x59, [0, 0]))]
    assert sections(score_of(midi, *changes)) == [(0, 200, (4, 4), None, False), (200, 1000, (4, 4), 0, True)]


def test_a_tempo_of_120_given_late_is_no_change(midi):
    """It is the tempo of a file that says none: 500,000 microseconds a quarter note."""
    said = [(100, midi.meta(0x51, [0x07, 0xA1, 0x20])), (200, midi.meta(0x51, [0x07, 0xA1, 0x21]))]
    assert [part.start for part in sections(score_of(midi, *said), by_tempo=True)] == [0, 200]


def test_a_score_lasts_to_the_end_of_its_last_note_in_whatever_track(midi):
    tracks = [midi.track((900, midi.meta(0x58, [3, 2]))), midi.track(*midi.notes((0, 300, 60)))]
    later = midi.track(*midi.notes((0, 900, 60), (100, 200, 62)))
    assert sections(parse_midi(midi.file(*tracks, later))) == [(0, 900, (4, 4), None, False)]
    assert sections(parse_midi(midi.file(*tracks, later, tracks[1]))) == [(0, 900, (4, 4), None, False)]


@given(st.integers(-10, 10), st.integers(0, 10**6))
def test_a_song_beside_the_grid_is_shifted_onto_it(shift, seed):
    rng = np.random.default_rng(seed)
    starts = rng.integers(1, 500, 100) * 24 + shift + rng.integers(-2, 3, 100)
    found = grid_shift(starts, 96)
    if abs(shift) <= 4:  # all are within a quarter of a step: rounding does what is needed
        assert found == 0
    elif abs(shift) >= 8:  # none is
        assert found == pytest.approx(shift, abs=1)


@pytest.mark.parametrize(("far", "shift"), [(5, 0), (10, 0), (11, 21), (30, 23)])
def test_a_song_is_shifted_only_where_more_than_a_tenth_of_its_onsets_gain_by_it(far, shift):
    """Of 100 onsets so many are .3 of a sixteenth late, the others .2, which is near enough: less than a quarter."""
    starts = np.arange(1, 101) * 100 + np.where(np.arange(100) < far, 30, 20)
    assert grid_shift(starts, 400) == shift


@pytest.mark.parametrize("starts", [[], [0], np.arange(64) * 24, np.arange(64) * 8, np.arange(64) * 16])
def test_a_song_on_the_grid_in_triplets_or_in_swing_stays(starts):
    assert grid_shift(np.array(starts, np.int64), 96) == 0
