"""`python -m note_rnn.corpus`: arguments, files and output."""

import json
import sys
from dataclasses import asdict

import numpy as np
import pytest

from note_rnn import run_command
from note_rnn.corpus import Corpus, __main__, read_corpus
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import Reading

STEP = 24
"""Ticks of a sixteenth."""


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command, and return what it prints."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["note_rnn.corpus", *map(str, arguments)])
        run_command(__main__.main)
        return capsys.readouterr().out

    return run


def moved(events, steps):
    return [(tick + steps * STEP, event) for tick, event in events]


@pytest.fixture
def song(midi, tmp_path):
    """A folder with a song, of which each option takes something else.

    Under one sharp, in 3/4 for eight bars, then in 4/4; another tempo from bar 5 on. Its tracks: a scale of C to the
    end; two scales at once; four notes only; two halves with a bar of silence between; a scale over four octaves.
    """
    conductor = midi.track(
        (0, midi.meta(0x58, [3, 2])),
        (0, midi.meta(0x59, [1, 0])),
        (48 * STEP, midi.meta(0x51, [9, 9, 9])),
        (96 * STEP, midi.meta(0x58, [4, 2])),
    )
    lead = [(0, midi.meta(3, b"Lead")), *midi.scale(number=144)]
    together = sorted(
        midi.scale(number=96) + midi.scale(number=96, first=65), key=lambda event: (event[0], event[1][0])
    )
    few = midi.notes(*((n * STEP, (n + 1) * STEP, (60, 62, 64, 65)[n % 4]) for n in range(96)))
    halves = midi.scale(number=42) + moved(midi.scale(number=42), 54)
    wide = midi.scale(number=48, first=36) + moved(midi.scale(number=48, first=72), 48)
    folder = tmp_path / "music"
    folder.mkdir()
    tracks = (midi.track(*events) for events in (lead, together, few, halves, wide))
    (folder / "song.mid").write_bytes(midi.file(conductor, *tracks))
    return folder


@pytest.mark.parametrize(
    ("options", "lengths", "first_token"),
    [
        ("", [96], 19),
        ("--min-bars 3", [96, 42, 48, 48], 19),
        ("--min-bars 3 --melody-track LEAD", [96, 48], 19),
        ("--bar-steps 16", [144], 19),
        ("--max-steps 50", [50], 19),
        ("--polyphony top", [96, 96], 19),
        ("--min-pitches 4", [96, 96], 19),
        ("--gap-bars 1.5", [96, 96], 19),
        ("--wide fold", [96, 96], 19),
        ("--min-bars 4", [96, 48], 19),
        ("--min-bars 4 --cut-at-tempo", [48, 48, 48, 48, 48], 19),
        ("--key estimate", [96], 14),
    ],
)
def test_each_option_has_its_effect(run, song, tmp_path, options, lengths, first_token):
    """By its signature of G the scale of C becomes one from F on, token 19; by its notes it stays in C, token 14."""
    run("build", song, "--out", tmp_path / "mine", "--workers", 0, *options.split())
    segments = read_corpus(tmp_path / "mine.npz").segments
    assert [len(segment) for segment in segments] == lengths
    assert segments[0][0] == first_token


