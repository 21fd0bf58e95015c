"""Collapse onto a few rewarding melodies: its detection from metrics, and the response to it."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from agents.runs.config import OnCollapse

MIN_DISTINCT = 0.95
MAX_BAR_SHARE = 0.1
MIN_DISTANCE = 0.4
"""Pieces of the Note RNNs differ at .5 (`lookback`, mostly holds) to .7 of their steps, those of a collapse at .3."""

_ADVICE = (
    "Give the rules less weight (a larger --c), choose a reward without a bonus for repetition (--reward varied), or "
    "constrain the policy with --kl-budget or --entropy-floor."
)


def collapse(metrics: Mapping[str, float]) -> str | None:
    """Return the symptom of collapse in the `learning_metrics` of pieces, as a predicate of "the pieces", or None.

    Healthy pieces, and those of the Note RNNs, are beyond all three bounds.
    """
    if metrics["distinct_compositions"] < MIN_DISTINCT:
        return f"repeat each other: only {metrics['distinct_compositions']:.0%} of them are distinct"
    if metrics["largest_bar_share"] > MAX_BAR_SHARE:
        return f"have one bar in common: it is {metrics['largest_bar_share']:.0%} of all their bars"
    if metrics["hamming_distance"] < MIN_DISTANCE:
        return f"are nearly alike: on average two differ at only {metrics['hamming_distance']:.0%} of the steps"
    return None


class CollapseMonitor:
    """Detector of collapse at each evaluation, with the response `action`.

    "warn" reports it once; "stop" also ends the training; "restore" ends it with the last good policy. `report` is
    called with the message.
    """

    def __init__(self, action: OnCollapse, report: Callable[[str], None]):
        self.action = action
        self.report = report
        self.message: str | None = None
        """The reported message, None before a collapse."""
        self._good: dict[str, Any] | None = None
        self._good_at = 0

    def should_continue(self, model: BaseAlgorithm, metrics: Mapping[str, float]) -> bool:
        """Return False if `model`, whose pieces have these `learning_metrics`, must stop learning."""
        symptom = collapse(metrics)
        if symptom is None:
            if self.action == "restore":
                self._good, self._good_at = copy.deepcopy(model.policy.state_dict()), model.num_timesteps
            return True
        if self.message is None:
            collapse_at = f"Collapse at step {model.num_timesteps:,}: the pieces {symptom}."
            self.message = " ".join(filter(None, (collapse_at, self._respond(model), _ADVICE)))
            self.report(self.message)
        return self.action == "warn"

    def _respond(self, model: BaseAlgorithm) -> str:
        """Respond to the collapse; return a sentence on it, empty for a warning."""
        if self.action == "warn":
            return ""
        if self.action == "stop" or self._good is None:
            return "The training has ended."
        model.policy.load_state_dict(self._good)
        return f"The training has ended with the policy of step {self._good_at:,}."
