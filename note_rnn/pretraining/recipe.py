"""Pretraining by a configuration: progress, resumable state and model card."""

import platform
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from note_rnn.common.atomic_files import check_out_file, check_out_folder, remove_leftovers
from note_rnn.common.data_files import DataError, converted
from note_rnn.common.progress import Progress
from note_rnn.corpus import CorpusError, Split, load_corpus, split
from note_rnn.corpus.terms import terms_of
from note_rnn.corpus.windows import from_first_bar, tunes_in_meter
from note_rnn.network.checkpoint import CheckpointError, path_of_weights, save_note_rnn, weights_checksum
from note_rnn.pretraining import trainer
from note_rnn.pretraining.config import PretrainConfig
from note_rnn.pretraining.early_stopping import ScoredTraining, read_state, write_state
from note_rnn.pretraining.held_out_scores import metrics_of, report_prior
from note_rnn.pretraining.ngram import Reference
from note_rnn.pretraining.sample_report import report_samples

EVALUATIONS = 30


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
    model = config.initial_model()
    started_from = None if config.start_from is None else weights_checksum(model.state_dict())
    on_bar_lines = config.meter is not None or model.lookback is not None
    scored = ScoredTraining(
        trainer.Training(model, parts.train.segments, recipe, rng, parts.train.all_bars if on_bar_lines else None),
        parts.validation,
        max(recipe.updates // EVALUATIONS, 1),
        config.patience,
    )
    seconds = _train(scored, config, state)
    scored.restore_best()
    report = report_prior(model, parts)
    report.show()
    metrics = {"validation": metrics_of(scored.best), **report.metrics()}
    if (samples := report_samples(model, parts, config.seed)) is not None:
        samples.show()
        metrics |= samples.metrics()
    path = save_note_rnn(
        model, config.out, _card(config, scored, parts, report.references, metrics, seconds, started_from)
    )
    config.state_path.unlink(missing_ok=True)
    return path


def _parts(config: PretrainConfig) -> Split:
    """Return the three parts of the collections, or of their tunes in the meter; raises CorpusError for too few."""
    corpus = load_corpus(config.collections, reading=config.reading)
    if not config.meter:
        return split(corpus)
    try:
        parts = split(corpus, among=tunes_in_meter(corpus, config.meter))
    except CorpusError as error:
        raise CorpusError(f"Too few tunes are in a meter like {config.meter}. {error}") from error
    return Split(*(from_first_bar(part, config.meter) for part in parts))


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
    references: list[Reference],
    metrics: dict[str, Any],
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
        "metrics": metrics,
        "references": [row._asdict() for row in references],
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "melody-rl": version("melody-rl")},
        "machine": f"{platform.machine()}, {config.threads} thread(s)",
    }
