"""Measures of MusPy's, by hand, and the same numbers as MusPy itself."""

import json
from pathlib import Path

import numpy as np
import pytest

from melody_env import Setting
from melody_env.judging.musical_measures import musical_measures
from note_rnn import transposed
from note_rnn.notes import tokens_to_notes

C4, D4, E4, F4, G4, C5 = 14, 16, 18, 19, 21, 26
HALF_BARS = Setting(meter="2/4")
OF_MUSPY = Path(__file__).with_name("muspy_measures.json")
"""Tunes of O'Neill's, one with two silent bars, and what `muspy_measures` below has of them from MusPy 0.5.0."""


def of(*rows, setting=HALF_BARS):
    found = musical_measures(np.array(rows), setting)
    return {name: values.round(6).tolist() for name, values in found.items()}


def test_measures_by_hand():
    # Bars of eight steps: C4 to step 2, D4 to 4, C5 to 10, silence to 16; the second melody is C4, held to the end.
    found = of([C4, 1, D4, 1, C5, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1], [C4] + [1] * 15)
    assert found == {
        "pitch_range": [12, 0],
        "n_pitches_used": [3, 1],
        "n_pitch_classes_used": [2, 1],
        "pitch_entropy": [round(np.log2(3), 6), 0],
        "pitch_class_entropy": [round(np.log2(3) - 2 / 3, 6), 0],
        "pitch_in_scale_rate": [1, 1],
        "scale_consistency": [1, 1],
        "empty_measure_rate": [0, 0],
        "groove_consistency": [1 - 3 / 8, 1 - 1 / 16],  # of the second, three bars: it ends on the third bar line
    }


def test_bars_that_no_note_touches():
    silence = [1] * 8
    found = of([C4, 0, *[1] * 6, *silence, *silence, C4, *[1] * 7], [C4, *[1] * 7, 0, *[1] * 7, *silence, C4, *[1] * 7])
    # both last to the end of the fourth bar, where a fifth begins, which the last note reaches
    assert found["empty_measure_rate"] == [2 / 5, 1 / 5]  # the first note of the second reaches its second bar


def test_grooves_are_compared_bar_by_bar_up_to_the_last_note():
    found = of([C4, 1, D4, 1, 1, 1, 1, 1, G4, 1, 0, 1, 1, 1, 1, 1, *[1] * 8])
    assert found["groove_consistency"] == [1 - 1 / 8]
    assert np.isnan(of([C4, 0, *[1] * 14])["groove_consistency"][0])  # a single bar


@pytest.mark.parametrize("melody", [[1] * 16, [0, 1] * 8])
def test_without_notes_most_are_not_defined(melody):
    found = of(melody)
    assert {name: values[0] for name, values in found.items() if not np.isnan(values[0])} == {
        "pitch_range": 0,
        "n_pitches_used": 0,
        "n_pitch_classes_used": 0,
    }


def test_the_scale_is_that_of_the_setting_and_the_most_consistent_one_any():
    d_major = [D4, 1, E4, 1, F4 + 1, 1, G4, 1]
    assert of(d_major)["pitch_in_scale_rate"] == [0.75]
    assert of(d_major)["scale_consistency"] == [1]
    assert of(d_major, setting=Setting(key="D", meter="2/4"))["pitch_in_scale_rate"] == [1]
    assert of(d_major, setting=Setting(key="D", mode="minor", meter="2/4"))["pitch_in_scale_rate"] == [0.75]


def test_many_at_once_are_as_one_by_one():
    melodies = np.random.default_rng(0).choice([0, 1, 1, 1, C4, E4, C5], (30, 50))
    together = musical_measures(melodies, HALF_BARS)
    for row, melody in enumerate(melodies):
        for name, values in musical_measures(melody[None], HALF_BARS).items():
            assert values[0] == pytest.approx(together[name][row], nan_ok=True), name


def test_transposition_changes_nothing_but_what_is_in_the_scale():
    melodies = np.random.default_rng(1).choice([1, 1, 1, C4, E4, G4], (30, 32))
    here, there = (musical_measures(each, HALF_BARS) for each in (melodies, transposed(melodies, 1)))
    for name, values in here.items():
        assert (name == "pitch_in_scale_rate") != np.allclose(values, there[name]), name


def test_they_are_muspys_numbers():
    record = json.loads(OF_MUSPY.read_text())
    for meter, tunes in record.items():
        found = musical_measures(np.array(tunes["tokens"]), Setting(meter=meter))
        for name, expected in tunes["measures"].items():
            np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-12, err_msg=f"{name} in {meter}")


def test_they_are_muspys_numbers_where_it_is_installed():
    muspy = pytest.importorskip("muspy", reason="MusPy is not installed: pip install muspy")
    melodies = np.random.default_rng(2).choice([0, *[1] * 8, C4, D4, E4, G4, C5], (50, 40))
    melodies[:, 0] = C4
    found = musical_measures(melodies, HALF_BARS)
    for row, melody in enumerate(melodies):
        for name, expected in muspy_measures(muspy, melody, bar=8).items():
            assert found[name][row] == pytest.approx(expected, nan_ok=True), name


def muspy_measures(muspy, melody, bar: int) -> dict[str, float]:
    """What MusPy says of `melody`, at four time steps a quarter note, with bars of `bar` steps, in C major."""
    notes = zip(*(column.tolist() for column in tokens_to_notes(melody)), strict=True)
    track = muspy.Track(notes=[muspy.Note(start, pitch, end - start) for start, end, pitch in notes])
    music = muspy.Music(resolution=4, tracks=[track])
    by_bar = ("empty_measure_rate", "groove_consistency")
    plain = ("pitch_range", "n_pitches_used", "n_pitch_classes_used", "pitch_entropy", "pitch_class_entropy")
    return {
        **{name: float(getattr(muspy, name)(music)) for name in (*plain, "scale_consistency")},
        "pitch_in_scale_rate": float(muspy.pitch_in_scale_rate(music, 0, "major")),
        **{name: float(getattr(muspy, name)(music, bar)) for name in by_bar},
    }
