"""Workers end with the process that started them, whether it is asked to end or killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from note_rnn.common.worker_pool import WorkerPool

SCRIPT = """
import os
import sys
import time
from pathlib import Path
from note_rnn.common.worker_pool import WorkerPool

def work(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    with WorkerPool(2) as pool:
        list(pool.map(work, [sys.argv[1]] * 2))
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


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(number, tmp_path):
    script, workers = tmp_path / "script.py", tmp_path / "workers"
    script.write_text(SCRIPT)
    workers.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    parent = subprocess.Popen([sys.executable, script, workers], env=environment)
    try:
        until(lambda: len(list(workers.iterdir())) == 2)
        pids = [int(path.name) for path in workers.iterdir()]
        assert all(map(is_alive, pids))
        parent.send_signal(number)
        parent.wait(60)
        until(lambda: not any(map(is_alive, pids)))
    finally:
        parent.kill()


def test_a_pool_returns_results_and_raises_errors():
    with WorkerPool(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result()


def test_an_error_cancels_what_has_not_begun():
    futures = []

    def interrupted() -> None:
        with WorkerPool(1) as pool:
            futures.extend(pool.submit(time.sleep, 0.1) for _ in range(50))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert futures[-1].cancelled()
