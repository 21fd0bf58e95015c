"""Pool of worker processes that never outlive the process that started them, however it ends."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType


class WorkerPool(ProcessPoolExecutor):
    """Context manager of `workers` new processes; if this process ends, even by kill -9, they end at once.

    An exception in its body, as on Ctrl-C, cancels what no worker has begun.
    """

    def __init__(self, workers: int):
        super().__init__(workers, multiprocessing.get_context("spawn"), _end_with_parent)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown(cancel_futures=kind is not None)


def _end_with_parent() -> None:
    """Watch the process that started this one, in a thread."""
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()  # the system closes the parent's end of a pipe, whatever ended it
    os._exit(1)  # at once: a worker that went on would write beside the run that resumes it
