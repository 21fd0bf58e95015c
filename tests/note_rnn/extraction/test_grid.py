"""Off the grid and onto it: tables worked out by hand, in sixteenths, and what holds for any melody."""

from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from note_rnn.extraction.grid import on_grid, steps_in_bar
from note_rnn.extraction.scores.abc_book import abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.playing import once_through
from note_rnn.extraction.tunes import Event, Melody, segments_of, without_gaps

PITCHES = dict(zip("CDEFGABcdefgab", (60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83), strict=True))
LETTERS = {pitch: letter for letter, pitch in PITCHES.items()}


def rounded(music, meter="4/4", length="1/16"):
    (tune,) = abc_tunes(f"X:1\nM:{meter}\nL:{length}\nK:C\n{music}\n")
    part = abc_part(tune)
    return part, on_grid(once_through(part))


def written(events):
    """Events as `C@0:4`, a letter or z, where it starts and how long it lasts."""
    return " ".join(f"{LETTERS.get(event.pitch, 'z')}@{event.start}:{event.duration}" for event in events)


@pytest.mark.parametrize(
    ("music", "meter", "expected", "moved", "dropped"),
    [
        pytest.param("(3C2D2E2 F4|", "2/4", "C@0:1 D@1:2 E@3:1 F@4:4", 2, 0, id="eighths"),
        pytest.param("F4 (3C2D2E2|", "2/4", "F@0:4 C@4:1 D@5:2 E@7:1", 2, 0, id="eighths at the end"),
        pytest.param("(3CDE F6|", "2/4", "C@0:1 D@1:1 F@2:6", 1, 1, id="sixteenths: two of three have room"),
        pytest.param("F2(3CDEF4|", "2/4", "F@0:2 C@2:1 D@3:1 F@4:4", 1, 1, id="sixteenths inside"),
        pytest.param("(3C4D4E4|", "2/4", "C@0:3 D@3:2 E@5:3", 2, 0, id="quarters"),
        pytest.param("(3C8D8E8|", "4/4", "C@0:5 D@5:6 E@11:5", 2, 0, id="halves"),
        pytest.param("(3:2:2C4D2 E4|", "2/4", "C@0:3 D@3:1 E@4:4", 1, 0, id="a quarter and an eighth"),
        pytest.param("(3:2:2C2D4 E4|", "2/4", "C@0:1 D@1:3 E@4:4", 1, 0, id="an eighth and a quarter"),
        pytest.param("(3C2z2E2 F4|", "2/4", "C@0:1 z@1:2 E@3:1 F@4:4", 1, 0, id="a rest in the middle"),
        pytest.param("(3CzE F6|", "2/4", "C@0:1 E@1:1 F@2:6", 1, 0, id="no room for a rest"),
        pytest.param("(3zDE F6|", "2/4", "D@0:1 E@1:1 F@2:6", 2, 0, id="no room for a rest before"),
        pytest.param("(2C2D2 E6|", "6/8", "C@0:3 D@3:3 E@6:6", 0, 0, id="duplet of eighths"),
        pytest.param("(2CD E3 F6|", "6/8", "C@0:2 D@2:1 E@3:3 F@6:6", 1, 0, id="duplet of sixteenths"),
        pytest.param("(4C2D2E2F2 G6|", "6/8", "C@0:2 D@2:1 E@3:2 F@5:1 G@6:6", 2, 0, id="quadruplet"),
        pytest.param("(5:4C2D2E2F2G2|", "2/4", "C@0:2 D@2:1 E@3:2 F@5:1 G@6:2", 4, 0, id="quintuplet of eighths"),
        pytest.param("(5:4CDEFG A4|", "2/4", "C@0:1 D@1:1 E@2:1 G@3:1 A@4:4", 3, 1, id="quintuplet of sixteenths"),
        pytest.param("(7:4C2D2E2F2G2A2B2|", "2/4", "C@0:1 D@1:1 E@2:1 F@3:2 G@5:1 A@6:1 B@7:1", 6, 0, id="septuplet"),
        pytest.param("C/D/E3 F4|", "2/4", "C@0:1 E@1:3 F@4:4", 0, 1, id="thirty-seconds on the beat"),
        pytest.param("E3C/D/ F4|", "2/4", "E@0:3 C@3:1 F@4:4", 0, 1, id="thirty-seconds before the beat"),
        pytest.param("C/D/E/F/ G6|", "2/4", "C@0:1 E@1:1 G@2:6", 0, 2, id="four thirty-seconds"),
        pytest.param("C/4D/4E/4F/4 G7|", "2/4", "C@0:1 G@1:7", 0, 3, id="sixty-fourths"),
        pytest.param("C<D E6|", "2/4", "C@0:1 D@1:1 E@2:6", 1, 0, id="dotted, short first"),
        pytest.param("C>D E6|", "2/4", "C@0:1 D@1:1 E@2:6", 1, 0, id="dotted, long first"),
        pytest.param("C3/2D/ E3/2F/ G4|", "2/4", "C@0:1 D@1:1 E@2:1 F@3:1 G@4:4", 2, 0, id="dotted twice"),
        pytest.param("C7/2D/ E4|", "2/4", "C@0:3 D@3:1 E@4:4", 1, 0, id="double dotted"),
        pytest.param("{cd}C4 {e}(3C2D2E2|", "2/4", "C@0:4 C@4:1 D@5:2 E@7:1", 2, 0, id="grace notes take no time"),
        pytest.param("TC4 !trill!(3C2D2E2|", "2/4", "C@0:4 C@4:1 D@5:2 E@7:1", 2, 0, id="trills are one note"),
    ],
)
def test_what_is_off_the_grid_goes_to_the_steps_around_it(music, meter, expected, moved, dropped):
    part, result = rounded(music, meter)
    assert written(result.melody.notes) == expected
    assert (result.moved, result.dropped) == (moved, dropped)
    assert result.melody.bar_lines == part.bar_lines


