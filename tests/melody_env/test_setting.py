"""The musical setting: the meaning of key, mode, meter, length and range, and rules that do not depend on the key."""

import dataclasses
import pickle

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from melody_env import (
    MODES,
    EnvironmentSpec,
    MelodyEngine,
    ProfileError,
    Setting,
    SettingError,
    load_profile,
    melody_statistics,
    melody_text,
    score_melodies,
)
from melody_env.setting import PAPER_SETTING
from note_rnn import Bars, transposed

KEYS = ("C", "C#", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
OFF, HOLD, C4, D4, G4 = 0, 1, 14, 16, 21


@pytest.mark.parametrize(
    ("key", "mode", "tonic", "transposition"),
    [
        ("C", "major", 60, 0),
        ("G", "major", 55, -5),
        ("F#", "major", 54, -6),
        ("Gb", "major", 54, -6),
        ("F", "major", 65, 5),
        ("A", "minor", 57, 0),  # what the Note RNN has learned
        ("C", "minor", 60, 3),
        ("D", "dorian", 62, 0),
        ("C", "dorian", 60, -2),
        ("A", "harmonic minor", 57, 0),
        ("C", "natural_minor", 60, 3),
        ("C", (0, 2, 4, 7, 9), 60, 0),
        ("A", "0 3 5 7 10", 57, 0),
    ],
)
def test_tonic_and_what_the_note_rnn_is_moved_by(key, mode, tonic, transposition):
    setting = Setting(key, mode)
    assert (setting.tonic_pitch, setting.transposition) == (tonic, transposition)


def test_every_scale_of_every_key_is_moved_from_the_notes_of_c_major():
    c_major = Setting().in_scale
    for mode in ("major", "minor", "dorian", "phrygian", "lydian", "mixolydian", "locrian"):
        for key in KEYS:
            setting = Setting(key, mode)
            assert abs(setting.transposition) <= 6
            tokens = transposed(np.arange(38), setting.transposition)
            np.testing.assert_array_equal(setting.in_scale[tokens], c_major)


@pytest.mark.parametrize(
    ("meter", "bar", "beat"),
    [("4/4", 16, 4), ("3/4", 12, 4), ("2/4", 8, 4), ("6/8", 12, 6), ("12/8", 24, 6), ("2/2", 16, 8), ("5/8", 10, 2)],
)
def test_bars_and_beats_in_sixteenths(meter, bar, beat):
    setting = Setting(meter=meter, length="3 bars")
    assert (setting.steps_per_bar, setting.steps_per_beat, setting.steps) == (bar, beat, 3 * bar)


def test_a_range_moves_the_tonic_and_the_note_rnn_by_octaves():
    low = Setting("C", pitch_range=(48, 59))
    assert (low.tonic_pitch, low.transposition) == (48, -12)
    assert np.flatnonzero(low.in_range).tolist() == [OFF, HOLD, *range(2, 14)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"key": "H"}, "key must be a letter A..G, optionally followed by # or b, not 'H'"),
        ({"key": "c minor"}, "key must be a letter"),
        ({"mode": "doric"}, "mode must be one of major, minor, .* not 'doric'"),
        ({"mode": [1, 3]}, "mode must be one of"),
        ({"mode": (0, 4, 2)}, "mode must be one of"),
        ({"mode": (0, 12)}, "mode must be one of"),
        ({"mode": (0.0, 2.0)}, "mode must be one of"),
        ({"meter": "4"}, "meter must be a time signature such as 4/4, 3/4, 6/8 or 2/4, not '4'"),
        ({"meter": "4/3"}, "meter must be a time signature"),
        ({"meter": "0/4"}, "meter must be a time signature"),
        (
            {"length": 0},
            r"length must be a whole number above 0, of at most 65,536 steps, or of bars \('4 bars'\), not 0",
        ),
        ({"length": "long"}, "length must be a whole number .* not 'long'"),
        ({"length": True}, "length must be a whole number .* not True"),
        (
            {"pitch_range": (70, 60)},
            r"pitch_range must be two MIDI pitches within 48..83, the lower first, not \(70, 60",
        ),
        ({"pitch_range": (40, 60)}, "pitch_range must be two MIDI pitches"),
        ({"pitch_range": 60}, "pitch_range must be two MIDI pitches"),
        ({"pitch_range": (61, 65)}, "pitch_range 61..65 does not contain the tonic C: make it wider"),
        ({"tempo": 0}, "tempo must be a number within 4..1000"),
    ],
)
def test_an_invalid_value_is_reported_in_a_sentence(arguments, sentence, tmp_path):
    with pytest.raises(SettingError, match=sentence) as error:
        Setting(**arguments)
    assert "\n" not in str(error.value)
    with pytest.raises(SettingError, match=sentence):
        MelodyEngine(1, EnvironmentSpec.of(**arguments))


