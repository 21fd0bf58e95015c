"""Chords found for melodies: the chords of a key, what follows what, and the best of all paths."""

from itertools import pairwise, product

import numpy as np
import pytest

from melody_env import RewardProfile, Setting, SettingError, WeightedRule, score_melodies
from melody_env.harmonising import (
    best_paths,
    chords_of_key,
    harmonise,
    likeliest_key,
    transitions,
    worth_of_chords,
)
from note_rnn import transposed

C, D, E, F, G, A, B = 14, 16, 18, 19, 21, 23, 25
ARPEGGIOS = {"C": [C, E, G, E], "F": [F, A, C, A], "G": [G, B, D, B], "Am": [A, C, E, C], "Dm": [D, F, A, F]}


def played(*names: str) -> np.ndarray:
    """Bars of four quarters, the tones of these chords."""
    return np.array([[token for name in names for note in ARPEGGIOS[name] for token in (note, 1, 1, 1)]])


@pytest.mark.parametrize(
    ("key", "mode", "symbols"),
    [
        ("C", "major", "C Dm Em F G Am Bdim"),
        ("Bb", "major", "Bb Cm Dm Eb F Gm Adim"),
        ("A", "minor", "Am Bdim C Dm E F G"),
        ("C#", "minor", "C#m D#dim E F#m G# A B"),
        ("D", "dorian", "Dm Em F G A Bdim C"),
        ("G", "mixolydian", "G Am Bdim C Dm Em F"),
        ("A", "harmonic_minor", "Am Bdim Caug Dm E F G#dim"),
        ("C", "blues", "Cm Ddim Eb Fm G Ab Bb"),
        ("F", "major_pentatonic", "F Gm Am Bb C Dm Edim"),
    ],
)
def test_the_chords_of_a_key_are_triads_on_its_degrees(key, mode, symbols):
    assert [chord.symbol for chord in chords_of_key(Setting(key, mode))] == symbols.split()


def test_what_follows_what_is_the_table():
    probabilities = np.exp(transitions())
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities > 0).all()
    np.testing.assert_allclose(probabilities[0], np.array([8, 1, 1, 6, 6, 3, 0.5]) / 25.5)  # after I
    np.testing.assert_allclose(probabilities[4], np.array([6, 1, 1, 3, 8, 3, 0.5]) / 22.5)  # after V


def test_the_best_path_is_the_best_of_all():
    rng = np.random.default_rng(0)
    worth, table = rng.normal(size=(5, 4, 3)), np.log(rng.dirichlet(np.ones(3), size=3))
    ends = np.log([0.8, 0.1, 0.1])
    paths, scores = best_paths(worth, table)
    for row in range(5):
        totals = {
            path: sum(worth[row, step, chord] for step, chord in enumerate(path))
            + sum(table[pair] for pair in pairwise(path))
            + ends[path[0]]
            + ends[path[-1]]
            for path in product(range(3), repeat=4)
        }
        best = max(totals, key=totals.__getitem__)
        assert (tuple(paths[row].tolist()), scores[row]) == (best, pytest.approx(totals[best]))


def test_a_bar_is_worth_what_the_rules_pay_on_strong_beats_and_the_time_of_chord_tones():
    melodies = np.random.default_rng(0).choice([0, 1, 1, 1, C, D, E, F, G, A, B], size=(20, 64))
    setting = Setting(length=64)
    rules = RewardProfile("both", (WeightedRule("chord_tone"), WeightedRule("avoid_note")))
    chords = chords_of_key(setting)
    worth = worth_of_chords(melodies, chords, setting, 16)
    notes = np.maximum.accumulate(np.where(melodies != 1, np.arange(64), 0), axis=1)
    sounding = np.take_along_axis(melodies, notes, axis=1)
    for degree, chord in enumerate(chords):
        own = setting.changed(chords=chord.symbol)
        paid = score_melodies(melodies, rules, own).music_theory.reshape(20, 4, 16).sum(2)
        is_tone = np.isin((sounding - 2) % 12, chord.pitch_classes) & (sounding >= 2)
        time = is_tone.reshape(20, 4, 16).mean(2)
        np.testing.assert_allclose(worth[:, :, degree], paid + 3 * time)