@pytest.mark.parametrize(
    ("music", "expected", "lines"),
    [
        pytest.param("C4 E7/2C/-|C/D7/2 F4|", "C@0:4 E@4:3 C@7:2 D@9:3 F@12:4", [8, 16], id="a tie over the bar line"),
        pytest.param("C8-|(3C2D2E2 F4|", "C@0:9 D@9:2 E@11:1 F@12:4", [8, 16], id="a tie into a triplet"),
        pytest.param("C6(3:2:2D2-D|(3E2F2G2 A4|", "C@0:6 D@6:2 E@8:1 F@9:2 G@11:1 A@12:4", [8, 16], id="tied within"),
        pytest.param("C6(3DEF|G8|", "C@0:6 D@6:1 E@7:1 G@8:8", [8, 16], id="no note leaves its bar"),
        pytest.param("(3D2E2F2|C8|G8|", "D@0:1 E@1:2 F@3:1 C@4:8 G@12:8", [4, 12, 20], id="a pickup of a triplet"),
        pytest.param("D/|C8|G15/2|", "D@0:1 C@1:8 G@9:7", [1, 9, 16], id="a pickup of a thirty-second"),
        pytest.param("D/4|C8|G8|", "C@0:8 G@8:8", [0, 8, 16], id="a pickup too short for a step"),
        pytest.param("C7(3:2:2D/E/|F8|", "C@0:7 D@7:1 F@8:8", [8, 16], id="a bar that is too short by a third"),
        pytest.param("C4D3|E15/2|(3F2G2A2 B4|", "C@0:4 D@4:3 E@7:8 F@15:1 G@16:2 A@18:1 B@19:4", [7, 15, 23], id="odd"),
    ],
)
def test_bar_lines_stay_and_no_note_crosses_one(music, expected, lines):
    _, result = rounded(music, "2/4")
    assert written(result.melody.notes) == expected
    assert result.melody.bar_lines == lines


def test_bars_of_other_lengths_make_no_later_bar_longer_or_shorter():
    """Each of three bars is a third of a step too long: the lines at 8 1/3, 16 2/3 and 25 are at 8, 17 and 25."""
    _, result = rounded("C8(3:2:1D/|" * 3 + "E8|", "2/4")
    assert result.melody.bar_lines == [8, 17, 25, 33]


def test_sections_go_with_their_bar_lines_or_to_the_nearest_step():
    notes = [Event(Fraction(8 * bar), Fraction(8), 60, 0) for bar in range(3)]
    lines = [Fraction(1, 2), Fraction(17, 2), Fraction(33, 2)]
    sections = [Fraction(0), Fraction(17, 2), Fraction(17, 2) + Fraction(11, 3), Fraction(33, 2) - Fraction(1, 10)]
    result = on_grid(Melody(notes, lines, sections))
    assert result.melody.bar_lines == [1, 9, 17]
    assert result.melody.sections == [0, 9, 13, 17]


def test_nothing_becomes_nothing():
    assert on_grid(Melody([], [Fraction(16)], [])) == (Melody([], [16], []), 0, 0)


