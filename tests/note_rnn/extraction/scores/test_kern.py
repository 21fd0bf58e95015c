"""Kern through music21: the first part's upper voice, endings of an expansion, keys and meters."""

import sys

import pytest

from note_rnn.extraction.scores.kern import kern_part
from note_rnn.extraction.tunes import TuneError


def kern(*lines):
    """A document of one spine."""
    return "\n".join(["**kern", *lines, "*-", ""]).encode()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["4c", "=1", "2d", "4e", "4f"], "C4@0:4 D4@4:8 E4@12:4 F4@16:4"),
        (["8.c", "16d", "12e", "12f", "12g"], "C4@0:3 D4@3:1 E4@4:4/3 F4@16/3:4/3 G4@20/3:4/3"),
        (["4c", "4r", "4e- 4g"], "C4@0:4 G4@8:4"),
        (["2c [2d", "=", "2d]", "2d"], "D4@0:16 D4@16:8"),
        (["dq", "4c", "4e"], "C4@0:4 E4@4:4"),
        (["4c", "*^", "2e\t2g", "*v\t*v", "4a"], "C4@0:4 G4@4:8 A4@12:4"),
        (["*>[A,A1,A,A2]", "*>A", "1c", "=", "*>A1", "1d", "=:|!", "*>A2", "1e", "=="], "C4@0:16 E4@16:16"),
        (["*>[A,B]", "*>A", "1c", "=", "*>B", "1d", "=="], "C4@0:16 D4@16:16"),
        (["*>[S1,S2]", "*>S1", "1c", "=", "*>S2", "1d", "=="], "C4@0:16 D4@16:16"),
    ],
    ids=["notes", "lengths", "rest and chord", "tie", "grace", "voices", "endings", "sections", "numbered sections"],
)
def test_a_score(lines, expected, melody):
    pytest.importorskip("music21")
    assert melody(kern_part(kern(*lines))) == expected


def test_key_meter_bar_lines_and_title():
    pytest.importorskip("music21")
    part = kern_part(b"!!!OTL: Air\n" + kern("*k[f#c#]", "*M6/8", "8d", "=1", "2.e", "=2", "*k[b-]", "2.f", "=="))
    assert (part.title, part.meters, part.bar_lines) == ("Air", {"6/8"}, [2, 14, 26])
    assert [event.sharps for event in part.notes] == [2, 2, -1]


def test_no_kern_and_no_music21_are_reasons(monkeypatch):
    pytest.importorskip("music21")
    with pytest.raises(TuneError, match=r"^not readable \(\w+\)$"):
        kern_part(b"http://127.0.0.1:9/tune.krn")
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(TuneError, match=r"^kern is read by music21: pip install"):
        kern_part(kern("4c"))
