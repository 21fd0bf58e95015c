"""The musical setting by hand: scales by the names of their notes, where the tonic lies, the limits of each field."""

import numpy as np
import pytest

from melody_env import MODES, EnvironmentSpec, MelodyEngine, Setting, SettingError, SettingOptions, melody_statistics
from note_rnn.formats.notation import Staff

NAMES = {"C": 0, "Db": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "F#": 6, "Gb": 6, "G": 7, "Ab": 8, "A": 9, "Bb": 10, "B": 11}
SCALES = {
    "major": ("C D E F G A B", "E", "G"),
    "minor": ("C D Eb F G Ab Bb", "Eb", "G"),
    "harmonic_minor": ("C D Eb F G Ab B", "Eb", "G"),
    "melodic_minor": ("C D Eb F G A B", "Eb", "G"),
    "dorian": ("C D Eb F G A Bb", "Eb", "G"),
    "phrygian": ("C Db Eb F G Ab Bb", "Eb", "G"),
    "lydian": ("C D E F# G A B", "E", "G"),
    "mixolydian": ("C D E F G A Bb", "E", "G"),
    "locrian": ("C Db Eb F Gb Ab Bb", "Eb", "Gb"),
    "major_pentatonic": ("C D E G A", "E", "G"),
    "minor_pentatonic": ("C Eb F G Bb", "Eb", "G"),
    "blues": ("C Eb F Gb G Bb", "Eb", "G"),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_is_the_scale_that_musicians_call_so_in_every_key(mode):
    notes, third, fifth = SCALES[mode]
    scale = [NAMES[name] for name in notes.split()]
    for key, tonic in (("C", 0), ("A", 9), ("Eb", 3), ("F#", 6)):
        setting = Setting(key, mode)
        pitch_classes = (np.arange(48, 84) - tonic) % 12
        assert setting.tonic == tonic
        assert setting.scale == tuple(scale)
        assert setting.in_scale.tolist() == [True, True, *np.isin(pitch_classes, scale)]
        expected = [scale.index(above) + 1 if above in scale else 0 for above in pitch_classes]
        assert setting.degrees.tolist() == [0, 0, *expected]
        assert ((setting.third - tonic) % 12, (setting.fifth - tonic) % 12) == (NAMES[third], NAMES[fifth])


def test_a_scale_of_ones_own_has_the_thirds_and_fifths_that_are_in_it():
    both, neither = Setting("D", (0, 3, 4, 6, 7)), Setting("D", (0, 2, 5))
    assert ((both.third - 2, both.fifth - 2), (neither.third - 2, neither.fifth - 2)) == ((4, 7), (4, 7))
    assert Setting(mode="0, 3, 6").fifth == 6
    assert Setting(mode="[0 3 7]").scale == (0, 3, 7)


@pytest.mark.parametrize(
    ("name", "mode"), [("ionian", "major"), ("Aeolian", "minor"), ("natural minor", "minor"), ("Melodic-Minor", None)]
)
def test_modes_have_other_names(name, mode):
    assert Setting(mode=name).scale == MODES[mode or "melodic_minor"]


@pytest.mark.parametrize(
    ("key", "tonic"), [("g", 7), ("Bb", 10), ("B♭", 10), ("F♯", 6), ("Cb", 11), ("B#", 0), ("E#", 5)]
)
def test_keys_are_letters_with_accidentals(key, tonic):
    assert Setting(key).tonic == tonic


@pytest.mark.parametrize(
    ("setting", "tonic_pitch", "transposition"),
    [
        (Setting("G", "dorian", "6/8", "4 bars", (55, 79)), 67, 5),  # D dorian, a fourth up; 55 would be at the edge
        (Setting("G", "dorian"), 55, 5),
        (Setting("G", pitch_range=(55, 79)), 67, 7),
        (Setting("C", pitch_range=(55, 79)), 60, 0),  # where it was
        (Setting("C", pitch_range=(60, 83)), 60, 0),
        (Setting("C", pitch_range=(61, 83)), 72, 12),
        (Setting("C", pitch_range=(48, 71)), 48, -12),
        (Setting("C", pitch_range=(48, 72)), 60, 0),
        (Setting("A", "minor", pitch_range=(60, 83)), 69, 0),
        (Setting("A", "minor", pitch_range=(66, 83)), 69, 12),
        (Setting("C", pitch_range=(60, 60)), 60, 0),
        (Setting("D", "minor_pentatonic"), 62, 5),
        (Setting("D", "lydian"), 62, -3),
        (Setting("C", "blues"), 60, 3),
    ],
)
def test_tonic_and_note_rnn_lie_where_the_range_does(setting, tonic_pitch, transposition):
    assert (setting.tonic_pitch, setting.transposition) == (tonic_pitch, transposition)
    assert setting.tonic_token == tonic_pitch - 48 + 2
    assert setting.semitones_from_c == tonic_pitch - 60


def test_narrowing_the_range_around_its_middle_moves_nothing():
    for key in NAMES:
        for less in range(7):
            narrow = Setting(key, pitch_range=(48 + less, 83 - less))
            assert (narrow.tonic_pitch, narrow.transposition) == (Setting(key).tonic_pitch, Setting(key).transposition)


def test_the_readmes_setting_is_that_of_rules_statistics_and_environment(small_prior):
    arguments = {"key": "G", "mode": "dorian", "meter": "6/8", "length": "4 bars", "pitch_range": (55, 79)}
    setting = Setting(**arguments)
    assert (setting.steps, setting.steps_per_bar, setting.steps_per_beat) == (48, 12, 6)
    g4, g3, f, f_sharp = 21, 9, 19, 20
    engine = MelodyEngine(2, EnvironmentSpec.of(prior=small_prior, reward="key_and_tonic", **arguments))
    engine.reset()
    assert engine.step([g4, g3])[0].tolist() == [3, 0]
    assert engine.step([f, f_sharp])[0].tolist() == [0, -1]
    statistics = melody_statistics([[g4, 1, f, 1], [g3, 1, f_sharp, 1]], setting).as_dict()
    assert (statistics["compositions_starting_with_tonic"], statistics["notes_not_in_key"]) == (1 / 2, 1 / 8)


@pytest.mark.parametrize(
    ("length", "meter", "steps"),
    [
        ("1 bar", "4/4", 16),
        ("4 bars", "6/8", 48),
        (" 3 bars ", "5/8", 30),
        ("12", "3/4", 12),
        (12, "3/4", 12),
        (np.int64(5), "4/4", 5),
        (1, "4/4", 1),
    ],
)
def test_a_length_is_steps_or_bars(length, meter, steps):
    assert Setting(meter=meter, length=length).steps == steps


@pytest.mark.parametrize(
    ("meter", "bar", "beat"),
    [
        ("3/8", 6, 6),
        ("9/8", 18, 6),
        ("7/8", 14, 2),
        ("6/4", 24, 4),
        ("6/16", 6, 3),
        ("16/16", 16, 1),
        (" 3 / 4 ", 12, 4),
    ],
)
def test_three_eighths_or_shorter_are_a_beat(meter, bar, beat):
    assert (Setting(meter=meter).steps_per_bar, Setting(meter=meter).steps_per_beat) == (bar, beat)


def test_the_limits_of_what_can_be_set():
    assert Setting(tempo=4).tempo == 4
    assert Setting(tempo=1000.0).tempo == 1000
    assert Setting(pitch_range=(48, 83)) == Setting()
    assert Setting("C", (0, 11)).scale == (0, 11)
    for arguments in (
        {"tempo": 3.9},
        {"tempo": 1000.1},
        {"tempo": float("nan")},
        {"tempo": True},
        {"meter": "17/4"},
        {"meter": "4/32"},
        {"pitch_range": (48, 84)},
        {"pitch_range": (47, 60)},
        {"pitch_range": (48, 60, 72)},
        {"pitch_range": (False, 60)},
        {"mode": (0, 2, 2)},
        {"mode": ()},
        {"length": "0 bars"},
    ):
        with pytest.raises(SettingError, match=next(iter(arguments))):
            Setting(**arguments)


@pytest.mark.parametrize(
    ("setting", "sharps", "mode"),
    [
        (Setting("D", "dorian"), 0, "dorian"),
        (Setting("C", "minor"), -3, "minor"),
        (Setting("F#"), 6, "major"),
        (Setting("G#"), -4, "major"),  # as A flat
        (Setting("E", "harmonic_minor"), 1, "minor"),
        (Setting("B", "locrian"), 0, "major"),
    ],
)
def test_a_staff_has_the_signature_and_the_rest_of_the_setting(setting, sharps, mode):
    staff = setting.changed(meter="6 / 8", tempo=90).staff
    assert staff == Staff("6/8", 12, 6, sharps, mode, 90)


def test_what_is_given_on_the_command_line_is_what_is_changed():
    assert SettingOptions().setting_changes() == {}
    given = {"key": "G", "mode": "dorian", "meter": "6/8", "length": "4 bars", "pitch_range": (55, 79), "tempo": 90.0}
    assert SettingOptions(**given).setting_changes() == given
    changed = Setting("F", tempo=60).changed(**SettingOptions(mode="minor", length=8).setting_changes())
    assert changed == Setting("F", "minor", length=8, tempo=60)
    assert Setting("F").changed(key=None, tempo=90) == Setting("F", tempo=90)
