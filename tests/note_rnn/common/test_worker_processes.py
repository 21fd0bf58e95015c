"""Worker processes: crashes that cost one item, Ctrl-C, the death of the parent, programs without a main guard."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from note_rnn.common.parallel import results_of

PROGRAM = """
import os, signal, sys, time
from note_rnn.common.parallel import results_of

def square(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number

print(list(results_of(square, range(7), 2, lambda number: -number)), flush=True)
"""
WAITING = """
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it ignores Ctrl-C
from note_rnn.common.parallel import results_of

def wait(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)

list(results_of(wait, [sys.argv[1]] * 5, 2, repr))
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_program_needs_no_main_guard_and_a_process_that_dies_costs_its_item_alone(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert ended.stdout == "[0, 1, 4, -3, 16, 25, 36]\n"
    assert ended.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent_and_only_it_speaks_of_ctrl_c(number, tmp_path):
    (tmp_path / "program.py").write_text(WAITING)
    (workers := tmp_path / "workers").mkdir()
    command = [sys.executable, str(tmp_path / "program.py"), str(workers)]
    with subprocess.Popen(command, text=True, stderr=subprocess.PIPE, start_new_session=True) as program:
        try:
            until(lambda: len(list(workers.iterdir())) == 2)
            pids = [int(path.name) for path in workers.iterdir()]
            assert all(map(is_alive, pids))
            if number == signal.SIGINT:
                os.killpg(program.pid, number)  # as a terminal does: to all processes
            else:
                program.send_signal(number)
            _, errors = program.communicate(timeout=60)
            assert errors.count("KeyboardInterrupt") == (number == signal.SIGINT)
            until(lambda: not any(map(is_alive, pids)))
            assert len(list(workers.iterdir())) == 2  # none was given another item
        finally:
            program.kill()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_the_death_of_a_process_does_not_disturb_the_others(tmp_path):
    """One item dies, twice; the other, which began before, is computed once."""

    begun = {item: tmp_path / item for item in ("steady", "deadly")}
    for file in begun.values():
        file.touch()

    def wait_for(item, times):
        while len(begun[item].read_text()) < times:
            time.sleep(0.01)

    def work(item):
        with begun[item].open("a") as log:
            log.write("x")
        if item == "deadly":
            wait_for("steady", 1)
            os.kill(os.getpid(), signal.SIGKILL)
        wait_for("deadly", 2)
        time.sleep(0.5)
        return item

    assert list(results_of(work, list(begun), 2, lambda item: f"{item} crashed")) == ["steady", "deadly crashed"]
    assert begun["steady"].read_text() == "x"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_processes_that_are_busy_end_with_the_work_though_their_parent_goes_on(tmp_path):
    def work(item):
        if item == "long":
            (tmp_path / str(os.getpid())).touch()
            time.sleep(600)
        while not any(tmp_path.iterdir()):
            time.sleep(0.01)
        return item

    results = results_of(work, ["short", "long"], 2, repr, in_order=False)
    assert next(results) == "short"
    (busy,) = (int(path.name) for path in tmp_path.iterdir())
    assert is_alive(busy)
    results.close()
    until(lambda: not is_alive(busy))


def test_a_worker_is_one_process(tmp_path):
    def prepare():
        (tmp_path / str(os.getpid())).touch()

    (pid,) = results_of(lambda item: (time.sleep(1), os.getpid())[1], range(1), 1, repr, prepare)
    assert [int(path.name) for path in tmp_path.iterdir()] == [pid]


def test_a_process_uses_one_thread_and_is_prepared_once(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    def seen(item):
        return os.environ["OMP_NUM_THREADS"], os.environ["PREPARED"], os.getpid()

    def prepare():
        os.environ["PREPARED"] = os.environ.get("PREPARED", "") + "once"

    first, second = results_of(seen, range(2), 1, repr, prepare)
    assert first == second == ("1", "once", first[2])
    assert first[2] != os.getpid()


def test_a_process_that_dies_while_it_is_idle_is_replaced(tmp_path):
    pids = []
    for pid in results_of(lambda item: os.getpid(), range(3), 1, repr):
        pids.append(pid)
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: not is_alive(pid))
        time.sleep(0.2)
    assert len(set(pids)) == 3
