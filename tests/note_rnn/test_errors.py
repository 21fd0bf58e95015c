"""Bad input ends a command with one sentence and a status that tells a script what happened."""

import pytest

from note_rnn.errors import InputError, run_command


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
