"""Staff notation: spelling in the key, ties over bar lines, and round trips through ABC and MusicXML."""

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melody_env import Setting
from note_rnn import VocabularyError, read_primer, transposed
from note_rnn.extraction.scores.abc_book import abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.scores.playing import once_through
from note_rnn.formats.abc import abc_text, write_abc
from note_rnn.formats.musicxml import musicxml_text, write_musicxml
from note_rnn.formats.notation import (
    C_MAJOR,
    SIGNATURE_MODES,
    Spelling,
    Staff,
    Value,
    bars_of,
    beamed,
    note_values,
    spelled,
)
from note_rnn.notes import Notes, notes_to_tokens, without_redundant_note_offs

MELODY = [14, 1, 1, 0, 18, 20, 1, 1, 1, 1, 15, 1, 1, 1, 20, 1, 1, 1, 1, 0, 25, 26, 25, 1]
"""C4, a rest, E4, F#4 of 5 steps, C#4, F#4 over the bar line, a rest, B4, C5, B4."""

staves = st.builds(
    lambda sharps, mode, bpm: Staff(sharps=sharps, mode=mode, bpm=bpm),
    st.integers(-7, 7),
    st.sampled_from(SIGNATURE_MODES),
    st.sampled_from([60.0, 90.5, 120.0]),
)
melodies = st.lists(st.integers(0, 37), min_size=1, max_size=70).filter(lambda melody: max(melody) > 1)


def read_back(text: str, kind: str) -> list[int]:
    """Return the tokens of the first part of a file's `text`, from its first note to the end of its last, unmoved."""
    part = abc_part(*abc_tunes(text)) if kind == "abc" else musicxml_part(text.encode())
    events = once_through(part).notes
    first, end = int(events[0].start), int(events[-1].start + events[-1].duration)
    starts, durations, pitches = np.array([event[:3] for event in events], np.int64).T
    return notes_to_tokens(Notes(starts - first, starts - first + durations, pitches), end - first).tolist()


def sounding(melody: list[int]) -> list[int]:
    """Return `melody` from its first note to the end of its last, as its only form."""
    tokens = without_redundant_note_offs(melody)
    first = np.flatnonzero(tokens > 1)[0]
    ends = np.flatnonzero(tokens == 0)
    last_note = np.flatnonzero(tokens > 1)[-1]
    after = ends[ends > last_note]
    return tokens[first : after[0] if len(after) else None].tolist()


@pytest.mark.parametrize(
    ("pitch", "sharps", "expected"),
    [
        (60, 0, Spelling("C", 0, 4)),
        (61, 0, Spelling("C", 1, 4)),
        (63, 0, Spelling("E", -1, 4)),
        (66, 0, Spelling("F", 1, 4)),
        (68, 0, Spelling("G", 1, 4)),
        (70, 0, Spelling("B", -1, 4)),
        (61, -3, Spelling("D", -1, 4)),
        (60, 7, Spelling("B", 1, 3)),
        (71, -6, Spelling("C", -1, 5)),
        (83, 2, Spelling("B", 0, 5)),
    ],
)
def test_pitches_are_spelled_as_the_key_asks(pitch, sharps, expected):
    assert spelled(pitch, sharps) == expected


@pytest.mark.parametrize(
    ("setting", "sharps", "mode", "tonic"),
    [
        (Setting(), 0, "major", "C"),
        (Setting("A", "minor"), 0, "minor", "A"),
        (Setting("D", "dorian"), 0, "dorian", "D"),
        (Setting("Bb"), -2, "major", "Bb"),
        (Setting("F#", "minor"), 3, "minor", "F#"),
        (Setting("G#"), -4, "major", "Ab"),
        (Setting("Eb", "harmonic_minor"), -6, "minor", "Eb"),
        (Setting("E", "phrygian"), 0, "phrygian", "E"),
        (Setting("G", "major_pentatonic"), 1, "major", "G"),
    ],
)
def test_a_setting_knows_its_signature(setting, sharps, mode, tonic):
    assert (setting.staff.sharps, setting.staff.mode, setting.staff.tonic) == (sharps, mode, tonic)


