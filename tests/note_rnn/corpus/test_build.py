"""Builds of a corpus from folders: every file is in the report, also after interruptions."""

import hashlib
import json
import os
import sys
from concurrent.futures import Future

import numpy as np
import pytest

from note_rnn import run_command
from note_rnn.common import parallel
from note_rnn.corpus import CorpusError, __main__, build, load_corpus, read_shards, workers
from note_rnn.corpus.build import build_corpus, corpus_paths
from note_rnn.corpus.folders import find_files
from note_rnn.corpus.reading import read_file
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import Reading
from note_rnn.extraction.tunes import Bars


@pytest.fixture
def music(midi, tmp_path):
    """A folder of two good files in folders, a bad one, one with something to drop, and files of other kinds."""
    folder = tmp_path / "music"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "a.mid").write_bytes(midi.file(midi.track(*midi.scale())))
    (folder / "deep" / "deeper" / "B.MIDI").write_bytes(midi.file(midi.track(*midi.scale(2))))
    (folder / "deep" / "bad.mid").write_bytes(b"bad")
    (folder / "deep" / "part.mid").write_bytes(midi.file(midi.track(*midi.scale()), midi.track(*midi.scale(number=9))))
    (folder / "readme.txt").write_text("no music")
    (folder / "noname").write_text("no music")
    return folder


def test_files_are_found_in_order_and_others_counted(music):
    found = find_files([music, music / "deep"])
    assert [file.name for file in found.files] == [
        "music/a.mid",
        "music/deep/bad.mid",
        "music/deep/part.mid",
        "music/deep/deeper/B.MIDI",
    ]
    assert found.others == {".txt": 1, "": 1}
    assert found.unread == {}


def test_names_that_are_no_utf8_can_be_printed(tmp_path):
    os.mkdir(os.fsencode(tmp_path) + b"/m\xfcsic")
    with open(os.fsencode(tmp_path) + b"/m\xfcsic/t\xffne.mid", "wb"):
        pass
    (file,) = find_files([tmp_path]).files
    assert file.name.encode("utf-8").decode("ascii").endswith("m\\xfcsic/t\\xffne.mid")
    assert os.path.exists(file.path)


def let_deeper_fail(monkeypatch, error: OSError) -> None:
    """Let the folder music/deep/deeper fail with `error` when it is listed."""
    scandir = os.scandir

    def listed(path):
        if str(path).endswith("deeper"):
            error.filename = str(path)
            raise error
        return scandir(path)

    monkeypatch.setattr(os, "scandir", listed)


def test_a_folder_that_vanishes_is_reported(music, monkeypatch):
    let_deeper_fail(monkeypatch, FileNotFoundError(2, "No such file or directory"))
    found = find_files([music])
    assert len(found.files) == 3
    ((folder, reason),) = found.unread.items()
    assert folder.endswith("deeper")
    assert reason == "No such file or directory"


def test_folders_that_are_not_there(tmp_path):
    with pytest.raises(CorpusError, match="There is no folder"):
        find_files([tmp_path / "none"])
    with pytest.raises(CorpusError, match="Name at least one folder"):
        find_files([])


def test_a_corpus_and_its_report(music, tmp_path):
    report = build_corpus([music], tmp_path / "out" / "mine", num_workers=0)
    corpus = load_corpus([str(tmp_path / "out" / "mine.npz")])
    assert corpus.sources == ["music/a.mid#1", "music/deep/part.mid#1", "music/deep/deeper/B.MIDI#1"]
    assert [len(segment) for segment in corpus.segments] == [128, 128, 256]
    assert corpus.tune_of_segment.tolist() == [0, 1, 2]
    saved = json.loads((tmp_path / "out" / "mine.json").read_text())
    assert saved == json.loads(json.dumps(report.as_dict()))
    assert (saved["files"], saved["files_kept"], saved["melodies"], saved["tokens"]) == (4, 3, 3, 512)
    assert saved["dropped"] == {"music/deep/bad.mid": {"not a MIDI file": 1}}
    assert saved["cut"] == {"music/deep/part.mid": {"shorter than 7 bars": 1}}
    assert saved["reasons"]["not a MIDI file"] == {"files": 1, "times": 1}
    assert corpus.provenance[0]["files"] == 4
    assert "dropped" not in corpus.provenance[0]
    assert sorted(os.listdir(tmp_path / "out")) == ["mine.json", "mine.npz"]


