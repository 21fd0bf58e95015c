"""JSON and YAML give plain data within limits, or a reason in a few words; types name what is wrong, and where."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from note_rnn import InputError
from note_rnn.common import data_files
from note_rnn.common.data_files import (
    MAX_DEPTH,
    MAX_YAML_BYTES,
    DataError,
    converted,
    is_file,
    is_folder,
    parse_json,
    parse_yaml,
    read_json,
    read_text,
    user_path,
)


def test_yaml_has_the_scalars_of_json():
    text = (
        "{none: null, nothing: ~, yes: true, count: 12, ten: 010, minus: -3, real: 1.5, small: 1e-5, point: .5, "
        "infinite: -.inf, date: 2001-01-01, time: 1:30, hexadecimal: 0x1F, thousand: 1_000, meter: 3/4, text: '5', "
        "list: [1, [2]], nested: {a: b}}"
    )
    assert parse_yaml(text.replace("yes: true", "on_: yes")) == {
        **{"none": None, "nothing": None, "on_": True, "count": 12, "ten": 10, "minus": -3, "real": 1.5},
        **{"small": 1e-5, "point": 0.5, "infinite": -math.inf, "date": "2001-01-01", "time": "1:30"},
        **{"hexadecimal": "0x1F", "thousand": "1_000", "meter": "3/4", "text": "5", "list": [1, [2]]},
        "nested": {"a": "b"},
    }
    assert math.isnan(parse_yaml(".nan"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: *x", "uses an alias"),
        ("a: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("a: !!binary aGk=", "not valid YAML"),
        ("a: !!set {b, c}", "not valid YAML"),
        ("a: !!timestamp 2001-01-01", "not valid YAML"),
        ("a: !own 1", "not valid YAML"),
        ("a: !!int x", "not valid YAML"),
        ("a: !!float ''", "not valid YAML"),
        ("a: !!bool x", "not valid YAML"),
        ("1: 2", "has the key 1, which is not text"),
        ("true: 2", "has the key True, which is not text"),
        ("? [a]\n: b", "not valid YAML"),
        ("a: " + "9" * 5_000, "more than 64 bits"),
        ("a: 9223372036854775808", "more than 64 bits"),
        ("[" * 5_000, "nested too deeply"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deeply"),
        ("a: [1", "not valid YAML"),
        ("a: \0", "not valid YAML"),
        ("--- a\n--- b", "not valid YAML"),
        ('"\\ud800"', "half a character"),
        ("#" * (MAX_YAML_BYTES + 1), "longer than 1 MiB"),
    ],
    ids=lambda text: text[:30],
)
def test_other_yaml_is_refused_with_a_reason(text, reason):
    with pytest.raises(DataError, match=reason) as raised:
        parse_yaml(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 200_000, "nested too deeply"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deeply"),
        ("1" * 5_000, "more than 64 bits"),
        ("-9223372036854775808", "more than 64 bits"),
        ('["\\udc00"]', "half a character"),
    ],
    ids=lambda text: text[:30],
)
def test_json_beyond_the_limits_is_refused(text, reason):
    with pytest.raises(DataError, match=reason):
        parse_json(text)


def test_json_within_them_is_plain_data():
    assert parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH) == eval("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert parse_json('{"a": [9223372036854775807, 1.5, null, "\\u00e9"]}') == {"a": [2**63 - 1, 1.5, None, "é"]}


@dataclass(frozen=True)
class Inner:
    number: float
    where: Path | None = None


@dataclass(frozen=True)
class Outer:
    names: tuple[str, ...]
    inner: Inner
    rest: list[int] = field(default_factory=list)


def test_data_become_typed_values_and_what_is_unknown_is_left_out():
    data = {"names": ["a", "b"], "inner": {"number": 1, "where": "x/y", "unknown": 3}, "also": 1}
    assert converted(data, Outer) == Outer(("a", "b"), Inner(1.0, Path("x/y")))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([], "expected object, got array"),
        ({"names": []}, "missing required field inner"),
        ({"names": [1], "inner": {"number": 1}}, r"expected str, got int at names\[0\]"),
        ({"names": [], "inner": {"number": "1"}}, r"expected float, got str at inner\.number"),
        ({"names": [], "inner": {"number": True}}, r"expected float, got bool at inner\.number"),
        ({"names": [], "inner": {"number": 1, "where": 5}}, r"at inner\.where"),
        ({"names": [], "inner": {"number": 1}, "rest": [1.5]}, r"expected int, got float at rest\[0\]"),
    ],
)
def test_data_of_another_type_are_refused_by_their_place(data, reason):
    with pytest.raises(DataError, match=reason):
        converted(data, Outer)


def test_files_are_read_within_the_limit_and_in_utf_8(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(path, list[int]) == [1]
    path.write_bytes(b'"\xe4"')
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_text(path)
    monkeypatch.setattr(data_files, "MAX_BYTES", 2**20)
    path.write_bytes(b" " * (2**20 + 1))
    with pytest.raises(DataError, match="larger than 1 MiB"):
        read_text(path)
    path.write_bytes(b" " * 2**20)
    assert len(read_text(path)) == 2**20


def test_impossible_paths_are_no_files(tmp_path, monkeypatch):
    for path in (Path("a\0b"), Path("x" * 5_000), tmp_path):
        assert not is_file(path)
        assert is_folder(path) == (path == tmp_path)
    with pytest.raises(DataError, match="NUL"):
        read_text("a\0b")
    with pytest.raises(InputError, match="NUL"):
        user_path("a\0b")
    with pytest.raises(InputError, match="home folder of an unknown user"):
        user_path("~nobody_of_that_name/x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x") == tmp_path / "x"
