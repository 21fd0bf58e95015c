"""Atomic file writing: complete files, and nothing lost on an exception."""

import errno
import json
import os
from pathlib import Path

import pytest

from note_rnn import InputError, write_abc, write_midi, write_musicxml, write_svg, write_wav
from note_rnn.common.atomic_files import (
    check_out_file,
    check_out_folder,
    remove_leftovers,
    replacing,
    write_bytes,
    write_json,
    write_text,
)


def test_the_new_content_takes_the_place_of_the_old(tmp_path):
    target = tmp_path / "made" / "on the way" / "model.json"
    for content in ("old", "new"):
        with replacing(target) as temporary:
            temporary.write_text(content)
            assert temporary.parent == target.parent
            assert temporary.suffix == target.suffix
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_on_an_exception_everything_stays_as_it_was(tmp_path):
    target = tmp_path / "model.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(target) as temporary:
        temporary.write_text(f"half of {1 / 0}")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_who_may_read_the_file_is_the_decision_of_the_umask(mask, mode, tmp_path):
    target = tmp_path / "model.json"
    before = os.umask(mask)
    try:
        write_json(target, {})
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == mode


def test_what_is_durable_is_on_the_disk_before_its_name_is_and_then_the_name(tmp_path, monkeypatch):
    calls = []
    replace = Path.replace

    def fsync(descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        calls.append(("written", "folder" if path.is_dir() else path.read_text()))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", lambda self, to: calls.append(("named", to.name)) or replace(self, to))
    write_bytes(tmp_path / "state.pkl", b"state", durable=True)
    assert calls == [("written", "state"), ("named", "state.pkl"), ("written", "folder")]
    write_bytes(tmp_path / "melody.wav", b"sound")
    assert calls[3:] == [("named", "melody.wav")]


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path, monkeypatch):
    def fail(self, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space left") as raised:
        write_bytes(tmp_path / "state.pkl", b"state")
    assert raised.value.filename == str(tmp_path / "state.pkl")
    with pytest.raises(FileNotFoundError) as raised, replacing(tmp_path / "state.pkl") as temporary:
        temporary.unlink()
    assert raised.value.filename == str(tmp_path / "state.pkl")
    with pytest.raises(FileNotFoundError) as raised, replacing(tmp_path / "state.pkl"):
        (tmp_path / "another").read_bytes()
    assert raised.value.filename == str(tmp_path / "another")
    assert not list(tmp_path.iterdir())


def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path):
    left, kept = [], [".hidden", "state-1.partial.pkl", ".lock", ".notes-partial.md"]
    for folder in (tmp_path, tmp_path / "checkpoints"):
        for name in kept:
            write_text(folder / name, "")
        for name in ("state.pkl", "model.zip", "plain"):
            with replacing(folder / name) as temporary:
                left.append(temporary.name)
            temporary.write_text("half")
            (folder / name).unlink()
    remove_leftovers(tmp_path / "checkpoints", "model")
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {*kept, left[3], left[5]}
    remove_leftovers(tmp_path)
    for folder in (tmp_path, tmp_path / "checkpoints"):
        assert {path.name for path in folder.iterdir() if path.is_file()} == {*kept}


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError), replacing(tmp_path / "file" / "model.json"):  # noqa: PT011
        pass


def test_a_path_that_no_file_can_have_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"^.*a\\x00b\.json' cannot be a path: it contains the character NUL\.$"):
        write_json(tmp_path / "a\0b.json", {})
    for check in (check_out_file, check_out_folder):
        with pytest.raises(InputError, match=r"a\\x00b' cannot be a path: it contains the character NUL\.$"):
            check(tmp_path / "a\0b")
    assert not list(tmp_path.iterdir())


def test_where_files_can_be_written_is_tried_without_a_trace(tmp_path):
    (tmp_path / "old.csv").write_text("old")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for name in ("old.csv", "new.csv", "folder/new.csv", "new/folder/table.csv", f"{'n' * 200}/{'n' * 200}.csv"):
        check_out_file(tmp_path / name, "--csv")
    for name in ("", "folder", "new", "new/folder"):
        check_out_folder(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_where_nothing_can_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for check in (check_out_file, check_out_folder):
        with pytest.raises(InputError, match=r"x cannot be written, since .*file is a file: choose another --csv\.$"):
            check(tmp_path / "file" / "x", "--csv")
        for name in ("n" * 256, f"new/{'n' * 256}/x"):
            with pytest.raises(InputError, match=r" \(File name too long\): choose another --out\.$"):
                check(tmp_path / name)
    with pytest.raises(InputError, match=r" \(File name too long\): choose another --out\.$"):
        check_out_file(tmp_path / ("n" * 240))  # since the name of its temporary file is longer
    with pytest.raises(InputError, match=r"is a folder: --csv must be a file\.$"):
        check_out_file(tmp_path, "--csv")
    with pytest.raises(InputError, match=r"file is not a folder: choose another --out\.$"):
        check_out_folder(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc on this system")
def test_a_file_system_that_takes_no_files_is_recognised_even_by_root():
    for check, path in ((check_out_file, "/proc/x.mid"), (check_out_folder, "/proc/x"), (check_out_folder, "/proc")):
        with pytest.raises(
            InputError, match=rf"^{path} cannot be written in /proc \(No such file or directory\): choose "
        ):
            check(Path(path))


def test_so_are_a_read_only_folder_and_one_in_which_no_folder_can_be_made(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "mkdir", refuse)
    check_out_file(tmp_path / "x")
    with pytest.raises(
        InputError, match=r"x cannot be written in .* \(Read-only file system\): choose another --out\.$"
    ):
        check_out_file(tmp_path / "new" / "x")
    monkeypatch.setattr(os, "open", refuse)
    for check in (check_out_file, check_out_folder):
        with pytest.raises(InputError, match=r" cannot be written in .* \(Read-only file system\): choose another"):
            check(tmp_path / "x")


def test_a_device_is_not_replaced_by_a_file():
    with pytest.raises(InputError, match=r"^/dev/null is a device, which would be replaced by a file: choose "):
        check_out_file(Path(os.devnull))


@pytest.mark.parametrize("write", [write_midi, write_musicxml, write_abc, write_wav, write_svg])
def test_every_writer_refuses_a_path_that_no_file_can_have(write, tmp_path):
    if write is write_svg:
        pytest.importorskip("verovio")
    with pytest.raises(InputError, match=r"cannot be a path: it contains the character NUL\.$"):
        write([14, 1], tmp_path / "a\0b")
    assert not list(tmp_path.iterdir())


def test_json_is_indented_and_has_as_text_whatever_json_has_no_form_for(tmp_path):
    write_json(tmp_path / "deep" / "report.json", {"folder": Path("music"), "tunes": [1, None]})
    assert (tmp_path / "deep" / "report.json").read_text(encoding="utf-8") == (
        '{\n  "folder": "music",\n  "tunes": [\n    1,\n    null\n  ]\n}\n'
    )


def test_json_has_null_for_numbers_that_it_has_no_form_for(tmp_path):
    write_json(
        tmp_path / "metrics.json", {"nan": [float("nan"), {"inf": float("inf")}], "one": 1.0, "deep": (1, "NaN")}
    )
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {
        "nan": [None, {"inf": None}],
        "one": 1.0,
        "deep": [1, "NaN"],
    }
