"""ABC to token tables. `.` continues, `z` ends a note; tables are in the key and octave after transposition."""

from fractions import Fraction

import pytest

from note_rnn.extraction.scores.abc_book import abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.parts import Ending, Part, upper_voice
from note_rnn.extraction.scores.playing import merged_ties, once_through
from note_rnn.extraction.tune_files import read_tunes
from note_rnn.extraction.tunes import Bars, Event, TuneError, bar_steps, segments_of, transposed, without_gaps
from note_rnn.vocabulary import pitch_to_token

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def table(text):
    """Tokens of a table such as `C4 . F#4 z`."""
    tokens = []
    for word in text.split():
        if word in ".z":
            tokens.append(1 if word == "." else 0)
        else:
            tokens.append(pitch_to_token(STEPS[word[0]] + word.count("#") + 12 * (int(word[-1]) + 1)))
    return tokens


def cut(music, key="C", length="1/16", meter="4/4", min_steps=1):
    (tune,) = abc_tunes(f"X:1\nT:Test\nM:{meter}\nL:{length}\nK:{key}\n{music}\n")
    part = abc_part(tune)
    return segments_of(once_through(part), part.meters, min_steps)


def segments(music, **options):
    return [segment.tokens.tolist() for segment in cut(music, **options)]


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        pytest.param("C4 D2 E F G8|", "C4 . . . D4 . E4 F4 G4 . . . . . . .", id="lengths"),
        pytest.param("C4 z2 D2 E4 z4|C4", "C4 . . . z . D4 . E4 . . . z . . . C4 . . .", id="rests"),
        pytest.param("C3D EF3 G2A2 B2c2|", "C4 . . D4 E4 F4 . . G4 . A4 . B4 . C5 .", id="dotted"),
        pytest.param("E2|C8 D8|", "E4 . C4 . . . . . . . D4 . . . . . . .", id="pickup"),
        pytest.param("C8- C4 D4|", "C4 . . . . . . . . . . . D4 . . .", id="tie"),
        pytest.param(
            "C8 C8-|C4 D4-|D4 E4|",
            "C4 . . . . . . . C4 . . . . . . . . . . . D4 . . . . . . . E4 . . .",
            id="tie over the bar",
        ),
        pytest.param("C16-|C16-|C4 D4|", "C4" + " ." * 35 + " D4 . . .", id="ties over two bars"),
        pytest.param("C4-D4 E8|", "C4 . . . D4 . . . E4 . . . . . . .", id="slur written as a tie"),
        pytest.param("{ab}C4 {/c}D4 E8|", "C4 . . . D4 . . . E4 . . . . . . .", id="grace notes"),
        pytest.param("[CEG]4 [Ac]4 F8|", "G4 . . . C5 . . . F4 . . . . . . .", id="chords"),
        pytest.param('"Am"C4 !fermata!D4 "^hey"E8|', "C4 . . . D4 . . . E4 . . . . . . .", id="decorations"),
        pytest.param(
            "^C4 C4 D8|C16|",
            "C#4 . . . C#4 . . . D4 . . . . . . . C4 . . . . . . . . . . . . . . .",
            id="accidental lasts a bar",
        ),
    ],
)
def test_notes_become_tokens(music, expected):
    assert segments(music) == [table(expected)]


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("|:C16|1D16:|2E16|F16|", "C4 E4 F4"),
        ("|:C16|1D16|F16:|2E16|G16|", "C4 E4 G4"),
        ("|:C16|[1D16:|[2E16||G16|", "C4 E4 G4"),
        ("|:C16|D16:|E16|", "C4 D4 E4"),
        ("|:C16|1D16:|2E16|:F16|1G16:|2A16|B16|", "C4 E4 F4 A4 B4"),
    ],
    ids=["one bar", "two bars", "brackets", "no endings", "two strains"],
)
def test_a_tune_is_read_once_through_with_its_last_endings(music, expected):
    (segment,) = segments(music)
    assert [token for token in segment if token > 1] == table(expected)
    assert len(segment) == 16 * len(expected.split())


