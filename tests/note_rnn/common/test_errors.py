"""Input errors end a command with one sentence and an exit status for scripts; checks of single arguments."""

import math

import numpy as np
import pytest

from note_rnn.common.errors import InputError, check_above_zero, check_choice, check_count, run_command


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
    ],
    ids=["bad input", "no file", "a failure without a file", "Ctrl-C"],
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


def test_a_choice_is_one_of_those_given():
    assert check_choice("--mode", "b", ("a", "b")) == "b"
    with pytest.raises(InputError, match=r"^--mode must be one of 'a', 'b', not 'c'\.$"):
        check_choice("--mode", "c", ("a", "b"))