def test_arpeggios_give_their_chords():
    names = ["C", "F", "G", "Am", "Dm", "G", "C"]
    (found,) = harmonise(played(*names), Setting()).progressions
    assert found.text == " | ".join(names)


def test_each_melody_has_its_own_and_silence_stays_on_the_tonic():
    melodies = np.concatenate([played("C", "F", "G", "C"), played("C", "Dm", "G", "C"), np.ones((1, 64), np.int64)])
    found = harmonise(melodies, Setting())
    assert [each.text for each in found.progressions] == ["C | F | G | C", "C | Dm | G | C", "C | C | C | C"]
    np.testing.assert_allclose(found.scores[:2], [harmonise(each[None], Setting()).scores[0] for each in melodies[:2]])


def test_several_chords_in_a_bar():
    notes = [C, E, F, A, G, B, C, E]
    melody = np.array([[token for note in notes for token in (note, 1, 1, 1)]])
    assert harmonise(melody, Setting(), per_bar=2).progressions[0].text == "C F | G C"
    assert [len(bar) for bar in harmonise(melody[:, :24], Setting(), per_bar=2).progressions[0].bars] == [2, 1]
    for parts in (0, 3, 17):
        with pytest.raises(SettingError, match=rf"^A bar of 16 sixteenths cannot be divided into {parts} equal parts"):
            harmonise(melody, Setting(), per_bar=parts)


@pytest.mark.parametrize("key", ["D", "Bb", "F#"])
def test_a_melody_in_another_key_has_the_chords_of_that_key(key):
    own, moved = Setting(), Setting(key)
    melody = played("C", "F", "Am", "Dm", "G", "C")
    up = transposed(melody, moved.transposition)
    expected, chords = harmonise(melody, own).progressions[0], harmonise(up, moved).progressions[0]
    roots = [
        [(chord.root - tonic) % 12 for (chord,) in each.bars] for each, tonic in ((expected, 0), (chords, moved.tonic))
    ]
    assert roots == [[0, 5, 9, 2, 7, 0]] * 2
    found = likeliest_key(up[0], own)
    assert (found.tonic, found.mode) == (moved.tonic, "major")


def test_a_minor_key_is_found_by_its_leading_tone():
    g_sharp = 22
    bars = [[A, C + 12, E, C + 12], [g_sharp, B, E, B], [A, C + 12, D, F], [g_sharp, B, E, B], [A, E, C, A - 12]]
    melody = np.array([token for bar in bars for note in bar for token in (note, 1, 1, 1)])
    found = likeliest_key(melody, Setting())
    assert (found.key, found.mode) == ("A", "minor")
    assert harmonise(melody[None], found).progressions[0].text == "Am | E | Dm | E | Am"


def test_a_chord_of_a_quarter_begins_on_a_strong_beat():
    setting = Setting(length=16)
    melody = np.array([[1, 1, 1, 1, C, 1, 1, 1, D, 1, 1, 1, 0, 1, 1, 1]])
    worth = worth_of_chords(melody, chords_of_key(setting), setting, 4)
    assert worth[0, :, 0].tolist() == [0, 1 + 3, -1, 0]  # of C: silence, C, D, silence


def test_notes_on_weak_beats_tell_the_key_too():
    f_sharp = 20
    melody = np.array([C, 1, f_sharp, 1, G, 1, f_sharp, 1, E, 1, f_sharp, 1, G, 1, f_sharp, 1] * 4)
    found = likeliest_key(melody, Setting())
    assert f_sharp in np.flatnonzero(found.in_scale)
    plain = likeliest_key(np.where(melody == f_sharp, F, melody), Setting())
    assert (plain.key, plain.mode) == ("C", "major")
