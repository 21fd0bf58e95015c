"""Melodies of a folder: what is read, how, and the reasons for what is left out."""

import json
import os

import numpy as np
import pytest

from melody_env import Setting
from melody_env.judging.folder_melodies import (
    EXTRACTION,
    fitting_setting,
    one_of_each_piece,
    read_folder,
    to_bar_line,
)
from note_rnn import transposed, write_abc, write_midi, write_musicxml
from note_rnn.corpus import Corpus, CorpusError
from note_rnn.corpus.folders import File
from note_rnn.extraction.tunes import Bars
from note_rnn.formats.notation import Staff

TUNE = np.array([14, 1, 16, 1, 18, 1, 19, 1, 21, 1, 1, 1, 18, 1, 1, 1] * 2)
"""Two bars of C D E F G E."""


def read(folder, meter="4/4", **changes):
    return read_folder(folder, EXTRACTION, meter, workers=0, **changes)


def test_files_of_every_format_are_the_same_melody(tmp_path):
    staff = Staff()
    write_midi(TUNE, tmp_path / "midi.mid", staff=staff)
    write_abc(TUNE, tmp_path / "abc.abc", staff)
    write_musicxml(TUNE, tmp_path / "musicxml.musicxml", staff)
    np.save(tmp_path / "array.npy", TUNE[None])
    np.save(tmp_path / "single.npy", TUNE.astype(np.int8))
    (tmp_path / "record.json").write_text(json.dumps({"tokens": TUNE.tolist(), "notes": "more"}))
    melodies = read(tmp_path)
    windows = melodies.windows(Setting())
    np.testing.assert_array_equal(windows, [TUNE] * 6)
    assert melodies.left_out(Setting()).reasons() == {}


def test_melodies_are_moved_to_c_by_the_key_that_is_declared_or_else_by_their_notes(tmp_path):
    in_d = transposed(TUNE, 2)
    a_minor = np.where(TUNE == 14, 14 + 9, TUNE)
    write_midi(in_d, tmp_path / "declared.mid", staff=Setting(key="D").staff)
    write_midi(TUNE, tmp_path / "f_major.mid", staff=Setting(key="F").staff)  # which these notes are in too
    np.save(tmp_path / "notes.npy", in_d)
    record = {"tokens": transposed(a_minor, 5).tolist(), "setting": {"key": "D", "mode": "minor", "tempo": 120}}
    (tmp_path / "record.json").write_text(json.dumps(record))
    (tmp_path / "record_in_f.json").write_text(json.dumps({"tokens": TUNE.tolist(), "setting": {"key": "F"}}))
    windows = read(tmp_path).windows(Setting())
    np.testing.assert_array_equal(windows, [TUNE, transposed(TUNE, 7), TUNE, a_minor, transposed(TUNE, 7)])


def test_a_declared_meter_is_believed_whatever_the_notes_say(tmp_path):
    waltz = np.array([14, 1, 1, 1, 18, 1, 21, 1, 18, 1, 21, 1] * 8)
    write_midi(waltz, tmp_path / "waltz.mid", staff=Staff())
    (bars,) = read(tmp_path).corpus.bars
    assert bars == Bars("4/4", 0)


def test_a_melody_lasts_to_the_end_of_its_last_bar():
    assert to_bar_line(TUNE[:30], Bars("4/4", 0)).tolist() == [*TUNE[:30], 0, 1]
    assert to_bar_line(TUNE[:30], Bars("4/4", 14)).tolist() == TUNE[:30].tolist()
    assert to_bar_line(TUNE[:20], Bars("6/8", 4)).tolist() == [*TUNE[:20], 0, *[1] * 7]
    assert to_bar_line(TUNE[:30], Bars("", 0)).tolist() == TUNE[:30].tolist()
    assert to_bar_line(TUNE[:30], Bars("4/4", 0)).dtype == np.int64