@given(
    st.sampled_from(["C", "C#", "Db", "D", "Eb", "E", "F", "F#", "Gb", "G", "G#", "Ab", "A", "Bb", "B", "Cb", "Fb"]),
    st.sampled_from(["major", "minor", "dorian", "lydian", "blues", (0, 1, 2, 6)]),
)
def test_the_signature_lies_where_the_note_rnn_is_moved_to(key, mode):
    setting = Setting(key, mode)
    assert -7 <= setting.staff.sharps <= 7
    assert setting.staff.sharps % 12 == 7 * setting.transposition % 12


def test_values_are_tied_over_bar_lines_and_where_no_head_is_as_long():
    assert note_values(MELODY, C_MAJOR) == [
        Value(0, 3, 60, False),
        Value(3, 1, None, False),
        Value(4, 1, 64, False),
        Value(5, 3, 66, True),
        Value(8, 2, 66, False),
        Value(10, 4, 61, False),
        Value(14, 2, 66, True),
        Value(16, 3, 66, False),
        Value(19, 1, None, False),
        Value(20, 1, 71, False),
        Value(21, 1, 72, False),
        Value(22, 2, 71, False),
    ]


@pytest.mark.parametrize(
    ("steps", "heads"),
    [
        (5, [4, 1]),
        (6, [6]),
        (7, [4, 3]),
        (9, [8, 1]),
        (10, [8, 2]),
        (11, [8, 3]),
        (12, [12]),
        (15, [12, 3]),
        (16, [16]),
    ],
)
def test_a_note_is_written_with_as_few_heads_as_can_be(steps, heads):
    """Dots count as one head: a note of six sixteenths is a dotted quarter."""
    values = note_values([14] + [1] * (steps - 1), C_MAJOR)
    assert [value.steps for value in values] == heads
    assert [value.tied for value in values] == [True] * (len(heads) - 1) + [False]


def test_abc_by_hand_in_another_meter_tempo_and_mode():
    """Beats of a dotted quarter in 6/8: the notes of one are written together, and a bar is two of them, 12 steps."""
    jig = [16, 1, 19, 1, 23, 1, 24, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 17, 1, 18, 1, 19, 1]
    assert abc_text(jig, Staff("6/8", 12, 6, -1, "minor", 90.5), "Jig") == (
        "X:1\nT:Jig\nM:6/8\nL:1/16\nQ:3/8=60.3333\nK:Dmin\nD2F2A2 B6- | B3zz2 _E2=E2F2 |]\n"
    )


def test_abc_by_hand():
    assert abc_text(MELODY, Staff(sharps=1), "Try") == (
        "X:1\nT:Try\nM:4/4\nL:1/16\nQ:1/4=120\nK:Gmaj\nC3z EF3- F2^C4 F2- | F3z BcB2 |]\n"
    )
    c_sharp_and_back = [15, 14, 27, 26, *[1] * 12, 14, 1]
    assert abc_text(c_sharp_and_back).splitlines()[-1] == "^C=C^c=c- =c12 | C2 |]"


@pytest.mark.parametrize(
    ("token", "sharps", "written"),
    [(9, 7, "^^F,"), (11, -7, "__B,"), (16, 7, "^^C"), (14, 7, "B,"), (25, -7, "c"), (14, -7, "=C"), (20, 0, "^F")],
)
def test_abc_of_keys_of_many_accidentals(token, sharps, written):
    """Under seven sharps G is F double sharp and C is B sharp; under seven flats B is C flat and A is B double flat."""
    assert abc_text([token], Staff(sharps=sharps)).splitlines()[-1] == f"{written} |]"


def test_rests_and_long_pieces_are_written():
    assert abc_text([1] * 20).splitlines()[-1] == "z16 | z4 |]"
    lines = abc_text([14] * 96, Staff("3/4", 12, 4)).splitlines()[6:]
    assert [line.count("|") for line in lines] == [4, 4]
    assert lines[0].startswith("CCCC CCCC CCCC | ")


@given(melodies, staves)
@settings(max_examples=25, deadline=None)
def test_abc_is_read_back_as_it_was(melody, staff):
    assert read_back(abc_text(melody, staff), "abc") == sounding(melody)


@given(melodies, staves)
@settings(max_examples=8, deadline=None)
def test_musicxml_is_read_back_as_it_was(melody, staff):
    assert read_back(musicxml_text(melody, staff), "musicxml") == sounding(melody)


