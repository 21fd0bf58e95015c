"""How well a Note RNN predicts held-out tunes, beside n-grams: for people a table, for the model card its numbers."""

from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from note_rnn.corpus import Split
from note_rnn.network.model import NoteRNN
from note_rnn.pretraining.ngram import Reference, ngram_references
from note_rnn.pretraining.trainer import HeldOut, evaluate


class PriorReport(NamedTuple):
    """Scores on the same tunes, the first 8 tokens of each segment unscored."""

    test: HeldOut
    """On the test tunes."""
    by_collection: dict[str, HeldOut]
    """On those of each collection that has any."""
    references: list[Reference]
    """Of n-grams on the test tunes."""

    def metrics(self) -> dict[str, Any]:
        """Return what the model card says of them."""
        return {
            "test": metrics_of(self.test),
            "test_by_collection": {name: metrics_of(score) for name, score in self.by_collection.items()},
        }

    def show(self) -> None:
        """Print a table of them."""
        title = "Held-out tunes (first 8 tokens of each unscored)"
        table = Table("", "nats/token", "perplexity", "accuracy", title=title)
        for row in self.references:
            table.add_row(row.name, *_figures(row))
        table.add_row("Note RNN", *_figures(self.test), style="bold")
        for name, score in self.by_collection.items():
            table.add_row(f"  {name}", *_figures(score))
        Console().print(table)


def report_prior(model: NoteRNN, parts: Split) -> PriorReport:
    """Return how well `model` predicts the test tunes of `parts`, beside n-grams of the training tunes."""
    collections = parts.test.by_collection()
    return PriorReport(
        evaluate(model, parts.test.segments),
        {name: evaluate(model, corpus.segments) for name, corpus in collections.items()},
        ngram_references(parts.train.segments, parts.validation.segments, parts.test.segments),
    )


def metrics_of(score: HeldOut) -> dict[str, float]:
    """Return what the model card says of a `score`."""
    return {**score._asdict(), "perplexity": score.perplexity}


def _figures(score: HeldOut | Reference) -> tuple[str, str, str]:
    return f"{score.nats:.3f}", f"{score.perplexity:.2f}", f"{score.accuracy:.1%}"
