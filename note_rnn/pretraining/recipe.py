"""Pretraining by a recipe: configuration, progress, resumable state and model card."""

import platform
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from note_rnn.common.atomic_files import check_out_file, check_out_folder, remove_leftovers
from note_rnn.common.data_files import DataError, converted
from note_rnn.common.errors import MAX_THREADS, InputError, check_count, check_seed
from note_rnn.common.progress import Progress
from note_rnn.corpus import DEFAULT_COLLECTIONS, CorpusError, Split, load_corpus, split
from note_rnn.corpus.terms import terms_of
from note_rnn.corpus.windows import from_first_bar, steps_of_bar, tunes_in_meter
from note_rnn.network.checkpoint import CheckpointError, load_note_rnn, path_of_weights, save_note_rnn, weights_checksum
from note_rnn.network.model import NoteRNN
from note_rnn.network.recurrent_layers import Cell
from note_rnn.pretraining import trainer
from note_rnn.pretraining.early_stopping import ScoredTraining, read_state, write_state
from note_rnn.pretraining.held_out_scores import PriorReport, metrics_of, report_prior

EVALUATIONS = 30
RECIPES = {"strong": trainer.Recipe(), "paper": trainer.PAPER, "finetune": trainer.FINE_TUNING}


@dataclass(frozen=True)
class PretrainConfig:
    """Train a Note RNN to predict the next token of real melodies, and print its scores compared with n-grams.

    The defaults are those of the network that ships with the package, which learned from an earlier
    tokenisation of the same tune books. Then tune your own:
    melody-rl train --prior PATH.
    """

    out: Path = Path("priors/note_rnn.safetensors")
    """File for the weights; the model card is written beside it as .json."""
    resume: Path | None = None
    """Resume the interrupted training with this --out and its own configuration; the other arguments are ignored."""
    recipe: Literal["strong", "paper", "finetune"] = "strong"
    """Training recipe: ours, that of Jaques et al. 2017, or a short one for --start-from."""
    start_from: str | None = None
    """Note RNN to start from instead of random weights, with its sizes: "default", "bars", or a .safetensors file."""
    meter: str | None = None
    """Train on tunes in this kind of meter (4/4, 3/4, 6/8), from a bar line on after a random token, as composed pieces
    begin. By default whole tunes in all meters."""
    collections: tuple[str, ...] = DEFAULT_COLLECTIONS
    """Training data: collections of music21's corpus, such as airdsAirs miscFolk essenFolksong, and corpora of your own
    music, built by melody-rl corpus build (.npz)."""
    hidden_size: tuple[int, ...] = (100,)
    """Units of every layer, or one number per layer, the first layer's first; ignored with --start-from."""
    num_layers: int = 1
    """Number of recurrent layers, if --hidden-size is one number."""
    cell: Cell = "lstm"
    """Type of the layers; PyTorch's GRU is many times slower on a CPU."""
    dropout: float | None = None
    """Dropout probability of each layer's outputs, if not the recipe's (0)."""
    updates: int | None = None
    """Number of gradient updates, if not the recipe's."""
    patience: int = 10
    """Stop early after this many validation scores in a row, of 30 in all, without a new best."""
    seed: int = 0
    """Seed of the initial weights and of the crops."""
    log_dir: Path = Path("runs/pretrain")
    """Folder for the TensorBoard curves."""
    threads: int = 1
    """CPU threads; more than one is seldom faster for matrices this small."""

    @property
    def state_path(self) -> Path:
        """The file with the state of a training in progress."""
        return path_of_weights(self.out).with_suffix(".training.pt")

    def check(self) -> None:
        """Raise InputError for settings out of range, or if an interrupted training would be overwritten."""
        if not self.hidden_size:
            raise InputError("--hidden-size needs at least one number.")
        for units in self.hidden_size:
            check_count("--hidden-size", units)
        check_count("--num-layers", self.num_layers)
        check_count("--threads", self.threads, maximum=MAX_THREADS)
        check_seed("--seed", self.seed)
        check_count("--patience", self.patience)
        if self.updates is not None:
            check_count("--updates", self.updates)
        if not 0 <= (self.dropout or 0) < 1:
            raise InputError(f"--dropout must be at least 0 and below 1, not {self.dropout}.")
        if self.resume is None and self.state_path.exists():
            raise InputError(
                f"{self.state_path} belongs to an interrupted training: resume it with --resume {self.out}, or delete "
                "the file."
            )

    def training_recipe(self) -> trainer.Recipe:
        """Return the recipe with the configured changes."""
        recipe = RECIPES[self.recipe]
        dropout = recipe.dropout if self.dropout is None else self.dropout
        return replace(recipe, updates=self.updates or recipe.updates, dropout=dropout)