def heads(text: str) -> list[list[tuple[str, float, list[str]]]]:
    """Return of each measure of MusicXML what is called how, its sixteenths, and its ties."""
    measures = ElementTree.fromstring(text).findall(".//measure")
    divisions = int(next(measure.findtext("attributes/divisions") for measure in measures))

    def head(note: ElementTree.Element) -> tuple[str, float, list[str]]:
        name = "".join(note.findtext(f"pitch/{part}", "") for part in ("step", "alter", "octave")) or "rest"
        ties = [tie.attrib["type"] for tie in note.findall("tie")]
        return name, 4 * int(note.findtext("duration", "0")) / divisions, sorted(ties)

    return [[head(note) for note in measure.findall("note")] for measure in measures]


def test_musicxml_by_hand():
    """In 3/4 under three flats: a tie over two bar lines, a rest, and a note that is none of the signature's."""
    melody = [17, *[1] * 7, 15, *[1] * 27, 0, 1, 22, 1, 1, 1, 1, 1, 24, 1, 1, 1]
    assert heads(musicxml_text(melody, Staff("3/4", 12, 4, -3, "minor", 66))) == [
        [("E-14", 8, []), ("D-14", 4, ["start"])],
        [("D-14", 12, ["start", "stop"])],
        [("D-14", 12, ["stop"])],
        [("rest", 2, []), ("A-14", 6, []), ("B-14", 4, [])],
    ]


@pytest.mark.parametrize(("write", "text"), [(write_abc, abc_text), (write_musicxml, musicxml_text)])
def test_a_file_holds_the_text_with_its_title_on_its_staff(tmp_path, write, text):
    staff = Staff("6/8", 12, 6, 2, "dorian", 77)
    write(MELODY, tmp_path / "air", staff, "Caf\u00e9 Air")
    written = (tmp_path / "air").read_text(encoding="utf-8")
    assert "Caf\u00e9 Air" in written
    assert written == text(MELODY, staff, "Caf\u00e9 Air") != text(MELODY)


def test_a_title_in_abc_is_one_line_so_that_no_field_follows_it():
    assert abc_text([14, 1], title="Air\nK:G").startswith("X:1\nT:Air K:G\nM:4/4\n")


@pytest.mark.parametrize("suffix", ["abc", "musicxml"])
def test_what_is_written_can_be_a_primer(tmp_path, suffix):
    melody = np.array([14, 1, 18, 1, 21, 1, 18, 16] * 5)
    write = {"abc": write_abc, "musicxml": write_musicxml}[suffix]
    write(transposed(melody, 2), tmp_path / f"tune.{suffix}", Setting("D").staff)
    assert read_primer(tmp_path / f"tune.{suffix}", 40).tolist() == melody.tolist()


def test_musicxml_has_key_meter_tempo_and_no_date():
    text = musicxml_text(MELODY, Setting("Eb", meter="6/8", tempo=90).staff, "Try")
    assert text == musicxml_text(MELODY, Setting("Eb", meter="6/8", tempo=90).staff, "Try")
    for part in ("<fifths>-3<", "<beats>6<", "<beat-type>8<", 'tempo="90"', "<work-title>Try<", "<alter>-1<"):
        assert part in text
    assert "encoding-date" not in text


def test_musicxml_has_nothing_that_is_not_known():
    """No composer, no date, no name of a part on the page; a title is text, whatever is in it."""
    text = musicxml_text([14, 1], title="A <b>&\x00 \u266a")
    score = ElementTree.fromstring(text)
    assert score.findtext("work/work-title") == "A <b>&  \u266a"
    assert score.find("identification/creator") is None
    assert [each.tag for each in score.iter() if "date" in each.tag] == []


@pytest.mark.parametrize(
    ("setting", "unit", "dots", "per_minute"),
    [
        (Setting(tempo=120), "quarter", 0, "120"),
        (Setting(meter="6/8", tempo=120), "quarter", 1, "80"),
        (Setting(meter="2/2", tempo=120), "half", 0, "60"),
        (Setting(meter="7/8", tempo=100), "eighth", 0, "200"),
    ],
)
def test_the_tempo_mark_counts_beats_and_the_sound_quarters(setting, unit, dots, per_minute):
    """120 quarters per minute are 80 dotted quarters, the beats of 6/8."""
    score = ElementTree.fromstring(musicxml_text([14, 1], setting.staff))
    (mark,) = score.iter("metronome")
    assert (mark.findtext("beat-unit"), len(mark.findall("beat-unit-dot"))) == (unit, dots)
    assert mark.findtext("per-minute") == per_minute
    assert [each.get("tempo") for each in score.iter("sound")] == [f"{setting.tempo:g}"]


