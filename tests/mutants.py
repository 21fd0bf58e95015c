"""Deliberate single-line faults, each judged by the tests: which of them would the suite let through?

    python tests/mutants.py                          # every fault in tests/faults/
    python tests/mutants.py --only recurrent_dqn     # those whose file or name contains this

The faults are read from YAML: by file, the tests that belong to it, and for each fault its name, a piece of a line that
stands in the file exactly once, and what it becomes. One fault at a time is planted in a copy of the checkout, and its
tests run there; a fault that they let through is judged once more, by all tests of its package and those of the whole.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import tyro
import yaml
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
FAULTS = Path(__file__).parent / "faults"
SECONDS = 600.0
"""Tests that take longer than this hang: a fault that makes them do so is noticed."""
_SECONDS_BETWEEN_LINES = 0.1 if sys.stderr.isatty() else 15.0
_PRELOADED = ("torch", "stable_baselines3", "sb3_contrib", "matplotlib.pyplot", "music21")
"""Imported once, not by every run of the tests."""


class FaultError(ValueError):
    """A fault that cannot be planted or judged; the message says which, and what to do."""


@dataclass(frozen=True)
class Fault:
    """A deliberate fault: a piece of a file, `line`, becomes something else; `tests` are those that belong to it."""

    name: str
    file: str
    line: str
    becomes: str
    tests: tuple[str, ...]

    @property
    def package(self) -> str:
        """Folder of the checkout that the fault lies in, or the file where it lies in none."""
        return self.file.split("/")[0]

    @property
    def neighbourhood(self) -> tuple[str, ...]:
        """The tests of the whole package, and those of no package; but for the one that looks for the line itself."""
        others = {path.name for path in (ROOT / "tests").glob("test_*.py")} - {"test_mutants.py"}
        folder = [self.package] if (ROOT / "tests" / self.package).is_dir() else []
        return tuple(f"tests/{name}" for name in [*folder, "benchmarks", *sorted(others)])

    def planted(self, source: str) -> str:
        """Return `source` with the fault; raises FaultError if `line` does not stand in it exactly once."""
        if (count := source.count(self.line)) != 1:
            raise FaultError(f"{self.file} has {count} times, not once, the line of the fault {self.name!r}.")
        return source.replace(self.line, self.becomes)


def read_faults(path: Path = FAULTS) -> list[Fault]:
    """Return the faults of a YAML file, or of all of them in a folder; raises FaultError for one without faults."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    contents: list[dict[str, Any]] = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    faults = [
        Fault(one["fault"], file, str(one["line"]), str(one["becomes"]), tuple(entry["tests"].split()))
        for content in contents
        for file, entry in content.items()
        for one in entry["faults"]
    ]
    if not faults:
        raise FaultError(f"{path} holds no faults: give a YAML file of them, or a folder of such files.")
    return faults


