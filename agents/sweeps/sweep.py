"""A sweep: rounds of trials, their stages run in parallel, and table and page while it runs.

Everything is in the sweep's folder, so that the same command resumes it: the trials as they were chosen, a folder for
each run as train.py makes it, the outcome of each stage, the table and the page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from agents.sweeps.ranking import survivors
from agents.sweeps.results import Results, Trial
from agents.sweeps.settings import Value, grid
from agents.sweeps.spec import SweepSpec
from agents.sweeps.stages import RESULTS, SPEC, Stage, crashed, run_stage, saved_outcome
from agents.sweeps.sweep_page import sentences, write_sweep_page
from note_rnn.common.atomic_files import check_out_folder, remove_leftovers, write_json, write_text
from note_rnn.common.console import print_line
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.data_files import DataError, read_json, read_text
from note_rnn.common.errors import InputError, check_count, reason
from note_rnn.common.parallel import ClusterOptions, Workers, results_of
from note_rnn.common.progress import Progress

TABLE, PAGE = "results.csv", "sweep.html"
_TRIALS = "trials.json"


@dataclass(frozen=True, kw_only=True)
class SweepConfig(ClusterOptions):
    """Train many agents: every combination of settings, or those that a search chooses, each with several seeds.

    The folder has a run of train.py for each, results.csv, and sweep.html, a page to follow and compare them. Repeat
    the command to resume after a stop or a kill: what is finished is kept, and half-trained runs go on.
    """

    spec: Annotated[Path, tyro.conf.Positional]
    """The specification, a YAML file: settings, objectives, constraints, seeds, search, stop (see docs/scale.md)."""
    out: Path | None = None
    """Folder of the sweep (default: runs/NAME of NAME.yaml)."""
    workers: int = 1
    """Runs trained in parallel, each on one core."""

    @property
    def folder(self) -> Path:
        """Folder of the sweep."""
        return self.out or Path("runs") / self.spec.stem


def sweep(config: SweepConfig) -> Results:
    """Run the sweep, or what is missing of it; return its results.

    A run that fails does not stop the others. Raises InputError for a specification that cannot be used, before
    anything is trained, or a folder of another sweep.
    """
    check_count("--workers", config.workers)
    workers = config.workers_or_cluster(config.workers)
    spec = SweepSpec.read(config.spec)
    check_out_folder(config.folder)
    folder = config.folder.absolute()
    chosen = _given(spec, folder)
    _keep_spec(config.spec, folder)
    results = Results(spec)
    with Progress(_stages(spec), "sweep", "stages") as progress:
        running = Running(folder, results, workers, progress)
        for trials in running.rounds(chosen):
            running.run(trials)
    running.write(is_done=True)
    return results


def _keep_spec(path: Path, folder: Path) -> None:
    """Copy the specification into the folder; raises InputError if another is there."""
    text = read_text(path)
    kept = folder / SPEC
    if kept.is_file() and read_text(kept) != text:
        raise InputError(f"{folder} holds another sweep ({SPEC} differs from {path}): choose another --out.")
    write_text(kept, text)
    (folder / RESULTS).mkdir(exist_ok=True)
    remove_leftovers(folder / RESULTS)


def _given(spec: SweepSpec, folder: Path) -> list[dict[str, Any]]:
    """Return the settings of the trials that are known so far: all of a grid, those chosen before of a search."""
    if spec.search is None:
        return list(grid(spec.domains))
    from agents.sweeps import search  # noqa: F401 (raises InputError if Optuna is missing)

    try:
        chosen: list[dict[str, Any]] = read_json(folder / _TRIALS, list[dict[str, Value]])
        if any(each.keys() != spec.domains.keys() for each in chosen):
            raise DataError("it has other settings")
    except FileNotFoundError:
        return []
    except (OSError, DataError) as error:
        raise InputError(f"{folder / _TRIALS} cannot be read ({reason(error)}): choose another --out.") from error
    return chosen


def _stages(spec: SweepSpec) -> int:
    """Return the number of stages if no trial fails."""
    if spec.search is None:
        rounds = [len(list(grid(spec.domains)))]
    else:
        whole, rest = divmod(spec.search.trials, spec.search.at_once)
        rounds = [spec.search.at_once] * whole + [rest] * bool(rest)
    return sum(len(spec.chosen_seeds) * sum(spec.going_on(trials)) for trials in rounds)


class Running:
    """A sweep that runs: its trials in rounds, and what they leave in the `folder`."""

    def __init__(self, folder: Path, results: Results, workers: Workers, progress: Progress):
        self._folder, self._results, self._workers, self._progress = folder, results, workers, progress
        self._spec = results.spec

    def rounds(self, chosen: list[dict[str, Any]]) -> Iterator[list[Trial]]:
        """Yield the trials of each round: those `chosen` before, then the next by the results of all before."""
        search = self._spec.search
        if search is None:
            yield [Trial(number, settings) for number, settings in enumerate(chosen)]
            return
        from agents.sweeps.search import Tried, suggestions

        for first in range(0, search.trials, search.at_once):
            number = min(search.at_once, search.trials - first)
            if len(chosen) < first + number:
                tried = [Tried(self._results.settings(trial), score) for trial, score in self._results.scores().items()]
                chosen = chosen[:first] + suggestions(
                    self._spec.domains, search, len(self._spec.objectives), tried, number
                )
                write_json(self._folder / _TRIALS, chosen)
            yield [Trial(first + each, chosen[first + each]) for each in range(number)]

    def run(self, trials: list[Trial]) -> None:
        """Run all stages of `trials`; after each part of the training the best go on."""
        going_on = trials
        for part, number in zip(self._spec.parts, self._spec.going_on(len(trials)), strict=True):
            if part != self._spec.parts[0]:
                scores = {each.number: score for each in going_on if (score := self._results.score(each.number))}
                best = survivors(scores, number)
                self._progress.skip((number - len(best)) * len(self._spec.chosen_seeds))  # of those that failed
                self._results.stop([each.number for each in going_on if each.number not in best])
                going_on = [each for each in going_on if each.number in best]
            self._run_stages([Stage(*each, seed, part) for each in going_on for seed in self._spec.chosen_seeds])

    def _run_stages(self, stages: list[Stage]) -> None:
        missing = []
        for stage in stages:
            if outcome := saved_outcome(stage, self._folder):
                self._results.add(stage, outcome)
                self._progress.skip()
            else:
                missing.append(stage)
        run = partial(run_stage, out=self._folder)
        for stage, outcome in results_of(run, missing, self._workers, crashed, in_order=False):
            self._results.add(stage, outcome)
            self._progress.advance()
            if outcome.problem:
                self._progress.write(f"{stage.name}: {outcome.problem}")
            self.write()

    def write(self, is_done: bool = False) -> None:
        """Write the table and the page."""
        write_csv(self._folder / TABLE, self._results.rows())
        write_sweep_page(self._folder / PAGE, self._results, self._folder.name, is_done)


def show(config: SweepConfig, results: Results) -> None:
    """Print the best trials and where all are."""
    for line in sentences(results):
        print_line(line)
    print_line(f"Saved {config.folder / TABLE} and {config.folder / PAGE}")
