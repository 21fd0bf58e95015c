"""Tunes of files by the reading: rounded or cut, once through or with repeats; and what they were."""

import pytest

from note_rnn.common.errors import InputError
from note_rnn.extraction.tune_files import Origin, Reading, melody_hash, read_tunes
from note_rnn.extraction.tunes import Bars

HEAD = "X:1\nT:A\nM:4/4\nL:1/16\nK:C\n"


@pytest.fixture
def read(tmp_path):
    """The only tune of an ABC file of this music."""

    def read(music, min_steps=1, reading=None, head=HEAD):
        path = tmp_path / "tune.abc"
        path.write_text(f"{head}{music}\n")
        (tune,) = read_tunes(path, min_steps, reading=reading or Reading())
        return tune

    return read


@pytest.mark.parametrize(
    ("reading", "lengths", "bars", "sections"),
    [
        (Reading(), [74], [Bars("4/4", 2)], [(0, 2, 34, 42)]),
        (Reading(off_grid="cut"), [34, 32], [Bars("4/4", 2), Bars("4/4", 0)], [(0, 2), (0,)]),
        (Reading(repeats="unfold"), [106], [Bars("4/4", 2)], [(0, 2, 34, 66, 74)]),
        (Reading("cut", "unfold"), [66, 32], [Bars("4/4", 2), Bars("4/4", 0)], [(0, 2, 34), (0,)]),
    ],
)
def test_a_tune_by_each_reading(read, reading, lengths, bars, sections):
    """A pickup, two bars that are repeated, half a bar of a triplet, and two bars."""
    tune = read("E2|:C16|D16:|(3C4D4E4||E16|F16|]", 32, reading)
    assert [len(segment) for segment in tune.segments] == lengths
    assert (tune.bars, tune.sections) == (bars, sections)


def test_a_change_of_key_and_a_long_rest_cut_rounded_tunes_too(read):
    assert [len(segment) for segment in read("(3C4D4E4 C8|E16||\n[K:G]G16|(3G4A4B4 G8|").segments] == [32, 32]
    assert [len(segment) for segment in read("(3C4D4E4 C8|z16|z16|E16|").segments] == [16, 16]
    assert read("(3C4D4E4 C8|E16||\n[K:G]G16|").sections == [(0,), (0,)]


@pytest.mark.parametrize("reading", [Reading(), Reading("cut"), Reading("round", "unfold"), Reading("cut", "unfold")])
def test_what_a_tune_was_is_the_same_for_every_reading(read, reading):
    """Its notes as written; its hash is that of its tokens once through, cut at the triplet."""
    cut = read("|:C16|D16:|(3C4D4E4 E8|E16|F16|]", 32, Reading("cut"))
    tune = read("|:C16|D16:|(3C4D4E4 E8|E16|F16|]", 32, reading)
    assert tune.origin.notes == (14, 16, 14, 16, 18, 18, 18, 19)
    assert tune.origin.code == melody_hash(cut.segments)
    assert (tune.origin.moved, tune.origin.dropped) == ((2, 0) if reading.off_grid == "round" else (0, 0))


def test_a_tune_that_is_whole_only_on_the_grid_has_the_hash_of_its_notes(read):
    tune = read("(3C4D4E4 E8|(3F4D4E4 E8|", 32)
    assert tune.origin == Origin((14, 16, 18, 18, 19, 16, 18, 18), tune.origin.code, 4)
    assert tune.origin.code != read("(3C4D4E4 E8|(3G4D4E4 E8|", 32).origin.code
    assert not read("(3C4D4E4 E8|(3F4D4E4 E8|", 32, Reading("cut")).segments


def test_repeats_that_are_not_clear_are_read_once_through_with_the_reason(read):
    tune = read("|:C16|D16|]", reading=Reading(repeats="unfold"))
    assert (tune.origin.folded, len(tune.segments[0])) == ("a repeat that begins and does not end", 32)
    assert read("|:C16|D16:|", reading=Reading(repeats="unfold")).origin.folded == ""
    assert read("|:C16|D16|]").origin.folded == ""


def test_a_tune_that_is_dropped_has_no_origin(read):
    assert (read("z16|").origin, read("z16|").sections) == (None, ())


@pytest.mark.parametrize(("option", "value"), [("off_grid", "drop"), ("repeats", "twice")])
def test_other_readings_are_refused(option, value):
    with pytest.raises(InputError, match=f"^{option} must be one of '.*', not '{value}'"):
        Reading(**{option: value})
