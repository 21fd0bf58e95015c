"""Each rule of the profile `calibrated` on melodies whose value can be worked out by hand.

A table row: tokens as text (`C4`, `.` holds, `z` ends a note), and the value of each of them.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from melody_env.reward.composition import Composition
from melody_env.reward.rules import HUMAN_RULES
from melody_env.reward.rules.human.bells import pitch_class_entropy
from melody_env.reward.rules.human.line import scale_positions, stable_notes
from melody_env.reward.rules.human.phrases import beat_strengths
from melody_env.setting import Setting
from note_rnn.vocabulary import transposed

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SPECIAL = {".": 1, "z": 0}
SHORT = Setting(meter="2/4")
"""Bars of eight steps."""


@pytest.fixture(scope="module")
def usual_setting() -> Setting:
    return SHORT


def tokens_of(text):
    return [
        SPECIAL[word] if word in SPECIAL else STEPS[word[0]] + word.count("#") + 12 * (int(word[-1]) - 3) + 2
        for word in text.split()
    ]


@pytest.fixture(scope="module")
def worth(worth):
    """Return the same, of notes in the notation of this module."""
    return lambda rule, melody, *setting, **parameters: worth(
        rule, tokens_of(melody) if isinstance(melody, str) else melody, *setting, **parameters
    )


@pytest.mark.parametrize(
    ("rule", "melody", "expected"),
    [
        ("repeated_note", "C4 C4 z C4 C5", [0, 1, 0, 1, 0]),
        ("stepwise", "C4 C#4 . z D#4 C#4 E4", [0, 1, 0, 0, 1, 1, 0]),
        ("fourth_or_fifth", "C4 F4 C5 F#4 G3", [0, 1, 1, 0, 0]),
        ("tritone_or_seventh", "C4 F#4 E5 F4 G4 C4", [0, 1, 1, 1, 0, 0]),
        ("beyond_octave", "C4 C5 B3 C5", [0, 0, 1, 1]),
        ("turn", "C4 D4 . E4 D4 D4 E4 D4", [0, 0, 0, 0, 1, 0, 0, 1]),  # a repeated note goes no way
        ("leap_answered", "C4 G4 E4 C4 F4 D4 A4 F4 E4", [0, 0, 1, 0, 0, 1, 0, 1, 0]),
        ("leap_continued", "C4 G4 z A4 C4 B3 D4", [0, 0, 0, 1, 0, 1, 0]),
        ("scale_run", "C4 D4 E4 . F4 G4 F4 E4 D4", [0, 0, 0, 0, 1, 1, 0, 0, 1]),
        ("scale_run", "C4 D4 D4 E4 F4 A4 B4 C5", [0, 0, 0, 0, 0, 0, 0, 0]),
        ("off_eighth", "C4 D4 . E4 z .", [0, 1, 0, 1, 0, 0]),
        ("rest", "C4 z . D4 z", [0, 1, 0, 0, 1]),
        ("overused_motif", "C4 D4 C4 D4 C4 D4 C4 D4 C4 D4 C4 D4", [0] * 11 + [1]),  # up, down, up: the fifth time
        ("overused_motif", "C4 C4 C4 C4 C4 C4 C4 C4 C4", [0] * 7 + [1, 1]),
        ("chromatic_step", "C4 C#4 D4 D#4 F4 F#4 . z F4", [0, 0, 1, 0, 0, 0, 0, 0, 1]),
        ("opening", "z . G3 C4", [0, 0, 1, 0]),
        ("opening", "D4 C4", [0, 0]),
    ],
)
def test_notes(rule, melody, expected, worth):
    assert worth(rule, melody) == expected


@pytest.mark.parametrize(
    ("melody", "expected"),
    [
        ("C4 . . . . . . .", {}),  # from a strong beat on
        ("z C4 . . . . . . .", {2: 1, 4: 1, 8: 1}),  # over an eighth, a beat and a bar
        ("z . C4 . D4 . E4 .", {}),
        ("z . . . C4 . z . .", {}),  # a rest holds nothing over
    ],
)
def test_syncopation_is_a_note_held_over_a_stronger_beat(melody, expected, worth):
    values = worth("syncopation", melody)
    assert {t: value for t, value in enumerate(values) if value} == expected


def test_weights_of_beats():
    assert beat_strengths(Setting()).tolist() == [4, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0]
    assert beat_strengths(Setting(meter="6/8")).tolist() == [4, 0, 1, 0, 1, 0, 3, 0, 1, 0, 1, 0]
    assert beat_strengths(Setting(meter="3/4")).tolist() == [4, 0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0]


def test_a_bar_with_the_rhythm_of_the_last(worth):
    assert worth("bar_rhythm", "C4 . D4 . E4 . z . G4 . . A4 C5 . . .")[8:] == [1, 0, -1, -1, 1, 0, 0, 0]


def test_what_a_note_is_worth_by_its_place_in_the_bar(worth):
    tokens = [20, 1, 22, 0, *[1] * 12, 24, 26, 1, 28]
    values = worth("onset", tokens, Setting(), worth=[2.0, 0.5, -1.0])
    assert values == [2, 0, -1, *[0] * 13, 2, 0.5, 0, 0]
    assert worth("onset", tokens) == [0] * 20


def test_a_phrase_ends_with_a_long_note(worth):
    assert worth("long_end", "C4 D4 . . . . . . . . . . . E4 . .") == [0] * 15 + [1]
    assert sum(worth("long_end", "C4 D4 . . . . . . . . . . . . E4 .")) == 0
    assert sum(worth("long_end", "C4 . . . . . E4 . C4 . . . . . E4 .", bars=1, steps=2)) == 2


def test_a_phrase_ends_on_a_stable_note(worth):
    assert worth("stable_end", "C4 . . . . . . . D4 . . . E4 . . .") == [0] * 15 + [1]
    assert sum(worth("stable_end", "C4 . . . . . . . D4 . . . F4 . . .")) == 0


def test_bars_without_a_beginning_note(worth):
    assert worth("standstill", "C4" + " ." * 31) == [0] * 23 + [1] + [0] * 7 + [1]
    assert sum(worth("standstill", "C4" + " ." * 21 + " D4 .")) == 0
    assert worth("standstill", "z" + " ." * 15, bars=1)[-1] == 1


def test_stable_notes_on_half_bars(worth):
    assert worth("stable_beat", "C4 E4 G4 . D4 . . . A4 . . . . . . .") == [1, 0, 0, 0, 0, 0, 0, 0, 1, *[0] * 7]
    assert worth("stable_beat", "C4 . . . E4 . . . G4 . . .", Setting(meter="3/4")) == [1, *[0] * 11]


def test_stable_notes_are_those_of_a_key_and_its_relative_key():
    in_c, in_a = stable_notes(Setting()), stable_notes(Setting(key="A", mode="minor"))
    assert (np.flatnonzero(in_c)[:4] + 46).tolist() == [48, 52, 55, 57]
    np.testing.assert_array_equal(in_c, in_a)


def test_positions_in_the_scale():
    assert scale_positions(Setting())[tokens_of("C4 C#4 D4 F4 C5 B3")].tolist() == [0, 1, 2, 6, 14, -2]


def test_a_bar_repeats_the_notes_of_the_bar_that_it_is_likest(worth):
    bars = "C4 . D4 . E4 . F4 . ", "G4 . D4 . E4 . F4 . ", "C4 . D4 . G4 . F4 . "
    values = worth("bar_repeat", "".join(bars))
    assert values[8:16] == [0, 0, 1, 0, 1, 0, 1, 0]
    assert values[16:] == [1, 0, 1, 0, 0, 0, 1, 0]


def test_a_sequence_repeats_the_moves_of_a_bar_in_steps_of_the_scale(worth):
    values = worth("sequence", "C4 . D4 . E4 . C4 . D4 . E4 . F4 . D4 . E4 . F4 . G4 F4 G4 .")
    assert values[:8] == [0] * 8
    assert values[8:16] == [0, 0, 1, 0, 1, 0, 1, 0]  # whole tone and semitone are both one step
    assert values[16:] == [1, 0, 1, 0, 1, 0, 0, 0]  # the move to the bar too; the last note comes too soon after


@pytest.mark.parametrize(
    ("melody", "expected"),
    [
        ("C4 D4 . E4 C4 z . . D4 E4 . F4 D4", {12: 1}),
        ("C4 D4 . E4 C4 z . . D4 E4 . F4 E4", {}),  # another move
        ("C4 D4 . E4 C4 z . . D4 . E4 F4 D4", {}),  # another rhythm
        ("C4 D4 E4 F4 G4", {4: 1}),  # a scale repeats its own steps
        ("C4 C4 C4 C4 C4 C4", {}),  # a note that is only repeated is no news
    ],
)
def test_an_echo_is_three_moves_that_occurred_before(melody, expected, worth):
    values = worth("echo", melody)
    assert {t: value for t, value in enumerate(values) if value} == expected


@pytest.mark.parametrize("rule", ["bar_repeat", "sequence"])
def test_repeated_notes_are_no_news(rule, worth):
    assert sum(worth(rule, "C4 . " * 12)) == 0


@pytest.mark.parametrize(("cap", "expected"), [(1, [1, 0, 1, 0, 0, 0, 0, 0]), (0.75, [1, 0, 0.5, 0, 0, 0, 0, 0])])
def test_a_cap_grows_with_the_bars_and_limits_the_reward(cap, expected, worth):
    bar = "C4 . D4 . E4 . F4 . "
    values = worth("bar_repeat", 3 * bar, cap=cap)
    assert values[8:16] == expected
    assert sum(values[16:]) == cap


def test_what_costs_makes_room(worth):
    assert worth("bar_rhythm", "C4 D4 . . . . . . E4 . F4 . G4 . . .", cap=0.25)[8:] == [0.5, -1, -1, 0, -1, 0, 0, 0]


def test_bells_are_highest_at_the_centre(worth):
    bar = "C4 . D4 . E4 . C4 ."
    assert worth("density", bar, centre=4, width=2) == [0] * 8
    assert worth("density", bar, centre=6, width=2)[-1] == -1
    assert worth("density", bar, centre=60, width=2)[-1] == -9  # three widths are the most
    assert worth("phrase_range", f"{bar} G3 . . . . . . .", centre=7, width=2)[-1] == -1  # G3 to E4 are 9
    assert worth("pitch_entropy", f"{bar} . . . . . . . .", centre=0.5, width=0.5)[-1] == pytest.approx(-4)
    assert worth("phrase_range", [1] * 16, centre=2, width=2)[-1] == -1


def test_pitch_class_entropy():
    phrases = np.array([tokens_of("C4 D4 E4 C5"), tokens_of("C4 C5 . C3"), tokens_of(". . z .")]).T
    np.testing.assert_allclose(pitch_class_entropy(phrases), [1.5, 0, 0])


@pytest.mark.parametrize("rule", HUMAN_RULES)
@given(
    pieces=arrays(np.int8, (2, 40), elements=st.integers(0, 37)),
    meter=st.sampled_from(["4/4", "3/4", "6/8", "2/4"]),
    key=st.sampled_from(["C", "D", "F", "Bb", "A"]),
)
@settings(max_examples=10, deadline=None)
def test_a_rule_is_worth_the_same_in_every_key(rule, pieces, meter, key, worth):
    in_c, in_key = Setting(meter=meter), Setting(key=key, meter=meter)
    pieces = np.where(pieces < 2, pieces, pieces.clip(14, 25))  # so that nothing leaves the vocabulary
    moved = transposed(pieces, in_key.semitones_from_c)
    for one, other in zip(pieces, moved, strict=True):
        assert worth(rule, one, in_c) == worth(rule, other, in_key)


@pytest.mark.parametrize("rule", HUMAN_RULES)
def test_a_rule_requested_late_returns_the_same_values(rule):
    pieces = np.random.default_rng(0).choice([0, 1, 1, 14, 16, 18, 19, 21], size=(30, 32, 4))
    for piece in pieces:
        early, late = Composition(4, 32), Composition(4, 32)
        for tokens in piece[:-1]:
            early.append(tokens)
            late.append(tokens)
            HUMAN_RULES[rule](early)
        for composition in (early, late):
            composition.append(piece[-1])
        np.testing.assert_array_equal(HUMAN_RULES[rule](early), HUMAN_RULES[rule](late))
