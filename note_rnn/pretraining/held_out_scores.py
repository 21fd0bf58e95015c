"""Scores of a Note RNN on held-out tunes, compared with n-grams: a printed table and metrics for the model card."""

from typing import Any, NamedTuple

from rich.table import Table

from note_rnn.common.console import print_table
from note_rnn.corpus import Split
from note_rnn.network.model import NoteRNN
from note_rnn.pretraining.ngram import Reference, ngram_references
from note_rnn.pretraining.trainer import HeldOut, evaluate


class PriorReport(NamedTuple):
    """Scores on the test tunes, without the first 8 tokens of each segment."""

    test: HeldOut
    """Score of the Note RNN on all test tunes."""
    by_collection: dict[str, HeldOut]
    """Its score on those of each collection that has any."""
    references: list[Reference]
    """Scores of n-grams on all test tunes."""

    def metrics(self) -> dict[str, Any]:
        """Return the metrics for the model card."""
        return {
            "test": metrics_of(self.test),
            "test_by_collection": {name: metrics_of(score) for name, score in self.by_collection.items()},
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
        print_table(table)


def report_prior(model: NoteRNN, parts: Split) -> PriorReport:
    """Return the scores of `model`, and of n-grams of the training tunes, on the test tunes of `parts`."""
    collections = parts.test.by_collection()
    return PriorReport(
        evaluate(model, parts.test.segments),
        {name: evaluate(model, corpus.segments) for name, corpus in collections.items()},
        ngram_references(parts.train.segments, parts.validation.segments, parts.test.segments),
    )


def metrics_of(score: HeldOut) -> dict[str, float]:
    """Return `score` for the model card."""
    return {**score._asdict(), "perplexity": score.perplexity}


def _figures(score: HeldOut | Reference) -> tuple[str, str, str]:
    return f"{score.nats:.3f}", f"{score.perplexity:.2f}", f"{score.accuracy:.1%}"
