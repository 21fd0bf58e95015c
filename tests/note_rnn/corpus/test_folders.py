"""Music files in folders: all kinds, each once, in an order independent of the machine."""

import os

import pytest

from note_rnn.corpus.folders import find_files

KINDS = ["a.mid", "b.midi", "c.kar", "d.rmi", "e.abc", "f.xml", "g.mxl", "h.musicxml", "i.krn"]


def filled(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"music")
    return folder


def test_files_of_every_kind_are_found_in_capitals_too(tmp_path):
    folder = filled(tmp_path / "music", [*KINDS, "J.MID", "K.Abc", "l.wav", "m.pdf", "n.PDF"])
    found = find_files([folder])
    assert [file.name for file in found.files] == [f"music/{name}" for name in ["J.MID", "K.Abc", *KINDS]]
    assert found.others == {".wav": 1, ".pdf": 2}


def test_other_kinds_of_files_are_found_if_asked_for(tmp_path):
    folder = filled(tmp_path / "music", ["a.mid", "b.npy", "c.NPY"])
    found = find_files([folder], {".npy"})
    assert [file.name for file in found.files] == ["music/b.npy", "music/c.NPY"]
    assert found.others == {".mid": 1}


def test_files_are_in_the_order_of_their_names_and_folders_after_the_files_beside_them(tmp_path):
    names = ["z/b.mid", "z/a.mid", "m/c.mid", "y.mid", "a/x.mid", "x.mid", "a/deep/w.mid"]
    expected = ["x.mid", "y.mid", "a/x.mid", "a/deep/w.mid", "m/c.mid", "z/a.mid", "z/b.mid"]
    for order in (names, names[::-1]):
        folder = filled(tmp_path / f"music{order[0][0]}", order)
        assert [file.name for file in find_files([folder]).files] == [f"{folder.name}/{name}" for name in expected]


def test_a_file_in_two_of_the_folders_counts_once_under_the_name_it_had_first(tmp_path):
    folder = filled(tmp_path / "music", ["deep/tune.mid", "tune.mid"])
    names = ["deep/tune.mid", "music/tune.mid"]
    assert [file.name for file in find_files([folder / "deep", folder]).files] == names
    assert [file.path for file in find_files([folder / "deep", folder]).files] == [
        str(folder / "deep" / "tune.mid"),
        str(folder / "tune.mid"),
    ]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_links_to_folders_are_not_followed(tmp_path):
    filled(tmp_path / "elsewhere", ["tune.mid"])
    folder = filled(tmp_path / "music", ["tune.mid"])
    (folder / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert [file.name for file in find_files([folder]).files] == ["music/tune.mid"]


def test_a_folder_may_be_named_from_where_one_is(tmp_path, monkeypatch):
    filled(tmp_path / "music", ["tune.mid"])
    monkeypatch.chdir(tmp_path / "music")
    assert [file.name for file in find_files(["."]).files] == ["music/tune.mid"]
