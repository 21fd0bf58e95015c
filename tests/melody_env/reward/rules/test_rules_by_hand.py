"""Rules in keys, meters and with parameters other than the paper's, on pieces whose value can be worked out by hand.

Melodies are written as `melody_text` writes them: a name starts a note, `-` holds it, `.` is silence, `|` a bar.
"""

import numpy as np
import pytest

from melody_env import MODES, NamedMask, RewardProfile, Setting, WeightedRule, score_melodies
from melody_env.reward.composition import Composition
from melody_env.reward.profile import BUILT_IN_RULES
from melody_env.reward.rules import CHORD_RULES
from melody_env.reward.rules.human.line import scale_positions, stable_notes
from melody_env.reward.rules.human.phrases import beat_strengths
from note_rnn.primers import parse_notes

OFF, HOLD = 0, 1


INTERVALS = {
    0: "repeated_note",
    **dict.fromkeys((1, 2), "stepwise"),
    **dict.fromkeys((5, 7), "fourth_or_fifth"),
    **dict.fromkeys((6, 10, 11), "tritone_or_seventh"),
    **dict.fromkeys(range(13, 36), "beyond_octave"),
}


@pytest.mark.parametrize("between", [[], [HOLD], [OFF], [HOLD, OFF, HOLD]])
@pytest.mark.parametrize("semitones", [*range(15), 35])
def test_an_interval_up_or_down_is_of_one_kind_or_of_none(semitones, between, worth):
    for rule in set(INTERVALS.values()):
        up, down = (worth(rule, melody) for melody in ([2, *between, 2 + semitones], [37, *between, 37 - semitones]))
        assert up == down == [0] * (1 + len(between)) + [float(rule == INTERVALS.get(semitones))]


@pytest.mark.parametrize(
    ("leap", "then", "named"),
    [
        (5, -1, {"leap_answered", "turn"}),
        (5, -4, {"leap_answered", "turn"}),
        (5, -5, {"turn"}),  # a third at most
        (4, -2, {"turn"}),  # a third is no leap
        (-5, 4, {"leap_answered", "turn"}),
        (-12, 3, {"leap_answered", "turn"}),
        (5, 1, {"leap_continued"}),
        (-5, -9, {"leap_continued"}),
        (4, 1, set()),
        (5, 0, set()),
        (0, 5, set()),
    ],
)
def test_what_answers_a_leap(leap, then, named, worth):
    melody = [20, HOLD, 20 + leap, OFF, 20 + leap + then]
    for rule in ("leap_answered", "leap_continued", "turn"):
        assert worth(rule, melody) == [0, 0, 0, 0, float(rule in named)]


@pytest.mark.parametrize(
    ("melody", "notes", "steps"),
    [
        ("C4 D4 E4 F4 G4", 4, [3, 4]),
        ("C4 D4 E4 F4 G4", 3, [2, 3, 4]),
        ("C4 C#4 D4 D#4", 4, [3]),  # semitones are steps too
        ("C4 D4 E4 D4 C4 B3 A3", 4, [5, 6]),  # the highest note is the first of the scale down
        ("E4 D4 C4 D4 E4 F4", 4, [5]),  # and the lowest that of the scale up
        ("C4 D4 - . E4 F4", 4, [5]),  # a rest ends nothing
        ("C4 D4 F4 G4 A4 B4 C5", 4, [5, 6]),  # a third begins anew
        ("C4 D4 E4 E4 F4 G4 A4", 4, [6]),  # so does a repeated note
    ],
)
def test_a_scale_counts_from_its_fourth_note_on(melody, notes, steps, rewarded):
    assert rewarded("scale_run", melody, notes=notes) == dict.fromkeys(steps, 1)


D_MAJOR, A_MINOR = Setting("D"), Setting("A", "minor")


@pytest.mark.parametrize(
    ("melody", "in_c", "in_d"),
    [
        ("F#4 G4", [0, 1], [0, 0]),
        ("F#4 - . F4", [0, 0, 0, 1], [0, 0, 0, 0]),
        ("F4 F#4", [0, 0], [0, 1]),  # F natural leads back to F sharp in D
        ("F4 G4", [0, 0], [0, 0]),
        ("C#4 D#4", [0, 0], [0, 0]),
        ("F#4 F#4", [0, 0], [0, 0]),
        ("A#4 B4 A#4", [0, 1, 0], [0, 1, 0]),
    ],
)
def test_a_chromatic_step_leaves_a_note_outside_the_scale_by_a_semitone(melody, in_c, in_d, worth):
    assert worth("chromatic_step", melody) == in_c
    assert worth("chromatic_step", melody, D_MAJOR) == in_d


