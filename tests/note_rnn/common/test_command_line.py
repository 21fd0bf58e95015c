"""Command-line parsing: the command as typed, help texts, and errors of one sentence."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

import pytest
import tyro

from note_rnn import InputError, run_command
from note_rnn.common.command_line import (
    CommandLineError,
    command_line,
    command_name,
    named,
    other_command,
    parse,
    train_command,
)


@dataclass(frozen=True)
class Inner:
    """What is within."""

    gap: float | None = None
    """A gap, if
    there is one."""

    def __post_init__(self):
        if self.gap is not None and self.gap < 0:
            raise InputError("gap must be at least 0.")


@dataclass(frozen=True)
class Config:
    """Do it."""

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders."""
    inner: tyro.conf.OmitArgPrefixes[Inner]
    """All of it."""
    key: str | None = None
    """The key."""
    pair: tuple[int, int] | None = None
    """Two numbers."""
    length: Annotated[int | str, tyro.conf.arg(metavar="STEPS")] = 3
    """How long."""
    kind: Literal["one", "two"] = "one"
    """Which."""
    many: tuple[str, ...] = ()
    """Any number."""


@dataclass(frozen=True)
class Other:
    """Do something else."""

    source: Annotated[Path, tyro.conf.Positional]
    """A file."""


@pytest.fixture
def started(monkeypatch):
    """Let Python be started with a module, or None for a file, and arguments."""

    def start(module, *arguments):
        spec = module and SimpleNamespace(name=module)
        monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=spec))
        monkeypatch.setattr(sys, "argv", list(arguments))

    return start


@pytest.mark.parametrize(
    ("module", "program", "typed", "trains"),
    [
        (None, "train.py", "python train.py", "python train.py"),
        (None, "/home/me/.venv/bin/melody-rl", "melody-rl", "python -m agents.train"),
        ("agents.compose", "/home/me/agents/compose.py", "python -m agents.compose", "python -m agents.train"),
        ("note_rnn.corpus.__main__", "-m", "python -m note_rnn.corpus", "python -m agents.train"),
    ],
)
def test_the_command_is_named_as_it_was_typed(module, program, typed, trains, started):
    started(module, program, "--seed", "1")
    assert (command_name(), train_command()) == (typed, trains)
    assert command_line() == [*typed.split(), "--seed", "1"]


def test_a_command_within_another_has_its_name(started):
    started(None, "bin/melody-rl", "compose", "RUN")
    with named("melody-rl compose"):
        assert (command_name(), train_command()) == ("melody-rl compose", "melody-rl train")
        assert command_line() == ["melody-rl", "compose", "RUN"]
    assert command_name() == "melody-rl"


def test_other_commands_are_named_in_the_same_form(started):
    started(None, "bin/melody-rl", "match")
    with named("melody-rl match"):
        assert other_command("audit") == "melody-rl audit"
    started("melody_env.match", "match.py")
    assert other_command("audit") == "python -m melody_env.audit"
    assert other_command("corpus") == "python -m note_rnn.corpus"


def test_what_is_typed_is_what_is_parsed():
    config = parse(Config, ["a", "b", "--gap", "2", "--key", "D", "--pair", "1", "2", "--many", "x", "y"])
    assert config == Config((Path("a"), Path("b")), Inner(2.0), "D", (1, 2), many=("x", "y"))


def test_help_shows_what_each_option_takes_and_no_empty_default(capsys):
    with named("melody-rl do"), pytest.raises(SystemExit, match="0"):
        parse(Config, ["--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert shown.startswith("usage: melody-rl do [-h]")
    for option in (
        "FOLDER ... Folders. --",
        "--gap FLOAT A gap, if there is one. --",
        "--key TEXT The key. --pair INT INT Two numbers. --length STEPS How long. (default: 3)",
        "--kind {one,two} Which. (default: one) --many TEXT ... Any number. ",
    ):
        assert option.removesuffix("--").strip() in shown
    assert "None" not in shown
    assert "(default: )" not in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--lenght", "3"], "There is no option --lenght (did you mean --length?)."),
        (["--xyzzy", "3"], "There is no option --xyzzy."),
        (["--kind", "three"], "--kind must be one of one, two, not 'three'."),
        (["--kind"], "--kind needs a value: {one,two}."),
        (["--gap", "wide"], "--gap cannot be read: it takes FLOAT."),
        (["--pair", "1"], "--pair cannot be read: it takes INT INT."),
        (["--gap", "-1"], "--gap must be at least 0."),
    ],
)
def test_a_mistake_is_reported_in_one_sentence(arguments, sentence, capsys):
    with named("do"), pytest.raises(SystemExit, match="2"):
        run_command(lambda: print(parse(Config, arguments)))
    assert capsys.readouterr().err == f"error: {sentence}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Choose a command: do this or do that."),
        (["that"], "Give SOURCE: see --help."),
        (["thit"], "'thit' is not expected here: see do --help."),
    ],
)
def test_so_it_is_where_a_command_has_parts(arguments, sentence):
    kind = Annotated[Config, tyro.conf.subcommand("this")] | Annotated[Other, tyro.conf.subcommand("that")]
    with named("do"), pytest.raises(CommandLineError) as error:
        parse(kind, arguments)
    assert str(error.value) == sentence