def test_tunes_keep_their_titles_bars_and_segments_and_each_file_its_reasons(music, tmp_path):
    """A tune with a triplet, one of silence and one with a pickup, in 3/4, in a book between files of MIDI."""
    pytest.importorskip("music21")
    book = ((1, "Cut", "C16|D16|(3C4D4E4 E8|E16|F16"), (2, "Silent", "z16|z16"), (3, "Pickup", "E2|C12|D12|E10"))
    (music / "book.abc").write_text(
        "".join(f"X:{n}\nT:{title}\nM:{'4/4' if n < 3 else '3/4'}\nL:1/16\nK:C\n{tune}|\n\n" for n, title, tune in book)
    )
    report = build_corpus([music], tmp_path / "mine", num_workers=0)
    corpus = load_corpus([str(tmp_path / "mine.npz")])
    assert corpus.titles == ["", "Cut", "Pickup", "", ""]
    assert corpus.sources[:3] == ["music/a.mid#1", "music/book.abc#1", "music/book.abc#3"]
    assert corpus.tune_of_segment.tolist() == [0, 1, 2, 3, 4]
    assert [len(segment) for segment in corpus.segments] == [128, 80, 36, 128, 256]
    assert corpus.bars[1:3] == [Bars("4/4", 0), Bars("3/4", 2)]
    assert [bars.is_estimated for bars in corpus.bars] == [True, False, False, True, True]
    assert corpus.sections == [(), (0,), (0,), (), ()]
    assert [origin and (origin.moved, origin.dropped) for origin in corpus.origins] == [
        None,
        (2, 0),
        (0, 0),
        None,
        None,
    ]
    assert report.cut["music/book.abc"] == {"no notes": 1}
    assert (report.tunes, report.melodies, report.others) == (5, 5, {".txt": 1, "": 1})
    assert (report.notes_moved, report.notes_dropped) == (2, 0)
    report = build_corpus([music], tmp_path / "mine", num_workers=0, reading=Reading(off_grid="cut"))
    corpus = load_corpus([str(tmp_path / "mine.npz")])
    assert corpus.tune_of_segment.tolist() == [0, 1, 1, 2, 3, 4]
    assert [len(segment) for segment in corpus.segments] == [128, 32, 40, 36, 128, 256]
    assert corpus.bars[1:4] == [Bars("4/4", 0), Bars("4/4", 8), Bars("3/4", 2)]
    divided = "divided, but kept, where notes leave the grid or the key changes"
    assert report.cut["music/book.abc"] == {"no notes": 1, divided: 1}


def test_folders_that_vanish_are_in_the_report(music, tmp_path, monkeypatch):
    let_deeper_fail(monkeypatch, PermissionError(13, "Permission denied"))
    report = build_corpus([music], tmp_path / "mine", num_workers=0)
    assert report.unread_folders == {str(music / "deep" / "deeper"): "Permission denied"}
    assert report.files == 3


def test_a_name_with_its_suffix_or_with_dots():
    assert [path.name for path in corpus_paths("a/b.npz")] == ["b.npz", "b.json"]
    assert [path.name for path in corpus_paths("a/b.c")] == ["b.c.npz", "b.c.json"]


def test_no_file_is_lost(music, midi, tmp_path):
    for number in range(20):
        (music / f"{number}.mid").write_bytes(midi.file(midi.track(*midi.scale(number=10 * number))))
    report = build_corpus([music], tmp_path / "mine", num_workers=0)
    kept = {source.split("#")[0] for source in load_corpus([str(tmp_path / "mine.npz")]).sources}
    assert len(kept) == report.files_kept
    assert kept | report.dropped.keys() == {file.name for file in find_files([music]).files}
    assert not kept & report.dropped.keys()


