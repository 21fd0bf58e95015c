"""The list of deliberate faults fits the code of today, and the judge of the tests tells noticed from let through."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("mutants", ROOT / "tests" / "mutants.py")
mutants = importlib.util.module_from_spec(_spec)
sys.modules["mutants"] = mutants
_spec.loader.exec_module(mutants)

FAULTS = mutants.read_faults()


@pytest.mark.parametrize("file", sorted({fault.file for fault in FAULTS}))
def test_every_fault_can_be_planted_and_has_tests(file):
    source = (ROOT / file).read_text(encoding="utf-8")
    for fault in (each for each in FAULTS if each.file == file):
        planted = fault.planted(source)
        if file.endswith(".py"):
            assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(source)), fault.name
        assert fault.tests
        assert [test for test in fault.tests if not (ROOT / test.split("::")[0]).exists()] == []


def test_there_are_enough_faults_in_all_packages_and_no_two_have_one_name():
    assert len(FAULTS) >= 150
    assert {fault.package for fault in FAULTS} >= {"agents", "melody_env", "note_rnn"}
    named = [(fault.file, fault.name) for fault in FAULTS]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("source", ["x = 1\n", "x = 2\ny = x = 2\n"])
def test_a_line_that_does_not_stand_there_once_is_refused(source):
    fault = mutants.Fault("wrong", "a.py", "x = 2", "x = 3", ("tests/test_a.py",))
    with pytest.raises(mutants.FaultError, match=rf"a\.py has {source.count('x = 2')} times, not once, .* 'wrong'"):
        fault.planted(source)


def test_the_table_counts_by_package():
    faults = [mutants.Fault(str(n), f"{package}/a.py", "", "", ()) for n, package in enumerate("aab")]
    columns = mutants.report(faults, faults[:1]).columns
    assert [list(column.cells) for column in columns] == [
        ["a", "b", "all"],
        ["2", "1", "3"],
        ["1", "1", "2"],
        ["50.0%", "100.0%", "66.7%"],
    ]


KEYS = """
note_rnn/extraction/keys.py:
  tests: tests/note_rnn/extraction/test_keys.py
  faults:
    - {fault: the key that fits worst, line: int(np.argmax(, becomes: int(np.argmin(}
    - {fault: no fault at all, line: int(np.argmax(, becomes: int(0 + np.argmax(}
"""


@pytest.mark.slow
def test_what_the_tests_let_through_is_reported(tmp_path):
    (tmp_path / "keys.yaml").write_text(KEYS)
    command = [sys.executable, "tests/mutants.py", "--faults", tmp_path / "keys.yaml", "--no-neighbourhood"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 1, finished.stderr
    assert "50.0%" in finished.stdout
    assert (
        "let through: note_rnn/extraction/keys.py: no fault at all: int(np.argmax( -> int(0 + np.argmax("
        in finished.stdout
    )
    assert "the key that fits worst" not in finished.stdout


def test_what_was_compiled_is_in_the_copy(tmp_path):
    compiled = {path.name for path in mutants.ROOT.glob("note_rnn/**/*.so")}
    mutants.copy_checkout(tmp_path)
    assert {path.name for path in tmp_path.glob("note_rnn/**/*.so")} == compiled