def copy_checkout(to: Path) -> None:
    """Copy what git knows of the checkout, changes included, and what was compiled there."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    compiled = [str(path.relative_to(ROOT)) for path in ROOT.glob("note_rnn/network/*.so")]
    for name in filter(None, names + compiled):
        if (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def _pytest(folder: str, tests: Sequence[str], output: str) -> None:
    """Run `tests` in the checkout `folder`, in this process, a fresh one; exit as pytest does."""
    os.setsid()
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    os.environ |= {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True
    sys.path[:] = [folder, *(path for path in sys.path if path not in ("", str(ROOT), str(Path(__file__).parent)))]
    import pytest

    sys.exit(int(pytest.main(["-x", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests])))


class Judge:
    """Copies of the checkout, one for each worker, in which tests are run."""

    def __init__(self, folder: Path, workers: int):
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(list(_PRELOADED))
        self._copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copy_checkout(folder / str(number) / "checkout")
            self._copies.put(folder / str(number) / "checkout")

    def passes(self, tests: Sequence[str], fault: Fault | None = None) -> bool:
        """Return whether `tests` pass with `fault` planted; raises FaultError if they do not pass without one."""
        copy = self._copies.get()
        try:
            with _planted(fault, copy) if fault else contextlib.nullcontext():
                status = self._run(copy, tests)
            if fault is None and status != 0:
                said = (copy.parent / "output").read_text(errors="replace")
                raise FaultError(f"Without a fault these tests fail or run nothing: {' '.join(tests)}\n{said[-2000:]}")
            return status == 0
        finally:
            self._copies.put(copy)

    def _run(self, copy: Path, tests: Sequence[str]) -> int | None:
        """Return the exit status of pytest; -SIGKILL if it hangs."""
        process = self._processes.Process(target=_pytest, args=(str(copy), tests, str(copy.parent / "output")))
        process.start()
        process.join(SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid or 0, signal.SIGKILL)  # with whatever it started
        process.join()
        return process.exitcode


@contextlib.contextmanager
def _planted(fault: Fault, copy: Path) -> Iterator[None]:
    path = copy / fault.file
    source = path.read_text(encoding="utf-8")
    path.write_text(fault.planted(source), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(source, encoding="utf-8")


def survivors(faults: Sequence[Fault], judge: Judge, workers: int, neighbourhood: bool) -> list[Fault]:
    """Return the faults that the tests let through: their own, and those of the `neighbourhood` too if wanted."""
    with ThreadPoolExecutor(workers) as pool:
        own = sorted({test for fault in faults for test in fault.tests})
        alone = pool.map(lambda test: judge.passes([test]), own)
        for _ in tqdm(alone, "test files without a fault", len(own), mininterval=_SECONDS_BETWEEN_LINES):
            pass
        for which in ("tests", "neighbourhood")[: 1 + neighbourhood]:
            passed = pool.map(lambda fault, which=which: judge.passes(getattr(fault, which), fault), faults)
            missed = []
            progress = tqdm(passed, f"faults by {which}", len(faults), mininterval=_SECONDS_BETWEEN_LINES)
            for fault, is_missed in zip(faults, progress, strict=True):
                if is_missed:
                    missed.append(fault)
                    tqdm.write(f"let through by its {which}: {fault.file}: {fault.name}")
            faults = missed
    return list(faults)


def report(faults: Sequence[Fault], missed: Sequence[Fault]) -> Table:
    """Return a table of how many faults were noticed, by package and in all."""
    table = Table("package", "faults", "noticed", "share")
    packages = sorted({fault.package for fault in faults})
    for name in [*packages, "all"]:
        total = sum(name in (fault.package, "all") for fault in faults)
        noticed = total - sum(name in (fault.package, "all") for fault in missed)
        table.add_row(name, str(total), str(noticed), f"{noticed / total:.1%}")
    return table


@dataclass(frozen=True)
class MutantsConfig:
    """Plant deliberate faults in a copy of the checkout, one at a time, and report which the tests let through."""

    faults: Path = FAULTS
    """YAML file of faults, or folder of such files."""
    only: str = ""
    """Only faults whose file or name contains this."""
    workers: int = 2
    """Faults tried at the same time."""
    neighbourhood: bool = True
    """Judge what the fault's own tests let through by all tests of its package, which takes minutes each."""
    least: float = 0.92
    """Share that must be noticed; below it the exit status is 1."""


def main() -> None:
    """Run the command line."""
    config = tyro.cli(MutantsConfig)
    faults = [fault for fault in read_faults(config.faults) if config.only in f"{fault.file}: {fault.name}"]
    if not faults:
        raise FaultError(f"No file and no name of a fault contains {config.only!r}: look into {config.faults}.")
    with tempfile.TemporaryDirectory() as folder:
        missed = survivors(faults, Judge(Path(folder), config.workers), config.workers, config.neighbourhood)
    Console().print(report(faults, missed))
    for fault in missed:
        print(f"let through: {fault.file}: {fault.name}: {fault.line.strip()} -> {fault.becomes.strip()}")
    sys.exit(int(len(faults) - len(missed) < config.least * len(faults)))


if __name__ == "__main__":
    try:
        main()
    except FaultError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
