"""A function of many items, computed in parallel: by worker processes of this machine, or on a Ray cluster.

The results are the same, bit for bit, whoever computes them and however many.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from note_rnn.common.errors import InputError
from note_rnn.common.worker_processes import WorkerDied, WorkerProcesses

Item = TypeVar("Item")
Result = TypeVar("Result")
Chosen = TypeVar("Chosen", int, int | None)


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster, in place of a number of worker processes."""

    address: str = "auto"
    """HOST:PORT of its head; auto: the cluster that this machine belongs to."""


Workers = int | Cluster
"""Who computes: a number of worker processes, 0 for this process, or a cluster."""


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """The option of all commands that compute in parallel, beside their own --workers."""

    cluster: tuple[str, ...] = ()
    """Work on a Ray cluster, not in --workers processes: ray, or ray HOST:PORT for another than this machine's own.
    The results are the same."""

    def workers_or_cluster(self, workers: Chosen) -> "Chosen | Cluster":
        """Return the cluster, if one is named, else `workers`; raises InputError for another kind of cluster."""
        if not self.cluster:
            return workers
        kind, *address = self.cluster
        if kind != "ray" or len(address) > 1:
            raise InputError("--cluster takes ray, or ray and the address of its head: --cluster ray HOST:PORT.")
        return Cluster(*address)


def results_of(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: Workers,
    crashed: Callable[[Item], Result],
    prepare: Callable[[], None] | None = None,
    items_at_once: int = 1,
    in_order: bool = True,
) -> Iterator[Result]:
    """Yield the result of each of `items`, computed by `workers`, in order or as they are completed.

    Each process calls `prepare` first and takes `items_at_once` at a time. If a process or its machine dies, what it
    was working at is computed again, elsewhere and one by one; if an item's process dies again, its result is that of
    `crashed`. An exception of `function` ends the iteration. The work ends with the generator, on Ctrl-C, and if this
    process dies, however it does. `function`, items and results are pickled, and functions of a program that has no
    main guard are too.

    Raises InputError for a cluster that cannot be used.
    """
    if workers == 0:
        yield from map(function, items)
        return
    pool = _pool(workers, function, prepare)
    try:
        found = _completed(items, pool, crashed, items_at_once)
        yield from _sorted(found) if in_order else (result for _, result in found)
    finally:
        pool.close()


class _Pool(Protocol):
    """Workers that compute lists of items."""

    @property
    def size(self) -> int:
        """Number of lists that it works at, or that wait in it."""

    def submit(self, items: Sequence[Any]) -> "Future[Any]":
        """Have the results of `items` computed."""

    def result(self, future: "Future[Any]") -> list[Any]:
        """Return the results of a `future` that is done; raises WorkerDied, or what the function raised."""

    def close(self) -> None:
        """End all work, finished or not."""


class _Task(NamedTuple):
    """Items to compute, from that of the number `first` on."""

    first: int
    items: Sequence[Any]
    is_second: bool = False
    """Whether a process died of them before."""


def _pool(workers: Workers, function: Callable[[Any], Any], prepare: Callable[[], None] | None) -> _Pool:
    if isinstance(workers, Cluster):
        from note_rnn.common.ray_cluster import RayCluster

        return RayCluster(workers.address, function, prepare)
    return WorkerProcesses(workers, function, prepare)


def _completed(
    items: Sequence[Item], pool: _Pool, crashed: Callable[[Item], Result], items_at_once: int
) -> Iterator[tuple[int, Result]]:
    """Yield number and result of each of `items` when it is completed."""
    waiting = deque(_Task(first, items[first : first + items_at_once]) for first in range(0, len(items), items_at_once))
    running: dict[Future[Any], _Task] = {}
    while waiting or running:
        while waiting and len(running) < pool.size:
            task = waiting.popleft()
            running[pool.submit(task.items)] = task
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            try:
                results = pool.result(future)
            except WorkerDied:
                if not task.is_second:
                    waiting.extendleft(reversed(_one_by_one(task)))
                    continue
                results = [crashed(item) for item in task.items]
            yield from enumerate(results, task.first)


def _one_by_one(task: _Task) -> list[_Task]:
    return [_Task(number, [item], is_second=True) for number, item in enumerate(task.items, task.first)]


def _sorted(found: Iterator[tuple[int, Result]]) -> Iterator[Result]:
    """Yield the results of numbers from 0 on in order."""
    early: dict[int, Result] = {}
    following = 0
    for number, result in found:
        early[number] = result
        while following in early:
            yield early.pop(following)
            following += 1
