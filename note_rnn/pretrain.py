"""`python -m note_rnn.pretrain`: train a Note RNN on tune books and save it with its model card."""

import platform
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch.utils.tensorboard import SummaryWriter

from note_rnn import training
from note_rnn.checkpoint import save_note_rnn
from note_rnn.corpus import DEFAULT_COLLECTIONS, Split, load_corpus, split
from note_rnn.errors import InputError, run_command
from note_rnn.model import NoteRNN
from note_rnn.ngram import Reference, ngram_references
from note_rnn.progress import Progress
from note_rnn.terms import terms_of

EVALUATIONS = 30
RECIPES = {"strong": training.Recipe(), "paper": training.PAPER}


@dataclass(frozen=True)
class PretrainConfig:
    """Train a Note RNN to predict the next token of real melodies, and print how well it does beside n-grams.

    With nothing to configure it remakes the network that ships with the package. Then tune your own with
    `python train.py --prior PATH`.
    """

    out: Path = Path("priors/note_rnn.safetensors")
    """Where the weights go; the model card is written beside them as .json."""
    recipe: Literal["strong", "paper"] = "strong"
    """Training recipe: ours, or that of Jaques et al. 2017."""
    collections: tuple[str, ...] = DEFAULT_COLLECTIONS
    """What to learn from: collections of music21's corpus, such as airdsAirs miscFolk essenFolksong, and corpora of
    your own music, made by `python -m note_rnn.corpus build` (.npz)."""
    hidden_size: int = 100
    """Units of each LSTM layer."""
    num_layers: int = 1
    """LSTM layers."""
    updates: int | None = None
    """Gradient updates, where they should be fewer or more than the recipe's."""
    seed: int = 0
    """Seed of the initial weights and of the crops."""
    log_dir: Path = Path("runs/pretrain")
    """Folder of the TensorBoard curves."""
    threads: int = 1
    """CPU threads for the products of small matrices; more are seldom faster."""


def pretrain(config: PretrainConfig) -> Path:
    """Train, report and save as `config` says; return the path of the weights.

    Raises CorpusError for an unknown collection, InputError for impossible sizes, OSError where nothing can be written.
    """
    if min(config.hidden_size, config.num_layers, config.threads, config.updates or 1) < 1:
        raise InputError("--hidden-size, --num-layers, --threads and --updates must be at least 1.")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    parts = split(load_corpus(config.collections))
    model = NoteRNN(config.hidden_size, config.num_layers)
    recipe = RECIPES[config.recipe]
    recipe = replace(recipe, updates=config.updates or recipe.updates)
    started = time.process_time()
    validation = _train(model, parts, recipe, config)
    seconds = time.process_time() - started
    references = ngram_references(parts.train.segments, parts.validation.segments, parts.test.segments)
    test = training.evaluate(model, parts.test.segments)
    _print_table(references, test)
    return save_note_rnn(model, config.out, _card(config, recipe, parts, references, validation, test, seconds))


def _train(model: NoteRNN, parts: Split, recipe: training.Recipe, config: PretrainConfig) -> training.HeldOut:
    """Train `model` and leave it as it was when it scored best on the validation tunes; return that score."""
    best = training.HeldOut(float("inf"), 0.0, 0)
    best_weights: dict[str, Any] = {}
    every = max(recipe.updates // EVALUATIONS, 1)
    with SummaryWriter(config.log_dir) as writer, Progress(recipe.updates, "Note RNN", "updates") as progress:

        def on_update(now: training.Update) -> None:
            nonlocal best, best_weights
            writer.add_scalar("train/nats_per_token", now.loss, now.number)
            writer.add_scalar("train/learning_rate", now.learning_rate, now.number)
            if now.number % every == 0 or now.number == recipe.updates:
                score = training.evaluate(model, parts.validation.segments)
                writer.add_scalar("validation/nats_per_token", score.nats, now.number)
                writer.add_scalar("validation/accuracy", score.accuracy, now.number)
                progress.note(f"validation {score.nats:.3f} nats, {score.accuracy:.1%}")
                if score.nats < best.nats:
                    best = score
                    best_weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            progress.advance()

        training.train(model, parts.train.segments, recipe, np.random.default_rng(config.seed), on_update)
    model.load_state_dict(best_weights)
    return best


def _print_table(references: list[Reference], test: training.HeldOut) -> None:
    table = Table("", "nats/token", "accuracy", title="Held-out tunes (first 8 tokens of each unscored)")
    for row in references:
        table.add_row(row.name, f"{row.nats:.3f}", f"{row.accuracy:.1%}")
    table.add_row("Note RNN", f"{test.nats:.3f}", f"{test.accuracy:.1%}", style="bold")
    Console().print(table)


def _card(
    config: PretrainConfig,
    recipe: training.Recipe,
    parts: Split,
    references: list[Reference],
    validation: training.HeldOut,
    test: training.HeldOut,
    seconds: float,
) -> dict[str, Any]:
    """Return the model card, a JSON object."""
    return {
        "corpus": {
            "collections": {name: terms_of(name) for name in config.collections},
            "provenance": parts.train.provenance,
            "split": {
                name: {"tunes": len(part.titles), "segments": len(part.segments), "tokens": part.num_tokens}
                for name, part in parts._asdict().items()
            },
        },
        "recipe": {"name": config.recipe, "seed": config.seed, **asdict(recipe)},
        "cpu_seconds": round(seconds),
        "metrics": {"validation": validation._asdict(), "test": test._asdict()},
        "references": [row._asdict() for row in references],
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "melody-rl": version("melody-rl")},
        "machine": f"{platform.machine()}, {config.threads} thread(s)",
    }


def main() -> None:
    """Run the command line."""
    config = tyro.cli(PretrainConfig)
    print(f"Saved {pretrain(config)}")


if __name__ == "__main__":
    run_command(main)