@pytest.mark.parametrize(
    ("setting", "openings"),
    [(Setting(), {0, 7}), (D_MAJOR, {2, 9}), (A_MINOR, {9, 4}), (Setting("B", "locrian"), {11, 5})],
)
def test_an_opening_is_tonic_or_dominant_and_only_the_first_note(setting, openings, worth):
    for token in range(2, 38):
        expected = float((token - 2) % 12 in openings)
        assert worth("opening", [token, 16], setting) == [expected, 0]
        assert worth("opening", [HOLD, OFF, token, HOLD, token], setting) == [0, 0, expected, 0, 0]


@pytest.mark.parametrize(
    ("setting", "stable"),
    [
        (Setting(), "C E G A"),
        (A_MINOR, "A C E G"),
        (D_MAJOR, "D F# A B"),
        (Setting("D", "minor"), "D F A C"),
        (Setting("G", "mixolydian"), "G B D E"),
        (Setting("D", "dorian"), "D F A C"),
        (Setting("B", "locrian"), "B D F A"),
    ],
)
def test_stable_notes_are_tonic_third_fifth_and_the_relative_tonic(setting, stable):
    names = dict(zip(("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"), range(12), strict=True))
    expected = [token for token in range(2, 38) if (token - 2) % 12 in {names[name] for name in stable.split()}]
    assert np.flatnonzero(stable_notes(setting)).tolist() == expected


@pytest.mark.parametrize(
    ("meter", "steps"), [("4/4", [0, 8, 16]), ("6/8", [0, 6, 12, 18]), ("3/4", [0, 12]), ("2/4", [0, 4, 8, 12, 16])]
)
def test_stable_notes_count_where_a_bar_or_half_of_it_begins(meter, steps, rewarded):
    assert rewarded("stable_beat", [14] * 20, Setting(meter=meter)) == dict.fromkeys(steps, 1)
    assert rewarded("stable_beat", [19] * 20, Setting(meter=meter)) == {}  # F
    assert rewarded("stable_beat", [19] * 20, Setting("F", meter=meter)) == dict.fromkeys(steps, 1)
    assert rewarded("stable_beat", [14] + [HOLD] * 19, Setting(meter=meter)) == {0: 1}


def test_a_phrase_ends_on_its_last_note_even_if_a_rest_follows(rewarded):
    short = Setting(meter="2/4")
    melody = "F4 - - - - E4 - . | D4 - - - - - - - | . . . . . . . . | G4 A4 F4 - . . . . | . . . . C4 . . ."
    assert rewarded("stable_end", melody, short, bars=1) == {7: 1, 39: 1}
    assert rewarded("stable_end", melody, short) == {}  # two bars end after D and after F
    assert rewarded("stable_end", melody, Setting("D", meter="2/4")) == {15: 1}
    assert rewarded("stable_end", [HOLD, OFF] * 8, short) == {}
    assert rewarded("stable_end", "F4 - - - - - - E4 | C4 - - - - - - F4", short, bars=1) == {7: 1}


NINE, TWO = "C4 D4 E4 F4 G4 - A4 - B4 - - - C5 - D5 - ", "C4 - - - - - - - D4 - - - - - - - "


def test_density_is_best_with_nine_notes_in_each_bar(worth, rewarded):
    assert worth("density", NINE) == [0] * 16
    assert rewarded("density", NINE + TWO) == {31: -4}  # (9 - 2) / 3.5 = 2 widths, and the first bar is past
    assert rewarded("density", TWO + NINE) == {15: -4}
    assert rewarded("density", "C4 " * 16) == {15: -4}
    assert rewarded("density", NINE + TWO, bars=2, centre=9, width=1) == {31: -4}  # eleven in two bars
    assert rewarded("density", NINE + TWO, Setting(meter="2/4"), centre=6, width=2) == {15: -2.25, 23: -6.25, 31: -6.25}
    assert worth("density", [HOLD] * 16)[-1] == pytest.approx(-((9 / 3.5) ** 2))
    assert worth("density", [HOLD] * 16, centre=20)[-1] == -9  # three widths are the most


def test_a_phrase_of_two_bars_is_best_with_a_range_of_thirteen_semitones(worth, rewarded):
    high, low = "C#5 - - - - - - - . . . . . . . . ", "C4 - - - . . . . E4 - - - - - - - "
    assert worth("phrase_range", low + high) == [0] * 32
    assert worth("phrase_range", high + low) == [0] * 32
    assert rewarded("phrase_range", low + low) == {31: -(((13 - 4) / 4) ** 2)}
    assert rewarded("phrase_range", low + high + low + low)[63] == -(((13 - 4) / 4) ** 2)  # of its own two bars
    assert rewarded("phrase_range", low + high, bars=1, centre=0, width=2) == {15: -4}
    assert rewarded("phrase_range", [14] + [HOLD] * 31, centre=2, width=2) == {31: -1}


