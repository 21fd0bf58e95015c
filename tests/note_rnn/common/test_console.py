"""Tables are limited in width only by a terminal."""

from rich.table import Table

from note_rnn.common import console
from note_rnn.common.console import print_table

LONG = "a label of several words that no terminal of eighty columns has room for beside its many numbers"


def table() -> Table:
    made = Table("", *(f"column {number}" for number in range(20)), title="many columns")
    made.add_row(LONG, *(f"{number / 7:.5f}" for number in range(20)))
    return made


def test_a_pipe_gets_the_whole_table(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    print_table(table())
    written = capsys.readouterr().out
    assert LONG in written
    assert all(f"column {number}" in written and f"{number / 7:.5f}" in written for number in range(20))
    assert "…" not in written
    assert max(map(len, written.splitlines())) < 500  # as wide as the table, no wider


def test_a_terminal_gets_what_fits(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console.Console, "is_terminal", True)
    print_table(table())
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert {len(line) for line in lines} <= {79, 80}
