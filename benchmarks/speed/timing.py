"""Timing for the benchmarks."""

import time
from collections.abc import Callable


def best_time(run: Callable[[], object], repeats: int) -> float:
    """Return the shortest of `repeats` times of `run`, in seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def cpu_time(run: Callable[[], object], repeats: int) -> float:
    """Return the processor time of `repeats` calls of `run`, in seconds, all threads of the process together."""
    started = time.process_time()
    for _ in range(repeats):
        run()
    return time.process_time() - started
