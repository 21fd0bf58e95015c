"""Continuing of a run in its folder: begun if there is none, resumed if it is the same."""

import json
from dataclasses import asdict, replace
from typing import Any

from agents.runs.config import TrainConfig
from agents.runs.run_directory import RunDirectory, RunError
from agents.training.trainer import TrainingResult, train_run
from note_rnn.common.data_files import is_file


def train_or_resume(config: TrainConfig[Any], stop_at: int | None = None) -> TrainingResult:
    """Train by `config`, or resume the run in its folder, `run_dir`, where it was stopped or killed.

    For `stop_at` see `train_run`. Raises RunError if the folder holds a run with other settings.
    """
    assert config.run_dir is not None
    if not is_file(config.run_dir / "config.json"):
        return train_run(config, stop_at)
    check_same(config)
    return train_run(TrainConfig.of(resume=config.run_dir), stop_at)


def check_same(config: TrainConfig[Any]) -> None:
    """Raise RunError if the run in the folder of `config` has other settings; the folder may have been moved."""
    assert config.run_dir is not None
    saved = TrainConfig.saved(RunDirectory.open(config.run_dir).record())
    if as_json(replace(saved, run_dir=config.run_dir)) != as_json(config):
        raise RunError(f"{config.run_dir} holds a run with other settings: choose another --out, or delete it.")


def as_json(config: TrainConfig[Any]) -> dict[str, Any]:
    """Return a configuration as stored in a run's config.json."""
    return json.loads(json.dumps(asdict(config.resolved(config.environment().setting)), default=str))
