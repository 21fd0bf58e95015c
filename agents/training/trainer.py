"""Training of an agent by a configuration, into a run's folder."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from agents.runs.config import TrainConfig, run_environment
from agents.runs.divergence import divergence_in_words
from agents.runs.presets import algorithm_class
from agents.runs.run_directory import RunDirectory, RunError
from agents.runs.run_lock import locked
from agents.training.adversary import AdversaryCallback, training_env
from agents.training.callbacks import EvaluationCallback, ProgressCallback, SaveCallback
from agents.training.collapse import CollapseMonitor
from agents.training.kl_control import kl_control_callbacks
from melody_env import EnvironmentSpec, RuleError, Setting
from note_rnn import Progress, Tokens, held_out_openings, transposed, weights_checksum
from note_rnn.common.command_line import train_command
from note_rnn.common.console import print_line
from note_rnn.common.errors import is_disk_full, reason

LOGGED_PIECES = 2
"""Pieces that an evaluation logs to TensorBoard as picture and sound."""


class TrainingResult(NamedTuple):
    """The trained model, and the run it is saved in."""

    model: BaseAlgorithm
    config: TrainConfig[Any]
    """The configuration used: that of the run, if it was resumed."""
    run: RunDirectory
    environment: EnvironmentSpec
    completed: bool
    """False if the training was stopped, and saved, on request."""


def train_run(config: TrainConfig[Any], stop_at: int | None = None) -> TrainingResult:
    """Train by `config`, or resume its run, and save everything in the run's folder.

    After `stop_at` steps it is stopped and saved as on Ctrl-C: resumed, it is the run that was never stopped. The files
    of a run that is resumed are code, and so are the rule files that it or a reward profile names.

    Raises InputError for an invalid configuration, before anything is written, and RuleError for a rule that fails in
    training, after saving the run.
    """
    if config.resume is not None:
        return _resume(RunDirectory.open(config.resume), stop_at)
    environment = config.environment()
    config = config.resolved(environment.setting)
    model = _new_model(config, environment)
    path = config.run_dir or Path("runs") / f"{config.algo}-{time.strftime('%Y%m%d-%H%M%S')}"
    with locked(path):
        run = _create_run(path, config, environment)
        print_line(f"Training in {run.path}")
        return TrainingResult(model, config, run, environment, _learn(model, config, run, environment, stop_at))


def _resume(run: RunDirectory, stop_at: int | None) -> TrainingResult:
    """Train on from the newest checkpoint of `run`, or from the start if it has none yet."""
    with locked(run.path):
        run.remove_leftovers()
        record = run.record()
        config, environment = TrainConfig.saved(record), run_environment(record, trust_code=True)
        if run.saved():
            torch.set_num_threads(config.threads)
            model = run.restore(partial(algorithm_class(config.algo).load, device=config.device))
            print_line(f"Resuming {run.path}")
        else:
            model = _new_model(config, environment)
            print_line(f"Training in {run.path}, from the start: it has no checkpoint yet")
        return TrainingResult(model, config, run, environment, _learn(model, config, run, environment, stop_at))


def _new_model(config: TrainConfig[Any], environment: EnvironmentSpec) -> BaseAlgorithm:
    torch.set_num_threads(config.threads)
    env = training_env(config, environment)
    return config.agent.build(config.algo, env, environment.prior_in_key, config.seed, config.device)


def _create_run(path: Path, config: TrainConfig[Any], environment: EnvironmentSpec) -> RunDirectory:
    record = {
        "config": asdict(config),
        "environment": environment.as_record(),
        "prior_checksum": weights_checksum(environment.prior.state_dict()),
    }
    return RunDirectory.create(path, record)


def human_tunes(setting: Setting) -> Tokens | None:
    """Return openings [N, T] of held-out human tunes in the key and range of `setting`; None if none are available."""
    tunes = held_out_openings(setting.steps)
    if tunes is None:
        return None
    tunes = transposed(tunes, setting.transposition)
    within = tunes[setting.in_range[tunes].all(axis=1)]
    return within if len(within) else None


def _logger(run: RunDirectory, steps: int) -> Logger:
    """Return a TensorBoard logger for a run that starts, or is resumed, after `steps` steps.

    Events that a killed run logged after its newest checkpoint are marked as void: they will be logged again.
    """
    tensorboard = TensorBoardOutputFormat(str(run.path.resolve()))
    start = Event(step=steps + 1 if steps else 0, session_log=SessionLog(status=SessionLog.START))
    assert tensorboard.writer.file_writer is not None
    tensorboard.writer.file_writer.add_event(start)
    return Logger(str(run.path), [tensorboard])


def _learn(
    model: BaseAlgorithm,
    config: TrainConfig[Any],
    run: RunDirectory,
    environment: EnvironmentSpec,
    stop_at: int | None,
) -> bool:
    """Train `model` to the end and save it; return False if it was stopped, and saved, on request."""
    model.set_logger(_logger(run, model.num_timesteps))
    save = SaveCallback(config.total_timesteps // config.checkpoints, run.save, stop_at)
    with Progress(config.total_timesteps, config.algo, "steps", done=model.num_timesteps) as progress:
        callbacks = [save, *_callbacks(config, environment, progress)]
        remaining = max(config.total_timesteps - model.num_timesteps, 0)
        try:
            with resumable(run), divergence_in_words(model):
                model.learn(remaining, callbacks, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
        except RuleError as error:
            model._last_obs = None  # so that a resumed run starts new pieces
            run.save(model)
            raise RuleError(f"{error} The run is saved: correct the rule, then {_resume_command(run)}") from error
        finally:
            save.restore_signals()
    return not save.stopped


def _callbacks(config: TrainConfig[Any], environment: EnvironmentSpec, progress: Progress) -> Iterator[BaseCallback]:
    """Yield what else happens during training: learning of the adversary, evaluation, display, control of the KL."""
    if environment.profile.adversary:
        yield AdversaryCallback()
    yield EvaluationCallback(
        config.total_timesteps // config.evaluations,
        environment,
        num_logged=min(LOGGED_PIECES, config.melodies),
        human_tunes=human_tunes(environment.setting),
        monitor=CollapseMonitor(config.on_collapse, progress.write),
        report=progress.note,
    )
    yield ProgressCallback(progress)
    yield from kl_control_callbacks(config, environment.profile)


@contextmanager
def resumable(run: RunDirectory) -> Iterator[None]:
    """Raise an OSError of the body, such as that of a full disk, as a RunError that says how the run is resumed."""
    hook = threading.excepthook
    try:
        # TensorBoard's thread hands its OSError to this one, and would print it too.
        threading.excepthook = lambda args: None if isinstance(args.exc_value, OSError) else hook(args)
        yield
    except OSError as error:
        remedy = "free some space" if is_disk_full(error) else "correct that"
        raise RunError(
            f"{reason(error)}: {error.filename or run.path}. What was saved is whole: {remedy}, then "
            f"{_resume_command(run)}"
        ) from error
    finally:
        threading.excepthook = hook


def _resume_command(run: RunDirectory) -> str:
    return f"resume with {train_command()} --resume {run.path}"
