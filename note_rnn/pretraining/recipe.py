"""Pretraining by a configuration: progress, resumable state and model card."""

import platform
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from note_rnn.common.atomic_files import check_out_file, check_out_folder, remove_leftovers
from note_rnn.common.data_files import DataError, converted
from note_rnn.common.errors import InputError
from note_rnn.common.progress import Progress
from note_rnn.corpus import open_corpus
from note_rnn.corpus.terms import terms_of
from note_rnn.network.checkpoint import CheckpointError, path_of_weights, save_note_rnn, weights_checksum
from note_rnn.pretraining import trainer
from note_rnn.pretraining.config import PretrainConfig
from note_rnn.pretraining.early_stopping import ScoredTraining, read_state, write_state
from note_rnn.pretraining.held_out_scores import metrics_of, report_prior
from note_rnn.pretraining.ngram import Reference
from note_rnn.pretraining.parts import Parts, split_shards
from note_rnn.pretraining.processes import Processes, joined_processes
from note_rnn.pretraining.sample_report import report_samples

EVALUATIONS = 30


def pretrain(config: PretrainConfig) -> Path:
    """Train, score and save a Note RNN as configured; return the path of the weights.

    All processes that `torchrun` has started train together; the first one scores, writes and prints. Raises
    CorpusError for an unknown collection, CheckpointError if there is nothing to resume, InputError for settings out of
    range, or if the files cannot be written.
    """
    config.check()
    state: dict[str, Any] = {}
    if config.resume is not None:
        path = replace(config, out=config.resume).state_path
        remove_leftovers(path.parent, path.stem)
        state = read_state(path)
        config = _config_of(state, config.resume)
    path = path_of_weights(config.out)
    check_out_file(path)
    check_out_folder(config.log_dir, "--log-dir")
    torch.set_num_threads(config.threads)
    with joined_processes(config.device) as processes:
        trained = _trained(config, state, processes)
        if processes.is_first:
            _save(config, trained)
    return path


class _Trained(NamedTuple):
    """A training that has ended."""

    scored: ScoredTraining
    parts: Parts
    seconds: float
    """CPU seconds of this process since the beginning of the training."""
    started_from: str | None
    """The checksum of the network of --start-from."""


def _trained(config: PretrainConfig, state: dict[str, Any], processes: Processes) -> _Trained:
    """Train as configured, from `state` on if not empty."""
    torch.manual_seed(config.seed)
    with processes.first_one_first():
        parts = split_shards(open_corpus(config.collections, reading=config.reading), config.meter)
    recipe, rng = config.training_recipe(), np.random.default_rng(config.seed)
    if processes.number > recipe.batch_size:
        raise InputError(
            f"{processes.number} processes cannot share batches of {recipe.batch_size} crops: start fewer."
        )
    model = config.initial_model()
    started_from = None if config.start_from is None else weights_checksum(model.state_dict())
    tunes = parts.train.stream(config.seed, with_bars=config.meter is not None or model.lookback is not None)
    scored = ScoredTraining(
        trainer.Training(model.to(processes.device), tunes, recipe, rng, processes),
        parts.validation,
        max(recipe.updates // EVALUATIONS, 1),
        config.patience,
    )
    seconds = _train(scored, config, state)
    scored.restore_best()
    model.to("cpu")
    return _Trained(scored, parts, seconds, started_from)


def _save(config: PretrainConfig, trained: _Trained) -> None:
    """Print the scores of a trained network, and save it with its model card."""
    model, parts = trained.scored.training.model, trained.parts.sample()
    report = report_prior(model, parts)
    report.show()
    metrics = {"validation": metrics_of(trained.scored.best), **report.metrics()}
    if (samples := report_samples(model, parts, config.seed)) is not None:
        samples.show()
        metrics |= samples.metrics()
    save_note_rnn(model, config.out, _card(config, trained, report.references, metrics))
    config.state_path.unlink(missing_ok=True)


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
    if not scored.training.processes.is_first:
        for _ in scored:
            pass
        return seconds + time.process_time()
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
    config: PretrainConfig, trained: _Trained, references: list[Reference], metrics: dict[str, Any]
) -> dict[str, Any]:
    """Return the model card, a JSON object."""
    training, parts = trained.scored.training, trained.parts
    return {
        "corpus": {
            "collections": {name: terms_of(name) for name in config.collections},
            "provenance": parts.train.shards.provenance,
            "meter": config.meter,
            "split": {name: size._asdict() for name, size in parts.sizes.items()},
        },
        "recipe": {"name": config.recipe, "seed": config.seed, **asdict(training.recipe)},
        "started_from": trained.started_from,
        "training": {"best_update": trained.scored.best_update, "last_update": training.number},
        "cpu_seconds": round(trained.seconds),
        "metrics": metrics,
        "references": [row._asdict() for row in references],
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "melody-rl": version("melody-rl")},
        "machine": f"{platform.machine()}, {training.processes}, {config.threads} thread(s)",
    }