def test_music21_reads_from_musicxml_what_was_written():
    converter = pytest.importorskip("music21").converter
    jig = [16, 1, 20, 1, 23, 1, 28, 1, 1, 1, 1, 1, 1, 1, 19, 0, 1, 1, 16, 1, 1, 1, 1, 1]
    score = converter.parse(musicxml_text(jig, Setting("D", meter="6/8", tempo=90).staff, "Jig"), format="musicxml")
    (signature,) = score[("KeySignature")]
    (meter,) = score[("TimeSignature")]
    (mark,) = score[("MetronomeMark")]
    assert (signature.sharps, signature.mode, meter.ratioString) == (2, "major", "6/8")
    assert (mark.referent.quarterLength, mark.number, mark.getQuarterBPM()) == (1.5, 60, 90)
    assert (score.metadata.title, score.metadata.composer) == ("Jig", None)
    notes = [(n.pitch.midi, n.quarterLength, n.tie and n.tie.type) for n in score[("Note")]]
    assert notes == [
        (62, 0.5, None),
        (66, 0.5, None),
        (69, 0.5, None),
        (74, 1.5, "start"),
        (74, 0.5, "stop"),
        (65, 0.25, None),
        (62, 1.5, None),
    ]


def musicxml_notes(text: str, *tags: str) -> list[list[str | None]]:
    return [[note.findtext(tag) for tag in tags] for note in ElementTree.fromstring(text).iter("note")]


def test_accidentals_last_a_bar_and_ties_carry_them_over_the_bar_line():
    """F#4 in C, again, then natural; over the bar line F#4 is tied, and the F#4 after it has its own sign."""
    melody = [20, 1, 1, 1, 20, 1, 1, 1, 19, 1, 1, 1, 20, 1, 1, 1, 1, 1, 1, 1, 20, 1, 1, 1, 19, 1, 1, 1, 31, 1, 1, 1]
    assert musicxml_notes(musicxml_text(melody), "pitch/octave", "accidental") == [
        ["4", "sharp"],
        ["4", None],
        ["4", "natural"],
        ["4", "sharp"],
        ["4", None],
        ["4", "sharp"],
        ["4", "natural"],
        ["5", None],
    ]
    in_e_flat = musicxml_text([17, 16, 17, 18], Staff(sharps=-3))
    assert [row[0] for row in musicxml_notes(in_e_flat, "accidental")] == [None, None, None, "natural"]


@pytest.mark.parametrize(
    ("melody", "staff", "beams"),
    [
        ([14, 1] * 8, C_MAJOR, [["begin"], ["continue"], ["continue"], ["end"]] * 2),
        (
            [14, 1, 14, 1, 14, 14, 14, 1],
            C_MAJOR,
            [["begin"], ["end"], ["begin", "begin"], ["continue", "end"], ["end"]],
        ),
        ([14, 1, 1, 14], C_MAJOR, [["begin"], ["end", "backward hook"]]),
        ([14, 14, 1, 14], C_MAJOR, [["begin", "forward hook"], ["continue"], ["end", "backward hook"]]),
        ([14, 1, 0, 1, 14, 1, 1, 1], C_MAJOR, [[], [], []]),
        ([14, 1] * 6, Staff("6/8", 12, 6), [["begin"], ["continue"], ["end"]] * 2),
        ([14, 1] * 6, Staff("3/4", 12, 4), [["begin"], ["end"]] * 3),
        ([14, 1] * 7, Staff("7/8", 14, 2), [["begin"], ["end"]] * 2 + [["begin"], ["continue"], ["end"]]),
    ],
)
def test_beams_show_the_beats(melody, staff, beams):
    score = ElementTree.fromstring(musicxml_text(melody, staff))
    assert [[beam.text for beam in note.findall("beam")] for note in score.iter("note")] == beams


