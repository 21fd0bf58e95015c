"""Samples of a Note RNN beside held-out human tunes: bars that come back, and runs that stand in the training tunes.

Shapes: B melodies, T steps.
"""

from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from note_rnn.common.console import print_table
from note_rnn.corpus import Split
from note_rnn.corpus.copying import longest_shared_runs
from note_rnn.corpus.repetition import LAGS, repeats_exactly, whole_bars
from note_rnn.corpus.windows import bar_windows
from note_rnn.extraction.tunes import bar_length
from note_rnn.network.generation import sample_melodies
from note_rnn.network.model import NoteRNN
from note_rnn.vocabulary import Tokens

SAMPLES = 1_000
METER = "4/4"
_STEPS_PER_BAR = int(bar_length(METER))
_BARS = 8
_SHARED_STEPS = 64
"""Steps of the pieces whose runs are searched for."""


class MelodyReport(NamedTuple):
    """Figures of B melodies of eight bars that start on a bar line."""

    melodies: int
    """B."""
    distinct: float
    """Share of them that differ from all before."""
    repeated_bars: dict[str, float]
    """For each lag in bars, the share of bars that equal the one so many before."""
    shared_run: float
    """Median of the longest run, in tokens, of the first 64 that stands in a training tune."""
    copied: float
    """Share of those whose 64 first tokens stand whole in a training tune."""


class SampleReport(NamedTuple):
    """Samples of a Note RNN in 4/4, without a primer, beside held-out tunes in 4/4 and its like."""

    samples: MelodyReport
    human: MelodyReport

    def metrics(self) -> dict[str, Any]:
        """Return the metrics for the model card."""
        return {"samples": self.samples._asdict(), "human": self.human._asdict()}

    def show(self) -> None:
        """Print the figures as a table."""
        table = Table("", "Note RNN", "human", title=f"{SAMPLES:,} samples of eight bars, and held-out tunes")
        both = self.samples, self.human
        for lag in self.samples.repeated_bars:
            table.add_row(f"bars equal to {lag} before", *(f"{each.repeated_bars[lag]:.1%}" for each in both))
        table.add_row("distinct", *(f"{each.distinct:.1%}" for each in both))
        table.add_row("longest run in a training tune", *(f"{each.shared_run:.0f} of 64" for each in both))
        table.add_row("whole in a training tune", *(f"{each.copied:.1%}" for each in both))
        print_table(table)


def report_samples(model: NoteRNN, parts: Split, seed: int) -> SampleReport | None:
    """Return figures of 1,000 samples of `model` beside the test tunes of `parts`; None if none of them is in 4/4."""
    steps = _BARS * _STEPS_PER_BAR
    human = bar_windows(parts.test, steps, METER)
    if not len(human):
        return None
    samples, _ = sample_melodies(model.in_meter(METER), SAMPLES, steps, seed)
    return SampleReport(_report(samples, parts), _report(human, parts))


def _report(melodies: Tokens, parts: Split) -> MelodyReport:
    runs = longest_shared_runs(melodies[:, :_SHARED_STEPS], parts.train.segments)
    bars = whole_bars(melodies, _STEPS_PER_BAR)
    return MelodyReport(
        melodies=len(melodies),
        distinct=len(np.unique(melodies, axis=0)) / len(melodies),
        repeated_bars={str(lag): float(repeats_exactly(bars, lag).mean()) for lag in LAGS if lag < _BARS},
        shared_run=float(np.median(runs)),
        copied=float((runs == _SHARED_STEPS).mean()),
    )