@pytest.mark.parametrize(
    ("times", "is_note", "length", "expected"),
    [
        ("0 1/2 1", "nnn", 2, [0, None, 1]),
        ("0 1/2 1", "nrn", 2, [0, None, 1]),
        ("1/2 1", "rn", 2, [0, 1]),
        ("1/4 1/2 3/4", "nnn", 1, [0, None, None]),
        ("1/4 1/2 3/4", "rnr", 1, [None, 0, None]),
        ("3/2", "n", 2, [1]),
        ("3/2", "n", 3, [2]),
        ("0 1/3 2/3 1", "nrnn", 4, [0, None, None, 1]),
        ("1/3 1/2", "nn", 0, [None, None]),
        ("15 31/2", "nn", 16, [15, None]),
    ],
)
def test_notes_come_before_rests_and_the_nearest_steps_are_taken(times, is_note, length, expected):
    times = [Fraction(time) for time in times.split()]
    assert steps_in_bar(times, [kind == "n" for kind in is_note], length) == expected


LENGTHS = st.sampled_from([Fraction(n, d) for n, d in ((1, 2), (1, 3), (2, 3), (4, 3), (3, 2), (4, 5), (1, 1), (2, 1))])


@st.composite
def melodies(draw, lengths=LENGTHS):
    """A melody of notes and rests of these `lengths`, with bar lines every eight steps, or every so many events."""
    events = draw(st.lists(st.tuples(lengths, st.one_of(st.none(), st.integers(60, 83))), min_size=1, max_size=60))
    ends = list(accumulate(length for length, _ in events))
    notes = [Event(end - length, length, pitch, 0) for end, (length, pitch) in zip(ends, events, strict=True)]
    lines = ends[3::4] if draw(st.booleans()) else [Fraction(8 * bar) for bar in range(1, int(ends[-1]) // 8 + 1)]
    return Melody([note for note in notes if note.pitch is not None], lines, sorted(set(lines[::2])))


@given(melodies())
def test_what_holds_for_every_melody(melody):
    """Whole steps, in order, in their bars; bars keep their length; no note is lost but those that are counted."""
    result, moved, dropped = on_grid(melody)
    assert all(value.denominator == 1 for event in result.notes for value in event[:2])
    assert all(event.duration >= 1 for event in result.notes)
    assert all(one.start + one.duration == other.start for one, other in pairwise(result.notes))
    moves = [after - before for before, after in zip(melody.bar_lines, result.bar_lines, strict=True)]
    assert all(-Fraction(1, 2) < move <= Fraction(1, 2) for move in moves)
    for (start, end), (new_start, new_end) in zip(pairwise(melody.bar_lines), pairwise(result.bar_lines), strict=True):
        assert new_end - new_start == end - start or (end - start).denominator > 1
    pitches = [note.pitch for note in melody.notes]
    kept = [event.pitch for event in result.notes if event.pitch is not None]
    assert len(kept) + dropped == len(pitches)
    remaining = iter(pitches)
    assert all(pitch in remaining for pitch in kept)
    assert moved <= len(kept)


@given(melodies())
def test_every_note_stays_in_its_bar_and_within_a_step(melody):
    result, _, dropped = on_grid(melody)
    lines, new_lines = [Fraction(0), *melody.bar_lines], [0, *result.bar_lines]
    if dropped:
        return
    kept = [event for event in result.notes if event.pitch is not None]
    for note, event in zip(melody.notes, kept, strict=True):
        bar = sum(line <= note.start for line in melody.bar_lines)
        assert abs((note.start - lines[bar]) - (event.start - new_lines[bar])) < 1
        assert event.start >= new_lines[bar]
        assert bar + 1 == len(new_lines) or event.start < new_lines[bar + 1]


@given(melodies(st.integers(1, 6).map(Fraction)))
def test_a_melody_on_the_grid_stays_as_it_is(melody):
    assert on_grid(melody) == (Melody(without_gaps(melody.notes), melody.bar_lines, melody.sections), 0, 0)
    if melody.notes:
        cut, whole = (segments_of(each, frozenset({"2/4"}), 1) for each in (melody, on_grid(melody).melody))
        assert [(one.tokens.tolist(), *one[1:]) for one in cut] == [(one.tokens.tolist(), *one[1:]) for one in whole]


@given(melodies())
@example(Melody([Event(start, Fraction(1, 3), 60, 0) for start in (Fraction(1, 3), Fraction(2))], [Fraction(7, 3)], []))
def test_a_tune_is_as_long_as_its_bars(melody):
    """From its first note to its last bar line, if notes reach it; to the last rest if what follows is dropped."""
    result = on_grid(melody).melody
    if result.notes and melody.bar_lines and melody.notes[-1].start + melody.notes[-1].duration == melody.bar_lines[-1]:
        (segment, *others) = segments_of(result, frozenset({"2/4"}), 1)
        last = result.notes[-1]
        end = last.start if last.pitch is None else result.bar_lines[-1]
        assert others or len(segment.tokens) == end - result.notes[0].start