def test_a_song_beside_the_grid_is_moved_unless_it_is_to_stay(run, midi, tmp_path):
    """Eighths 11 and 13 ticks late by turns, where half a sixteenth is 12: every other one would go to the next."""
    (tmp_path / "music").mkdir()
    late = [(tick + 11 + 2 * (tick // 48 % 2), event) for tick, event in midi.scale(2)]
    (tmp_path / "music" / "late.mid").write_bytes(midi.file(midi.track(*late)))
    for option, steps_between in (("--align", [2, 2, 2]), ("--no-align", [3, 1, 3])):
        run("build", tmp_path / "music", "--out", tmp_path / "mine", "--workers", 0, option)
        (segment,) = read_corpus(tmp_path / "mine.npz").segments
        assert np.diff(np.flatnonzero(segment > 1))[:3].tolist() == steps_between


def test_the_report_has_the_settings_and_the_defaults_are_the_fields(run, song, tmp_path):
    run("build", song, "--out", tmp_path / "mine", "--workers", 0, "--min-bars", 2, "--wide", "fold")
    report = json.loads((tmp_path / "mine.json").read_text())
    assert report["extraction"] == {**asdict(Extraction()), **asdict(Reading()), "min_bars": 2, "wide": "fold"}
    (provenance,) = read_corpus(tmp_path / "mine.npz").provenance
    assert provenance["extraction"] == report["extraction"]


def test_all_folders_are_read_and_reported(run, song, midi, tmp_path):
    pytest.importorskip("music21")
    more = tmp_path / "more"
    more.mkdir()
    book = "".join(
        f"X:{n}\nT:Air {n}\nM:4/4\nL:1/16\nK:C\n{music}|\n\n" for n, music in ((1, "C16|D16"), (2, "E16|F16"))
    )
    (more / "book.abc").write_text(book)
    (more / "cover.png").write_bytes(b"")
    out = run("build", song, more, "--out", tmp_path / "deep" / "mine", "--workers", 0)
    corpus = read_corpus(tmp_path / "deep" / "mine.npz")
    assert corpus.sources == ["music/song.mid#1", "more/book.abc#1", "more/book.abc#2"]
    assert "3 melodies (160 sixteenths) from 3 tunes in 2 of 2 files" in out
    assert "Other files, skipped: 1 .png" in out
    assert str(tmp_path / "deep" / "mine.npz") in out


def test_a_report_is_printed_again_with_what_became_of_some_files(run, song, tmp_path):
    (song / "torn.mid").write_bytes(b"MThd")
    out = run("build", song, "--out", tmp_path / "mine", "--workers", 0)
    again = run("report", tmp_path / "mine.json")
    assert again == out[: out.index("Saved ")]
    for reason, files, parts in (("truncated", "1", ""), ("shorter than 7 bars", "", "3")):
        (row,) = (line.split("│")[1:4] for line in out.splitlines() if reason in line)
        assert [cell.strip() for cell in row] == [reason, files, parts]
    of_some = run("report", tmp_path / "mine.json", "--file", "torn").splitlines()
    assert of_some[0] == "music/torn.mid: no melody: truncated (1)"
    assert not any("song.mid" in line for line in of_some)
    of_all = run("report", tmp_path / "mine.json", "--file", ".mid")
    assert "music/song.mid: melodies kept, left out: " in of_all
    assert "shorter than 7 bars (3)" in of_all
    assert "music/torn.mid: no melody: " in of_all


def test_there_is_a_table_where_something_was_dropped_or_cut(run, midi, tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "whole.mid").write_bytes(midi.file(midi.track(*midi.scale())))
    out = run("build", tmp_path / "music", "--out", tmp_path / "mine", "--workers", 0)
    assert out.startswith("1 melodies (128 sixteenths) from 1 tunes in 1 of 1 files\n")
    (tmp_path / "music" / "torn.mid").write_bytes(b"MThd")
    assert "│ truncated" in run("build", tmp_path / "music", "--out", tmp_path / "mine", "--workers", 0)
    (tmp_path / "music" / "torn.mid").write_bytes(
        midi.file(midi.track(*midi.scale()), midi.track(*midi.scale(number=9)))
    )
    assert "│ shorter than 7 bars" in run("build", tmp_path / "music", "--out", tmp_path / "mine", "--workers", 0)


def test_tune_books_are_read_once_and_counted(run, monkeypatch):
    """Of the tunes of each collection; without music21 they cannot be read."""
    names = ["oneills1850/1.abc#1", "ryansMammoth/1.abc#1", "ryansMammoth/2.abc#1"]
    books = Corpus([np.zeros(1_200, int), np.zeros(20, int), np.zeros(7, int)], np.arange(3), [""] * 3, names)
    readings = []
    monkeypatch.setattr(__main__, "load_corpus", lambda reading: readings.append(reading) or books)
    assert run("tune-books").splitlines() == [
        "oneills1850: 1 tunes (1,200 sixteenths)",
        "ryansMammoth: 2 tunes (27 sixteenths)",
    ]
    run("tune-books", "--off-grid", "cut", "--repeats", "unfold")
    assert readings == [Reading(), Reading("cut", "unfold")]


@pytest.mark.parametrize(
    ("options", "lengths"),
    [
        ("", [72]),
        ("--off-grid round --repeats once", [72]),
        ("--off-grid cut", [32, 32]),
        ("--repeats unfold", [144]),
        ("--off-grid cut --repeats unfold", [32, 64, 32]),
    ],
)
def test_scores_are_rounded_or_cut_and_once_through_or_with_repeats(run, tmp_path, options, lengths):
    (tmp_path / "music").mkdir()
    book = "X:1\nT:A\nM:4/4\nL:1/16\nK:C\n|:C16|D16|(3C4D4E4|E16|F16:|\n"
    (tmp_path / "music" / "book.abc").write_text(book)
    out = run("build", tmp_path / "music", "--out", tmp_path / "mine", "--workers", 0, *options.split())
    assert [len(segment) for segment in read_corpus(tmp_path / "mine.npz").segments] == lengths
    moved = 4 if "unfold" in options else 2
    assert (f"{moved} notes moved onto the grid of sixteenths, 0 dropped there" in out) == ("cut" not in options)


def test_repeats_that_are_not_clear_are_reported(run, tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "book.abc").write_text("X:1\nT:A\nM:4/4\nL:1/16\nK:C\n|:C16|D16|E16|F16|]\n")
    out = run("build", tmp_path / "music", "--out", tmp_path / "mine", "--workers", 0, "--repeats", "unfold")
    assert "repeats not played out: a repeat that begins and" in out
    (origin,) = read_corpus(tmp_path / "mine.npz").origins
    assert origin.folded == "a repeat that begins and does not end"


def test_folders_that_could_not_be_read_are_printed(run, song, tmp_path):
    run("build", song, "--out", tmp_path / "mine", "--workers", 0)
    report = json.loads((tmp_path / "mine.json").read_text())
    report["unread_folders"] = {"/music/locked": "Permission denied"}
    (tmp_path / "mine.json").write_text(json.dumps(report))
    assert "Folder /music/locked could not be read: Permission denied" in run("report", tmp_path / "mine.json")
