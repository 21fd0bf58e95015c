"""The statistics agree with the original's evaluation, piece by piece and together."""

import math

import numpy as np
import pytest

from melody_env import Setting, load_profile, melody_statistics, score_melodies
from note_rnn import VocabularyError, transposed

COUNTS = {
    "notes_not_in_key": "notes_not_in_key",
    "notes_in_motif": "notes_in_motif",
    "notes_in_repeated_motif": "notes_in_repeated_motif",
    "num_starting_tonic": "compositions_starting_with_tonic",
    "num_repeated_notes": "notes_excessively_repeated",
    "num_octave_jumps": "interval_beyond_octave",
    "num_fifths": "interval_fifth",
    "num_thirds": "interval_third",
    "num_sixths": "interval_sixth",
    "num_seconds": "interval_second",
    "num_fourths": "interval_fourth",
    "num_sevenths": "interval_seventh",
    "num_rest_intervals": "interval_rest",
    "num_special_rest_intervals": "interval_rest_after_tonic_or_fifth",
    "num_in_key_preferred_intervals": "interval_fifth_from_tonic_or_fifth",  # the original forgets the thirds
    "num_resolved_leaps": "leaps_resolved",
    "num_leap_twice": "leaps_doubled",
    "num_high_unique": "compositions_with_unique_max_note",
    "num_low_unique": "compositions_with_unique_min_note",
}
AGGREGATES = {
    "frac_starting_tonic": "compositions_starting_with_tonic",
    "frac_high_unique": "compositions_with_unique_max_note",
    "frac_low_unique": "compositions_with_unique_min_note",
    "frac_leaps_resolved": "leaps_resolved",
    "frac_notes_not_in_key": "notes_not_in_key",
    "frac_notes_in_motif": "notes_in_motif",
    "frac_notes_in_repeated_motif": "notes_in_repeated_motif",
    "frac_notes_excessively_repeated": "notes_excessively_repeated",
    "mean_autocorrelation1": "autocorrelation_lag1",
    "mean_autocorrelation2": "autocorrelation_lag2",
    "mean_autocorrelation3": "autocorrelation_lag3",
}


@pytest.fixture(scope="module")
def statistics(golden):
    return melody_statistics(golden["tokens"])


def test_all_of_the_originals_22_statistics_are_covered(golden):
    assert {*COUNTS, "autocorrelation1", "autocorrelation2", "autocorrelation3"} == set(golden["stat_names"])


@pytest.mark.parametrize(("original", "name"), COUNTS.items())
def test_counts_agree_for_every_piece(golden, statistics, original, name):
    expected = golden["stats"][:, list(golden["stat_names"]).index(original)]
    assert expected.sum() > 0
    np.testing.assert_array_equal(statistics.counts[name], expected)


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_autocorrelations_agree_for_every_piece_and_are_nan_for_constant_ones(golden, statistics, lag):
    expected = golden["stats"][:, list(golden["stat_names"]).index(f"autocorrelation{lag}")]
    assert np.isnan(expected).sum() == 19
    np.testing.assert_allclose(statistics.autocorrelations[lag - 1], expected, atol=1e-12)
    absolute = statistics.mean_absolute_autocorrelations()[f"absolute_autocorrelation_lag{lag}"]
    assert absolute == pytest.approx(np.nanmean(np.abs(expected))) != pytest.approx(abs(np.nanmean(expected)))


def test_aggregates_agree(golden, statistics):
    fractions = statistics.as_dict()
    expected = dict(zip(golden["aggregate_names"].tolist(), golden["aggregate_values"].tolist(), strict=True))
    assert {AGGREGATES[name]: value for name, value in expected.items()} == pytest.approx(
        {name: value for name, value in fractions.items() if name != "distinct_compositions"}
    )
    assert fractions["distinct_compositions"] == len(np.unique(golden["tokens"], axis=0)) / 1000


def test_a_small_example_by_hand():
    tonic_run = [14, 14, 14, 14, 14, 14, 14, 15]  # the sixth and seventh C are too many; 15 is not in key
    leap_up = [14, 21, 16, 18, 14, 16, 18, 19]  # C up to G, back down to C at step 4
    statistics = melody_statistics([tonic_run, leap_up, leap_up, tonic_run])
    assert statistics.as_dict() == pytest.approx(
        {
            "notes_not_in_key": 1 / 16,
            "notes_excessively_repeated": 2 / 16,
            "notes_in_motif": 1 / 16,
            "notes_in_repeated_motif": 0,
            "compositions_starting_with_tonic": 1,
            "compositions_with_unique_max_note": 1,
            "compositions_with_unique_min_note": 0,
            "leaps_resolved": 1,
            "distinct_compositions": 1 / 2,
            **{
                f"autocorrelation_lag{lag}": np.mean([by_hand(tonic_run, lag), by_hand(leap_up, lag)])
                for lag in (1, 2, 3)
            },
        }
    )
    assert statistics.mean_absolute_autocorrelations()["absolute_autocorrelation_lag1"] == pytest.approx(
        np.mean([abs(by_hand(tonic_run, 1)), abs(by_hand(leap_up, 1))])
    )
    assert statistics.counts["leaps_resolved"].tolist() == [0, 1, 1, 0]