def test_a_piece_that_ends_with_a_rest_is_whole(tmp_path):
    resting = np.concatenate([TUNE[:28], [0, 1, 1, 1]])
    write_midi(resting, tmp_path / "resting.mid", staff=Staff())
    np.testing.assert_array_equal(read(tmp_path).windows(Setting()), [resting])


def test_silent_bars_are_part_of_a_piece(tmp_path):
    resting = np.concatenate([TUNE[:16], [0], np.ones(47, int), TUNE])
    write_midi(resting, tmp_path / "resting.mid", staff=Staff())
    np.testing.assert_array_equal(read(tmp_path).windows(Setting(length="6 bars")), [resting])


def test_of_a_piece_in_several_formats_one_is_read(tmp_path):
    for suffix in ("abc", "json", "mid"):
        (tmp_path / f"melody.{suffix}").touch()
    write_midi(TUNE, tmp_path / "melody.mid", staff=Staff())
    (tmp_path / "other").mkdir()
    write_abc(TUNE, tmp_path / "other" / "melody.abc", Staff())
    melodies = read(tmp_path)
    assert len(melodies.corpus.segments) == 2
    assert melodies.left_out(Setting()).reasons() == {
        "a piece that was read in another format": {"files": 2, "times": 2}
    }
    files = [File(f"/x/{name}", name) for name in ("b.json", "a.npy", "a.krn", "b.abc")]
    chosen, others = one_of_each_piece(files)
    assert [[file.name for file in each] for each in (chosen, others)] == [["a.krn", "b.abc"], ["b.json", "a.npy"]]


def test_every_melody_that_is_left_out_has_a_reason(tmp_path):
    rows = np.stack([TUNE, np.ones(32, int), np.full(32, 14), np.append(1, TUNE[:-1])])
    rows[2] = [2, 37] * 16
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "short.npy", TUNE[None, :16])
    write_midi(np.tile(TUNE[:24], 2), tmp_path / "waltz.mid", staff=Staff("3/4", 12))
    melodies = read(tmp_path)
    left_out = melodies.left_out(Setting())
    assert len(melodies.windows(Setting())) == 2
    name = tmp_path.name
    assert left_out.dropped == {
        f"{name}/short.npy": {"shorter than 32 sixteenths from its first bar line on": 1},
        f"{name}/waltz.mid": {"in another meter (3/4)": 1},
    }
    assert left_out.cut == {
        f"{name}/rows.npy": {"no notes": 1, "shorter than 32 sixteenths from its first bar line on": 1}
    }
    assert (left_out.files, left_out.files_kept) == (3, 1)


HOSTILE = {
    "empty.mid": b"",
    "garbage.mid": b"MThd\0\0\0\6" + b"\xff" * 99,
    "larger_than_said.npy": b"\x93NUMPY\1\0v\0{'descr': '<i8', 'fortran_order': False, 'shape': (9999999999, 32), }"
    + b" " * 40,
    "objects.npy": None,
    "floats.npy": None,
    "cube.npy": None,
    "tokens.npy": None,
    "deep.json": b"[" * 100_000,
    "other.json": b'{"rows": [1, 2]}',
    "numbers.json": b'{"tokens": [1, 99]}',
    "key.json": b'{"tokens": [14, 1, 16, 1], "setting": {"key": "H\\u001b[2J"}}',
    "xml.musicxml": b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    "text.abc": b"\x00\xff\xfe" * 9,
    "zip.mxl": b"PK\3\4 no",
}