def pretrain(config: PretrainConfig) -> Path:
    """Train, score and save a Note RNN as configured; return the path of the weights.

    Raises CorpusError for an unknown collection, CheckpointError if there is nothing to resume, InputError for settings
    out of range, or if the files cannot be written.
    """
    config.check()
    state: dict[str, Any] = {}
    if config.resume is not None:
        path = replace(config, out=config.resume).state_path
        remove_leftovers(path.parent, path.stem)
        state = read_state(path)
        config = _config_of(state, config.resume)
    check_out_file(path_of_weights(config.out))
    check_out_folder(config.log_dir, "--log-dir")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    parts = _parts(config)
    recipe, rng = config.training_recipe(), np.random.default_rng(config.seed)
    bars = [steps_of_bar(bars.meter) for bars in parts.train.bars] if config.meter else None
    model = _initial_model(config)
    started_from = None if config.start_from is None else weights_checksum(model.state_dict())
    scored = ScoredTraining(
        trainer.Training(model, parts.train.segments, recipe, rng, bars),
        parts.validation.segments,
        max(recipe.updates // EVALUATIONS, 1),
        config.patience,
    )
    seconds = _train(scored, config, state)
    scored.restore_best()
    report = report_prior(model, parts)
    report.show()
    path = save_note_rnn(model, config.out, _card(config, scored, parts, report, seconds, started_from))
    config.state_path.unlink(missing_ok=True)
    return path


def _parts(config: PretrainConfig) -> Split:
    """Return the three parts of the collections, or of their tunes in the meter; raises CorpusError for too few."""
    corpus = load_corpus(config.collections)
    if not config.meter:
        return split(corpus)
    try:
        parts = split(corpus, among=tunes_in_meter(corpus, config.meter))
    except CorpusError as error:
        raise CorpusError(f"Too few tunes are in a meter like {config.meter}. {error}") from error
    return Split(*(from_first_bar(part, config.meter) for part in parts))


def _initial_model(config: PretrainConfig) -> NoteRNN:
    """Return the network that the training starts from."""
    if config.start_from is not None:
        return load_note_rnn(config.start_from).requires_grad_(True)
    return NoteRNN(config.hidden_size, config.num_layers, config.cell)


def _train(scored: ScoredTraining, config: PretrainConfig, state: dict[str, Any]) -> float:
    """Train, from `state` on if not empty; return the CPU seconds since the beginning of the training."""
    seconds = -time.process_time()
    if state:
        try:
            scored.load_state_dict(state["scored"])
            seconds += float(state["cpu_seconds"])
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise CheckpointError(
                f"{config.state_path} is damaged: start the training again without --resume."
            ) from error
    updates, done = scored.training.recipe.updates, scored.training.number
    with (
        SummaryWriter(config.log_dir, purge_step=done + 1) as writer,
        Progress(updates, "Note RNN", "updates", done) as progress,
    ):
        for now, score in scored:
            writer.add_scalar("train/nats_per_token", now.loss, now.number)
            writer.add_scalar("train/learning_rate", now.learning_rate, now.number)
            if score is not None:
                writer.add_scalar("validation/nats_per_token", score.nats, now.number)
                writer.add_scalar("validation/accuracy", score.accuracy, now.number)
                progress.note(f"validation {score.nats:.3f} nats, {score.accuracy:.1%}")
                used = seconds + time.process_time()
                saved = {"config": _plain(config), "cpu_seconds": used, "scored": scored.state_dict()}
                write_state(config.state_path, saved)
            progress.advance()
        if scored.training.number < updates:
            progress.write(f"Stopped early: no new best since update {scored.best_update:,}.")
    return seconds + time.process_time()


def _plain(config: PretrainConfig) -> dict[str, Any]:
    """Return `config` in plain types."""
    return {**asdict(config), "out": str(config.out), "log_dir": str(config.log_dir), "resume": None}


def _config_of(state: dict[str, Any], source: Path) -> PretrainConfig:
    try:
        config: PretrainConfig = converted(state.get("config"), PretrainConfig)
    except DataError as error:
        raise CheckpointError(f"The state of {source} is damaged ({error}): start again without --resume.") from error
    return config


def _card(
    config: PretrainConfig,
    scored: ScoredTraining,
    parts: Split,
    report: PriorReport,
    seconds: float,
    started_from: str | None,
) -> dict[str, Any]:
    """Return the model card, a JSON object; `started_from` is the checksum of the network of --start-from."""
    return {
        "corpus": {
            "collections": {name: terms_of(name) for name in config.collections},
            "provenance": parts.train.provenance,
            "meter": config.meter,
            "split": {
                name: {"tunes": len(part.titles), "segments": len(part.segments), "tokens": part.num_tokens}
                for name, part in parts._asdict().items()
            },
        },
        "recipe": {"name": config.recipe, "seed": config.seed, **asdict(scored.training.recipe)},
        "started_from": started_from,
        "training": {"best_update": scored.best_update, "last_update": scored.training.number},
        "cpu_seconds": round(seconds),
        "metrics": {"validation": metrics_of(scored.best), **report.metrics()},
        "references": [row._asdict() for row in report.references],
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "melody-rl": version("melody-rl")},
        "machine": f"{platform.machine()}, {config.threads} thread(s)",
    }