def by_hand(melody, lag):
    deviations = np.array(melody) - np.mean(melody)
    return (deviations[lag:] * deviations[:-lag]).sum() / (deviations**2).sum()


@pytest.mark.parametrize(
    ("key", "semitones", "pitch_range"), [("D", 2, (48, 83)), ("Bb", -2, (48, 83)), ("G", 7, (55, 79))]
)
def test_a_melody_in_another_key_has_the_statistics_that_it_has_in_c(golden, key, semitones, pitch_range):
    tokens = golden["tokens"]
    tokens = tokens[((tokens < 2) | ((tokens >= 9) & (tokens <= 26))).all(axis=1)]  # stays within the range
    assert len(tokens) > 20
    in_c, setting = melody_statistics(tokens), Setting(key=key, pitch_range=pitch_range)
    moved = melody_statistics(transposed(tokens, semitones), setting)
    for name, counts in in_c.counts.items():
        np.testing.assert_array_equal(moved.counts[name], counts, err_msg=name)
    np.testing.assert_array_equal(moved.autocorrelations, in_c.autocorrelations)
    for name, histogram in in_c.features.histograms.items():
        np.testing.assert_array_equal(moved.features.histograms[name], histogram, err_msg=name)
    assert moved.means() == in_c.means()
    ignored = melody_statistics(transposed(tokens, semitones))
    for name in ("notes_not_in_key", "compositions_starting_with_tonic", "interval_fifth_from_tonic_or_fifth"):
        assert (ignored.counts[name] != in_c.counts[name]).any(), name
    assert (ignored.autocorrelations != in_c.autocorrelations).any()


def test_the_setting_is_the_profiles_if_no_other_is_given():
    tokens = transposed(np.array([[14, 21, 16, 18, 14, 16, 18, 19], [14, 14, 13, 13, 1, 1, 0, 25]]), 2)
    profile = load_profile("paper").with_setting(key="D")
    in_d, in_c = melody_statistics(tokens, Setting(key="D")).as_dict(), melody_statistics(tokens).as_dict()
    for given, expected in (
        (melody_statistics(tokens, profile=profile), in_d),
        (melody_statistics(tokens, Setting(), profile), in_c),
        (melody_statistics(tokens, Setting(key="D"), "paper"), in_d),
        (melody_statistics(tokens, profile="paper"), in_c),
    ):
        statistics = given.as_dict()
        assert {name: statistics[name] for name in expected} == expected
        assert (statistics["rule_key"] < 0) == (expected["notes_not_in_key"] > 0)  # the rules are in the same key
        assert statistics["rule_tonic"] > 0 or expected is in_c


def test_a_profiles_rules_are_means_per_step(golden):
    tokens = golden["tokens"][:40]
    scores = score_melodies(tokens, "varied")
    statistics = melody_statistics(tokens, profile="varied")
    for name, values in scores.rules.items():
        np.testing.assert_allclose(statistics.rules[name], values.sum(axis=1))
        assert statistics.as_dict()[f"rule_{name}"] == pytest.approx(values.mean())
    assert not melody_statistics(tokens).rules


def test_the_mode_is_respected():
    tokens = [[14, 16, 17, 19, 21, 23, 24, 26]]  # C D Eb F G A Bb C
    found = {mode: melody_statistics(tokens, Setting(mode=mode)) for mode in ("major", "dorian", "minor")}
    assert {mode: statistics.counts["notes_not_in_key"].tolist() for mode, statistics in found.items()} == {
        "major": [2],
        "dorian": [0],
        "minor": [1],
    }


def test_what_never_happens_has_no_mean():
    fractions = melody_statistics([[1, 1, 1, 1]]).as_dict()
    assert math.isnan(fractions["leaps_resolved"])
    assert math.isnan(fractions["autocorrelation_lag1"])


@pytest.mark.parametrize("score", [score_melodies, melody_statistics])
@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        ([[38]], r"Token 38 at position \(0, 0\)"),
        ([[0, -1]], r"Token -1 at position \(0, 1\)"),
        ([14, 1], "Expected a 2-dimensional array"),
        ([[14.0]], "must be integers"),
        (np.zeros((0, 32), int), r"at least one token, got shape \(0, 32\)"),
        (np.zeros((3, 0), int), r"at least one token, got shape \(3, 0\)"),
    ],
)
def test_what_is_no_melody_is_refused(score, tokens, sentence):
    with pytest.raises(VocabularyError, match=sentence):
        score(tokens)
