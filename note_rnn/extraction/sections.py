"""Sections of a score, cut where its meter, key or tempo changes, and the grid of sixteenths.

Times are ticks, `resolution` per quarter note, until `to_steps` converts them to steps, four per quarter note.
"""

from typing import NamedTuple

import numpy as np

from note_rnn.extraction.midi_events import Integers
from note_rnn.extraction.midi_score import Changes, Score
from note_rnn.vocabulary import STEPS_PER_QUARTER

_QUARTER_OF_A_STEP = 0.25
_MIN_GAIN = 0.1
"""Additional share of onsets that must come near the grid for it to be shifted; swing and triplets stay below."""
_MIN_ONSETS = 8
"""Fewer are no evidence of a shift."""


class Section(NamedTuple):
    """Ticks `start` to `end` in one meter, declared or 4/4, under a key signature of `sharps` (None: not given)."""

    start: int
    end: int
    meter: tuple[int, int]
    sharps: int | None
    is_declared: bool = True


def sections(score: Score, by_meter: bool = True, by_key: bool = True, by_tempo: bool = False) -> list[Section]:
    """Return the parts of `score`, up to its last note, without changes of meter, key or tempo as selected.

    Before the first event the meter is 4/4 and the tempo 120. A repeated value is no change.
    """
    end = max((int(track.ends.max(initial=0)) for track in score.tracks), default=0)
    cuts = [np.array([0], np.int64)]
    for changes, initial, cut in (
        (score.meters, (4, 4), by_meter),
        (score.keys, None, by_key),
        (score.tempos, (500_000,), by_tempo),
    ):
        if cut:
            cuts.append(_times_of_change(changes, initial))
    times = np.unique(np.concatenate(cuts))
    times = times[times < end].tolist()
    meters, keys = _in_force(score.meters, times), _in_force(score.keys, times)
    return [
        Section(
            start,
            stop,
            (4, 4) if meter is None else (meter[0], meter[1]),
            None if key is None else key[0],
            meter is not None,
        )
        for start, stop, meter, key in zip(times, [*times[1:], end], meters, keys, strict=True)
    ]


def to_steps(ticks: Integers, resolution: int) -> Integers:
    """Return `ticks` in steps, rounded to the nearest, halves up."""
    return (2 * STEPS_PER_QUARTER * ticks + resolution) // (2 * resolution)


def grid_shift(starts: Integers, resolution: int) -> int:
    """Return the ticks, within half a step, by which the onsets `starts` [N] of a song lag behind the grid.

    Recordings and some collections keep steady time, but not with the file's beats. The shift is the circular mean of
    the onsets' phases, and 0 unless it brings clearly more of them to within a quarter of a step of the grid.
    """
    phases = starts * STEPS_PER_QUARTER / resolution % 1
    if len(phases) < _MIN_ONSETS:
        return 0
    mean = np.angle(np.exp(2j * np.pi * phases).sum()) / (2 * np.pi)
    shift = round(mean * resolution / STEPS_PER_QUARTER)
    return shift if _near(phases - mean) > _near(phases) + _MIN_GAIN else 0


def _near(phases: np.ndarray) -> float:
    """Return the share of `phases` within a quarter of a step of a whole step."""
    return float((np.abs((phases + 0.5) % 1 - 0.5) <= _QUARTER_OF_A_STEP).mean())


def _times_of_change(changes: Changes, initial: tuple[int, ...] | None) -> Integers:
    """Return the times at which `changes` differ from the value before, `initial` at first."""
    first = [[np.iinfo(np.int64).min] * changes.values.shape[1] if initial is None else initial]
    values = np.concatenate([np.array(first, np.int64), changes.values])
    return changes.times[(np.diff(values, axis=0) != 0).any(axis=1)]


def _in_force(changes: Changes, times: list[int]) -> list[list[int] | None]:
    """Return the current value at each of `times`, None before the first."""
    newest = np.searchsorted(changes.times, times, side="right") - 1
    return [changes.values[number].tolist() if number >= 0 else None for number in newest]
