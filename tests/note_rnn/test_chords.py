"""Chord symbols are read by their pitch classes, and progressions laid over the steps of a piece."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pychord import QualityManager

from note_rnn.chords import NO_CHORD, Chord, ChordError, Progression, parse_chord, parse_progression, spellings

ROOTS = ("C", "C#", "Db", "D", "Eb", "E", "F", "F#", "Gb", "G", "Ab", "A", "Bb", "B", "Cb", "B#")
KINDS = sorted(QualityManager().get_qualities())
CHORDS = st.builds(
    lambda root, kind, bass: parse_chord(root + kind + bass),
    st.sampled_from(ROOTS),
    st.sampled_from(KINDS),
    st.sampled_from(("", *(f"/{root}" for root in ROOTS))),
)
PROGRESSIONS = st.builds(
    lambda bars: Progression(tuple(map(tuple, bars))),
    st.lists(st.lists(CHORDS | st.just(NO_CHORD), min_size=1, max_size=4), min_size=1, max_size=5),
)


@pytest.mark.parametrize(
    ("symbol", "pitch_classes", "bass"),
    [
        ("C", (0, 4, 7), 0),
        ("Am", (9, 0, 4), 9),
        ("F#m7", (6, 9, 1, 4), 6),
        ("Bbmaj7", (10, 2, 5, 9), 10),
        ("G7", (7, 11, 2, 5), 7),
        ("Bdim", (11, 2, 5), 11),
        ("Caug", (0, 4, 8), 0),
        ("Dsus4", (2, 7, 9), 2),
        ("Cadd9", (0, 4, 7, 2), 0),
        ("Bb/D", (10, 2, 5), 2),
        ("C/D", (0, 4, 7), 2),
        ("Cb", (11, 3, 6), 11),
        ("B#", (0, 4, 7), 0),
    ],
)
def test_pitch_classes_begin_with_the_root_and_the_bass_is_apart(symbol: str, pitch_classes: tuple, bass: int):
    assert parse_chord(symbol) == Chord(symbol, pitch_classes[0], pitch_classes, bass)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("A-", "Am"),
        ("A-7", "Am7"),
        ("Amin7", "Am7"),
        ("Ami", "Am"),
        ("CM7", "Cmaj7"),
        ("CM", "C"),
        ("CΔ", "Cmaj7"),
        ("C+", "Caug"),
        ("C+7", "C7#5"),
        ("Bo", "Bdim"),
        ("B°7", "Bdim7"),
        ("Bø", "Bm7b5"),
        ("E♭", "Eb"),
        ("F♯m", "F#m"),
        ("C6/9", "C69"),
        ("Cmaj", "C"),
        ("C7-5", "C7b5"),
        ("C7(b9)", "C7b9"),
        ("Csus", "Csus4"),
        ("C2", "Cadd9"),
        (" G7 ", "G7"),
        ("NC", "N.C."),
        ("n.c.", "N.C."),
    ],
)
def test_usual_spellings_have_one_plain_symbol(written: str, plain: str):
    assert parse_chord(written).symbol == plain
    assert parse_chord(plain) == parse_chord(written)


def test_readers_elsewhere_are_told_the_spellings_that_are_read_here():
    signs, prefixes, kinds = spellings()
    for kind, (plain, semitones) in kinds.items():
        chord = parse_chord(f"C{kind}")
        assert (chord.symbol, chord.pitch_classes) == (
            f"C{plain}",
            tuple(dict.fromkeys(each % 12 for each in semitones)),
        )
    assert {"m7", "mM7", "aug", "\N{LATIN SMALL LETTER O WITH STROKE}"} < {*kinds}
    assert (signs["\N{MUSIC SHARP SIGN}"], prefixes[0]) == ("#", ("min", "m"))


def test_no_chord_has_no_pitch_class():
    assert parse_chord("N.C.") is NO_CHORD
    assert NO_CHORD.pitch_classes == NO_CHORD.intervals == ()
    assert NO_CHORD.transposed(3) is NO_CHORD


@pytest.mark.parametrize(
    "symbol", ["", "H", "am", "Cxyz", "C/9", "C/1000000000", "C/X", "C//D", "Cbbb", "C Am", "|", "%"]
)
def test_what_is_no_chord_is_named_in_one_sentence(symbol: str):
    with pytest.raises(ChordError, match=r"is no chord symbol: write a root with a kind, as in C, Am") as error:
        parse_chord(symbol)
    assert repr(symbol) in str(error.value)


@given(CHORDS, st.integers(-30, 30))
def test_transposing_moves_every_pitch_class(chord: Chord, semitones: int):
    moved = chord.transposed(semitones)
    assert moved.pitch_classes == tuple((each + semitones) % 12 for each in chord.pitch_classes)
    assert (moved.root, moved.bass) == ((chord.root + semitones) % 12, (chord.bass + semitones) % 12)
    assert moved == parse_chord(moved.symbol)
    assert moved.intervals == chord.intervals


@pytest.mark.parametrize(
    ("symbol", "semitones", "moved"),
    [("C", 1, "Db"), ("C", 6, "F#"), ("Am", 4, "C#m"), ("Am", 1, "Bbm"), ("B#", 0, "C"), ("C/G", 3, "Eb/Bb")],
)
def test_transposed_symbols_have_few_accidentals(symbol: str, semitones: int, moved: str):
    assert parse_chord(symbol).transposed(semitones).symbol == moved


def test_a_transposed_progression_is_spelled_in_one_key():
    progression = parse_progression("A | C#m | F#m D | E7/G#")
    assert progression.transposed(1).text == "Bb | Dm | Gm Eb | F7/A"
    assert progression.transposed(7).text == "E | G#m | C#m A | B7/D#"
    assert progression.transposed(-1).text == "Ab | Cm | Fm Db | Eb7/G"


@given(PROGRESSIONS)
def test_text_is_read_as_the_same_progression(progression: Progression):
    assert parse_progression(progression.text) == progression
    assert pickle.loads(pickle.dumps(progression)) == progression


def test_a_percent_sign_repeats_the_bar_before():
    assert parse_progression("| F | C G | % | % | NC |").text == "F | C G | C G | C G | N.C."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C | Am | Q7", "Bar 3 of the chords cannot be read: 'Q7' is no chord symbol"),
        ("C | | G", "Bar 2 of the chords 'C | | G' cannot be read: it has no chord; N.C. is none."),
        ("", "Bar 1 of the chords '' cannot be read: it has no chord"),
        ("% | C", "Bar 1 of the chords '% | C' cannot be read: \"%\" repeats a bar, and none is before it."),
        ("C | % G", "Bar 2 of the chords 'C | % G' cannot be read: \"%\" stands alone."),
    ],
)
def test_a_bad_progression_names_bar_and_symbol(text: str, message: str):
    with pytest.raises(ChordError) as error:
        parse_progression(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "steps_per_bar", "steps_per_beat", "starts"),
    [
        ("C", 16, 4, [0]),
        ("C G", 16, 4, [0, 8]),
        ("C F G", 16, 4, [0, 8, 12]),
        ("C F G C", 16, 4, [0, 4, 8, 12]),
        ("C G", 12, 4, [0, 8]),
        ("C F G", 12, 4, [0, 4, 8]),
        ("C G", 12, 6, [0, 6]),
        ("C F G", 12, 6, [0, 4, 8]),
        ("C F G C Am", 12, 6, [0, 3, 5, 8, 10]),
        ("C G", 14, 2, [0, 8]),
    ],
)
def test_chords_of_a_bar_begin_on_its_beats(text: str, steps_per_bar: int, steps_per_beat: int, starts: list[int]):
    found = parse_progression(text).starts(steps_per_bar, steps_per_bar, steps_per_beat)
    assert [start for start, _ in found] == starts
    assert [chord.symbol for _, chord in found] == text.split()


def test_chords_are_repeated_to_the_length_of_the_piece():
    progression = parse_progression("C | Am | F G")
    indices, chords = progression.chords_by_step(72, 16)
    assert [chord.symbol for chord in chords] == ["C", "Am", "F", "G"]
    assert indices.tolist() == [0] * 16 + [1] * 16 + [2] * 8 + [3] * 8 + [0] * 16 + [1] * 8


def test_a_chord_that_returns_has_one_index():
    indices, chords = parse_progression("C G C N.C.").chords_by_step(16, 16)
    assert chords == (parse_chord("C"), parse_chord("G"), NO_CHORD)
    assert indices.tolist() == [0] * 4 + [1] * 4 + [0] * 4 + [2] * 4


@given(PROGRESSIONS, st.integers(1, 200), st.sampled_from([(16, 4), (12, 4), (12, 6), (8, 4), (20, 4)]))
def test_the_chord_of_each_step_is_the_last_that_began(progression: Progression, steps: int, bar_and_beat: tuple):
    indices, chords = progression.chords_by_step(steps, *bar_and_beat)
    starts = progression.starts(steps, *bar_and_beat)
    assert len(indices) == steps
    for step in range(steps):
        assert chords[indices[step]] == [chord for start, chord in starts if start <= step][-1]


def test_more_chords_than_steps_in_a_bar_are_refused():
    with pytest.raises(ChordError, match="Bar 2 has 5 chords for 4 sixteenths: give fewer"):
        parse_progression("C | C F G Am Dm").starts(8, 4, 4)
