"""Features of melodies counted by hand, their overlap, and shared runs."""

import numpy as np
import pytest

from melody_env import Setting, melody_statistics
from melody_env.measures.features import (
    bar_numbers,
    distributions,
    melody_features,
    note_table,
    overlaps,
    scale_heights,
)
from note_rnn.corpus.copying import longest_shared_runs

C4, D4, E4, F4, G4, C5 = 14, 16, 18, 19, 21, 26
SHORT = Setting(meter="2/4")


def test_a_note_lasts_to_the_next_note_or_note_off():
    notes = note_table(np.array([[C4, 1, D4, 0, 1, E4], [1, 0, 1, 1, C4, 1], [1, 1, 1, 1, 1, 1]]))
    assert list(zip(*(column.tolist() for column in notes), strict=True)) == [
        (0, 0, 60, 2),
        (0, 2, 62, 1),
        (0, 5, 64, 1),
        (1, 4, 60, 2),
    ]


def test_features_of_melodies_by_hand():
    melodies = np.array([[C4, 1, D4, 0, 1, G4, 1, G4], [1, C4, C5, 1, 1, 1, 1, 1], [1, 0, 1, 1, 1, 1, 1, 1]])
    histograms, numbers = melody_features(melodies, SHORT)
    found = {name: values.round(6).tolist() for name, values in numbers.items()}
    assert found == {
        "leap_rate": [0.333333, 1, 0],  # D4 to G4 is a fourth
        "turn_rate": [0, 0, 0],
        "repeated_note_rate": [0.333333, 0, 0],
        "range": [7, 12, 0],
        "notes_per_bar": [4, 2, 0],
        "rest_share": [0.25, 0.125, 1],
        "distinct_pitches": [3, 2, 0],
        "repeated_motifs": [0, 0, 0],
        "distinct_bars": [1, 1, 1],  # there is but one
    }
    assert np.flatnonzero(histograms["pitch_interval"][0]).tolist() == [13, 15, 18]
    assert histograms["duration"][0, :4].tolist() == [0, 2, 2, 0]
    assert histograms["onset_position"][0].tolist() == [1, 0, 1, 0, 0, 1, 0, 1]
    assert histograms["scale_degree"][1, :3].tolist() == [0, 2, 0]


def test_turns_and_repeated_motifs():
    melody = np.array([[C4, D4, E4, C4, C4, D4, E4, C4, 1, C4, D4]])
    numbers = melody_features(melody, SHORT).numbers
    assert numbers["turn_rate"][0] == pytest.approx(2 / 9)
    assert numbers["leap_rate"][0] == 0  # from E4 to C4 is a third
    # of eight motifs of three moves, only the one of C4 D4 E4 C4 comes twice
    assert numbers["repeated_motifs"][0] == pytest.approx(1 / 7)


def test_turns_and_moves_do_not_go_from_one_melody_into_the_next():
    melodies = np.array([[C4, D4, E4, 1], [G4, F4, E4, 1], [C5, 1, 1, 1]])
    numbers = melody_features(melodies, SHORT).numbers
    assert numbers["turn_rate"].tolist() == [0, 0, 0]  # the first goes up, the second down
    assert numbers["repeated_motifs"].tolist() == [0, 0, 0]
    assert numbers["leap_rate"].tolist() == [0, 0, 0]
    same = np.tile([C4, D4, E4, F4], (3, 1))
    assert melody_features(same, SHORT).numbers["repeated_motifs"].tolist() == [0, 0, 0]


def test_a_motif_comes_again_in_the_same_time_at_any_pitch():
    steps = [C4, D4, E4, F4]
    for melody, share in (
        ([*steps, 1, *(token + 1 for token in steps)], 1 / 5),  # transposed; of five motifs
        ([*steps, 1, C4, 1, D4, E4, F4], 0),  # in another rhythm
    ):
        numbers = melody_features(np.array([melody, melody[::-1]]), SHORT).numbers  # the next does not matter
        assert numbers["repeated_motifs"][0] == pytest.approx(share)


