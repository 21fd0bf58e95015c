"""Scores of a Note RNN on held-out tunes, compared with n-grams: a printed table and metrics for the model card.

Shapes: S segments of tunes, N of their bars.
"""

from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from note_rnn.common.console import print_table
from note_rnn.corpus import Corpus, Split
from note_rnn.corpus.windows import from_first_bar, meter_kind
from note_rnn.extraction.tunes import bar_steps
from note_rnn.network.model import NoteRNN
from note_rnn.pretraining.ngram import Reference, ngram_references
from note_rnn.pretraining.trainer import HeldOut, evaluate, token_scores

METERS = {"duple": "4/4", "compound": "6/8", "triple": "3/4", "9/8": "9/8"}
"""A meter of each kind that is scored by itself."""
_BARS = 16


class PriorReport(NamedTuple):
    """Scores on the test tunes, without the first 8 tokens of each segment."""

    test: HeldOut
    """Score of the Note RNN on all test tunes."""
    by_collection: dict[str, HeldOut]
    """Its score on those of each collection that has any."""
    by_meter: dict[str, HeldOut]
    """Its score on those of known meter, "any", and of each kind of meter that has any."""
    by_bar: dict[str, list[float]]
    """Its mean nats per token in each bar [N] of the tunes of each kind of meter, from the first bar line on."""
    references: list[Reference]
    """Scores of n-grams on all test tunes."""

    def metrics(self) -> dict[str, Any]:
        """Return the metrics for the model card."""
        return {
            "test": metrics_of(self.test),
            "test_by_collection": {name: metrics_of(score) for name, score in self.by_collection.items()},
            "test_by_meter": {name: metrics_of(score) for name, score in self.by_meter.items()},
            "test_nats_by_bar": {name: [round(nats, 4) for nats in bars] for name, bars in self.by_bar.items()},
        }

    def show(self) -> None:
        """Print the scores as a table."""
        title = "Held-out tunes (first 8 tokens of each unscored)"
        table = Table("", "nats/token", "perplexity", "accuracy", title=title)
        for row in self.references:
            table.add_row(row.name, *_figures(row))
        table.add_row("Note RNN", *_figures(self.test), style="bold")
        for name, score in self.by_collection.items():
            table.add_row(f"  {name}", *_figures(score))
        for name, score in self.by_meter.items():
            table.add_row(
                f"  in {METERS[name]} and its like" if name in METERS else "  of known meter", *_figures(score)
            )
        print_table(table)


def report_prior(model: NoteRNN, parts: Split) -> PriorReport:
    """Return the scores of `model`, and of n-grams of the training tunes, on the test tunes of `parts`."""
    barred = {kind: from_first_bar(parts.test, meter) for kind, meter in METERS.items()}
    return PriorReport(
        _score(model, parts.test),
        {name: _score(model, corpus) for name, corpus in parts.test.by_collection().items()},
        _by_meter(model, parts.test),
        {kind: nats_by_bar(model, corpus) for kind, corpus in barred.items() if corpus.segments},
        ngram_references(parts.train.segments, parts.validation.segments, parts.test.segments),
    )


def nats_by_bar(model: NoteRNN, corpus: Corpus) -> list[float]:
    """Return the mean nats per token [N] of `model` in each of the first 16 bars of `corpus`, whose tunes begin on bar
    lines, or of as many as there are."""
    scores = token_scores(model, corpus.segments, corpus.all_bars)
    bars = [
        np.arange(len(score)) // (bar_steps(each.meter) or 1) for score, each in zip(scores, corpus.bars, strict=True)
    ]
    bar, nats = np.concatenate(bars), np.concatenate(scores)[:, 0]
    within = bar < _BARS
    sums, counts = np.bincount(bar[within], nats[within]), np.bincount(bar[within])
    return (sums / counts).tolist()


def metrics_of(score: HeldOut) -> dict[str, float]:
    """Return `score` for the model card."""
    return {**score._asdict(), "perplexity": score.perplexity}


def _score(model: NoteRNN, corpus: Corpus) -> HeldOut:
    return evaluate(model, corpus.segments, corpus.all_bars)


def _by_meter(model: NoteRNN, corpus: Corpus) -> dict[str, HeldOut]:
    kinds = [meter_kind(bars.meter) for bars in corpus.all_bars]
    chosen = {"any": [i for i, kind in enumerate(kinds) if kind]}
    chosen |= {name: [i for i, kind in enumerate(kinds) if kind == name] for name in METERS}
    return {
        name: evaluate(model, [corpus.segments[i] for i in of_kind], [corpus.all_bars[i] for i in of_kind])
        for name, of_kind in chosen.items()
        if of_kind
    }


def _figures(score: HeldOut | Reference) -> tuple[str, str, str]:
    return f"{score.nats:.3f}", f"{score.perplexity:.2f}", f"{score.accuracy:.1%}"
