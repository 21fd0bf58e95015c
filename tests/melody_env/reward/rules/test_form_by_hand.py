"""Rules of form and rhythm, and what caps their reward, on pieces whose value can be worked out by hand.

Melodies are written as `melody_text` writes them: a name starts a note, `-` holds it, `.` is silence, `|` a bar.
"""

import numpy as np
import pytest

from melody_env import Setting
from melody_env.reward.composition import Composition
from melody_env.reward.rules.human.line import Line, Onsets

OFF, HOLD = 0, 1
SHORT = Setting(meter="2/4")
"""Bars of eight steps."""


@pytest.fixture(scope="module")
def usual_setting() -> Setting:
    return SHORT


LONG_ENDS = {
    "C4 - - - - E4 - -": {7: 1},  # exactly three steps before the end
    "C4 - - - - - E4 -": {},
    "C4 - - - - E4 - .": {7: 1},  # whether it still sounds or not
    "C4 - - - - - - -": {7: 1},
    ". . . . . . . .": {},
    "C4 - - - - - - - | - - - - - - - -": {7: 1},  # no note begins in the second bar
    "C4 - - - - - - - | - E4 - - - - - -": {7: 1, 15: 1},
    ". . . . . . . . | C4 - - - - - D4 - | E4 - - - - - - -": {23: 1},
}


@pytest.mark.parametrize("melody", LONG_ENDS)
def test_a_long_end_is_a_note_of_the_phrase_that_began_three_steps_ago(melody, rewarded):
    assert rewarded("long_end", melody, bars=1) == LONG_ENDS[melody]


def test_a_long_end_needs_a_note_and_depends_on_steps_and_bars(rewarded):
    assert rewarded("long_end", [HOLD] * 64) == {}
    assert rewarded("long_end", [OFF] * 64, Setting()) == {}
    melody = "C4 - - - - E4 - - | G4 - - - - - - -"
    assert rewarded("long_end", melody) == {15: 1}  # two bars
    assert rewarded("long_end", melody, bars=1, steps=4) == {15: 1}
    assert rewarded("long_end", melody * 2, Setting()) == {31: 1}
    assert rewarded("long_end", melody, Setting(meter="2/8"), bars=1) == {3: 1, 7: 1, 11: 1}


STANDSTILLS = {
    ". . . . . . . . | . . . . . . . . | . . . . . . . .": (2, {15: 1, 23: 1}),
    ". . . . . . . . | . . . . . . . . | . . . . . . . C4": (2, {15: 1}),
    "C4 - - - - - - - | - - - - - - - - | - - - - - - - -": (2, {23: 1}),
    "- - - - - - - C4 | - - - - - - - - | - - - - - - - -": (2, {23: 1}),
    "C4 - - - - - - - | - - - - - - - - ": (1, {15: 1}),
    "C4 - - - - - - - | C4 - - - - - - - ": (1, {}),
    ". . . . . . . . ": (1, {7: 1}),
}


@pytest.mark.parametrize("melody", STANDSTILLS)
def test_a_standstill_is_bars_together_in_which_no_note_begins(melody, rewarded):
    bars, expected = STANDSTILLS[melody]
    assert rewarded("standstill", melody, bars=bars) == expected


def test_an_off_eighth_is_a_note_on_an_odd_step(rewarded):
    assert rewarded("off_eighth", [14] * 5) == {1: 1, 3: 1}
    assert rewarded("off_eighth", [OFF, OFF, HOLD, HOLD, 14, 14]) == {5: 1}


def test_a_rest_counts_each_note_off(worth):
    assert worth("rest", [OFF, OFF, HOLD, 14, OFF, 2]) == [1, 1, 0, 0, 1, 0]


def test_an_onset_is_worth_what_its_place_in_the_bar_is(rewarded):
    places = [2, 0.5, -1]
    assert rewarded("onset", [14] * 20, worth=places) == {
        0: 2,
        1: 0.5,
        2: -1,
        8: 2,
        9: 0.5,
        10: -1,
        16: 2,
        17: 0.5,
        18: -1,
    }
    assert rewarded("onset", [14] * 14, Setting(meter="6/8"), worth=places) == {0: 2, 1: 0.5, 2: -1, 12: 2, 13: 0.5}
    assert rewarded("onset", [HOLD, 14, OFF], worth=places) == {1: 0.5}