def test_what_is_beyond_the_bins_is_in_the_last():
    low, high = 2, 37  # 35 semitones apart
    histograms, numbers = melody_features(np.array([[low, high, low, *[1] * 20, C4, C5, C4]]), SHORT)
    moves = np.flatnonzero(histograms["pitch_interval"][0])
    assert (moves - 13).tolist() == [-13, -12, 12, 13]
    assert histograms["duration"][0, [1, 16]].tolist() == [5, 1]  # the third lasts 21 steps
    assert numbers["range"].tolist() == [35]
    assert numbers["leap_rate"].tolist() == [1]


def test_degrees_and_places_in_the_bar_are_those_of_the_setting():
    melodies = np.array([[C4, 1, D4, E4, 1, F4, G4, 1, C5 - 1, C5, 1, 1, 17, C4]])  # 17 is Eb
    in_c, in_g = (melody_features(melodies, Setting(key=key, meter="6/8")).histograms for key in ("C", "G"))
    assert np.flatnonzero(in_c["scale_degree"][0]).tolist() == [0, 1, 2, 3, 4, 5, 7]
    assert in_c["scale_degree"][0, :8].tolist() == [1, 3, 1, 1, 1, 1, 0, 1]
    # in G the degrees of C D E G B are 4 5 6 1 3; F and Eb are in no degree
    assert in_g["scale_degree"][0, :8].tolist() == [2, 1, 0, 1, 3, 1, 1, 0]
    minor = melody_features(melodies, Setting(mode="minor")).histograms["scale_degree"][0]
    assert minor[:8].tolist() == [2, 3, 1, 1, 1, 1, 0, 0]  # neither E nor B
    starts = np.flatnonzero(melodies[0] > 1) % 12
    assert in_c["onset_position"][0].tolist() == np.bincount(starts, minlength=12).tolist()
    second_bar = np.where(np.arange(24) == 17, C4, 1)[None]
    assert np.flatnonzero(melody_features(second_bar, Setting(meter="6/8")).histograms["onset_position"]) == [5]
    assert melody_features(melodies, Setting(meter="6/8")).numbers["notes_per_bar"][0] == pytest.approx(9 * 12 / 14)


A, B, A_STEP_HIGHER, C = [C4, D4, E4, 1], [C4, E4, D4, 1], [D4, E4, F4, 1], [C4, 1, 1, 0]
QUARTER_BARS = Setting(meter="1/4")


def test_bars_that_come_back_by_hand():
    melodies = np.array([[*A, *A, *B, *A_STEP_HIGHER, *C], [*A, *B, *A, *B, *C]])
    found = {name: values.tolist() for name, values in bar_numbers(melodies, QUARTER_BARS).items()}
    assert found == {
        "distinct_bars": [4 / 5, 3 / 5],
        "repeated_bars_lag1": [1 / 4, 0],
        "repeated_rhythms_lag1": [3 / 4, 3 / 4],
        "transposed_bars_lag1": [1 / 4, 0],
        "repeated_bars_lag2": [0, 2 / 3],
        "repeated_rhythms_lag2": [2 / 3, 2 / 3],
        "transposed_bars_lag2": [1 / 3, 2 / 3],
        "repeated_bars_lag4": [0, 0],
        "repeated_rhythms_lag4": [0, 0],
        "transposed_bars_lag4": [0, 0],
    }
    numbers = melody_features(melodies, QUARTER_BARS).numbers
    assert {name: numbers[name].tolist() for name in found} == found


def test_a_lag_that_no_bar_has_is_no_number():
    steps = np.full((3, 16), C4)
    assert {*bar_numbers(steps, Setting())} == {"distinct_bars"}
    assert bar_numbers(steps[:, :15], Setting()) == {}
    assert "repeated_bars_lag8" in bar_numbers(np.full((3, 9), C4), Setting(meter="1/16"))