def test_hostile_files_have_a_reason_and_never_a_traceback(tmp_path):
    for name, content in HOSTILE.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    np.save(tmp_path / "objects.npy", np.array([{}, []], object), allow_pickle=True)
    np.save(tmp_path / "floats.npy", np.ones((2, 32)))
    np.save(tmp_path / "cube.npy", np.ones((2, 2, 32), int))
    np.save(tmp_path / "tokens.npy", np.full((2, 32), 38))
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "huge.mid").touch()
    os.truncate(tmp_path / "huge.mid", 1 << 25)
    (tmp_path / "large.npy").touch()
    os.truncate(tmp_path / "large.npy", 1 << 29)
    (tmp_path / "notes.txt").write_text("no music")
    left_out = read(tmp_path).left_out(Setting())
    assert {file.partition("/")[2] for file in left_out.dropped} == {*HOSTILE, "huge.mid", "large.npy", "pipe.npy"}
    assert all(reason.isprintable() and len(reason) < 300 for reason in left_out.reasons())
    assert left_out.dropped[f"{tmp_path.name}/large.npy"] == {"larger than 64 MiB": 1}
    assert left_out.dropped[f"{tmp_path.name}/pipe.npy"] == {"not a regular file": 1}
    assert left_out.others == {".txt": 1}


def test_workers_change_nothing(tmp_path):
    for number in range(5):
        write_midi(np.roll(TUNE, 16 * number) + (number if number < 3 else 0) * (TUNE > 1), tmp_path / f"{number}.mid")
        np.save(tmp_path / f"{number}.array.npy", TUNE)
    alone, both = (read_folder(tmp_path, EXTRACTION, "4/4", workers) for workers in (0, 2))
    assert alone.corpus.sources == both.corpus.sources
    assert len(alone.corpus.segments) == 10
    np.testing.assert_array_equal(alone.corpus.segments, both.corpus.segments)
    assert alone.report == both.report


@pytest.mark.parametrize(("name", "sentence"), [("", "There is no file of music or tokens in"), ("x", "no folder")])
def test_a_folder_that_is_empty_or_missing_is_one_sentence(name, sentence, tmp_path):
    with pytest.raises(CorpusError, match=sentence):
        read(tmp_path / name)


def corpus(*melodies) -> Corpus:
    """A corpus of silent melodies, each of a meter, a number of steps, and its pickup."""
    size = len(melodies)
    bars = [Bars(meter, pickup) for meter, _, pickup in melodies]
    segments = [np.ones(steps, int) for _, steps, _ in melodies]
    return Corpus(segments, np.arange(size), [""] * size, [""] * size, [], bars)


@pytest.mark.parametrize(
    ("melodies", "meter", "length", "bars"),
    [
        ([("4/4", 128, 0)] * 2, None, None, ("4/4", 128)),
        ([("2/4", 64, 0)] * 2 + [("6/8", 96, 0)] * 3, None, None, ("6/8", 96)),
        ([("2/4", 64, 0)] * 3 + [("4/4", 128, 0), ("2/2", 128, 0)], None, None, ("2/4", 64)),
        ([("2/4", 64, 0)] * 3 + [("4/4", 128, 0), ("2/2", 128, 0)] * 2, None, None, ("4/4", 128)),
        ([("3/2", 95, 0)] * 3, None, None, ("4/4", 128)),  # none of them: all are left out, with the reason
        ([("4/4", 130, 4), ("4/4", 400, 0), ("4/4", 40, 0)], None, None, ("4/4", 64)),  # 130 steps lack two
        ([("4/4", 128, 0), ("4/4", 20, 0)], None, None, ("4/4", 128)),  # half of them
        ([("4/4", 20, 0)], None, None, ("4/4", 32)),
        ([("7/8", 200, 0)], None, None, ("4/4", 128)),
        ([("4/4", 128, 0)], "3/4", None, ("3/4", 96)),
        ([("4/4", 128, 0)], None, "3 bars", ("4/4", 48)),
        ([("4/4", 128, 0)], "6/8", 30, ("6/8", 30)),
    ],
)
def test_the_setting_is_the_one_asked_for_or_that_of_most_melodies(melodies, meter, length, bars):
    setting = fitting_setting(corpus(*melodies), meter, length)
    assert (setting.meter, setting.steps) == bars
