"""Small files that real users stumbled over, in `cases/`, and what comes out of each."""

import os
from pathlib import Path

import pytest
import yaml

from note_rnn.extraction.scores.abc_book import abc_text, abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.scores.mxl import unpacked
from note_rnn.extraction.tune_files import read_tunes
from note_rnn.extraction.tunes import Bars

CASES = Path(__file__).with_name("cases")
EXPECTED = yaml.safe_load((CASES / "expected.yaml").read_text(encoding="utf-8"))


SCALE = [14, 16, 18, 19, 21, 23, 25, 26]
"""Tokens of C4 D4 E4 ... C5."""


def parts(path):
    content = path.read_bytes()
    if path.suffix == ".abc":
        return [abc_part(tune) for tune in abc_tunes(abc_text(content))]
    return [musicxml_part(unpacked(content) if path.suffix == ".mxl" else content)]


def test_every_case_has_its_expected_values():
    assert {path.relative_to(CASES).as_posix() for path in CASES.rglob("*.*")} - {"expected.yaml"} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_case(name, melody):
    assert [melody(part) for part in parts(CASES / name)] == EXPECTED[name]


@pytest.mark.parametrize("name", ["additive", "sum"])
def test_additive_meters_are_named_by_their_sum(name):
    (tune,) = read_tunes(CASES / "17-abc-meter-unit" / f"{name}.abc")
    assert tune.bars == [Bars("7/8", 0)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("start", ["X:1\n", "", " X:1\n"], ids=["X", "no X", "blank"])
def test_a_book_in_any_encoding(encoding, start, melody):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    book = (CASES / "05-abc-bom" / "book.abc").read_text(encoding="utf-8-sig").removeprefix("X:1\n")
    tunes = abc_tunes(abc_text(mark + f"{start}{book}".encode(encoding)))
    assert [tune.title for tune in tunes] == ["One", "Two", "Three"]
    assert [melody(abc_part(tune)) for tune in tunes] == EXPECTED["05-abc-bom/book.abc"]


def test_of_byte_order_marks_none_is_left():
    assert abc_text(b"\xef\xbb\xbf\xef\xbb\xbfX:1") == "X:1"


def test_what_replaces_a_file_is_read_even_with_an_older_time_stamp(tmp_path):
    folder, path = CASES / "14-musicxml-stale-cache", tmp_path / "tune.musicxml"
    tunes = []
    for name, time in (("first", 2_000_000_000), ("corrected", 1_000_000_000)):
        path.write_bytes((folder / f"{name}.musicxml").read_bytes())
        os.utime(path, (time, time))
        tunes.append(read_tunes(path)[0].segments[0].tolist())
    assert [[token for token in tune if token > 1] for tune in tunes] == [SCALE, SCALE[::-1]]
