"""A function of many items in worker processes: results in order, also after the crash of a process.

The processes need no `if __name__ == "__main__":` in the program that starts them.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from joblib.externals.loky import ProcessPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")


def results_of(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    num_workers: int,
    crashed: Callable[[Item], Result],
    prepare: Callable[[], None] | None = None,
    items_at_once: int = 1,
) -> Iterator[Result]:
    """Yield the result of each of `items`, in order, computed by `num_workers` processes; with 0 by this one.

    Each process calls `prepare` first and takes `items_at_once` at a time. If one dies, the next item is computed
    alone; if a process dies again, its result is that of `crashed`. The processes end with the generator, and ignore
    Ctrl-C, which is left to this one.
    """
    if num_workers == 0:
        yield from map(function, items)
        return
    done = 0
    while done < len(items):
        try:
            for result in _in_processes(function, items[done:], num_workers, prepare, items_at_once):
                yield result
                done += 1
        except BrokenProcessPool:
            yield _alone(function, items[done], crashed, prepare)
            done += 1


def _in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    num_workers: int,
    prepare: Callable[[], None] | None,
    items_at_once: int,
) -> Iterator[Result]:
    pool = ProcessPoolExecutor(num_workers, initializer=prepare)
    try:
        with _ignoring_interrupts():
            results = pool.map(function, items, chunksize=items_at_once)
        yield from results
    finally:
        pool.shutdown(kill_workers=True)


def _alone(
    function: Callable[[Item], Result],
    item: Item,
    crashed: Callable[[Item], Result],
    prepare: Callable[[], None] | None,
) -> Result:
    try:
        return next(_in_processes(function, [item], 1, prepare, 1))
    except BrokenProcessPool:
        return crashed(item)


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
