"""Music at URLs: archives and other file systems that fsspec opens."""

import zipfile

import fsspec
import pytest

from note_rnn.corpus import CorpusError, file_systems, read_corpus
from note_rnn.corpus.build import build_corpus
from note_rnn.corpus.file_systems import local_file, name_of_url, version_of
from note_rnn.corpus.folders import find_files
from note_rnn.corpus.reading import read_file
from note_rnn.extraction.pipeline import Extraction


@pytest.fixture
def files(midi):
    """A good file, a bad one, a good one in a folder, and one of another kind."""
    good = midi.file(midi.track(*midi.scale()))
    return {"a.mid": good, "bad.mid": b"bad", "deep/b.mid": midi.file(midi.track(*midi.scale(2))), "x.txt": b"no"}


@pytest.fixture
def memory(files):
    system = fsspec.filesystem("memory")
    for name, content in files.items():
        system.pipe(f"/music/{name}", content)
    yield "memory://music"
    system.rm("/music", recursive=True)


@pytest.fixture
def archive(files, tmp_path):
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return f"zip://::{tmp_path / 'music.zip'}"


@pytest.fixture
def folder(files, tmp_path):
    for name, content in files.items():
        (tmp_path / "music" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "music" / name).write_bytes(content)
    return tmp_path / "music"


def test_a_corpus_from_a_url_is_that_from_a_folder(memory, archive, folder, tmp_path):
    reports = {}
    for name, source in {"memory": memory, "archive": archive, "folder": folder, "file": f"file://{folder}"}.items():
        reports[name] = build_corpus([source], tmp_path / name, num_workers=0)
    assert (reports["folder"].files, reports["folder"].files_kept) == (3, 2)
    for name in ("memory", "file"):
        assert reports[name] == reports["folder"]
    assert list(reports["archive"].dropped) == ["music.zip/bad.mid"]
    tunes = [read_corpus(tmp_path / f"{name}.npz") for name in reports]
    assert len({tuple(tune.tobytes() for tune in corpus.segments) for corpus in tunes}) == 1
    assert tunes[0].sources == tunes[2].sources == ["music/a.mid#1", "music/deep/b.mid#1"]
    assert tunes[1].sources == ["music.zip/a.mid#1", "music.zip/deep/b.mid#1"]


def test_a_part_of_an_archive_and_the_top_of_a_file_system(archive, memory):
    (only,) = find_files([archive.replace("zip://", "zip://deep")]).files
    assert only.name == "deep/b.mid"
    names = [file.name for file in find_files(["memory://"]).files]
    assert names == ["memory/music/a.mid", "memory/music/bad.mid", "memory/music/deep/b.mid"]


def test_other_files_are_counted(memory, archive):
    assert find_files([memory]).others == find_files([archive]).others == {".txt": 1}


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("memory://nowhere", "There is no folder memory://nowhere"),
        ("nope://x", "nope://x cannot be opened .*Protocol not known"),
        ("zip://::nowhere.zip", "cannot be opened .*No such file"),
    ],
)
def test_urls_that_cannot_be_opened_are_one_sentence(url, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match=sentence):
        find_files([url])


def test_a_file_that_is_gone_is_dropped_with_the_reason(memory):
    result = read_file("memory://music/gone.mid", "gone.mid", Extraction())
    assert result.tunes == []
    (reason,) = result.reasons
    assert reason.startswith("cannot be opened")


def test_of_a_large_file_no_more_is_copied_than_shows_it(memory, monkeypatch):
    monkeypatch.setattr(file_systems, "MAX_BYTES", 5)
    with local_file("memory://music/a.mid") as path, open(path, "rb") as file:
        assert file.read() == b"MThd\0\0"


def test_the_version_of_a_file_changes_with_it(memory):
    url = "memory://music/a.mid"
    before = version_of(url)
    assert version_of(url) == before
    fsspec.filesystem("memory").pipe("/music/a.mid", b"other")
    assert version_of(url) != before
    assert version_of("memory://music/gone.mid") is None
    assert version_of("/nowhere/gone.mid") is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://bucket/music/", "music"),
        ("zip://::/tmp/all.zip", "all.zip"),
        ("zip://jigs::s3://bucket/all.zip", "jigs"),
        ("memory://", "memory"),
    ],
)
def test_names_of_urls(url, name):
    assert name_of_url(url) == name