def test_the_names_of_a_phrase_are_best_with_two_bits_and_two_fifths(rewarded):
    four = "C4 - - - D4 - - - E4 - - - F4 - - - "
    assert rewarded("pitch_entropy", four * 2) == {31: pytest.approx(-((0.4 / 0.3) ** 2))}
    assert rewarded("pitch_entropy", four * 2, centre=2, bars=1) == {}
    octaves = four.replace("D4", "C5").replace("F4", "E3")
    assert rewarded("pitch_entropy", octaves + four, bars=1, centre=1, width=1) == {31: -1}


def test_in_key_shares_one_between_the_tokens_of_the_scale(worth):
    assert worth("in_key", [14, 15, HOLD, OFF]) == pytest.approx([1 / 23, 0, 1 / 23, 1 / 23])
    assert worth("in_key", [15, 14, HOLD], Setting("C#", "major_pentatonic")) == pytest.approx([1 / 17, 0, 1 / 17])


def test_scales_go_up_two_octaves_around_the_tonic_and_start_again(worth):
    d = Setting("D", "major_pentatonic")  # D3 E3 F#3 A3 B3 D4 ... D5
    d3, e3, f3_sharp, a3, d5, e5 = 4, 6, 8, 11, 28, 30
    values = worth("scale", [d3, e3, f3_sharp, a3, d5, d3, HOLD, e5], d)
    # 0.01 for a note, 0.8 for the next of the scale, 0.05 for one or two tokens up; the first comes after a hold.
    assert values == pytest.approx([0.01, 0.86, 0.86, 0.81, 0.01, 0.81, 0.1, 0])


@pytest.mark.parametrize(
    ("melody", "setting", "value"),
    [
        ("C4 E4", Setting("C", "minor"), 0.75),
        ("D#4 G4", Setting("C", "minor"), 0.75),  # from the minor third, E flat
        ("E4 G#4", Setting("C", "minor"), 0.45),
        ("E4 G#4", Setting(), 0.75),
        ("G4 C4", Setting("C", "minor"), 0.5),
        ("F4 A#4", Setting("B", "locrian"), 0.35),
        ("F4 C4", Setting("B", "locrian"), 0.35),
        ("F4 C5", Setting("B", "locrian"), 0.5),  # a fifth from the diminished fifth of the key
        ("F#4 C#4", Setting("B", "locrian"), 0.35),
        ("A4 -", Setting("D"), 1.5),
        ("A4 -", Setting(), 0.375),
        ("D4 .", Setting("G"), 0.75),
        ("B4 .", Setting("G"), 0.25),
    ],
)
def test_an_interval_is_valued_by_the_degrees_of_its_key(melody, setting, value, worth):
    assert worth("interval", melody, setting)[-1] == pytest.approx(value)


def test_key_is_the_scale_of_the_setting(worth):
    assert worth("key", "F4 F#4 C4 C#4 . -", D_MAJOR) == [-1, 0, -1, 0, 0, 0]
    assert worth("key", "C4 D#4 E4", Setting("C", "blues")) == [0, 0, -1]


def test_the_tonic_of_a_piece_in_g_is_its_nearest_g_and_that_of_a_range_lies_in_it(worth):
    piece = "G3 - - - G4 - - - G3 - - -"
    assert worth("tonic", piece, Setting("G")) == [3] + [0] * 7 + [3, 3, 3, 3]
    assert worth("tonic", piece, Setting("G", pitch_range=(55, 79))) == [0] * 9 + [3, 3, 3]
    assert worth("tonic", piece.replace("G3", "G4"), Setting("G", pitch_range=(55, 79))) == [3] + [0] * 7 + [3, 3, 3, 3]