@pytest.fixture(scope="module")
def every_rule():
    return load_profile("paper")


@settings(max_examples=60, deadline=None)
@given(
    tokens=arrays(np.int64, (4, 24), elements=st.one_of(st.just(OFF), st.just(HOLD), st.integers(8, 32))),
    key=st.sampled_from(KEYS),
    mode=st.sampled_from(sorted(MODES)),
    meter=st.sampled_from(["4/4", "3/4", "6/8"]),
)
def test_rules_and_statistics_are_the_same_in_every_key(every_rule, tokens, key, mode, meter):
    in_c = Setting("C", mode, meter)
    other = Setting(key, mode, meter)
    moved = transposed(tokens, other.tonic_pitch - 60)
    expected, values = score_melodies(tokens, every_rule, in_c), score_melodies(moved, every_rule, other)
    for name in expected.rules:
        np.testing.assert_array_equal(values.rules[name], expected.rules[name], name)
    np.testing.assert_equal(melody_statistics(moved, other).as_dict(), melody_statistics(tokens, in_c).as_dict())


def test_the_golden_pieces_are_worth_the_same_in_g_where_they_stay_in_the_vocabulary(golden):
    setting = Setting("G")
    moved = golden["tokens"] + setting.semitones_from_c
    stays = ((golden["tokens"] < 2) | (moved >= 2)).all(axis=1)
    assert stays.sum() > 300
    tokens = golden["tokens"][stays]
    in_g = score_melodies(transposed(tokens, setting.semitones_from_c), setting=setting)
    for name, values in score_melodies(tokens).rules.items():
        np.testing.assert_array_equal(in_g.rules[name], values)


def test_the_environment_pays_the_same_for_the_transposed_piece(prior, golden):
    tokens = golden["tokens"][:50].astype(np.int64).clip(max=30)
    tokens = np.where(tokens >= 2, tokens.clip(min=9), tokens)
    home = MelodyEngine(50, EnvironmentSpec.of(prior=prior, priming="none"))
    for key, mode in (("G", "major"), ("Eb", "major"), ("B", "major")):
        engine = MelodyEngine(50, EnvironmentSpec.of(prior=prior, priming="none", key=key, mode=mode))
        home.reset()
        engine.reset()
        for column in tokens.T:
            expected, _ = home.step(column)
            rewards, _ = engine.step(transposed(column, engine.setting.transposition))
            np.testing.assert_allclose(rewards, expected, rtol=1e-5, atol=1e-5)


def test_a_moved_note_rnn_knows_the_same_music(prior):
    melodies = np.random.default_rng(0).integers(38, size=(5, 20))
    for semitones in (-7, 3, 13):
        moved = prior.transposed(semitones).log_probs(transposed(melodies, semitones)).numpy()
        here = transposed(np.arange(38), semitones)
        np.testing.assert_allclose(moved[..., here], prior.log_probs(melodies).numpy(), atol=1e-5)
        back = prior.transposed(semitones).transposed(-semitones)
        assert all(a.equal(b) for a, b in zip(back.parameters(), prior.parameters(), strict=True))
    assert prior.transposed(0) is prior


def test_a_note_rnn_is_adapted_to_key_and_meter_however_they_are_written(lookback_prior):
    adapted = Setting(key="D", meter=" 06 / 8").adapted(lookback_prior)
    assert adapted.bars == Bars("6/8", 0)
    assert adapted.head.weight.equal(lookback_prior.transposed(2).head.weight)
    assert Setting().adapted(lookback_prior).bars == Bars("4/4", 0)


