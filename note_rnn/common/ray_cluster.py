"""Workers of a Ray cluster: each list of items is a remote task of one core."""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from importlib.metadata import version
from typing import Any, NamedTuple

from note_rnn.common.errors import InputError, reason
from note_rnn.common.worker_processes import WorkerDied, results_of_items

try:
    import ray
    from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayTaskError, WorkerCrashedError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    raise InputError('A cluster needs Ray: pip install "melody-rl[cluster]".') from error

_SECONDS_TO_CONNECT = 10.0
_SECONDS_BETWEEN_COUNTS = 2.0
_TASKS_PER_CORE = 2
"""That are submitted: a worker whose task ends takes one that waits, without asking the cluster for a place again."""


class RayCluster:
    """The cluster at `address`, on which each process that computes `function` calls `prepare` first.

    Raises InputError if there is none, or if its machines have another version of Ray, Python or melody-rl.
    """

    def __init__(self, address: str, function: Callable[[Any], Any], prepare: Callable[[], None] | None):
        _connect(address)
        _check_machines()
        self._function = ray.put(_Work(function, prepare, os.getcwd()))  # once, however many items there are
        self._task = ray.remote(max_retries=0, num_cpus=1)(_compute)  # of one core, so Ray gives it one thread
        self._running: dict[Future[Any], Any] = {}
        self._size, self._counted = 0, 0.0

    @property
    def size(self) -> int:
        """Number of tasks to submit to the cores that the cluster has now."""
        if time.monotonic() - self._counted > _SECONDS_BETWEEN_COUNTS:
            self._size, self._counted = int(ray.cluster_resources().get("CPU", 0)), time.monotonic()
        return max(_TASKS_PER_CORE * self._size, 1)

    def submit(self, items: Sequence[Any]) -> "Future[Any]":
        """Have the results of `items` computed by a task, wherever there is room."""
        reference = self._task.remote(self._function.hex(), self._function, items)
        future: Future[Any] = reference.future()
        self._running[future] = reference
        return future

    def result(self, future: "Future[Any]") -> list[Any]:
        """Return the results of a `future` that is done; raises WorkerDied, or what the function raised."""
        del self._running[future]
        try:
            results: list[Any] = future.result()
        except (WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError) as error:
            raise WorkerDied from error
        except RayTaskError as error:
            raise error.cause from error
        return results

    def close(self) -> None:
        """End the tasks that have not ended."""
        for reference in self._running.values():
            ray.cancel(reference, force=True)


class _Work(NamedTuple):
    """What is computed of each item, what each process calls before, and the folder that relative paths belong to."""

    function: Callable[[Any], Any]
    prepare: Callable[[], None] | None
    folder: str


_prepared: set[str] = set()
"""The work that this process was prepared for."""


def _compute(identity: str, work: _Work, items: Sequence[Any]) -> list[Any]:
    if identity not in _prepared:
        with suppress(OSError):  # it is not everywhere
            os.chdir(work.folder)
        if work.prepare is not None:
            work.prepare()
        _prepared.add(identity)
    return results_of_items(work.function, items)


def _connect(address: str) -> None:
    """Join the cluster at `address`, once in this process; raises InputError if that is impossible."""
    if ray.is_initialized():
        return
    if address != "auto":
        _check_reachable(address)
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except ConnectionError as error:
        where = "this machine belongs to none" if address == "auto" else f"none answers at {address}"
        raise InputError(
            f"There is no Ray cluster, since {where}: start one with ray start --head, or name it as "
            "--cluster ray HOST:PORT."
        ) from error
    except (RuntimeError, ValueError) as error:
        raise InputError(f"The Ray cluster at {address} cannot be used: {error}") from error


def _check_reachable(address: str) -> None:
    """Raise InputError if nothing listens at `address`, for which Ray would wait a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--cluster ray {address} is no address: write HOST:PORT, such as 10.0.0.1:6379.")
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"There is no Ray cluster at {address} ({reason(error)}): start one with ray start --head --port {port}."
        ) from error


def _check_machines() -> None:
    """Raise InputError if a machine of the cluster has not our version of melody-rl, whose results may differ."""

    def installed() -> str:  # a nested function is pickled with its code, so that it runs without melody-rl
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("melody-rl")
        except PackageNotFoundError:
            return "none"

    nodes = [node for node in ray.nodes() if node["Alive"]]
    task = ray.remote(num_cpus=0)(installed)
    places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=True) for node in nodes]
    found = ray.get([task.options(scheduling_strategy=place).remote() for place in places])
    for node, theirs in zip(nodes, found, strict=True):
        if theirs != version("melody-rl"):
            raise InputError(
                f"{node['NodeManagerHostname']} of the cluster has melody-rl {theirs}, not {version('melody-rl')}: "
                "install the same version on every machine."
            )
