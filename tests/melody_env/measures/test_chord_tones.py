"""Notes on strong beats and tones of chords, by hand and as the rule counts them."""

import numpy as np

from melody_env import RewardProfile, Setting, WeightedRule, score_melodies
from melody_env.measures.chord_tones import chord_tone_counts, sounding_notes

SETTING = Setting(meter="4/16", length=8, chords="C | G7")


def test_a_note_sounds_until_the_next_one_or_a_note_off():
    melodies = np.array([[1, 14, 1, 0, 1, 16, 1, 1], [14, 1, 1, 1, 0, 0, 18, 19], [1] * 8])
    assert sounding_notes(melodies).tolist() == [[0, 14, 14, 0, 0, 16, 16, 16], [14] * 4 + [0, 0, 18, 19], [0] * 8]


def test_notes_on_strong_beats_and_tones_of_the_chord_among_them():
    melodies = np.array(
        [
            [14, 1, 1, 15, 14, 1, 16, 1],  # C, C held; C, D: all but C over G7
            [15, 1, 0, 1, 1, 14, 25, 1],  # C sharp, silence; silence, B
            [0, 1, 1, 1, 1, 1, 1, 14],
        ]
    )
    tones, notes = chord_tone_counts(melodies, SETTING.harmony_steps.of(np.zeros(3, np.int64)))
    assert (tones.tolist(), notes.tolist()) == ([3, 1, 0], [4, 2, 0])


def test_the_rule_counts_the_same():
    melodies = np.random.default_rng(0).integers(38, size=(200, 8))
    melodies = np.where(np.random.default_rng(1).random(melodies.shape) < 0.5, 1, melodies)
    tones, notes = chord_tone_counts(melodies, SETTING.harmony_steps.of(np.zeros(200, np.int64)))
    profile = RewardProfile("one", (WeightedRule("chord_tone"),))
    values = score_melodies(melodies, profile, SETTING).rules["chord_tone"]
    np.testing.assert_array_equal(2 * tones - notes, values.sum(axis=1))
    np.testing.assert_array_equal(notes, np.abs(values).sum(axis=1))
