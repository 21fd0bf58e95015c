"""Input errors end a command with one sentence and an exit status for scripts; checks of single arguments."""

import errno
import io
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from note_rnn.common.errors import (
    InputError,
    check_above_zero,
    check_choice,
    check_count,
    check_file_name,
    check_path,
    check_seed,
    check_suffix,
    check_temperature,
    run_command,
)


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "printed"),
    [
        (InputError("No such tune: take another."), 2, "error: No such tune: take another.\n"),
        (FileNotFoundError(2, "No such file or directory", "tune.mid"), 2, "No such file or directory: tune.mid\n"),
        (OSError("the disk is gone"), 2, "error: the disk is gone\n"),
        (KeyboardInterrupt(), 130, ""),
        (
            OSError(errno.ENOSPC, "No space left on device", "tune.mid"),
            2,
            "error: No space left on device: tune.mid. Free some space, then repeat the command.\n",
        ),
        (MemoryError(), 2, "error: There is not enough memory for this: ask for less at a time.\n"),
        (
            RuntimeError("can't allocate memory: you tried"),
            2,
            "error: There is not enough memory for this: ask for less at a time.\n",
        ),
    ],
    ids=["bad input", "no file", "a failure without a file", "Ctrl-C", "a full disk", "memory", "memory of PyTorch"],
)
def test_what_ends_a_command_is_reported_on_stderr_and_by_the_exit_status(capsys, error, status, printed):
    with pytest.raises(SystemExit) as exit:
        run_command(raising(error))
    assert exit.value.code == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(printed)
    assert len(err.splitlines()) == (1 if printed else 0)


def test_a_programming_error_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_command(raising(ZeroDivisionError()))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_a_console_cannot_print_is_escaped(encoding, monkeypatch):
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)

    def main():
        print("runs/\u2603/\udcff")
        raise InputError("No run in \u2603.")

    with pytest.raises(SystemExit):
        run_command(main)
    printed = {name: stream.buffer.getvalue().decode(encoding) for name, stream in streams.items()}
    assert printed == {"stdout": "runs/\\u2603/\\udcff\n", "stderr": "error: No run in \\u2603.\n"}


def test_a_path_that_no_file_can_have_is_refused():
    with pytest.raises(InputError, match=r"^.*a\\x00b' cannot be a path: it contains the character NUL\.$"):
        check_path(Path("a\0b"))


@pytest.mark.parametrize("path", [".", "/", "..", "a/.."])
def test_a_file_has_a_name(path):
    with pytest.raises(InputError, match=f"^'{re.escape(path)}' is a folder: add the name of a file[.]$"):
        check_file_name(path)
    check_file_name(f"{path}/a")


@pytest.mark.parametrize(
    ("name", "suffix"), [("page", ""), ("page.htm", ".htm"), (".html", ""), ("page.html.gz", ".gz")]
)
def test_a_file_ends_in_its_suffix(name, suffix):
    with pytest.raises(InputError, match=f"^--out must end in [.]html, not '{re.escape(suffix)}'[.]$"):
        check_suffix("--out", Path(name), ".html")
    check_suffix("--out", Path(name).with_name("page.html"), ".html")


def test_a_seed_is_one_that_every_generator_takes():
    assert [check_seed("--seed", seed) for seed in (0, 2**32 - 1)] == [0, 2**32 - 1]
    with pytest.raises(InputError, match=r"^--seed must be at most 4,294,967,295, not 4294967296\.$"):
        check_seed("--seed", 2**32)
    with pytest.raises(InputError, match=r"^--seed must be at least 0, not -1\.$"):
        check_seed("--seed", -1)


def test_a_command_that_works_just_ends(capsys):
    run_command(lambda: print("done"))
    assert capsys.readouterr() == ("done\n", "")


def test_a_count_is_a_whole_number_from_the_least_on():
    assert [check_count("n", 1), check_count("n", np.int64(3)), check_count("n", 0, minimum=0)] == [1, 3, 0]


@pytest.mark.parametrize(
    ("value", "least", "sentence"),
    [
        (0, 1, r"--n must be at least 1, not 0\."),
        (np.int64(-2), 1, r"--n must be at least 1, not -2\."),
        (9, 10, r"--n must be at least 10, not 9\."),
        (True, 1, r"--n must be a whole number, not True\."),
        (2.0, 1, r"--n must be a whole number, not 2\.0\."),
        ("2", 1, r"--n must be a whole number, not '2'\."),
    ],
)
def test_what_is_no_such_count_is_refused_by_name(value, least, sentence):
    with pytest.raises(InputError, match=f"^{sentence}$"):
        check_count("--n", value, least)


def test_a_number_above_zero_is_finite_and_no_truth_value():
    assert [check_above_zero("c", 0.5), check_above_zero("c", 2)] == [0.5, 2]
    for value in (0, -0.5, math.nan, math.inf, True, "1"):
        with pytest.raises(InputError, match=f"^c must be a number above 0, not {value!r}.$"):
            check_above_zero("c", value)


def test_a_temperature_is_one_that_scores_can_be_divided_by():
    assert [check_temperature("temperature", value) for value in (1e-6, 1e6)] == [1e-6, 1e6]
    for value in (9e-7, 1.1e6, float("nan"), True):
        with pytest.raises(InputError, match=r"^temperature must be a number from 0\.000001 to 1,000,000, not "):
            check_temperature("temperature", value)


def test_a_choice_is_one_of_those_given():
    assert check_choice("--mode", "b", ("a", "b")) == "b"
    with pytest.raises(InputError, match=r"^--mode must be one of 'a', 'b', not 'c'\.$"):
        check_choice("--mode", "c", ("a", "b"))
