"""Tables are limited in width only by a terminal, and no console is stopped by what it cannot print."""

import io
import sys

import pytest
from rich.table import Table

from note_rnn import Progress
from note_rnn.common import console
from note_rnn.common.console import print_line, print_table

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


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_a_console_cannot_print_is_escaped_in_the_library_too(encoding, monkeypatch):
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    print_line("Training in runs/th\u2192x")
    made = Table("run", title="of th\u2192x")
    made.add_row("th\u2192x")
    print_table(made)
    with Progress(1, "th\u2192x", "steps") as progress:
        progress.advance()
    written, errors = (stream.buffer.getvalue().decode(encoding) for stream in streams.values())
    assert written.startswith("Training in runs/th\\u2192x\nof th\\u2192x\n")
    assert written.count("\\u2192") == 3
    assert errors.startswith("th\\u2192x: 1 of 1 steps (100%)")
