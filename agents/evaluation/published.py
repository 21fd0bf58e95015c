"""Table 1 of Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), and which direction is better."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from melody_env import EnvironmentSpec
from melody_env.reward.rules import RULES
from melody_env.setting import PAPER_SETTING


class Published(NamedTuple):
    """A row of Table 1: the better direction of the statistic, and its value for each of four models."""

    better: Literal["less", "more"]
    """For a correlation "less" means nearer to 0."""
    note_rnn: float
    q: float
    psi: float
    g: float


TABLE_1: Mapping[str, Published] = {
    "notes_not_in_key": Published("less", 0.0009, 0.01, 0.006, 0.287),
    "autocorrelation_lag1": Published("less", -0.16, -0.11, -0.10, 0.55),
    "autocorrelation_lag2": Published("less", 0.14, 0.03, -0.01, 0.31),
    "autocorrelation_lag3": Published("less", -0.13, 0.03, 0.01, 0.17),
    "notes_excessively_repeated": Published("less", 0.633, 0.0, 0.0002, 0.0003),
    "compositions_starting_with_tonic": Published("more", 0.0086, 0.288, 0.287, 0.0),
    "leaps_resolved": Published("more", 0.772, 0.911, 0.900, 0.522),
    "compositions_with_unique_max_note": Published("more", 0.647, 0.564, 0.594, 0.371),
    "compositions_with_unique_min_note": Published("more", 0.494, 0.519, 0.583, 0.565),
    "notes_in_motif": Published("more", 0.0585, 0.757, 0.738, 0.693),
    "notes_in_repeated_motif": Published("more", 0.00007, 0.0011, 0.0009, 0.0001),
}
"""By the names of `melody_statistics`, in the paper's order."""


PUBLISHED_COLUMNS: Mapping[str, str] = {"Note RNN": "note_rnn", "Q": "q"}
"""Columns of the paper that stand beside a run, by the names of the models."""


def is_comparable(environment: EnvironmentSpec) -> bool:
    """Return whether the paper's figures can stand beside those of an agent of this `environment`.

    Its pieces must be in C major and 4/4 and of 32 steps, in the whole range, and its rules among the paper's nine.
    """
    return {*environment.profile.rule_names} <= {*RULES} and environment.setting.differs_only_in_tempo(PAPER_SETTING)


def published(metric: str, model: str) -> float | None:
    """Return the value of `metric` in the column of `model` (note_rnn, q, psi or g); None if the paper has none."""
    return getattr(TABLE_1[metric], model) if metric in TABLE_1 else None
