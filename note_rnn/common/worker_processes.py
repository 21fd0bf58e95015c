"""Worker processes of this machine, which need no `if __name__ == "__main__":` in the program that starts them.

Each is an executor of its own of joblib's loky, so that a process that dies costs its own work alone, and it is known
whose it was.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Environment of a worker: more threads than cores would slow each other down."""
_SECONDS_BETWEEN_LOOKS = 1.0


class WorkerDied(Exception):
    """A worker died before it returned its results."""


class WorkerProcesses:
    """`size` worker processes that compute `function` of items, and call `prepare` when they start.

    If this process ends, even by kill -9, they end at once. They ignore Ctrl-C, which is left to this process.
    """

    def __init__(self, size: int, function: Callable[[Any], Any], prepare: Callable[[], None] | None):
        self.size = size
        self._compute = partial(results_of_items, function)
        self._prepare = prepare
        self._alive, self._own_end = multiprocessing.Pipe(duplex=False)
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: dict[Future[Any], ProcessPoolExecutor] = {}

    def submit(self, items: Sequence[Any]) -> "Future[Any]":
        """Have the results of `items` computed by a process that is idle, or by a new one."""
        while True:
            process = self._idle.pop() if self._idle else self._new()
            try:
                with _ignoring_interrupts():
                    future = process.submit(self._compute, items)
            except BrokenProcessPool:  # it died while it was idle
                process.shutdown(kill_workers=True)
                continue
            self._busy[future] = process
            return future

    def result(self, future: "Future[Any]") -> list[Any]:
        """Return the results of a `future` that is done; raises WorkerDied, or what the function raised."""
        process = self._busy.pop(future)
        if isinstance(error := future.exception(), BrokenProcessPool):
            process.shutdown(kill_workers=True)
            raise WorkerDied from error
        self._idle.append(process)
        results: list[Any] = future.result()
        return results

    def close(self) -> None:
        """End all processes."""
        for process in (*self._idle, *self._busy.values()):
            process.shutdown(kill_workers=True)
        self._alive.close()
        self._own_end.close()

    def _new(self) -> ProcessPoolExecutor:
        start = partial(_start, prepare=self._prepare)
        return ProcessPoolExecutor(1, initializer=start, initargs=(self._alive, os.getpid()), env=ONE_THREAD)


def results_of_items(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Return the results of `items`."""
    return list(map(function, items))


def _start(alive: Connection, parent: int, prepare: Callable[[], None] | None) -> None:
    threading.Thread(target=_end_with, args=(alive, parent), daemon=True).start()
    if prepare is not None:
        prepare()


def _end_with(alive: Connection, parent: int) -> None:
    """End this process with its `parent`, at whose death the system closes its end of the pipe `alive`.

    At once: a worker that went on would write beside the run that resumes it.
    """
    try:
        while not alive.poll(_SECONDS_BETWEEN_LOOKS) and os.getppid() == parent:
            pass
    except OSError:  # where the system reports a closed pipe in this way
        pass
    os._exit(1)


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C within the context; processes started in it always do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
