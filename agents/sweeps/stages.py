"""Stages of a sweep: one run trained to a part of its length, or to its end and evaluated, and what came of it."""

import time
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

from agents.composing.composers import Agent
from agents.composing.pieces import compose_pieces
from agents.evaluation.metrics import table_metrics
from agents.evaluation.saved_metrics import SavedMetrics
from agents.runs.config import TrainConfig
from agents.runs.labels import AGENT
from agents.sweeps.settings import Settings, train_config
from agents.sweeps.spec import METRICS
from agents.training.collapse import collapse
from agents.training.continuing import train_or_resume
from agents.training.trainer import TrainingResult
from agents.whole_run import finish_run
from melody_env import HumanReference
from note_rnn.common.atomic_files import write_json
from note_rnn.common.data_files import DataError, read_json
from note_rnn.common.errors import InputError
from note_rnn.common.plain_text import sentence

RUNS, RESULTS, SPEC = "runs", "results", "sweep.yaml"
"""Names in the folder of a sweep."""
_PIECES = 512
"""Pieces that an unfinished run is judged by."""


class Stage(NamedTuple):
    """A run to train to the fraction `part` of its length: 1 is the whole."""

    trial: int
    settings: Settings
    seed: int
    part: float

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.trial:04d}-seed{self.seed}"

    def config(self, out: Path) -> TrainConfig[Any]:
        """Return the configuration of the run in the folder `out` of the sweep."""
        return train_config(self.settings, seed=self.seed, run_dir=out / RUNS / self.name)

    def file(self, out: Path) -> Path:
        """Return the file of its outcome."""
        return out / RESULTS / f"{self.name}-{self.part:g}.json"


@dataclass(frozen=True)
class Outcome:
    """What came of a stage: metrics by their names in `METRICS`, or the sentence why there are none."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    collapsed: str = ""
    """How its pieces are alike, empty if they are not."""
    seconds: float = 0.0
    """Time that it took, without that of stages before."""
    failure: str = ""

    @property
    def problem(self) -> str:
        """Why it failed, or how its pieces are alike, as a sentence; empty if neither."""
        return self.failure or (self.collapsed and f"The pieces {self.collapsed}.")


def saved_outcome(stage: Stage, out: Path) -> Outcome | None:
    """Return the outcome of a finished `stage`; None if it is missing or damaged, and failures are not saved."""
    try:
        outcome: Outcome = read_json(stage.file(out), Outcome)
        return outcome if set(outcome.metrics) <= METRICS.keys() else None
    except (OSError, DataError):
        return None


def run_stage(stage: Stage, out: Path) -> tuple[Stage, Outcome]:
    """Run `stage` from where the run is; save its outcome, unless it fails, and return it.

    What is printed goes to a log in the run's folder. Any error is its failure, so that others go on.
    """
    started = time.monotonic()
    folder = out / RUNS / stage.name
    try:
        if not (out / SPEC).is_file():
            raise InputError(f"{out} is not there: a cluster needs an --out that all of its machines share.")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
            metrics = _run(stage, out)
    except (Exception, SystemExit) as error:
        words = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        return stage, Outcome(failure=sentence(words), seconds=time.monotonic() - started)
    found = {name: metrics[metric] for name, metric in METRICS.items() if metric in metrics}
    outcome = Outcome(found, collapse(metrics) or "", round(time.monotonic() - started, 1))
    write_json(stage.file(out), {"metrics": found, "collapsed": outcome.collapsed, "seconds": outcome.seconds})
    return stage, outcome


def crashed(stage: Stage) -> tuple[Stage, Outcome]:
    """Return the outcome of a stage whose process died twice."""
    return stage, Outcome(failure="Its process died twice, perhaps out of memory.")


def _run(stage: Stage, out: Path) -> Mapping[str, float]:
    """Train to the end of `stage`; return the agent's metrics, those of metrics.json where that is the run's end."""
    torch.set_num_threads(1)
    config = stage.config(out)
    stop_at = None if stage.part == 1 else round(stage.part * config.total_timesteps)
    trained = train_or_resume(config, stop_at)
    if stop_at is not None and trained.model.num_timesteps >= stop_at:
        return _unfinished(trained)
    if not trained.completed:
        raise InputError("It was stopped, and saved: repeat the command to resume.")
    finish_run(trained)
    return SavedMetrics.read(trained.run.path / "metrics.json").columns[AGENT]


def _unfinished(trained: TrainingResult) -> Mapping[str, float]:
    environment = trained.environment
    player = Agent(trained.model.policy, environment).player()
    pieces = compose_pieces(player, _PIECES, trained.config.seed, environment)
    return table_metrics(pieces, HumanReference.held_out(environment.setting))
