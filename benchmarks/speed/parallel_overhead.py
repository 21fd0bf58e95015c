"""Cost of working in parallel: scheduling of many simulated tasks, and two workers beside one on real work.

The tasks sleep, so that many more workers than cores can be simulated. Scheduling is what they take beyond their sleep,
in wall time, from when every worker has returned its first result: starting workers is reported on its own. The
processor time of this process per task says how many cores it could keep busy. Two workers and one take turns, and the
medians of the rounds are compared; the limit is the number of cores that are free.

    python benchmarks/speed/parallel_overhead.py --workers 20
    python benchmarks/speed/parallel_overhead.py --ray-cpus 100 --rounds 0
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch

from agents.runs.config import TrainConfig
from melody_env import MelodyVecEnv
from note_rnn import write_midi
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.parallel import Cluster, Workers, results_of
from note_rnn.corpus.folders import find_files
from note_rnn.corpus.workers import read_files
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import Reading

NODES, CORES = 100, 32
"""Size of the cluster that the figures are extended to."""


class Scheduling(NamedTuple):
    """What it takes to hand out simulated tasks."""

    start: float
    """Seconds until every worker has returned its first result, beyond the task itself."""
    overhead: float
    """Share of the time after that which is not sleep."""
    driver: float
    """Processor seconds of this process per task."""


def scheduling(tasks: int, seconds: float, size: int, workers: Workers) -> Scheduling:
    """Return the cost of scheduling `tasks` of so many `seconds` on the `workers`, of which there are `size`."""
    began, cpu = time.perf_counter(), time.process_time()
    ended = []
    for _ in results_of(sleep, [seconds] * tasks, workers, sleep, in_order=False):
        ended.append(time.perf_counter())
    driver = (time.process_time() - cpu) / tasks
    ideal = (tasks - size) * seconds / size
    return Scheduling(ended[size - 1] - began - seconds, (ended[-1] - ended[size - 1]) / ideal - 1, driver)


def sleep(seconds: float) -> None:
    """Simulate a task."""
    time.sleep(seconds)


def train(steps: int, seed: int) -> None:
    """Train an agent of the policy gradient for so many `steps`."""
    torch.set_num_threads(1)
    config = TrainConfig.of("ppo_kl", seed=seed, total_timesteps=steps)
    env = MelodyVecEnv(config.n_envs, **config.environment().arguments)
    config.agent.build("ppo_kl", env, env.engine.prior, seed, "cpu").learn(steps)


def trained(runs: int, steps: int, workers: int) -> None:
    """Train so many `runs`."""
    for _ in results_of(partial(train, steps), range(runs), workers, print):
        pass


def read(folder: Path, workers: int) -> None:
    """Read all files in `folder`."""
    for _ in read_files(find_files([folder]).files, Extraction(), Reading(), workers):
        pass


def speedups(work: Callable[[int], None], rounds: int) -> tuple[float, float, float]:
    """Return the median seconds of `work` by one worker and by two, taking turns, and the median ratio."""
    times = [[_timed(partial(work, workers)) for workers in (1, 2)] for _ in range(rounds)]
    one, two = (median(column) for column in zip(*times, strict=True))
    return one, two, median(each[0] / each[1] for each in times)


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def ray_cluster(cpus: int) -> Iterator[Workers]:
    """Start a Ray cluster of one machine with so many logical cores."""
    import ray

    # by default its workers wait for whatever else the machine does
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    ray.init(num_cpus=cpus, log_to_driver=False)
    yield Cluster()
    ray.shutdown()


def write_files(folder: Path, number: int) -> None:
    """Write so many MIDI files of 64 bars into `folder`."""
    rng = np.random.default_rng(0)
    for each in range(number):
        write_midi(np.where(rng.random(1024) < 0.5, 1, rng.integers(14, 26, 1024)), folder / f"{each}.mid")


def main(given: Sequence[str] | None = None) -> None:
    """Print the cost of scheduling, and the speed of two workers beside one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default, text in (
        ("tasks", 1_000, "simulated tasks"),
        ("seconds", 1.0, "seconds that each sleeps"),
        ("workers", 20, "worker processes that sleep"),
        ("ray-cpus", 0, "logical cores of a Ray cluster that sleeps in their place"),
        ("runs", 40, "agents to train"),
        ("steps", 24_576, "steps of each"),
        ("files", 4_000, "files to read"),
        ("rounds", 3, "rounds of one worker and two; 0: none"),
    ):
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"{text} (default {default:,})")
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    chosen = parser.parse_args(given)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    rows = [_scheduling_row(chosen)]
    if chosen.rounds:
        with TemporaryDirectory() as folder:
            write_files(Path(folder), chosen.files)
            works: dict[str, Callable[[int], None]] = {
                f"{chosen.runs} runs of {chosen.steps:,} steps": partial(trained, chosen.runs, chosen.steps),
                f"{chosen.files:,} files": partial(read, Path(folder)),
            }
            rows += [_speedup_row(name, work, chosen.rounds) for name, work in works.items()]
    if chosen.csv is not None:
        write_csv(chosen.csv, rows)


def _scheduling_row(chosen: argparse.Namespace) -> dict[str, Any]:
    size = chosen.ray_cpus or chosen.workers
    with ray_cluster(size) if chosen.ray_cpus else nullcontext(size) as workers:
        cost = scheduling(chosen.tasks, chosen.seconds, size, workers)
    name = (
        f"{chosen.tasks:,} tasks of {chosen.seconds:g} s, {size} {'cores of Ray' if chosen.ray_cpus else 'processes'}"
    )
    print(f"{name}: scheduling {cost.overhead:.1%}, after a start of {cost.start:.1f} s")
    busy = NODES * CORES * cost.driver / chosen.seconds
    print(
        f"{1e3 * cost.driver:.2f} ms of this process per task: it keeps {chosen.seconds / cost.driver:,.0f} cores busy "
        f"with such tasks, and with tasks of 30 s {30 / cost.driver:,.0f}; {NODES} nodes of {CORES} cores take "
        f"{busy:.0%} of a core, or {busy * chosen.seconds / 30:.0%}\n"
    )
    return {"work": name, "start_s": cost.start, "overhead": cost.overhead, "driver_ms": 1e3 * cost.driver}


def _speedup_row(name: str, work: Callable[[int], None], rounds: int) -> dict[str, Any]:
    one, two, ratio = speedups(work, rounds)
    print(f"{name}: {one:.1f} s by one worker, {two:.1f} s by two: {ratio:.2f}x")
    return {"work": name, "one_worker_s": one, "two_workers_s": two, "ratio": ratio}


if __name__ == "__main__":
    main()
