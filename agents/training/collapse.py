"""Collapse: an agent has found what pays and plays nothing else. What it looks like, and what is done about it."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from agents.runs.config import OnCollapse

FEWEST_DISTINCT = 0.95
COMMONEST_BAR = 0.1
LEAST_DISTANCE = 0.5

_ADVICE = (
    "Let the rules count less (a larger --c), take out what pays for sameness (--reward varied), or hold the policy "
    "with --kl-budget or --entropy-floor."
)


def collapse(metrics: Mapping[str, float]) -> str | None:
    """Return what is wrong with pieces of these `learning_metrics`, as the predicate of "the pieces"; None if nothing.

    Healthy pieces, and those of the Note RNN, are far from every one of the three bounds.
    """
    if metrics["distinct_compositions"] < FEWEST_DISTINCT:
        return f"repeat each other: only {metrics['distinct_compositions']:.0%} of them are distinct"
    if metrics["largest_bar_share"] > COMMONEST_BAR:
        return f"have one bar in common: it is {metrics['largest_bar_share']:.0%} of all their bars"
    if metrics["hamming_distance"] < LEAST_DISTANCE:
        return f"are nearly alike: two of them differ at only {metrics['hamming_distance']:.0%} of the steps"
    return None


class CollapseWatch:
    """Judges an agent each time it is listened to, and does what was asked for if it has collapsed.

    "warn" says so once; "stop" ends the training; "restore" ends it too, with the last policy that was still good.
    `tell` is given the sentence.
    """

    def __init__(self, action: OnCollapse, tell: Callable[[str], None]):
        self.action = action
        self.tell = tell
        self.sentence: str | None = None
        """What was said; None if nothing had to be."""
        self._good: dict[str, Any] | None = None
        self._good_at = 0

    def go_on(self, model: BaseAlgorithm, metrics: Mapping[str, float]) -> bool:
        """Return False if `model`, whose pieces have these `learning_metrics`, is to learn no more."""
        symptom = collapse(metrics)
        if symptom is None:
            if self.action == "restore":
                self._good, self._good_at = copy.deepcopy(model.policy.state_dict()), model.num_timesteps
            return True
        if self.sentence is None:
            what = f"Collapse at step {model.num_timesteps:,}: the pieces {symptom}."
            self.sentence = " ".join(filter(None, (what, self._act(model), _ADVICE)))
            self.tell(self.sentence)
        return self.action == "warn"

    def _act(self, model: BaseAlgorithm) -> str:
        """Do what is to be done; return what that was."""
        if self.action == "warn":
            return ""
        if self.action == "stop" or self._good is None:
            return "The training has ended."
        model.policy.load_state_dict(self._good)
        return f"The training has ended with the policy of step {self._good_at:,}."