@pytest.mark.parametrize(
    ("melody", "meter", "expected"),
    [
        ("C4 D4 - - - E4 - -", "2/4", {2: 1, 4: 1, 6: 1}),
        ("C4 - D4 - - - E4 -", "2/4", {4: 1}),  # from an eighth over a half bar
        ("C4 - - - - - D4 - - -", "2/4", {8: 1}),
        ("C4 - - - - - . D4 - - -", "2/4", {8: 1}),
        ("C4 - - - D4 - - - E4 - - - -", "2/4", {}),  # from a beat on, no stronger one comes
        ("C4 - - - D4 - - - E4 - - - - - -", "6/8", {6: 1, 12: 1}),
        ("C4 - - - D4 - - - - - - - -", "3/4", {12: 1}),  # three equal beats
        (". . . . . . . .", "2/4", {}),
        ("C4 D4 - . - - - -", "2/4", {2: 1}),
    ],
)
def test_a_note_is_held_over_a_beat_stronger_than_its_own(melody, meter, expected, rewarded):
    assert rewarded("syncopation", melody, Setting(meter=meter)) == expected


def test_the_rhythm_of_a_bar_is_compared_with_that_of_the_bar_before(worth, rewarded):
    bars = "C4 D4 - - E4 - - - | G4 - - - A4 B4 - - | C4 - - - D4 E4 . -"
    assert rewarded("bar_rhythm", bars) == {8: 1, 9: -1, 12: 1, 13: -1, 16: 1, 20: 1, 21: 1}
    in_six = (6, 7, 8, 10, 12, 13, 14, 16, 18, 19, 20, 21, 22)  # bars of six steps have nothing in common
    assert rewarded("bar_rhythm", bars, Setting(meter="3/8")) == dict.fromkeys(in_six, -1)
    assert worth("bar_rhythm", [14] * 8 + [OFF] * 8)[8:] == [-1] * 8


@pytest.mark.parametrize(
    ("melody", "moves", "steps"),
    [
        ("C4 D4 - E4 - . A4 B4 - C5", 3, []),  # two moves are no motif of three
        ("C4 D4 - E4 - . A4 B4 - C5", 2, [9]),  # a step after one sixteenth, a step after two: in any degree
        ("C4 D4 E4 - . A4 B4 - C5", 2, []),
        ("C4 D4 F4 - . C5 D5 F5", 2, [7]),
        ("C4 D4 F4 - . C5 D5 E5", 2, []),
        ("C4 D4 E4 F4", 1, [2, 3]),
        ("C4 D4 D4 E4", 1, [3]),  # what repeats the note before is no move, but time goes on from it
        ("C4 - D4 C4 - D4", 1, [5]),
    ],
)
def test_an_echo_is_made_of_as_many_moves_as_it_is_given(melody, moves, steps, rewarded):
    assert rewarded("echo", melody, moves=moves) == dict.fromkeys(steps, 1)


@pytest.mark.parametrize(("times", "steps"), [(1, [4, 6, 8, 10]), (2, [6, 8, 10]), (4, [10])])
def test_a_motif_is_overused_when_it_came_so_many_times_before(times, steps, rewarded):
    # Up after one step, and then down after one: each pair of moves comes again with every other note.
    melody = "C4 D4 C4 D4 C4 D4 C4 D4 C4 D4 C4 D4"
    up_down = rewarded("overused_motif", melody, moves=2, times=times)
    assert [step for step in up_down if step % 2 == 0] == steps
    assert set(up_down.values()) == {1}
    assert rewarded("overused_motif", "C4 C4 C4 C4", moves=1, times=2) == {3: 1}  # repeated notes are moves here
    assert rewarded("overused_motif", "D4 E4 F4", moves=1, times=1) == {2: 1}  # the first note is no move


def with_distances(first, second):
    """Return two steps up, the notes so many sixteenths apart."""
    return [14, *[HOLD] * (first - 1), 16, *[HOLD] * (second - 1), 18]


@pytest.mark.parametrize(
    ("first", "second", "same"), [(29, 30, False), (30, 31, False), (31, 32, True), (31, 40, True), (45, 33, True)]
)
def test_distances_of_31_sixteenths_and_more_are_one_rhythm(first, second, same, worth):
    assert any(worth("echo", with_distances(first, second), moves=1)) == same


def test_a_long_distance_is_no_wider_interval(rewarded):
    # A note a degree higher after 33 sixteenths is not what a degree and a half after one sixteenth is.
    assert rewarded("echo", [14, *[HOLD] * 32, 16, 15, 18], moves=1) == {}


