"""What melodies are like, counted by hand; how far they overlap; what they share."""

import numpy as np
import pytest

from melody_env import Setting, melody_statistics
from melody_env.copying import longest_shared_runs
from melody_env.distributions import distributions, melody_features, note_table, overlaps

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
    }
    assert np.flatnonzero(histograms["pitch_interval"][0]).tolist() == [13, 15, 18]
    assert histograms["duration"][0, :4].tolist() == [0, 2, 2, 0]
    assert histograms["onset_position"][0].tolist() == [1, 0, 1, 0, 0, 1, 0, 1]
    assert histograms["scale_degree"][1, :3].tolist() == [0, 2, 0]


def test_turns_and_repeated_motifs():
    melody = np.array([[C4, D4, E4, C4, C4, D4, E4, C4, 1, C4, D4]])
    numbers = melody_features(melody, SHORT).numbers
    assert numbers["turn_rate"][0] == pytest.approx(2 / 9)
    # of eight motifs of three moves, only the one of C4 D4 E4 C4 comes twice
    assert numbers["repeated_motifs"][0] == pytest.approx(1 / 7)


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