def test_heights_are_steps_of_the_scale_of_the_setting():
    c_major, g_minor = scale_heights(Setting()), scale_heights(Setting(key="G", mode="minor"))
    assert (c_major[[C4 + 1, D4, E4, F4, G4, C5]] - c_major[C4]).tolist() == [1, 2, 4, 6, 8, 14]
    assert (g_minor[[G4, G4 + 2, G4 + 3, G4 + 4]] - g_minor[G4]).tolist() == [0, 2, 4, 5]


def test_the_twelve_distributions_are_none_of_bars():
    features = melody_features(np.full((3, 64), C4), Setting(length=64))
    assert "repeated_bars_lag2" in features.numbers
    assert [*distributions(features)] == [
        *("pitch_interval", "duration", "onset_position", "scale_degree", "leap_rate", "turn_rate"),
        *("repeated_note_rate", "range", "notes_per_bar", "rest_share", "distinct_pitches", "repeated_motifs"),
    ]


def test_distributions_are_of_tenths_thirds_and_whole_numbers():
    # Two melodies of 10 steps: 1 of 9 intervals is a leap and the range 5; 3 of 9 are leaps, the range is 12.
    melodies = np.array([[C4, C4, C4, C4, C4, C4, C4, C4, C4, F4], [C4, C5, C4, C5, C5, C5, C5, C5, C5, C5]])
    found = distributions(melody_features(melodies, Setting(length=10)))
    assert found["leap_rate"].tolist() == [0, 0.5, 0, 0.5]
    assert found["range"].tolist() == [0, 0.5, 0, 0, 0.5]
    assert found["notes_per_bar"].tolist() == [0] * 16 + [1]
    assert found["distinct_pitches"].tolist() == [0, 0, 1]
    assert found["rest_share"].tolist() == [1]
    assert found["pitch_interval"][[1, 13, 18, 25]] == pytest.approx([1 / 18, 14 / 18, 1 / 18, 2 / 18])
    assert found["duration"].tolist() == [0, 1, *[0] * 15]
    assert all(shares.sum() == pytest.approx(1) for shares in found.values())


def test_overlap_is_the_mass_in_common():
    assert overlaps(
        {"a": np.array([0.5, 0.5]), "b": np.array([1.0])}, {"a": np.array([0.2, 0.3, 0.5]), "b": np.array([0, 1])}
    ) == {
        "a": 0.5,
        "b": 0,
        "mean": 0.25,
    }


def test_statistics_overlap_with_themselves_and_not_with_the_opposite():
    walks = np.random.default_rng(0).choice([C4, D4, E4, F4, 1, 1], (200, 32))
    one = melody_statistics(walks)
    assert len(distributions(one.features)) == 12
    assert all(value == pytest.approx(1) for value in one.overlaps(one).values())
    assert one.overlaps(melody_statistics(np.ones((10, 32), np.int64)))["mean"] < 0.3
    assert one.means()["notes_per_bar"] == pytest.approx((walks > 1).mean() * 16)


def test_the_longest_run_that_is_in_a_tune():
    tunes = [np.array([C4, D4, E4]), np.array([F4, G4, 1, C5])]
    melodies = np.array([[1, D4, E4, F4, G4], [C4, D4, E4, D4, E4], [2, 2, 2, 2, 2], [F4, G4, 1, C5, C5]])
    assert longest_shared_runs(melodies, tunes).tolist() == [2, 3, 0, 4]  # not from one tune into the next


def test_the_longest_run_agrees_with_a_search_by_hand():
    rng = np.random.default_rng(0)
    melodies, tunes = rng.integers(4, size=(40, 12)), [rng.integers(4, size=size) for size in (30, 5, 1)]
    melodies[0] = tunes[0][7:19]

    def runs(tokens, size):
        return {tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)}

    expected = [
        max(size for size in range(13) if any(runs(melody, size) & runs(tune, size) for tune in tunes))
        for melody in melodies.tolist()
    ]
    assert longest_shared_runs(melodies, tunes).tolist() == expected
    assert (expected[0], min(expected)) == (12, 2)