def whole_notes(*names, endings=()):
    """A part of bars, each a whole note; `endings` are (numbers, first bar, bar after the last)."""
    notes = [Event(Fraction(16 * bar), Fraction(16), 60 + STEPS[name], 0) for bar, name in enumerate(names)]
    brackets = [Ending(Fraction(16 * first), Fraction(16 * end), frozenset(numbers)) for numbers, first, end in endings]
    lines = [Fraction(16 * bar) for bar in range(1, len(names) + 1)]
    return Part("", notes, lines, brackets, frozenset({"4/4"}))


@pytest.mark.parametrize(
    ("endings", "expected"),
    [
        ([({1}, 1, 2), ({2}, 2, 3)], "CEF"),
        ([({1}, 1, 3), ({2}, 3, 4)], "CF"),
        ([({1}, 1, 2), ({2}, 2, 3), ({3}, 3, 4)], "CF"),
        ([({1, 2}, 1, 2), ({3}, 2, 3)], "CEF"),
        ([({1, 3}, 1, 2), ({2, 4}, 2, 3)], "CEF"),
        ([({1}, 1, 2), ({3}, 2, 3)], "CEF"),
        ([({1}, 1, 2)], "CDEF"),
        ([({2}, 1, 2)], "CDEF"),
        ([({1}, 1, 2), ({2}, 3, 4)], "CDEF"),
        ([({1}, 1, 2), ({1}, 2, 3)], "CDEF"),
        ([({2}, 1, 2), ({1}, 2, 3)], "CDEF"),
        ([({1}, 1, 2), (set(), 2, 3)], "CDEF"),
        ([({1}, 0, 1), ({2}, 1, 2), ({1}, 2, 3), ({2}, 3, 4)], "DF"),
    ],
    ids=[
        "both",
        "of two bars",
        "three",
        "a list",
        "two lists",
        "a number is missing",
        "a first alone",
        "a second alone",
        "not in a row",
        "the same number twice",
        "the wrong way round",
        "without a number",
        "two pairs",
    ],
)
def test_an_ending_is_left_out_only_where_a_later_one_follows_at_once(endings, expected):
    notes, bar_lines, _ = once_through(whole_notes(*"CDEF", endings=endings))
    names = {60 + step: name for name, step in STEPS.items()}
    assert "".join(names[note.pitch] for note in notes) == expected
    assert [note.start for note in notes] == [16 * bar for bar in range(len(expected))]
    assert bar_lines == [16 * bar for bar in range(1, len(expected) + 1)]


def test_notes_that_are_tied_and_equal_and_touch_are_one():
    def joined(*notes):
        return [(start, duration) for start, duration, *_ in merged_ties([Event(*note) for note in notes])]

    assert joined((0, 4, 60, 0, True), (4, 4, 60, 0, True), (8, 2, 60, 0)) == [(0, 10)]
    assert joined((0, 4, 60, 0, False), (4, 4, 60, 0, True)) == [(0, 4), (4, 4)]
    assert joined((0, 4, 60, 0, True), (4, 4, 62, 0, False)) == [(0, 4), (4, 4)]
    assert joined((0, 4, 60, 0, True), (5, 4, 60, 0, False)) == [(0, 4), (5, 4)]
    assert joined((0, 4, 60, 0, True), (4, 4, 60, 0, False), (8, 4, 60, 0)) == [(0, 8), (8, 4)]


def test_of_voices_the_one_that_is_higher_on_average_is_the_upper():
    low, high = [Event(0, 12, 60, 0), Event(12, 4, 90, 0)], [Event(0, 16, 70, 0)]
    assert upper_voice([low, high]) is high
    assert upper_voice([[Event(0, 16, 67, 0)], low]) is low  # 67.5
    assert upper_voice([[Event(0, 16, None, 0)], low]) is low
    assert upper_voice([high, list(high)]) is high
    assert upper_voice([]) == []


def test_what_stands_before_the_first_tune_of_a_book_holds_for_all(tmp_path):
    path = tmp_path / "book.abc"
    path.write_text("L:1/4\nM:4/4\n\nX:1\nT:One\nK:C\nC4|D4|\n\nX:2\nT:Two\nK:C\nE2F2|G4|\n")
    expected = ["C4" + " ." * 15 + " D4" + " ." * 15, "E4" + " ." * 7 + " F4" + " ." * 7 + " G4" + " ." * 15]
    assert [tune.segments[0].tolist() for tune in read_tunes(path)] == [table(text) for text in expected]


