"""Files that mean harm, or are merely damaged: read or dropped with a reason, in time that grows with their length."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from note_rnn.extraction import tune_files
from note_rnn.extraction.contents import MAX_BYTES
from note_rnn.extraction.scores.abc_book import abc_text, abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.scores.parts import MAX_CHARACTERS
from note_rnn.extraction.scores.playing import once_through
from note_rnn.extraction.tune_files import read_tunes
from note_rnn.extraction.tunes import TuneError, segments_of

PIECES = (
    "C", "c'", "^F", "=3D", "_B,", "z", "Z2", "x", "y", "[CE]", "[", "]", "(", ")", "(3", "(3:2:4", "<", ">>", "-", ".",
    "|", "|:", ":|", "::", "|1", "[2", "[1,3-4", "|]", "&", "(&", "{", "}", '"', '"Am"', "!", "!trill!", "+", "$", "*",
    "2", "/", "3/2", "9999", "[K:D]", "[L:1/16]", "[M:3/4]", "[V:2]", "[r:", "\n", "\\\n", "\n\n", "X:1\n", "T:One\n",
    "K:C\n", "K:D exp ^f\n", "M:2+3/8\n", "L:1/8\n", "V:1\n", "%%begintext\n", "%%endtext\n", "w:la\n", " ", "k", "T",
    "\ufeff", "\0", "\u2028", "\x1b[31m",
)  # fmt: skip
XML = (
    "<note>", "</note>", "<pitch>", "</pitch>", "<step>C</step>", "<octave>4</octave>", "<duration>4</duration>",
    "<measure>", "</measure>", "<part>", "</part>", "<chord/>", "<rest/>", "<backup><duration>4</duration></backup>",
    "<attributes><divisions>4</divisions></attributes>", "<time><beats>3</beats></time>", "<alter>1</alter>", "x",
    "&lt;", "<key><fifths>99</fifths></key>", '<barline><ending number="1" type="start"/></barline>',
)  # fmt: skip


def melody(read, *content):
    """Read a part to its tokens; anything but a TuneError is a failure."""
    try:
        part = read(*content)
        return segments_of(once_through(part), part.meters, 1)
    except TuneError as error:
        reasons = [str(error)]
    assert all(map(str.isprintable, reasons))
    return []


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_anything_in_abc(text):
    for tune in abc_tunes(f"X:1\nK:C\n{text}"):
        melody(abc_part, tune)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_as_abc(content):
    try:
        tunes = abc_tunes(abc_text(content))
    except TuneError:
        return
    for tune in tunes:
        melody(abc_part, tune)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(XML), max_size=40).map("".join))
def test_anything_in_musicxml(text):
    melody(musicxml_part, f"<score-partwise><part><measure>{text}</measure></part></score-partwise>".encode())


@pytest.mark.parametrize(
    "text",
    [
        "T:x\n\n" * 200_000,
        "X:1\nT:x\n\n" + "T:x\n\n" * 200_000,
        "X:1\nK:C\n" + "[V:1]C[V:2]C" * 5_000,
        "X:1\nK:C\n" + "[V:" * 20_000,
        "X:1\nK:C\n[V:" + " " * 60_000,
        "X:1\nK:C\n" + "[r:" * 20_000,
        "X:1\nK:C\n" + "|1C:|2C" * 5_000,
        "X:1\nM:4/4\nL:1/16\nK:C\n" + "C|D/3|" * 10_000,
        "X:1\nK:C\n" + "|" + " " * 60_000,
        "X:1\nK:C\n" + "!a" * 15_000,
        'X:1\nK:C\n["a"' + "C" * 60_000,
        "X:1\nK:C " + "^f " * 20_000 + "\nC|",
        "X:1\nK:C\n" + "C" * 50_000,
        "X:1\nT:" + "a, " * 20_000 + "\nK:C\nC|",
        "X:1\nM:" + "1+" * 20_000 + "1/4\nK:C\nC|",
        "%%begin" + "a" * 60_000,
        "=" + " " * 60_000,
        "X:1\nK:C\n" + "(3:" * 20_000,
        "X:1\nK:C\n|1" + ",1" * 15_000,
    ],
    ids=lambda text: text[:24].encode("unicode_escape").decode(),
)
def test_long_texts_are_read_in_their_time(text):
    """None of them takes long, as it would if something were read again from each of its places."""
    for tune in abc_tunes(text):
        melody(abc_part, tune)
        assert len(tune.title) < MAX_CHARACTERS


def test_what_is_too_long_is_dropped(tmp_path):
    (tune,) = abc_tunes("X:1\nK:C\n" + "C" * (MAX_CHARACTERS + 1))
    with pytest.raises(TuneError, match=r"^longer than 65,536 characters$"):
        abc_part(tune)
    path = tmp_path / "long.abc"
    path.write_bytes(b"%" * (MAX_BYTES + 1))
    assert [tune.dropped for tune in read_tunes(path)] == ["larger than 16 MiB"]
    path.write_bytes(b"X:1\0")
    assert [tune.dropped for tune in read_tunes(path)] == ["not a text file"]


def test_after_its_time_the_tunes_of_a_book_that_remain_are_dropped(tmp_path, monkeypatch):
    """In any thread, for no signal is needed."""
    clock = iter([0.0, 9.0, 10.0, 11.0])
    monkeypatch.setattr(tune_files.time, "monotonic", lambda: next(clock))
    path = tmp_path / "book.abc"
    path.write_text("X:1\nT:a\nL:1/1\nK:C\nC4|\n\n" * 3)
    late = "the file takes more than 10 seconds to read"
    assert [tune.dropped for tune in read_tunes(path, seconds=10)] == ["", "", late]
