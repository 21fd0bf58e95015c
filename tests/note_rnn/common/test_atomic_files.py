"""Atomic file writing: complete files, and nothing lost on an exception."""

from pathlib import Path

import pytest

from note_rnn.common.atomic_files import replacing, write_json


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


def test_others_may_read_the_file(tmp_path):
    target = tmp_path / "model.json"
    with replacing(target) as temporary:
        temporary.write_text("{}")
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError), replacing(tmp_path / "file" / "model.json"):  # noqa: PT011
        pass


def test_json_is_indented_and_has_as_text_whatever_json_has_no_form_for(tmp_path):
    write_json(tmp_path / "deep" / "report.json", {"folder": Path("music"), "tunes": [1, None]})
    assert (tmp_path / "deep" / "report.json").read_text(encoding="utf-8") == (
        '{\n  "folder": "music",\n  "tunes": [\n    1,\n    null\n  ]\n}\n'
    )