def test_an_interrupted_build_resumes(music, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "FILES_PER_BATCH", 2)
    names, ends = [], [True]

    def read(path, name, extraction, reading):
        names.append(name)
        if ends[0] and len(names) == 4:
            raise KeyboardInterrupt
        return read_file(path, name, extraction, reading)

    monkeypatch.setattr(workers, "read_file", read)
    with pytest.raises(KeyboardInterrupt):
        build_corpus([music], tmp_path / "mine", num_workers=0)
    assert not (tmp_path / "mine.npz").exists()
    ends[0] = False
    names.clear()
    capsys.readouterr()
    report = build_corpus([music], tmp_path / "mine", num_workers=0)
    assert names == ["music/deep/part.mid", "music/deep/deeper/B.MIDI"]
    assert (report.files, report.files_kept, report.melodies, report.tokens) == (4, 3, 3, 512)
    assert [*report.dropped, *report.cut] == ["music/deep/bad.mid", "music/deep/part.mid"]
    assert "4 of 4 files (100%)" in capsys.readouterr().err
    resumed = load_corpus([str(tmp_path / "mine.npz")])
    build_corpus([music], tmp_path / "whole", num_workers=0)
    whole = load_corpus([str(tmp_path / "whole.npz")])
    assert resumed.sources == whole.sources
    assert np.array_equal(np.concatenate(resumed.segments), np.concatenate(whole.segments))
    assert resumed.provenance == whole.provenance


@pytest.mark.parametrize(
    "change",
    ["file", "size", "time", "name", "settings", "reading", "version", "version of tune books", "damage", "nothing"],
)
def test_what_has_changed_meanwhile_is_read_again(music, tmp_path, monkeypatch, change):
    monkeypatch.setattr(build, "FILES_PER_BATCH", 2)
    names = []

    def read(path, name, extraction, reading):
        names.append(name)
        if len(names) == 4:
            raise KeyboardInterrupt
        return read_file(path, name, extraction, reading)

    monkeypatch.setattr(workers, "read_file", read)
    with pytest.raises(KeyboardInterrupt):
        build_corpus([music], tmp_path / "mine", num_workers=0)
    (part,) = (tmp_path / "mine.parts").iterdir()
    file, written = music / "a.mid", os.stat(music / "a.mid")
    if change in ("file", "size"):
        file.write_bytes(file.read_bytes() + b"more")
    if change == "size":
        os.utime(file, ns=(written.st_atime_ns, written.st_mtime_ns))
    elif change == "time":
        os.utime(file, ns=(written.st_atime_ns, written.st_mtime_ns + 1_000_000_000))
    elif change == "name":
        file.rename(music / "a2.mid")
    elif change.startswith("version"):
        monkeypatch.setattr(build, "MIDI_VERSION" if change == "version" else "EXTRACTION_VERSION", 0)
    elif change == "damage":
        part.write_bytes(b"damaged")
    extraction = Extraction(min_bars=1 if change == "settings" else 7)
    reading = Reading(repeats="unfold" if change == "reading" else "once")
    build_corpus([music], tmp_path / "mine", extraction, num_workers=0, reading=reading)
    assert names[4:] == [file.name for file in find_files([music]).files][2 if change == "nothing" else 0 :]


def test_without_melodies_there_is_the_report_alone(music, tmp_path):
    with pytest.raises(CorpusError, match=r"^No melodies in 4 files: see .*mine\.json for the reasons\.$"):
        build_corpus([music], tmp_path / "mine", Extraction(min_bars=99), num_workers=0)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["mine.json"]


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["note_rnn.corpus", *map(str, arguments)])
    run_command(__main__.main)


def test_the_commands(music, tmp_path, monkeypatch, capsys):
    run(monkeypatch, "build", music, "--out", tmp_path / "mine", "--workers", 0, "--min-bars", 1, "--bar-steps", 16)
    printed = capsys.readouterr().out
    for text in ("shorter than 1 bars", "not a MIDI file", "1 .txt", "3 melodies", "3 of 4 files", "mine.npz"):
        assert text in printed
    run(monkeypatch, "report", tmp_path / "mine.json", "--file", "bad")
    printed = capsys.readouterr().out
    assert "music/deep/bad.mid: no melody: not a MIDI file (1)" in printed
    assert "3 melodies" in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["build", "nowhere"], "There is no folder"),
        (["build", ".", "--workers", "-1"], "--workers"),
        (["report", "none.json"], "No such file or directory: none.json"),
        (["report", "text.json"], "text.json is not the report of a corpus"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.json").write_text("{}")
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, *arguments)
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert sentence in printed
    assert len(printed.splitlines()) == 1