def test_a_note_ends_where_the_next_one_starts_and_gaps_are_rests():
    notes = [Event(4, 4, 62, 1), Event(0, 6, 60, 0), Event(12, 8, 64, 1)]
    assert without_gaps(notes) == [
        Event(0, 4, 60, 0),
        Event(4, 4, 62, 1),
        Event(8, 4, None, 1),
        Event(12, 8, 64, 1),
    ]


@pytest.mark.parametrize(
    ("first", "then", "pitches"),
    [
        ((6, 66), (1, 67), (60, 60)),
        ((1, 67), (6, 66), (60, 60)),
        ((0, 60), (1, 67), (60, 72)),
        ((0, 60), (-1, 65), (60, 60)),
        ((0, 60), (6, 66), (60, 60)),
    ],
    ids=["F# to G", "G to F#", "C to G", "C to F", "C to F#, a tritone, down"],
)
def test_a_section_in_another_key_moves_by_the_interval_nearest_to_that_of_the_first(first, then, pitches):
    """Each section's own tonic comes to a C: from F# to G, a semitone up, to the same one."""
    moved = transposed([Event(0, 4, first[1], first[0]), Event(4, 4, then[1], then[0])])
    low = moved[0].pitch - pitches[0]
    assert low % 12 == 0
    assert tuple(event.pitch - low for event in moved) == pitches


@pytest.mark.parametrize(
    ("key", "music", "expected"),
    [
        ("D", "D4 F4 A4 c4", "C4 . . . E4 . . . G4 . . . B4 . . ."),
        ("G", "G4 B4 d4 f4", "C4 . . . E4 . . . G4 . . . B4 . . ."),
        ("Bb", "B4 d4 e4 f4", "C4 . . . E4 . . . F4 . . . G4 . . ."),
        ("Em", "E4 G4 B4 ^d4", "A3 . . . C4 . . . E4 . . . G#4 . . ."),
        ("Ador", "A4 c4 e4 f4", "D4 . . . F4 . . . A4 . . . B4 . . ."),
        ("Gmix", "G4 B4 d4 f4", "G3 . . . B3 . . . D4 . . . F4 . . ."),
        ("A Mixolydian", "A4 c4 e4 g4", "G3 . . . B3 . . . D4 . . . F4 . . ."),
    ],
)
def test_the_key_signature_goes_to_no_sharps_and_modes_ride_along(key, music, expected):
    """Octaves: the whole range moves as near as it can to the middle of 48..83, which is 65.5."""
    assert segments(music, key=key) == [table(expected)]


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C,,8 C,8|", "C4 . . . . . . . C5 . . . . . . ."),
        ("c'8 c''8|", "C4 . . . . . . . C5 . . . . . . ."),
        ("C,8 c8|", "C3 . . . . . . . C5 . . . . . . ."),
        ("C,8 b8|", "C3 . . . . . . . B5 . . . . . . ."),
    ],
)
def test_octaves_move_the_whole_tune_into_the_vocabulary(music, expected):
    (segment,) = segments(music)
    assert segment == table(expected)


@pytest.mark.parametrize("change", ["|\nK:G\nD16|G16|", "|\nK:G\n|:D16|G16|", "||[K:G] D16|G16|", "|[K:G]\nD16|G16|"])
def test_a_change_of_key_cuts_the_tune_and_each_section_goes_to_no_sharps(change):
    assert segments(f"C16|E16{change}") == [
        table("C4" + " ." * 15 + " E4" + " ." * 15),
        table("G4" + " ." * 15 + " C5" + " ." * 15),
    ]


def test_a_key_named_again_cuts_nothing():
    assert len(segments("C16|E16|\nK:Am\n|D16|G16|")) == 1


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C4 D4 (3EFG (3GFE A4|B16|", ["C4 . . . D4 . . .", "A4 . . . B4 . . . . . . . . . . . . . . ."]),
        ("(3C2D2E2 F4 G4 A4|", ["F4 . . . G4 . . . A4 . . ."]),
        ("C4 E/F/ G3 A8|", ["C4 . . .", "G4 . . A4 . . . . . . ."]),
        ("C4 z4 (3EFG z2 A4|", ["C4 . . .", "A4 . . ."]),
    ],
    ids=["triplets", "from the start", "thirty-seconds", "rests at the cut"],
)
def test_notes_off_the_grid_cut_the_tune(music, expected):
    assert segments(music) == [table(text) for text in expected]


