"""Chords of the engine in JavaScript, beside those of the Python side."""

import random

import numpy as np
import pytest

from melody_env import Setting
from note_rnn.chords import ChordError, parse_chord, parse_progression, spellings
from note_rnn.voicings import accompaniment

ROOTS = ("C", "F#", "Gb", "Bb", "B#", "Fb", "E")
WRITTEN = (
    "A-",
    "Amin7",
    "Ami",
    "CM7",
    "CM",
    "C∆",
    "C+",
    "Bo",
    "Bo7",
    "F♯ø",
    "B♭m7/A♭",
    "D6/9",
    "nc",
    "Comit5",
    "Ebmi7",
    "C##",
)
PROGRESSIONS = (
    "C | Am | F G | C",
    "| Dm7 G7/B | % | Cmaj7 N.C. A7 |",
    "C#m7b5 F#7b9 | Bm Bm6 E13 | A | Fm/Ab Bbsus4 Eb Ab Db",
    "N.C. | Cbmaj7 G#dim7 | Ab+ D#m",
    "Am7 C6 Am7 C6",
    "C C/E | C | C7 N.C. N.C. C",
    "Abm7 C9",
    "Ab | G13 | Edim7 | Bbmaj9",
)
SETTINGS = ({"length": 70}, {"meter": "6/8", "length": 60}, {"meter": "5/4", "length": "3 bars"}, {"meter": "2/4"})


def test_every_kind_has_the_pitch_classes_of_python(engine):
    written = [
        *WRITTEN,
        *(random.Random(0).choice(ROOTS) + kind + bass for kind in spellings().kinds for bass in ("", "/D")),
    ]
    script = """const main = async (all) => all.map((each) => {
      const {symbol, pitchClasses, bass} = parsedChord(each);
      return [symbol, pitchClasses, bass ?? -1];
    });"""
    expected = [[chord.symbol, [*chord.pitch_classes], chord.bass] for chord in map(parse_chord, written)]
    assert engine(script, written) == expected


REFUSED = (
    "H",
    "Cfoo",
    "",
    "C | | F",
    "% | C",
    "C % | F",
    "C/",
    "c",
    "constructor",
    "Cconstructor",
    "|",
    "C/E/G",
    "C | X7",
)


def test_what_python_refuses_is_refused_in_a_sentence(engine):
    script = """const main = async (all) => all.map((each) => {
      try { return parsedChords(each) && null; } catch (error) { return error.message; }
    });"""
    for text in REFUSED:
        with pytest.raises(ChordError):
            parse_progression(text)
    messages = engine(script, REFUSED)
    assert all(message.endswith(".") for message in messages)
    assert messages[1] == "Cfoo is no chord: write a root with a kind, as in C, Am, F#m7b5 or Bb/D, or N.C. for none."
    assert messages[3] == "Bar 2 of the chords is empty: N.C. is no chord."
    assert messages[4] == "Bar 1 of the chords: % stands alone, for the bar before."


def call_of(setting: Setting) -> dict[str, object]:
    return {
        "texts": PROGRESSIONS,
        "steps": setting.steps,
        "bar": setting.steps_per_bar,
        "beat": setting.steps_per_beat,
    }


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_chords_begin_and_are_played_as_in_python(engine, changes):
    setting = Setting(**changes)
    script = """const main = async ({texts, steps, bar, beat}) => texts.map((text) =>
      voiced(chordsOver(parsedChords(text), steps, bar, beat)).map(
        ({start, end, chord, pitches}) => [start, end, chord.symbol, pitches]));
    """
    for text, played in zip(PROGRESSIONS, engine(script, call_of(setting)), strict=True):
        starts = parse_progression(text).starts(setting.steps, setting.steps_per_bar, setting.steps_per_beat)
        expected = accompaniment(starts, setting.steps)
        assert played == [[start, end, chord.symbol, [*pitches]] for start, end, chord, pitches in expected]


def test_more_chords_than_steps_are_refused(engine):
    script = """const main = async (text) => {
      try { return chordsOver(parsedChords(text), 8, 8, 4); } catch (error) { return error.message; }
    };"""
    assert engine(script, "C " * 9) == "Bar 1 has 9 chords for 8 sixteenths: give fewer."


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_each_step_has_the_harmony_of_python(engine, changes):
    setting = Setting(**changes, chords="; ".join(PROGRESSIONS))
    script = """
      const numbers = ({chord, following, remaining, isStrong}) =>
        [chord.root, following.root, remaining, Number(isStrong)];
      const main = async ({texts, steps, bar, beat}) => texts.map((text) =>
        harmonyOf(chordsOver(parsedChords(text), steps, bar, beat), bar, beat).map(numbers));
    """
    harmony = setting.harmony_steps
    roots = harmony.table.roots
    columns = roots[harmony.chord], roots[harmony.following], harmony.remaining, harmony.is_strong
    np.testing.assert_array_equal(engine(script, call_of(setting)), np.stack(columns, axis=2).transpose(1, 0, 2))


def test_transposed_chords_are_spelled_as_in_python(engine):
    script = """const main = async (texts) => texts.map((text) => Array.from({length: 12}, (_, up) =>
      chordsText(transposedChords(parsedChords(text), up - 5))));"""
    expected = [[parse_progression(text).transposed(up - 5).text for up in range(12)] for text in PROGRESSIONS]
    assert engine(script, PROGRESSIONS) == expected
