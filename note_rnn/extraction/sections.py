"""A score cut where its bars, key or tempo change, on a grid of sixteenths.

Times are ticks, `resolution` to the quarter note, until `to_steps` makes them steps, four to the quarter.
"""

from typing import NamedTuple

import numpy as np

from note_rnn.extraction.midi_events import Integers
from note_rnn.extraction.midi_score import Changes, Score
from note_rnn.vocabulary import STEPS_PER_QUARTER

_QUARTER_OF_A_STEP = 0.25
_CLEARLY_MORE = 0.1
"""So many more of the onsets, as a share, must come near the grid for it to be moved: swing and triplets do not."""


class Section(NamedTuple):
    """Ticks `start` to `end` with bars in one meter, under a key signature of `sharps` (None: none is given)."""

    start: int
    end: int
    meter: tuple[int, int]
    sharps: int | None


def sections(score: Score, by_meter: bool = True, by_key: bool = True, by_tempo: bool = False) -> list[Section]:
    """Return the parts of `score`, up to its last note, in which nothing changes of what cuts it.

    Until something else is said the meter is 4/4 and the tempo 120. What is said again is no change.
    """
    end = max((int(track.ends.max(initial=0)) for track in score.tracks), default=0)
    cuts = [np.array([0], np.int64)]
    for changes, at_first, cut in (
        (score.meters, (4, 4), by_meter),
        (score.keys, None, by_key),
        (score.tempos, (500_000,), by_tempo),
    ):
        if cut:
            cuts.append(_times_of_change(changes, at_first))
    times = np.unique(np.concatenate(cuts))
    times = times[times < end].tolist()
    meters, keys = _in_force(score.meters, times), _in_force(score.keys, times)
    return [
        Section(start, stop, (4, 4) if meter is None else (meter[0], meter[1]), None if key is None else key[0])
        for start, stop, meter, key in zip(times, [*times[1:], end], meters, keys, strict=True)
    ]


def bar_steps(meter: tuple[int, int]) -> int | None:
    """Return the steps of a bar in `meter`; None where they are no whole number, as in 3/32."""
    steps, rest = divmod(4 * STEPS_PER_QUARTER * meter[0], meter[1])
    return None if rest else steps


def to_steps(ticks: Integers, resolution: int) -> Integers:
    """Return `ticks` in steps, to the nearest, halves upward."""
    return (2 * STEPS_PER_QUARTER * ticks + resolution) // (2 * resolution)


def grid_shift(starts: Integers, resolution: int) -> int:
    """Return the ticks by which the onsets `starts` [N] of a song lie behind the grid, within half a step.

    Recordings and some collections keep time by themselves, but not with the file's beats. The shift is the circular
    mean of the onsets' phases, and 0 unless it brings clearly more of them to within a quarter of a step of the grid.
    """
    phases = starts * STEPS_PER_QUARTER / resolution % 1
    if not len(phases):
        return 0
    mean = np.angle(np.exp(2j * np.pi * phases).sum()) / (2 * np.pi)
    shift = round(mean * resolution / STEPS_PER_QUARTER)
    return shift if _near(phases - mean) > _near(phases) + _CLEARLY_MORE else 0


def _near(phases: np.ndarray) -> float:
    """Return the share of `phases` within a quarter of a step of a whole one."""
    return float((np.abs((phases + 0.5) % 1 - 0.5) <= _QUARTER_OF_A_STEP).mean())


def _times_of_change(changes: Changes, at_first: tuple[int, ...] | None) -> Integers:
    """Return when `changes` say something else than before."""
    first = [[np.iinfo(np.int64).min] * changes.values.shape[1] if at_first is None else at_first]
    values = np.concatenate([np.array(first, np.int64), changes.values])
    return changes.times[(np.diff(values, axis=0) != 0).any(axis=1)]


def _in_force(changes: Changes, times: list[int]) -> list[list[int] | None]:
    """Return the value that is in force at each of `times`, None before the first."""
    newest = np.searchsorted(changes.times, times, side="right") - 1
    return [changes.values[number].tolist() if number >= 0 else None for number in newest]