def test_a_long_rest_cuts_the_tune():
    assert segments("C8 z8|z8 D8|") == [table("C4" + " ." * 7 + " z" + " ." * 15 + " D4" + " ." * 7)]
    assert len(segments("C8 z8|z16|D8")) == 2


def test_short_segments_are_left_out():
    music = "C16|D16|(3EFG (3GFE F4 G4 A4|"
    assert [len(segment) for segment in segments(music, min_steps=32)] == [32]
    with pytest.raises(TuneError, match="no run of 33 sixteenths on the grid"):
        segments(music, min_steps=33)


@pytest.mark.parametrize(
    ("music", "reason"), [("z16|z16|", "no notes"), ("", "no notes"), ("C,,8 c''8|", "wider than the vocabulary")]
)
def test_why_a_tune_is_dropped(music, reason):
    with pytest.raises(TuneError, match=f"^{reason}$"):
        segments(music)


def test_a_file_of_tunes(tmp_path):
    tunes = [
        "X: 1\nT: First\nT: The Other Name\nM: 4/4\nL: 1/16\nK: C\nC16|D16|\n",
        "X: 2\nT: Silence\nM: 4/4\nL: 1/16\nK: C\nz16|z16|\n",
        "X: 2\nT: Caf\u00e9\nM: 4/4\nL: 1/16\nK: G\nG16|A16|\n",
        "X: nothing\n",
    ]
    path = tmp_path / "book.abc"
    path.write_text("% A book\n\n" + "\n".join(tunes), encoding="latin-1")
    first, silence, third, nothing = read_tunes(path)
    assert (first.title, first.source, first.dropped) == ("First", "book.abc#1", "")
    assert [segment.tolist() for segment in first.segments] == [table("C4" + " ." * 15 + " D4" + " ." * 15)]
    assert first.bars == [Bars("4/4", 0)]
    assert (silence.segments, silence.dropped) == ([], "no notes")
    assert (third.title, third.source) == ("Caf\u00e9", "book.abc#3")
    assert len(third.segments) == 1
    assert (nothing.title, nothing.segments) == ("book.abc#4", [])
    assert nothing.dropped


@pytest.mark.parametrize(
    ("music", "meter", "expected"),
    [
        pytest.param("C8 D8|E16|", "4/4", [Bars("4/4", 0)], id="from the bar line on"),
        pytest.param("E2|C8 D8|E16|", "C", [Bars("4/4", 2)], id="pickup"),
        pytest.param("E2|C6 D6|E12|", "6/8", [Bars("6/8", 2)], id="pickup of 6/8"),
        pytest.param("E2|C8 D8|(3C4D4E4 F8|G16|", "4/4", [Bars("4/4", 2), Bars("4/4", 8)], id="cut in the bar"),
        pytest.param("C8 D8", "4/4", [Bars("4/4", 0)], id="no bar line but the end"),
    ],
)
def test_a_segment_knows_its_meter_and_its_first_bar_line(music, meter, expected):
    assert [segment.bars for segment in cut(music, meter=meter, min_steps=8)] == expected


def test_of_a_tune_in_several_meters_or_none_the_bars_are_unknown():
    for meters in ({"4/4", "2/2"}, {""}, {"", "4/4"}, set()):
        (segment,) = segments_of(once_through(whole_notes(*"CDE")), frozenset(meters))
        assert segment.bars == Bars("", 0)


def test_the_first_bar_line_is_where_most_of_a_segments_bar_lines_say():
    music = "E2|:C16|D16|E14:|F16|G16|"
    assert [segment.bars for segment in cut(music)] == [Bars("4/4", 2)]
    assert [segment.bars for segment in cut("C3 D5|E8|F7/|(3CDE|C16|", min_steps=8)][1:] == [Bars("4/4", 0)]


@pytest.mark.parametrize(
    ("meter", "steps"),
    [
        *[("4/4", 16), ("2/4", 8), ("6/8", 12), ("3/4", 12), ("2/2", 16), ("1/4", 4), ("3/2", 24), ("5/16", 5)],
        *[("3/32", None), ("", None)],
    ],
)
def test_steps_of_a_bar(meter, steps):
    assert bar_steps(meter) == steps
