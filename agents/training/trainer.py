"""Training as a library: what the command does before it compares the agent with the Note RNN that it was."""

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from agents.composing.composers import load_agent
from agents.runs.config import TrainConfig
from agents.runs.presets import algorithm_class
from agents.runs.run_directory import RunDirectory
from agents.training.callbacks import EvaluationCallback, ProgressCallback, SaveCallback
from agents.training.collapse import CollapseWatch
from agents.training.kl_control import controls
from melody_env import EnvironmentSpec, MelodyVecEnv, RuleError, Setting
from note_rnn import Progress, Tokens, held_out_openings, transposed, weights_checksum
from note_rnn.common.command_line import train_command


class Trained(NamedTuple):
    """What a training has come to."""

    model: BaseAlgorithm
    config: TrainConfig[Any]
    """As it was used: that of the run, if the run went on."""
    run: RunDirectory
    environment: EnvironmentSpec
    is_whole: bool
    """False if it was stopped, and saved, before the end."""


def train_run(config: TrainConfig[Any]) -> Trained:
    """Train as `config` says, or go on with a run, and save everything in its folder.

    Raises InputError for what cannot be used, before anything is written, RuleError for a rule that fails while
    training, with all saved.
    """
    run = RunDirectory.open(config.resume) if config.resume else None
    if run is not None:
        config = TrainConfig.saved(run.read_json("config.json"))
    environment = config.environment()
    config = config.resolved(environment.setting)
    torch.set_num_threads(config.threads)
    if run is None:
        env = MelodyVecEnv(config.n_envs, **environment.arguments)
        model = config.agent.build(config.algo, env, environment.prior_in_key, config.seed, config.device)
        run = _create_run(config, environment)
    else:
        model = run.restore(partial(load_agent, kind=algorithm_class(config.algo), device=config.device))
    print(f"{'Going on with' if model.num_timesteps else 'Training in'} {run.path}")
    return Trained(model, config, run, environment, _learn(model, config, run, environment))


def _create_run(config: TrainConfig[Any], environment: EnvironmentSpec) -> RunDirectory:
    path = config.run_dir or Path("runs") / f"{config.algo}-{time.strftime('%Y%m%d-%H%M%S')}"
    record = {
        "config": asdict(config),
        "environment": environment.as_record(),
        "prior_checksum": weights_checksum(environment.prior.state_dict()),
    }
    return RunDirectory.create(path, record)


def human_tunes(setting: Setting) -> Tokens | None:
    """Return openings [N, T] of held-out tunes in the key and range of `setting`; None if none are at hand."""
    tunes = held_out_openings(setting.steps)
    if tunes is None:
        return None
    tunes = transposed(tunes, setting.transposition)
    within = tunes[setting.in_range[tunes].all(axis=1)]
    return within if len(within) else None


def _logger(run: RunDirectory, steps: int) -> Logger:
    """Return a logger to TensorBoard for a run that begins or goes on after `steps` steps.

    What a killed run logged after its newest checkpoint is marked as void: it will be logged again.
    """
    tensorboard = TensorBoardOutputFormat(str(run.path))
    start = Event(step=steps + 1, session_log=SessionLog(status=SessionLog.START))
    assert tensorboard.writer.file_writer is not None
    tensorboard.writer.file_writer.add_event(start)
    return Logger(str(run.path), [tensorboard])


def _learn(model: BaseAlgorithm, config: TrainConfig[Any], run: RunDirectory, environment: EnvironmentSpec) -> bool:
    """Train `model` to the end and save it; return False if it was stopped, and saved, before."""
    model.set_logger(_logger(run, model.num_timesteps))
    save = SaveCallback(config.total_timesteps // config.checkpoints, run.save)
    with Progress(config.total_timesteps, config.algo, "steps", done=model.num_timesteps) as progress:
        watch = CollapseWatch(config.on_collapse, progress.write)
        callbacks: list[BaseCallback] = [
            save,
            EvaluationCallback(
                config.total_timesteps // config.evaluations,
                environment,
                human_tunes=human_tunes(environment.setting),
                watch=watch,
                tell=progress.note,
            ),
            ProgressCallback(progress),
            *controls(config, environment.profile),
        ]
        left = max(config.total_timesteps - model.num_timesteps, 0)
        try:
            model.learn(left, callbacks, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
        except RuleError as error:
            model._last_obs = None  # so that it goes on with new pieces
            run.save(model)
            raise RuleError(
                f"{error} All is saved; mend it and go on: {train_command()} --resume {run.path}"
            ) from error
    if not save.stopped:
        run.save(model)
    return not save.stopped