@pytest.mark.parametrize(
    ("start", "steps", "staff", "values"),
    [
        (2, 4, C_MAJOR, [4]),
        (4, 8, C_MAJOR, [8]),
        (6, 4, C_MAJOR, [2, 2]),
        (4, 6, C_MAJOR, [4, 2]),
        (6, 10, C_MAJOR, [2, 8]),
        (1, 6, C_MAJOR, [3, 3]),
        (1, 7, C_MAJOR, [3, 4]),
        (2, 6, C_MAJOR, [6]),
        (0, 32, C_MAJOR, [16, 16]),
        (0, 8, Staff("6/8", 12, 6), [6, 2]),
        (4, 8, Staff("6/8", 12, 6), [2, 6]),
        (4, 4, Staff("6/8", 12, 6), [2, 2]),
        (2, 4, Staff("6/8", 12, 6), [4]),
        (0, 12, Staff("6/8", 12, 6), [12]),
        (0, 24, Staff("12/8", 24, 6), [24]),
        (4, 8, Staff("3/4", 12, 4), [8]),
        (2, 8, Staff("3/4", 12, 4), [2, 6]),
    ],
)
def test_no_note_hides_a_stronger_beat(start, steps, staff, values):
    """A quarter may be off the beat within half a bar of 4/4, not across its middle; a beat of 6/8 stays whole."""
    written = note_values([*[1] * start, 14, *[1] * (steps - 1)], staff)
    assert [value.steps for value in written if value.pitch is not None] == values


@pytest.mark.parametrize(
    ("start", "steps", "staff", "values"),
    [
        (0, 16, C_MAJOR, [16]),
        (8, 8, C_MAJOR, [8]),
        (4, 8, C_MAJOR, [4, 4]),
        (2, 4, C_MAJOR, [2, 2]),
        (1, 3, C_MAJOR, [1, 2]),
        (4, 8, Staff("3/4", 12, 4), [4, 4]),
        (0, 12, Staff("6/8", 12, 6), [12]),
        (2, 10, Staff("6/8", 12, 6), [2, 2, 6]),
    ],
)
def test_a_rest_is_a_metrical_unit(start, steps, staff, values):
    melody = [14, *[1] * (start - 1), *[0][:start], *[1] * (steps - bool(start))]
    written = note_values(melody[-(start + steps) :] if start else [1] * steps, staff)
    assert [value.steps for value in written if value.pitch is None] == values


def test_a_bar_of_silence_is_a_whole_rest_in_any_meter():
    score = ElementTree.fromstring(musicxml_text([1] * 28, Staff("7/8", 14, 2)))
    assert [note.find("rest").get("measure") for note in score.iter("note")] == ["yes", "yes"]
    assert [note.findtext("duration") for note in score.iter("note")] == ["14", "14"]


def test_a_pickup_is_an_incomplete_bar_before_the_first():
    staff = C_MAJOR._replace(pickup=4)
    melody = [14, 1, 1, 1, *[16, 1, 1, 1] * 4]
    score = ElementTree.fromstring(musicxml_text(melody, staff))
    assert [(bar.get("number"), bar.get("implicit")) for bar in score.iter("measure")] == [("0", "yes"), ("1", None)]
    assert [len(bar.findall("note")) for bar in score.iter("measure")] == [1, 4]
    assert abc_text(melody, staff).splitlines()[-1] == "C4 | D4 D4 D4 D4 |]"


def test_low_melodies_are_in_the_bass_clef():
    signs = [ElementTree.fromstring(musicxml_text([token])).findtext(".//clef/sign") for token in (2, 10, 11, 37)]
    assert signs == ["F", "F", "G", "G"]


@given(melodies, staves, st.sampled_from(["4/4", "3/4", "6/8", "7/8", "5/4", "12/8", "2/2", "3/16"]), st.integers(0, 7))
def test_values_fill_the_melody_in_any_meter(melody, staff, meter, pickup):
    of_meter = Setting(meter=meter).staff
    staff = of_meter._replace(pickup=pickup % of_meter.steps_per_bar)
    values = note_values(melody, staff)
    assert [value.start for value in values] == np.cumsum([0, *(value.steps for value in values)])[:-1].tolist()
    assert sum(value.steps for value in values) == len(melody)
    for bar in bars_of(values, staff):
        places = {staff.place(step)[0] for value in bar for step in range(value.start, value.start + value.steps)}
        assert len(places) == 1
        assert [value for group in beamed(bar, staff) for value in group] == bar
    tied = [(value, after) for value, after in pairwise(values) if value.tied]
    assert all(value.pitch == after.pitch for value, after in tied)


def test_no_melody_is_refused(tmp_path):
    for write in (write_abc, write_musicxml):
        with pytest.raises(VocabularyError):
            write([38], tmp_path / "bad")
    assert not list(tmp_path.iterdir())
