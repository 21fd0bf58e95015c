"""Figures as CSV: a header of all keys, empty fields for what is missing, and where each row was measured."""

import csv
import re
import subprocess
from datetime import date
from importlib.metadata import version

from note_rnn.common import csv_tables
from note_rnn.common.csv_tables import csv_text, provenance, write_csv


def test_rows_are_lines_under_a_header_of_all_their_keys():
    text = csv_text([{"a": 1, "b": None}, {"a": "x, y", "c": 0.5}])
    assert text == 'a,b,c\n1,,\n"x, y",,0.5\n'
    assert csv_text([]) == "\n"


def test_every_row_of_a_file_says_where_and_when_it_was_measured(tmp_path):
    path = tmp_path / "folder" / "figures.csv"
    write_csv(path, [{"speed": 3}, {"speed": 4}])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["speed"] for row in rows] == ["3", "4"]
    for row in rows:
        assert {name: row[name] for name in ("machine", "date", "version", "commit")} == provenance()


def test_provenance_comes_after_what_only_some_rows_have(tmp_path):
    write_csv(tmp_path / "figures.csv", [{"a": 1}, {"a": 2, "b": 3}])
    header, first, _ = (tmp_path / "figures.csv").read_text().splitlines()
    assert header == "a,b,machine,date,version,commit"
    assert first.startswith("1,,")


def test_provenance_names_machine_day_version_and_commit(tmp_path, monkeypatch):
    measured = provenance()
    assert measured["machine"]
    assert (measured["date"], measured["version"]) == (date.today().isoformat(), version("melody-rl"))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "file").write_text("one")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    monkeypatch.setattr(csv_tables, "_ROOT", tmp_path)
    assert re.fullmatch("[0-9a-f]{7,}", provenance()["commit"])
    (tmp_path / "file").write_text("two")
    assert re.fullmatch(r"[0-9a-f]{7,}\+", provenance()["commit"])


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_tables, "_ROOT", tmp_path)
    assert provenance()["commit"] == ""
    (tmp_path / ".git").write_text("not a repository")
    assert provenance()["commit"] == ""