def test_the_tonic_rule_looks_at_the_last_beat():
    setting = Setting("G", meter="6/8", length="2 bars")
    g3 = setting.tonic_token
    melody = [g3, *[HOLD] * 17, g3, HOLD, OFF, HOLD, HOLD, HOLD]
    values = score_melodies([melody], setting=setting).rules["tonic"][0]
    assert np.flatnonzero(values).tolist() == [0, *range(18, 24)]


def test_thirds_and_fifths_are_degrees_of_the_key():
    d, a, e = 16, 23, 18
    in_d = score_melodies([[d, a, d], [d, HOLD, HOLD], [e, HOLD, HOLD]], setting=Setting("D")).rules["interval"]
    assert in_d.tolist() == [[0, 0.5, 0.5], [0, 1.5, 1.5], [0, 0.375, 0.375]]


def test_a_motif_is_two_beats():
    melody = [[14, 16, 18] * 8]
    for meter, first in (("4/4", 7), ("6/8", 11)):
        values = score_melodies(melody, setting=Setting(meter=meter)).rules["motif"][0]
        assert np.flatnonzero(values)[0] == first


def test_a_profile_has_a_setting_and_an_environment_can_change_it(tmp_path, prior):
    path = tmp_path / "waltz.yaml"
    path.write_text("setting: {key: G, mode: dorian, meter: 3/4, length: 4 bars, pitch_range: [55, 79], tempo: 90}\n")
    env = gym.make("MelodyComposition-v0", reward=path, prior=prior)
    expected = Setting("G", "dorian", "3/4", "4 bars", (55, 79), 90)
    assert env.unwrapped.setting == expected
    assert env.observation_space == gym.spaces.MultiDiscrete([38, 49])
    assert env.unwrapped.metadata["render_fps"] == 6
    vector = gym.make_vec("MelodyComposition-v0", num_envs=2, reward=path, prior=prior, key="A", length=8)
    assert vector.setting == dataclasses.replace(expected, key="A", length=8)
    assert score_melodies([[16, 15]], path).rules == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("setting: {kee: G}", "unknown key 'kee' under 'setting'; valid keys: key, mode, meter, length"),
        ("setting: G", "expected keys and values under 'setting', not 'G'"),
        ("setting: {meter: 4/5}", "under 'setting', meter must be a time signature"),
        ("setting: {pitch_range: [20, 30]}", "under 'setting', pitch_range must be two MIDI pitches"),
    ],
)
def test_a_bad_setting_in_a_profile_is_reported_with_the_file(tmp_path, text, sentence):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ProfileError, match=sentence) as error:
        load_profile(path)
    assert str(path) in str(error.value)


def test_bars_are_seen():
    lines = melody_text([C4, HOLD, D4, HOLD, G4, HOLD] * 4, Setting(meter="6/8")).splitlines()
    assert [line.count("|") for line in lines] == [3, 3]


def test_a_setting_survives_pickling():
    setting = Setting("G", [0, 2, 4, 7, 9], "3/4", "2 bars", [50, 80])
    assert setting.steps == 24
    again = pickle.loads(pickle.dumps(setting))
    assert (again, hash(again), again.steps) == (setting, hash(setting), 24)
    assert PAPER_SETTING.changed(key=None) == PAPER_SETTING


@pytest.mark.parametrize("length", [65_537, "4097 bars", 10**30])
def test_a_piece_has_an_end(length):
    assert Setting(length="4096 bars").steps == 65_536
    with pytest.raises(
        SettingError, match=r"^length must be a whole number above 0, of at most 65,536 steps, or of bars .*, not "
    ):
        Setting(length=length)


@pytest.mark.parametrize("length", ["9" * 5_000, "\u0663 bars", "\u00b2"])
def test_digits_that_are_no_number_of_bars(length):
    with pytest.raises(SettingError, match=r"^length must be a whole number above 0"):
        Setting(length=length)
