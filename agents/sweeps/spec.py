"""The specification of a sweep, read from YAML: settings, objectives, constraints, seeds, search and early stopping."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from agents.sweeps.settings import MOST_TRIALS, MOST_VALUES, Choices, Domain, check_known, domains
from note_rnn.common.data_files import DataError, converted, parse_yaml, read_text, user_path
from note_rnn.common.errors import InputError, check_count, check_seed, reason

METRICS: Mapping[str, str] = {
    "r_MT": "paper_music_theory",
    "J": "reward",
    "log_p": "log_prob",
    "KL": "kl",
    "overlap": "human_overlap",
    "distinct": "distinct_compositions",
    "entropy": "entropy",
    "bar_share": "largest_bar_share",
}
"""What a sweep measures, and its name in a run's metrics.json: r_MT by the paper's rules, J the total reward of the
run's own, both per step; overlap with human tunes; bar_share, the share of the most frequent bar."""


@dataclass(frozen=True)
class Bounds:
    """Bounds of a metric."""

    min: float | None = None
    max: float | None = None

    def violation(self, value: float) -> float:
        """Return by how much `value` is out of bounds, 0 if it is not; infinity if it is not a number."""
        if math.isnan(value):
            return math.inf
        below = 0.0 if self.min is None else self.min - value
        above = 0.0 if self.max is None else value - self.max
        return max(0.0, below, above)


@dataclass(frozen=True)
class Search:
    """Search by Optuna's sampler, a tree-structured Parzen estimator."""

    trials: int
    """Number of trials."""
    at_once: int = 8
    """Trials that are chosen together, each time by the results of all before: the choice does not depend on the number
    of workers."""
    seed: int = 0
    """Seed of the choice."""


@dataclass(frozen=True)
class Stopping:
    """Early stopping by successive halving: after each part of the training the best go on."""

    after: list[float]
    """Parts of a training, as fractions in ascending order."""
    keep: float = 0.5
    """Share of the trials that goes on."""


@dataclass(frozen=True)
class SweepSpec:
    """What to run: see docs/scale.md."""

    settings: dict[str, Any]
    """By option of the training, its value, list, range or distribution."""
    objectives: dict[str, Literal["maximize", "minimize"]] = field(default_factory=dict)
    """Metrics to optimize."""
    constraints: dict[str, Bounds] = field(default_factory=dict)
    """Bounds that a trial must keep to be good."""
    seeds: int | list[int] = 1
    """Seeds of each trial: a number of them, from 0, or a list."""
    search: Search | None = None
    """None: every combination, a grid."""
    stop: Stopping | None = None
    """None: every trial is trained to its end."""

    @classmethod
    def read(cls, path: Path) -> "SweepSpec":
        """Return the specification in the file `path`; raises InputError if it is missing, damaged or impossible."""
        try:
            data = parse_yaml(read_text(user_path(path)))
            if isinstance(data, dict):
                for name in data:
                    check_known("part of a sweep", name, [each.name for each in fields(cls)])
            spec: SweepSpec = converted(data, cls)
        except (OSError, DataError) as error:
            raise InputError(f"{path} cannot be read as a sweep: {reason(error)}.") from error
        spec.check()
        return spec

    def check(self) -> None:
        """Raise InputError for a value that is impossible, or an unknown name."""
        for name in (*self.objectives, *self.constraints):
            check_known("metric", name, METRICS)
        for bound, bounds in self.constraints.items():
            if bounds.min is None and bounds.max is None:
                raise InputError(f"The constraint {bound} needs min, max or both.")
        if isinstance(self.seeds, int):
            check_count("seeds", self.seeds, maximum=MOST_VALUES)
        for seed in self.chosen_seeds:
            check_seed("seeds", seed)
        if not self.chosen_seeds:
            raise InputError("seeds is an empty list: give at least one.")
        if self.search is not None:
            for name in ("trials", "at_once"):
                check_count(f"search: {name}", getattr(self.search, name), maximum=MOST_TRIALS)
            check_seed("search: seed", self.search.seed)
        if (self.search or self.stop) and not self.objectives:
            raise InputError("search and stop need objectives, such as objectives: {r_MT: maximize}.")
        if self.stop is not None:
            after = self.stop.after
            if not after or sorted(set(after)) != after or not 0 < after[0] <= after[-1] < 1:
                raise InputError("stop: after takes fractions between 0 and 1 in ascending order, such as [0.25, 0.5].")
            if not 0 < self.stop.keep < 1:
                raise InputError(f"stop: keep must be a share between 0 and 1, not {self.stop.keep}.")

    @property
    def chosen_seeds(self) -> list[int]:
        """The seeds of each trial."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(dict.fromkeys(self.seeds))

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """What each setting may be, every value tried; raises InputError as `settings.domains` does."""
        return domains(self.settings)

    @property
    def varying(self) -> list[str]:
        """The settings that have more than one value."""
        return [name for name, each in self.domains.items() if not isinstance(each, Choices) or len(each.values) > 1]

    @property
    def parts(self) -> list[float]:
        """The parts of a training after which the best are chosen, and 1, the whole."""
        return [*(self.stop.after if self.stop else []), 1.0]

    def going_on(self, trials: int) -> list[int]:
        """Return how many of so many `trials` are trained in each of the `parts`."""
        found = [trials]
        for _ in self.parts[1:]:
            assert self.stop is not None
            found.append(math.ceil(self.stop.keep * found[-1]))
        return found
