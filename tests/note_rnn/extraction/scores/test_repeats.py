"""Repeats, endings and jumps played out, by format; a letter is a bar of one note, a small one a step."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.extraction.scores.abc_book import abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.kern import kern_part
from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.scores.parts import MAX_STEPS, Mark, jump_of
from note_rnn.extraction.scores.playing import once_through, unfolded
from note_rnn.extraction.scores.repeats import UnclearRepeats

NAMES = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A", 71: "B"}


def abc(music, order=""):
    """A part of a tune whose letters are bars of 4/4."""
    words = r'![^!]*!|"[^"]*"|\[P:\w\]|P:\w'
    bars = re.sub(rf"{words}|([A-G])", lambda found: f"{found[1]}16" if found[1] else found[0], music)
    header = f"P:{order}\n" if order else ""
    (tune,) = abc_tunes(f"X:1\n{header}M:4/4\nL:1/16\nK:C\n{bars}\n")
    return abc_part(tune)


def letters(melody):
    return "".join(NAMES[note.pitch] for note in melody.notes)


@pytest.mark.parametrize(
    ("music", "played", "once"),
    [
        ("C|E|F|]", "CEF", "CEF"),
        ("|:C|E:|", "CECE", "CE"),
        ("C|E:|", "CECE", "CE"),
        ("C:|E:|", "CCEE", "CE"),
        ("C:|E|F:|", "CCEFEF", "CEF"),
        ("C|:E:|F|", "CEEF", "CEF"),
        ("|:C::E:|", "CCEE", "CE"),
        ("|:C:|:E:|", "CCEE", "CE"),
        ("|:C:|\n|:E:|", "CCEE", "CE"),
        ("|:C:||:E:|", "CCEE", "CE"),
        ("|:C:|]E|", "CCE", "CE"),
        ("C||E:|", "CEE", "CE"),
        ("|:C||E:|", "CECE", "CE"),
        ("|::C::|E|", "CCCE", "CE"),
        ("|:C:::|E|", "CCCCE", "CE"),
        ("|:C|1E:|2F|]", "CECF", "CF"),
        ("|:C|1E:|2F:|G|", "CECFG", "CFG"),
        ("C|1E:|2F|G|]", "CECFG", "CFG"),
        ("|:C|[1E:|[2F|]G|", "CECFG", "CFG"),
        ("|:C|1E:|2F:|3G|]", "CECFCG", "CG"),
        ("|:C|1,3E:|2F:|4G|]", "CECFCECG", "CEG"),
        ("|:C|1-3E:|4G|]", "CECECECG", "CG"),
        ("|:C|1E:|F|", "CECF", "CEF"),
        ("|:C|1E|G:|2F|A|]", "CEGCFA", "CFA"),
        ("|:C|1E:|2F|:A|1B:|2G|]", "CECFABAG", "CFAG"),
        ("|:C|1E:|2F||A|1B:|2G|]", "CECFABAG", "CFAG"),
        ('C|E!fine!|G"D.C."|]', "CEGCE", "CEG"),
        ('|:C|E"Fine":|G"^D.C. al Fine"|]', "CECEGCE", "CEG"),
        ("C|!segno!E!fine!|G!D.S.!|]", "CEGE", "CEG"),
        ('C|E|G"Da Capo"|]', "CEGCEG", "CEG"),
        ("C|E!dacoda!|G!D.C.!|!coda!F|A|]", "CEGCEFA", "CEGFA"),
        ('C|!segno!E"To Coda"|G"D.S. al Coda"|!coda!|:F:|]', "CEGEFF", "CEGF"),
        ("|:C|1E:|2F!fine!|G!dacapo!|]", "CECFGCF", "CFG"),
    ],
)
def test_abc_as_written_and_once_through(music, played, once):
    assert letters(unfolded(abc(music))) == played
    assert letters(once_through(abc(music))) == once


@pytest.mark.parametrize(
    ("music", "reason"),
    [
        ("|:C|E|]", "a repeat that begins and does not end"),
        ("|:C|:E:|", "a repeat that begins and does not end"),
        ("|:C|1E|2F|]", "a repeat that begins and does not end"),
        ("C|1E|2F|]", "an ending without its repeat"),
        ("|:C|1E|2F:|", "an ending without its repeat"),
        ("|:C|1E|2F:|3G|]", "an ending without its repeat"),
        ("|:C|2E:|1F|]", "endings that are not numbered 1, 2 ..."),
        ("|:C|1E:|3F|]", "endings that are not numbered 1, 2 ..."),
        ("|:C|1E:|2F|G:|", "a repeat at the end of the last ending"),
        ("|1C:|2E|]", "an ending without its repeat"),
        ("C|:|E:|", "a jump or a bar line that is not understood"),
        ('C|E"D.C. 3d Measure"|]', "a jump or a bar line that is not understood"),
        ("C|E!fine!|]", "Segno, Coda or Fine without D.C. or D.S., or D.S. without Segno"),
        ("C|E!D.S.!|]", "Segno, Coda or Fine without D.C. or D.S., or D.S. without Segno"),
        ("C|!segno!E!D.C.!|]", "Segno, Coda or Fine without D.C. or D.S., or D.S. without Segno"),
        ("C!D.C.!|E!D.C.!|]", "more than one D.C., D.S., Segno, Coda or Fine"),
        ("C|E!D.C.!|G|]", "music after D.C. or D.S."),
        ("C!fine!|E!D.C.!|G|]", "music after D.C. or D.S."),
        ("C!dacoda!|E!D.C.!|]", "Coda or Fine where D.C. or D.S. does not lead"),
        ("C!fine!|!segno!E!D.S.!|]", "Coda or Fine where D.C. or D.S. does not lead"),
        ("!coda!C|E!dacoda!|F!D.C.!|]", "Coda or Fine where D.C. or D.S. does not lead"),
    ],
)
def test_what_is_not_clear_is_said(music, reason):
    with pytest.raises(UnclearRepeats) as raised:
        unfolded(abc(music))
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("music", "order", "played"),
    [
        ("P:A\nC|E|\nP:B\nF|", "ABA", "CEFCE"),
        ("[P:A]C|[P:B]F|", "A2B", "CCF"),
        ("[P:A]|:C:|[P:B]F|", "A.B.A", "CCFCC"),
        ("[P:A]C|[P:B]F|", "", "CF"),
    ],
)
def test_parts_of_abc_are_played_in_the_order_of_the_header(music, order, played):
    assert letters(unfolded(abc(music, order))) == played


@pytest.mark.parametrize(
    ("music", "order"),
    [
        ("C|E|", "AB"),
        ("[P:A]C|[P:A]E|", "A"),
        ("[P:A]C|[P:B]E|", "(AB)2"),
        ("C|[P:A]E|", "AA"),
        ("[P:A]C!D.C.!|", "AA"),
    ],
)
def test_an_order_of_parts_that_is_not_clear(music, order):
    with pytest.raises(UnclearRepeats, match=r"^an order of sections"):
        unfolded(abc(music, order))


@pytest.mark.parametrize(
    ("music", "once", "played"),
    [
        ("C|E|", [0], [0]),
        ("C|E||F|]", [0, 32], [0, 32]),
        ("c|:C:|E:|", [0, 1, 17], [0, 1, 17, 33, 49]),
        ("C:|E:|", [0, 16], [0, 16, 32, 48]),
        ("|:C|1E:|2F|]G|", [0, 32], [0, 32, 64]),
        ("[P:A]C|[P:B]E|", [0, 16], [0, 16]),
        ("C|E!fine!|G!D.C.!|]", [0], [0, 48]),
    ],
)
def test_sections_start_at_double_bars_repeats_and_parts_and_where_the_music_goes_back(music, once, played):
    """Not at a second ending; the end of the music is no start."""
    for melody, expected in ((once_through(abc(music)), once), (unfolded(abc(music)), played)):
        end = melody.bar_lines[-1]
        assert [section for section in melody.sections if section < end] == expected


def test_a_tie_at_the_end_of_a_repeat_ties_only_to_what_comes_next():
    melody = unfolded(abc("|:C|E-:|E|"))
    assert [(NAMES[note.pitch], note.start, note.duration) for note in melody.notes] == [
        ("C", 0, 16),
        ("E", 16, 16),
        ("C", 32, 16),
        ("E", 48, 32),
    ]


def measure(letter, before="", after=""):
    note = f"<note><pitch><step>{letter}</step><octave>4</octave></pitch><duration>4</duration></note>"
    return f"<measure>{before}{note}{after}</measure>"


def musicxml(*measures):
    first = measures[0].replace("<measure>", "<measure><attributes><divisions>1</divisions></attributes>", 1)
    body = "".join([first, *measures[1:]])
    return musicxml_part(f"<score-partwise><part>{body}</part></score-partwise>".encode())


def barline(location, direction="", ending="", style="", times=""):
    kind, _, number = ending.partition(" ")
    return (
        f'<barline location="{location}">'
        + (f"<bar-style>{style}</bar-style>" if style else "")
        + (f'<ending type="{kind}" number="{number}"/>' if ending else "")
        + (f'<repeat direction="{direction}"{times}/>' if direction else "")
        + "</barline>"
    )


def sound(**attributes):
    return "<direction><sound " + " ".join(f'{name}="{value}"' for name, value in attributes.items()) + "/></direction>"


def words(text):
    return f"<direction><direction-type>{text}</direction-type></direction>"


FORWARD, BACKWARD = barline("left", "forward"), barline("right", "backward")
FIRST = (barline("left", ending="start 1"), barline("right", "backward", "stop 1"))
SECOND = (barline("left", ending="start 2"), barline("right", ending="discontinue 2"))
XML = {
    "repeat": ([measure("C", FORWARD), measure("E", "", BACKWARD), measure("F")], "CECEF", [0, 32, 64]),
    "from the beginning": ([measure("C"), measure("E", "", BACKWARD)], "CECE", [0, 32]),
    "three times": ([measure("C", "", barline("right", "backward", times=' times="3"'))], "CCC", [0, 16, 32]),
    "endings": ([measure("C", FORWARD), measure("E", *FIRST), measure("F", *SECOND)], "CECF", [0, 32]),
    "double bar": (
        [measure("C", "", barline("right", style="light-light")), measure("E", "", BACKWARD)],
        "CECE",
        [0, 16, 32, 48],
    ),
    "rehearsal": ([measure("C"), measure("E", words("<rehearsal>B</rehearsal>"))], "CE", [0, 16]),
    "al fine": ([measure("C", "", sound(fine="yes")), measure("E", "", sound(dacapo="yes"))], "CEC", [0, 32]),
    "in words": (
        [measure("C", words("<words>Fine</words>")), measure("E", words("<words>D.C. al Fine</words>"))],
        "CEC",
        [0, 32],
    ),
    "al coda": (
        [
            measure("C", words("<segno/>")),
            measure("E", "", sound(tocoda="1")),
            measure("F", "", sound(dalsegno="1")),
            measure("G", words("<coda/>")),
        ],
        "CEFCEG",
        [0, 48],
    ),
    "sound and sign": (
        [
            measure("C"),
            measure("E", "", '<direction><direction-type><coda/></direction-type><sound tocoda="c"/></direction>'),
            measure("F", "", '<sound dacapo="yes"/>'),
            measure("G", sound(coda="c")),
        ],
        "CEFCEG",
        [0, 48],
    ),
    "a sound that says no": ([measure("C", "", sound(dacapo="no", tempo=90)), measure("E")], "CE", [0]),
}  # fmt: skip


@pytest.mark.parametrize("case", XML)
def test_musicxml_as_written(case):
    measures, played, sections = XML[case]
    melody = unfolded(musicxml(*measures))
    assert letters(melody) == played
    assert [section for section in melody.sections if section < melody.bar_lines[-1]] == sections


def test_a_repeat_in_the_middle_of_a_measure_is_there():
    half = "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>2</duration></note>"
    middle = f"<measure>{half.format('C')}{barline('middle', 'backward')}{half.format('D')}</measure>"
    melody = unfolded(musicxml(middle, measure("E")))
    assert letters(melody) == "CCDE"
    assert [note.start for note in melody.notes] == [0, 8, 16, 24]


def kern(*lines):
    pytest.importorskip("music21")
    return kern_part("\n".join(["**kern", *lines, "*-", ""]).encode())


@pytest.mark.parametrize(
    ("lines", "played", "sections"),
    [
        ("=1!|: 1c =2 1d =:|! =3 1e ==", "CDCDE", [0, 32, 64]),
        ("=1 1c =:|!|: 1d =:|! 1e ==", "CCDDE", [0, 16, 32, 48, 64]),
        ("=1 1c =|| 1d ==", "CD", [0, 16]),
        ("*>[A,A1,A,A2] *>A 1c = *>A1 1d =:|! *>A2 1e ==", "CDCE", [0, 32]),
        ("*>[A,A,B] *>norep[A,B] *>A 1c =:|! *>B 1d ==", "CCD", [0, 16, 32]),
        ("*>[A,B,A] *>A 1c = *>B 1d ==", "CDC", [0, 16, 32]),
    ],
)
def test_kern_as_written(lines, played, sections):
    melody = unfolded(kern(*lines.split()))
    assert letters(melody) == played
    assert [section for section in melody.sections if section < melody.bar_lines[-1]] == sections


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("D.C.", "dc"), ("^D.C. al Fine", "dc"), ("D. C. al coda", "dc"), ("Da Capo", "dc"), ("dacapo", "dc"),
        ("D.S.", "ds"), ("_D.S. al Fine.", "ds"), ("Dal Segno", "ds"), ("   Fine", "fine"), ("FINE", "fine"),
        ("Segno", "segno"), ("Coda", "coda"), ("<coda>", "coda"), ("To Coda", "to_coda"), ("dacoda", "to_coda"),
        ("D.C. twice", "other"), ("then dal segno", "other"), ("Dm", None), ("D", None), ("finely", None), ("", None),
    ],
)  # fmt: skip
def test_words_that_jump(words, kind):
    assert jump_of(words) == kind


def test_the_length_of_what_is_played_is_bounded():
    part = abc("|:C:|")._replace(marks=[Mark(Fraction(16), "end", times=10**12)])
    with pytest.raises(UnclearRepeats, match=f"^longer than {MAX_STEPS:,} sixteenths with its repeats$"):
        unfolded(part)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=6))
def test_repeated_strains_are_as_long_as_their_bars_and_their_sections_start_with_them(strains):
    """Strains of so many bars, each played once, twice or three times."""
    signs = {1: ("", "||"), 2: ("|:", ":|"), 3: ("|::", "::|")}
    part = abc(" ".join(f"{signs[times][0]}{'C|' * (bars - 1)}C{signs[times][1]}" for bars, times in strains))
    melody = unfolded(part)
    lengths = [16 * bars for bars, times in strains for _ in range(times)]
    starts = [sum(lengths[:number]) for number in range(len(lengths) + 1)]
    assert melody.bar_lines == [16 * bar for bar in range(1, sum(lengths) // 16 + 1)]
    assert [section for section in melody.sections if section < starts[-1]] == starts[:-1]
    assert len(melody.notes) == sum(lengths) // 16
