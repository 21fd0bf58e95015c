"""The lock of a run's folder: who holds it, and that it ends with the process that does."""

import os
import subprocess
import sys

import pytest

from agents.runs.run_directory import RunError
from agents.runs.run_lock import locked


def test_a_run_is_held_by_one_until_the_end(tmp_path):
    with locked(tmp_path / "run"):
        sentence = rf"run is in use by process {os.getpid()} on .*: wait for its end"
        with pytest.raises(RunError, match=sentence), locked(tmp_path / "run"):
            pass
        with locked(tmp_path / "other"):
            pass
    with locked(tmp_path / "run"):
        pass


def test_a_hold_ends_with_an_exception(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        print(1 / 0)
    with locked(tmp_path):
        pass


def test_a_process_that_is_killed_holds_nothing(tmp_path):
    program = "import sys, time; from pathlib import Path; from agents.runs.run_lock import locked\n"
    program += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"in use by process {other.pid} on "), locked(tmp_path):
            pass
        other.kill()
        other.wait()
        with locked(tmp_path):
            pass


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    sentence = r"Cannot write to the run directory .*run: Not a directory\."
    with pytest.raises(RunError, match=sentence), locked(tmp_path / "file" / "run"):
        pass


def test_a_holder_that_left_no_name_is_another_process(tmp_path):
    with locked(tmp_path):
        (tmp_path / ".lock").write_bytes(b"")
        with pytest.raises(RunError, match="in use by another process: wait"), locked(tmp_path):
            pass
