"""Worker processes: results in order, crashes that cost one item, Ctrl-C, and programs without a main guard."""

import os
import signal
import subprocess
import sys
import time

import pytest

from note_rnn.common import worker_processes
from note_rnn.common.worker_processes import results_of

PROGRAM = """
import os, signal, sys, time
from note_rnn.common.worker_processes import results_of

def square(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number

print(list(results_of(square, range(7), 2, lambda number: -number)), flush=True)
"""
INTERRUPTED = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it ignores Ctrl-C
from note_rnn.common.worker_processes import results_of

def wait(number):
    if number:
        time.sleep(600)
    return os.getpid()

for pid in results_of(wait, range(5), 2, repr):
    print(pid, flush=True)
"""


def test_a_program_needs_no_main_guard_and_a_process_that_dies_costs_its_item_alone(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert ended.stdout == "[0, 1, 4, -3, 16, 25, 36]\n"
    assert ended.stderr == ""


def test_ctrl_c_ends_the_processes_too_and_only_this_one_speaks_of_it(tmp_path):
    (tmp_path / "program.py").write_text(INTERRUPTED)
    command = [sys.executable, str(tmp_path / "program.py")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as program:
        assert program.stdout is not None
        worker = int(program.stdout.readline())
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to all processes
        _, errors = program.communicate(timeout=60)
    assert errors.count("KeyboardInterrupt") == 1
    for _ in range(100):
        if not alive(worker):
            break
        time.sleep(0.1)
    assert not alive(worker)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_with_no_workers_this_process_computes():
    assert list(results_of(lambda item: (item, os.getpid()), "ab", 0, pytest.fail)) == [
        ("a", os.getpid()),
        ("b", os.getpid()),
    ]


def test_after_a_crash_only_what_is_left_is_computed(monkeypatch):
    """A pool that dies of 3 whenever it is in it, and of 5 in company."""
    pools = []

    def dying(function, items, num_workers, prepare, items_at_once):
        pools.append(list(items))
        for item in items:
            if item == 3 or (item == 5 and len(items) > 1):
                raise worker_processes.BrokenProcessPool
            yield function(item)

    monkeypatch.setattr(worker_processes, "_in_processes", dying)
    assert list(results_of(str, range(7), 2, lambda item: "crashed")) == ["0", "1", "2", "crashed", "4", "5", "6"]
    assert pools == [[0, 1, 2, 3, 4, 5, 6], [3], [4, 5, 6], [5], [6]]
