"""Results of a sweep: the newest outcome of each run, means over the seeds of a trial, and the Pareto front."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from agents.sweeps.ranking import Score, front
from agents.sweeps.settings import Settings, Value
from agents.sweeps.spec import METRICS, SweepSpec
from agents.sweeps.stages import RUNS, Outcome, Stage


class Trial(NamedTuple):
    """Settings to try."""

    number: int
    settings: Settings


class Summary(NamedTuple):
    """A trial as table and page show it."""

    trial: int
    settings: dict[str, Value]
    """Those that vary."""
    means: dict[str, float]
    """Over its seeds, by the names in `METRICS`."""
    state: str
    """"training", "finished", "stopped at N %", or "failed"."""
    is_good: bool
    """Whether it is finished and keeps all constraints."""
    is_best: bool
    """Whether it is on the Pareto front of those that are."""
    problem: str
    """Why it failed, or how its pieces are alike."""


class Results:
    """The results of a sweep by `spec` so far."""

    def __init__(self, spec: SweepSpec):
        self.spec = spec
        self._runs: dict[int, dict[int, tuple[Stage, Outcome]]] = {}
        self._stopped: set[int] = set()

    def add(self, stage: Stage, outcome: Outcome) -> None:
        """Take the `outcome` of `stage` in place of that of an earlier stage of the same run."""
        absent = [name for name in self.spec.objectives if math.isnan(outcome.metrics.get(name, math.nan))]
        if absent and not outcome.failure:
            outcome = replace(outcome, failure=f"There is no {absent[0]} of its pieces.")
        self._runs.setdefault(stage.trial, {})[stage.seed] = stage, outcome

    def stop(self, trials: Iterable[int]) -> None:
        """Note that `trials` do not go on."""
        self._stopped |= set(trials)

    def score(self, trial: int) -> Score | None:
        """Return the score of a trial by the newest outcomes of its seeds; None if one failed or is missing."""
        if self._failure(trial) or len(self._runs.get(trial, {})) < len(self.spec.chosen_seeds):
            return None
        means = self._means(trial)
        losses = (-means[name] if way == "maximize" else means[name] for name, way in self.spec.objectives.items())
        bounds = self.spec.constraints.items()
        return Score(tuple(losses), sum(each.violation(means.get(name, math.nan)) for name, each in bounds))

    def scores(self) -> dict[int, Score | None]:
        """Return the `score` of each trial that was begun, by number."""
        return {trial: self.score(trial) for trial in sorted(self._runs)}

    def settings(self, trial: int) -> Settings:
        """Return the settings of a trial that was begun."""
        return next(iter(self._runs[trial].values()))[0].settings

    def summaries(self) -> list[Summary]:
        """Return all trials that were begun, by number."""
        finished = {trial: score for trial, score in self.scores().items() if score and self._part(trial) == 1}
        best = front(finished) if self.spec.objectives else []
        return [
            Summary(
                trial,
                {name: self.settings(trial)[name] for name in self.spec.varying},
                self._means(trial),
                self._state(trial),
                trial in finished and finished[trial].violation == 0,
                trial in best,
                self._failure(trial) or next((each.problem for each in self._outcomes(trial) if each.problem), ""),
            )
            for trial in sorted(self._runs)
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each run, by trial and seed."""
        return [
            {
                "trial": trial,
                "seed": seed,
                "state": "failed" if outcome.failure else self._state(trial),
                "part": stage.part,
                **{name: stage.settings[name] for name in self.spec.varying},
                **{name: outcome.metrics.get(name) for name in METRICS},
                "seconds": round(outcome.seconds, 1),
                "problem": outcome.problem,
                "run": f"{RUNS}/{stage.name}",
            }
            for trial, runs in sorted(self._runs.items())
            for seed, (stage, outcome) in sorted(runs.items())
        ]

    def _outcomes(self, trial: int) -> list[Outcome]:
        return [outcome for _, outcome in self._runs.get(trial, {}).values()]

    def _failure(self, trial: int) -> str:
        return next((outcome.failure for outcome in self._outcomes(trial) if outcome.failure), "")

    def _part(self, trial: int) -> float:
        return min(stage.part for stage, _ in self._runs[trial].values())

    def _state(self, trial: int) -> str:
        if self._failure(trial):
            return "failed"
        if trial in self._stopped:
            return f"stopped at {self._part(trial):.0%}"
        is_whole = self._part(trial) == 1 and len(self._runs[trial]) == len(self.spec.chosen_seeds)
        return "finished" if is_whole else "training"

    def _means(self, trial: int) -> dict[str, float]:
        """Return the means over the seeds, of what all of them have."""
        metrics = [outcome.metrics for outcome in self._outcomes(trial) if not outcome.failure]
        names = [name for name in METRICS if metrics and all(name in each for each in metrics)]
        return {name: float(np.mean([each[name] for each in metrics])) for name in names}
