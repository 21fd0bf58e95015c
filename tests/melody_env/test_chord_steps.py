"""What progressions say of each step, by hand."""

import numpy as np
import pytest

from melody_env import Setting, SettingError
from melody_env.chord_steps import ChordTable, chord_steps, guide_tones, strong_beats
from melody_env.setting import MAX_PROGRESSIONS
from note_rnn.chords import NO_CHORD, parse_chord, parse_progression


def steps_of(*texts: str, steps: int, bar: int = 4, beat: int = 1):
    return chord_steps([parse_progression(text) for text in texts], steps, bar, beat)


def test_a_progression_is_repeated_to_the_end_and_its_chords_share_a_bar():
    found = steps_of("C | Am F | N.C.", steps=14)
    symbols = [found.table.chords[number].symbol for number in found.chord[:, 0]]
    assert symbols == ["C"] * 4 + ["Am"] * 2 + ["F"] * 2 + ["N.C."] * 4 + ["C"] * 2
    assert found.remaining[:, 0].tolist() == [4, 3, 2, 1, 2, 1, 2, 1, 4, 3, 2, 1, 2, 1]
    following = [found.table.chords[number].symbol for number in found.following[:, 0]]
    assert following == ["Am"] * 4 + ["F"] * 2 + ["N.C."] * 2 + ["C"] * 4 + ["N.C."] * 2
    assert np.flatnonzero(found.starts[:, 0]).tolist() == [0, 4, 6, 12]
    assert np.flatnonzero(found.is_strong[:, 0]).tolist() == [0, 2, 4, 6, 12]  # bars of four beats have a strong middle


def test_a_chord_that_sounds_as_the_one_before_does_not_begin_again():
    found = steps_of("C | C/E | Am7 | C6", steps=16)
    assert np.flatnonzero(found.starts[:, 0]).tolist() == [
        0,
        8,
        12,
    ]  # Am7 and C6 have the same tones, not the same root
    assert found.remaining[:9, 0].tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 4]
    assert steps_of("C", steps=8).remaining[:, 0].tolist() == [8, 7, 6, 5, 4, 3, 2, 1]
    assert not steps_of("C", steps=8).following.any()


def test_columns_are_progressions_and_rows_of_pieces_choose_among_them():
    found = steps_of("C | F", "G | C", steps=8)
    of_pieces = found.of(np.array([1, 1, 0]))
    names = [[found.table.chords[number].symbol for number in row] for row in of_pieces.chord[[0, 4]]]
    assert names == [["G", "G", "C"], ["C", "C", "F"]]
    for name in ("chord", "following", "remaining", "starts", "is_strong"):
        np.testing.assert_array_equal(getattr(of_pieces, name), getattr(found, name)[:, [1, 1, 0]])


@pytest.mark.parametrize(
    ("symbol", "tones", "guides", "avoided"),
    [
        ("C", [0, 4, 7], [4], [1, 5, 8]),
        ("Dm7", [0, 2, 5, 9], [0, 5], [1, 3, 6, 10]),
        ("G7", [2, 5, 7, 11], [5, 11], [0, 3, 6, 8]),
        ("Cmaj7", [0, 4, 7, 11], [4, 11], [1, 5, 8]),  # C is a semitone above B, and a tone of the chord
        ("Bdim7", [2, 5, 8, 11], [2, 8], [0, 3, 6, 9]),  # a diminished seventh is a guide tone, the sixth of C6 is not
        ("C6", [0, 4, 7, 9], [4], [1, 5, 8, 10]),
        ("Gsus4", [0, 2, 7], [], [1, 3, 8]),
        ("N.C.", [], [], []),
    ],
)
def test_the_tones_of_a_chord_its_guide_tones_and_what_is_a_semitone_above(symbol, tones, guides, avoided):
    chord = parse_chord(symbol)
    table = ChordTable.of([NO_CHORD, chord])
    assert np.flatnonzero(table.tones[1]).tolist() == tones
    assert np.flatnonzero(table.guides[1]).tolist() == guides == sorted(guide_tones(chord))
    assert np.flatnonzero(table.avoided[1]).tolist() == avoided
    assert table.roots.tolist() == [12, chord.root if tones else 12]
    assert not table.tones[:, 12].any()


@pytest.mark.parametrize(
    ("meter", "strong"),
    [("4/4", [0, 8]), ("3/4", [0]), ("2/4", [0]), ("6/8", [0]), ("12/8", [0, 12]), ("2/2", [0]), ("5/4", [0])],
)
def test_strong_beats_are_the_first_and_the_middle_of_four(meter, strong):
    setting = Setting(meter=meter, length="2 bars")
    bar = setting.steps_per_bar
    flags = strong_beats(2 * bar, bar, setting.steps_per_beat)
    assert np.flatnonzero(flags).tolist() == [*strong, *(bar + step for step in strong)]


def test_two_chords_of_six_eighths_change_in_the_middle_which_is_strong_then():
    steps = Setting(meter="6/8", length="2 bars", chords="C F | G").harmony_steps
    assert np.flatnonzero(steps.is_strong[:, 0]).tolist() == [0, 6, 12]


def test_chords_move_with_the_key_unless_others_are_given():
    setting = Setting(chords="C | Am7 | F G | N.C.; Bdim | E7/G#", length="4 bars")
    assert setting.changed(tempo=90).chords == setting.chords
    assert setting.changed(key="D").chords == "D | Bm7 | G A | N.C.; C#dim | F#7/A#"
    assert setting.changed(key="A", mode="minor").chords == setting.chords  # its notes are those of C major
    assert setting.changed(key="C", mode="minor").chords.startswith("Eb | Cm7 | Ab Bb |")
    assert setting.changed(key="D", chords="G | A").chords == "G | A"
    assert setting.changed(key="D", chords="").progressions == ()
    assert setting.changed(key="D").changed(key="C").progressions[0] == setting.progressions[0]


@pytest.mark.parametrize(
    ("chords", "sentence"),
    [
        ("C | H | F", "Bar 2 of the chords cannot be read: 'H' is no chord symbol: write a root with a kind"),
        ("C | F;", "Bar 1 of the chords '' cannot be read: it has no chord; N.C. is none"),
        ("% | C", '"%" repeats a bar, and none is before it'),
        ("C " * 17, "Bar 1 has 17 chords for 16 sixteenths: give fewer"),
        (7, f"chords must be text of one to {MAX_PROGRESSIONS} progressions separated by ;"),
        (";".join("C" * 257), f"chords must be text of one to {MAX_PROGRESSIONS} progressions separated by ;"),
    ],
)
def test_what_is_no_progression_is_refused_in_a_sentence(chords, sentence):
    with pytest.raises(SettingError) as refusal:
        Setting(chords=chords)
    assert sentence in str(refusal.value)