def test_impossible_settings_are_refused(monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "build", ".", "--min-bars", "0")
    assert "at least 1" in capsys.readouterr().err


def test_a_process_that_dies_costs_its_file_alone(music, monkeypatch):
    """Processes that die of bad.mid, whichever files they are given with it."""
    files = find_files([music]).files

    class Dying(parallel.WorkerProcesses):
        def submit(self, items):
            future = Future()
            future.set_result(items)
            return future

        def result(self, future):
            if any(file.name.endswith("bad.mid") for file in future.result()):
                raise parallel.WorkerDied
            return self._compute(future.result())

    monkeypatch.setattr(parallel, "WorkerProcesses", Dying)
    results = list(workers.read_files(files, Extraction(), Reading(), 2))
    assert [bool(result.tunes) for result in results] == [True, False, True, True]
    read = [tune.source for result in results for tune in result.tunes]
    assert read == [f"{files[number].name}#1" for number in (0, 2, 3)]
    (reason,) = results[1].reasons
    assert reason.startswith("crashed the process that read it")


@pytest.mark.parametrize(("given", "used"), [(None, 3), (0, 0), (2, 2)])
def test_files_are_read_by_as_many_processes_as_is_said_or_one_per_core(music, tmp_path, monkeypatch, given, used):
    numbers = []

    def read_here(files, extraction, reading, num_workers):
        numbers.append(num_workers)
        return workers.read_files(files, extraction, reading, 0)

    monkeypatch.setattr(build, "cpu_count", lambda: 3)
    monkeypatch.setattr(build, "read_files", read_here)
    build_corpus([music], tmp_path / "mine", num_workers=given)
    assert numbers == [used]


@pytest.mark.slow
def test_processes_give_the_same(music, tmp_path):
    build_corpus([music], tmp_path / "two", num_workers=2)
    build_corpus([music], tmp_path / "none", num_workers=0)
    two, none = (load_corpus([str(tmp_path / f"{name}.npz")]) for name in ("two", "none"))
    assert (two.sources, two.provenance) == (none.sources, none.provenance)
    assert np.array_equal(np.concatenate(two.segments), np.concatenate(none.segments))


@pytest.fixture
def in_shards(monkeypatch):
    """Builds of shards of three files, in batches of two."""
    monkeypatch.setattr(build, "FILES_PER_BATCH", 2)
    monkeypatch.setattr(build, "FILES_PER_SHARD", 3)


@pytest.fixture
def more_music(music, midi):
    """Eleven files in all: two of them the same, one with two thirds of another's notes."""
    for number in range(6):
        notes = midi.scale(1 + number % 3, number=100 + 20 * number, first=58 + 2 * number)
        (music / f"{number}.mid").write_bytes(midi.file(midi.track(*notes)))
    (music / "again.mid").write_bytes((music / "a.mid").read_bytes())
    return music


def content_of(path):
    """The tunes of a corpus by their sources, whatever the order."""
    corpus = load_corpus([str(path)])
    return {source: corpus.segments[n].tobytes() for n, source in enumerate(corpus.sources)}


def test_of_many_files_there_are_shards_with_the_same_tunes_and_reasons(more_music, tmp_path, in_shards, monkeypatch):
    report = build_corpus([more_music], tmp_path / "many", num_workers=0)
    monkeypatch.setattr(build, "FILES_PER_SHARD", 100)
    whole = build_corpus([more_music], tmp_path / "one", num_workers=0)
    folder = tmp_path / "many.shards"
    assert content_of(tmp_path / "many.npz") == content_of(tmp_path / "one.npz")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}{suffix}" for name in report.shards for suffix in (".json", ".npz")
    )
    assert len(report.shards) == 4
    assert not (tmp_path / "many.parts").exists()
    assert (report.files, report.files_kept, report.tokens) == (whole.files, whole.files_kept, whole.tokens)
    assert (report.groups, report.duplicates) == (whole.groups, whole.duplicates)
    assert report.duplicates == 2  # of a.mid: part.mid and again.mid
    assert report.reasons() == whole.reasons()
    assert (report.dropped, whole.shards) == ({}, [])
    files = [json.loads((folder / f"{name}.json").read_text()) for name in report.shards]
    assert {name: reasons for each in files for name, reasons in each["dropped"].items()} == whole.dropped
    assert {name: reasons for each in files for name, reasons in each["cut"].items()} == whole.cut
    assert read_shards(tmp_path / "many.npz").provenance == [report.summary()]


