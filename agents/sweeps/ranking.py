"""Ranking of trials by several objectives under constraints: layers of the Pareto front, and who goes on."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Score(NamedTuple):
    """A trial's means over its seeds, as they are ranked."""

    losses: tuple[float, ...]
    """The objectives, the smaller the better."""
    violation: float
    """By how much constraints are violated altogether; 0 if all are kept."""


def dominates(one: Score, other: Score) -> bool:
    """Return whether `one` violates less, or as little while no objective is worse and one is better."""
    if one.violation != other.violation:
        return one.violation < other.violation
    pairs = list(zip(one.losses, other.losses, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def layers(scores: Mapping[int, Score]) -> list[list[int]]:
    """Return the trials of `scores` by layer: the Pareto front, then the front of those left, and so on."""
    left = dict(scores)
    found = []
    while left:
        front = [trial for trial in left if not any(dominates(other, left[trial]) for other in left.values())]
        found.append(front)
        left = {trial: score for trial, score in left.items() if trial not in front}
    return found


def survivors(scores: Mapping[int, Score], number: int) -> list[int]:
    """Return the `number` best of the trials in `scores`, in order of their numbers; fewer if there are no more.

    Whole layers first; within one, by the first objective, then by the others, then by number.
    """
    ranked = [
        trial for layer in layers(scores) for trial in sorted(layer, key=lambda each: (scores[each].losses, each))
    ]
    return sorted(ranked[:number])


def front(scores: Mapping[int, Score]) -> list[int]:
    """Return the trials on the Pareto front that keep all constraints."""
    good = {trial: score for trial, score in scores.items() if score.violation <= 0}
    first: Sequence[int] = layers(good)[0] if good else []
    return sorted(first)