def test_a_motif_is_found_again_two_beats_of_its_meter_later(worth):
    theme = [14, HOLD, 16, HOLD, 18, HOLD]
    for meter, steps in (("4/4", 8), ("6/8", 12), ("2/2", 16), ("3/8", 12)):
        values = worth("repeated_motif", theme * 8, Setting(meter=meter))
        assert np.flatnonzero(values)[0] == 6 * -(-steps // 6) + steps - 1  # a multiple of six steps later
        assert np.flatnonzero(worth("motif", theme * 8, Setting(meter=meter)))[0] == steps - 1
    assert np.flatnonzero(worth("motif", [14, 16, 18] * 4, Setting(meter="6/8"), beats=1))[0] == 5


def test_autocorrelation_so_far_has_lags_of_its_own(worth):
    # Lags 1 and 2 of 0 3 0 are -2/3 and 1/6; of 0 3 the first is -1/2.
    assert worth("autocorrelation_so_far", [0, 3, 0]) == pytest.approx([0, -1.5, -3 * (5 / 6 - 1 / 2)])
    assert worth("autocorrelation_so_far", [0, 3, 0], max_lag=1) == pytest.approx([0, -1.5, -3 * (2 / 3 - 1 / 2)])


@pytest.mark.parametrize(
    ("scale", "notes"),
    [
        ("major", {"C4": 0, "C#4": 1, "D4": 2, "B4": 12, "C5": 14, "B3": -2, "A#3": -3}),
        ("minor_pentatonic", {"C4": 0, "C#4": 1, "D4": 1, "D#4": 2, "F4": 4, "C5": 10, "A#3": -2, "B3": -1}),
    ],
)
def test_positions_count_two_for_each_degree_of_the_scale(scale, notes):
    for name, position in notes.items():
        token = parse_notes(name)[0]
        assert scale_positions(Setting(mode=scale))[token] == position
        assert scale_positions(Setting("E", scale))[token + 4] == position
    assert scale_positions(Setting(mode=scale))[[OFF, HOLD]].tolist() == [0, 0]


def test_beats_are_as_strong_as_they_are_long():
    assert beat_strengths(Setting(meter="2/4")).tolist() == [4, 0, 1, 0, 3, 0, 1, 0]
    assert beat_strengths(Setting(meter="2/2")).tolist() == [4, 0, 1, 0, 1, 0, 1, 0, 3, 0, 1, 0, 1, 0, 1, 0]


def test_a_leap_is_wider_than_it_may_be_by_a_semitone():
    composition = Composition(3, 8, Setting("G"))
    for tokens in ([HOLD, 20, 2], [HOLD, OFF, HOLD]):
        composition.append(np.array(tokens))
    free, middle, low = RewardProfile("m", (), masks=(NamedMask("no_wide_leaps", {"max_semitones": 3}),)).allowed(
        composition
    )
    assert free.all()
    assert np.flatnonzero(middle).tolist() == [OFF, HOLD, *range(17, 24)]
    assert np.flatnonzero(low).tolist() == [OFF, HOLD, 2, 3, 4, 5]
    octave = RewardProfile("m", (), masks=(NamedMask("no_wide_leaps"),)).allowed(composition)
    assert np.flatnonzero(octave[1]).tolist() == [OFF, HOLD, *range(8, 33)]
    in_g = RewardProfile("m", (), masks=(NamedMask("in_scale"),), setting=Setting("G")).allowed(composition)
    assert np.flatnonzero(in_g[0])[:10].tolist() == [OFF, HOLD, 2, 4, 6, 8, 9, 11, 13, 14]  # F sharp, no F


PIECES = np.array(
    [
        [*[14, 16, 18, 19, 21, 19, 18, 16] * 2, 14, 1, 18, 1, 21, 1, 26, 1, 0, 1, 1, 1, 14, 1, 1, 1],
        [1] * 32,
        [0, 14, 1, 15, 16, 17, 18, 0, *[14] * 7, 33, 2, 2, 20, *[1] * 13],
        [*[37, 2] * 3, 3, 4, 37, 2, 37, 2, 8, 14, 1, 1, 14, 21, 28, 35, 23, 19, 12, 9, 0, 0, 0, 0, 14, 15, 0, 14],
    ]
)


@pytest.mark.parametrize("rule", BUILT_IN_RULES)
def test_the_values_of_a_melody_do_not_depend_on_the_others_of_the_batch(rule, worth):
    setting = Setting(
        meter="2/4", form="AA'BA" if rule == "form" else "", chords="C | G" if rule in CHORD_RULES else ""
    )
    parameters = {"onset": {"worth": [1.0, 2.0, 3.0]}, "overused_motif": {"times": 1}}.get(rule, {})
    together = score_melodies(PIECES, RewardProfile("one", (WeightedRule(rule, 1.0, parameters),)), setting)
    alone = [worth(rule, piece, setting, **parameters) for piece in PIECES]
    assert len({tuple(values) for values in alone}) > 1
    np.testing.assert_array_equal(together.rules[rule], alone)


@pytest.mark.parametrize("mode", MODES)
def test_every_note_of_a_mode_is_in_key_and_no_other(mode, worth):
    a = 9
    in_key = [float((token - 2 - a) % 12 not in MODES[mode]) for token in range(2, 38)]
    assert worth("key", list(range(2, 38)), Setting("A", mode)) == [-value for value in in_key]