def test_shards_are_in_the_order_of_a_hash_of_names_not_of_folders(more_music, tmp_path, in_shards):
    build_corpus([more_music], tmp_path / "many", num_workers=0)
    sources = load_corpus([str(tmp_path / "many.npz")]).sources
    names = [source.partition("#")[0] for source in sources]
    assert names != sorted(names)
    assert names == sorted(names, key=lambda name: hashlib.blake2b(name.encode(), digest_size=8).digest())


@pytest.mark.parametrize("place", [1, 2, 3, 5, 7, 11])
def test_shards_killed_anywhere_are_resumed_without_loss(more_music, tmp_path, in_shards, monkeypatch, place):
    """Each file of a finished batch is read once, and the corpus is that of a build without interruption."""
    whole = build_corpus([more_music], tmp_path / "whole", num_workers=0)
    names = []

    def read(path, name, extraction, reading):
        names.append(name)
        if len(names) == place:
            raise KeyboardInterrupt
        return read_file(path, name, extraction, reading)

    monkeypatch.setattr(workers, "read_file", read)
    with pytest.raises(KeyboardInterrupt):
        build_corpus([more_music], tmp_path / "mine", num_workers=0)
    assert not (tmp_path / "mine.npz").exists()
    first = len(names)
    assert build_corpus([more_music], tmp_path / "mine", num_workers=0) == whole
    assert content_of(tmp_path / "mine.npz") == content_of(tmp_path / "whole.npz")
    assert len(set(names)) == 11
    assert len(names) <= 11 + 2  # at most the unfinished batch again
    assert (read_shards(tmp_path / "mine.npz").hashes == read_shards(tmp_path / "whole.npz").hashes).all()
    names[first:] = []
    build_corpus([more_music], tmp_path / "mine", num_workers=0)
    assert len(names) == first


@pytest.mark.parametrize("lost", [".json", ".npz"])
def test_a_shard_without_its_report_or_a_report_without_its_shard_is_built_again(
    more_music, tmp_path, in_shards, monkeypatch, lost
):
    report = build_corpus([more_music], tmp_path / "mine", num_workers=0)
    before = content_of(tmp_path / "mine.npz")
    (tmp_path / "mine.shards" / report.shards[1]).with_suffix(lost).unlink()
    assert build_corpus([more_music], tmp_path / "mine", num_workers=0) == report
    assert content_of(tmp_path / "mine.npz") == before


def test_shards_of_files_that_are_gone_are_removed(more_music, tmp_path, in_shards, monkeypatch):
    build_corpus([more_music], tmp_path / "mine", num_workers=0)
    (more_music / "0.mid").unlink()
    report = build_corpus([more_music], tmp_path / "mine", num_workers=0)
    assert report.files == 10
    assert {path.stem for path in (tmp_path / "mine.shards").iterdir()} == set(report.shards)
    monkeypatch.setattr(build, "FILES_PER_SHARD", 100)
    build_corpus([more_music], tmp_path / "mine", num_workers=0)
    assert not list((tmp_path / "mine.shards").iterdir())


def test_reasons_of_files_in_shards_are_found(more_music, tmp_path, in_shards, monkeypatch, capsys):
    run(monkeypatch, "build", more_music, "--out", tmp_path / "mine", "--workers", 0)
    assert "9 of 11 files" in capsys.readouterr().out
    run(monkeypatch, "report", tmp_path / "mine.json", "--file", "bad")
    printed = capsys.readouterr().out
    assert "music/deep/bad.mid: no melody: not a MIDI file (1)" in printed
    assert "Groups of variants: 1; tunes with the melody of another: 2" in printed