def test_a_bar_is_compared_with_all_earlier_bars_note_by_note(worth, rewarded):
    a, b, c = "C4 - E4 - G4 - - - ", "A4 - A4 - B4 - C5 - ", "C4 - E4 - B4 - C5 - "
    assert rewarded("bar_repeat", a + b + a) == {16: 1, 18: 1, 20: 1}  # the bar before the last
    assert rewarded("bar_repeat", a + b + c) == {16: 1, 18: 1}  # two like each of them; it is not four
    assert rewarded("bar_repeat", b + a + c) == {16: 1, 18: 1}
    assert rewarded("bar_repeat", a + b + c + c)[30] == 1
    assert sum(worth("bar_repeat", a + b + c + c)[24:]) == 4
    assert rewarded("bar_repeat", (a + b) * 2, Setting()) == {16: 1, 18: 1, 20: 1, 24: 1, 28: 1, 30: 1}
    assert rewarded("bar_repeat", a + ". . . . . . . . " + a) == {16: 1, 18: 1, 20: 1}  # from another note before


def test_a_sequence_has_the_same_steps_and_the_same_rhythm_at_the_same_place(rewarded):
    theme, moved = "C4 - D4 - E4 - - - ", "G4 - A4 - B4 - - - "
    assert rewarded("sequence", theme + moved) == {10: 1, 12: 1}
    assert rewarded("sequence", theme + "G4 - A4 - C5 - - - ") == {10: 1}  # a third in place of a step
    assert rewarded("sequence", theme + "G4 - - A4 B4 - - - ") == {}  # other places, or after another time
    in_d = "E4 - F#4 - G4 - - - F#4 - G4 - A4 - - - "
    assert rewarded("sequence", in_d, Setting("D", meter="2/4")) == {10: 1, 12: 1}
    assert rewarded("sequence", in_d) == {}  # F sharp is no degree of C major
    assert rewarded("sequence", theme + moved + theme)[18] == 1


CAPPED = {
    "stepwise": "C4 D4 C4 D4 C4 D4 C4 D4 " * 3,
    "scale_run": "C4 D4 E4 F4 G4 A4 B4 C5 " * 3,
    "leap_answered": "C4 G4 E4 B4 G4 D5 B4 F5 " * 3,
    "chromatic_step": "C#4 D4 C#4 D4 F#4 G4 F#4 G4 " * 3,
    "echo": "C4 D4 E4 F4 G4 A4 B4 C5 " * 3,
    "bar_repeat": "C4 D4 E4 F4 G4 A4 B4 C5 " * 3,
    "sequence": "C4 D4 E4 F4 G4 A4 B4 C5 " * 3,
    "bar_rhythm": "C4 D4 E4 F4 G4 A4 B4 C5 " * 3,
    "repeated_motif": "C4 D4 E4 F4 G4 A4 B4 C5 " * 3,
}


@pytest.mark.parametrize("rule", CAPPED)
def test_no_more_than_the_cap_of_all_bars_so_far_is_rewarded(rule, worth):
    free = np.array(worth(rule, CAPPED[rule]))
    assert free[16:].sum() >= 2
    assert free[:16].sum() >= 2
    for cap in (0.75, 1.0):
        capped = np.array(worth(rule, CAPPED[rule], cap=cap))
        assert capped[:16].sum() == pytest.approx(2 * cap)
        assert capped.sum() == pytest.approx(3 * cap)
        assert ((capped > 0) <= (free > 0)).all()
        assert capped[:8].sum() == pytest.approx(min(free[:8].sum(), cap))
    assert worth(rule, CAPPED[rule], cap=1000.0) == free.tolist()


def test_a_bar_has_the_cap_of_its_own_and_what_earlier_bars_left(rewarded):
    melody = "C4 - - - - - - - | C4 D4 C4 D4 C4 - - - | C4 D4 C4 - - - - -"
    assert rewarded("stepwise", melody, cap=1.5) == {9: 1, 10: 1, 11: 1, 17: 1, 18: 0.5}
    assert rewarded("stepwise", melody, Setting(), cap=1.5) == {9: 1, 10: 0.5, 17: 1, 18: 0.5}


def test_a_line_holds_the_last_note_and_its_onset():
    composition = Composition(2, 5)
    line, onsets = composition.memory(Line), composition.memory(Onsets)
    for tokens in ([14, HOLD], [HOLD, HOLD], [OFF, 20], [18, 13], [HOLD, OFF]):
        composition.append(np.array(tokens))
    assert line.is_note.T.tolist() == [[True, False, False, True, False], [False, False, True, True, False]]
    assert line.semitones.T.tolist() == [[0, 0, 0, 4, 0], [0, 0, 0, -7, 0]]
    assert onsets.last.tolist() == [3, 3]
    assert onsets.distances.T.tolist() == [[1, 1, 2, 3, 1], [1, 2, 3, 1, 1]]
