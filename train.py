"""`python train.py --algo q`: tune a Note RNN by reinforcement learning to obey the rules of music theory.

Everything goes to `runs/<name>/`: configuration, TensorBoard events, checkpoints, melodies to hear, and the table.
"""

import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

from agents.callbacks import ListenCallback, ProgressCallback, SaveCallback
from agents.collapse import CollapseWatch
from agents.composing import Pieces, compose_pieces, load_agent
from agents.config import TrainConfig
from agents.control import controls
from agents.evaluation import human_metrics, metrics_table, table_metrics
from agents.report import ReportConfig, write_report
from agents.run_directory import RunDirectory
from agents.settings import algorithm_class
from melody_env import MelodyVecEnv, RuleError, Setting, piano_roll_figure, setting_of
from melody_env.populations import held_out_melodies
from note_rnn import (
    Progress,
    Tokens,
    held_out_openings,
    replacing,
    run_command,
    transposed,
    weights_checksum,
    write_midi,
    write_wav,
)

WRITTEN_PIECES = 6


def train(config: TrainConfig[Any]) -> Path:
    """Train, evaluate and write everything down as `config` says; return the folder of the run.

    Raises InputError for what cannot be used, before anything is written, RuleError for a rule that fails while
    training, with all saved; SystemExit if the training was stopped.
    """
    run = RunDirectory.open(config.resume) if config.resume else None
    if run is not None:
        config = TrainConfig.saved(run.read_json("config.json"))
    config.check()
    config = config.resolved()
    torch.set_num_threads(config.threads)
    environment = config.environment()
    if run is None:
        env = MelodyVecEnv(config.n_envs, **environment)
        model = config.agent.build(config.algo, env, env.engine.prior, config.seed, config.device)
        run = _create_run(config, weights_checksum(environment["prior"].state_dict()))
    else:
        model = run.restore(partial(load_agent, kind=algorithm_class(config.algo), device=config.device))
    print(f"{'Going on with' if model.num_timesteps else 'Training in'} {run.path}")
    if not _learn(model, config, run, environment):
        sys.exit(f"Stopped at step {model.num_timesteps:,}; go on with: python train.py --resume {run.path}")
    _finish(model, config, run, environment)
    return run.path


def _create_run(config: TrainConfig[Any], prior_checksum: str) -> RunDirectory:
    path = config.run_dir or Path("runs") / f"{config.algo}-{time.strftime('%Y%m%d-%H%M%S')}"
    return RunDirectory.create(path, {"config": asdict(config), "prior_checksum": prior_checksum})


def human_tunes(setting: Setting) -> Tokens | None:
    """Return openings [N, T] of held-out tunes in the key and range of `setting`; None if none are at hand."""
    tunes = held_out_openings(setting.steps)
    if tunes is None:
        return None
    tunes = transposed(tunes, setting.transposition)
    within = tunes[setting.in_range[tunes].all(axis=1)]
    return within if len(within) else None


def _learn(model: BaseAlgorithm, config: TrainConfig[Any], run: RunDirectory, environment: dict[str, Any]) -> bool:
    """Train `model` to the end and save it; return False if it was stopped, and saved, before."""
    model.set_logger(configure(str(run.path), ["tensorboard"]))
    save = SaveCallback(config.total_timesteps // config.checkpoints, run.save)
    with Progress(config.total_timesteps, config.algo, "steps", done=model.num_timesteps) as progress:
        watch = CollapseWatch(config.on_collapse, progress.say)
        callbacks: list[BaseCallback] = [
            save,
            ListenCallback(
                config.total_timesteps // config.evaluations,
                environment,
                human_tunes=human_tunes(config.profile().setting),
                watch=watch,
                tell=progress.note,
            ),
            ProgressCallback(progress),
            *controls(config),
        ]
        left = max(config.total_timesteps - model.num_timesteps, 0)
        try:
            model.learn(left, callbacks, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
        except RuleError as error:
            model._last_obs = None  # so that it goes on with new pieces
            run.save(model)
            raise RuleError(f"{error} All is saved; mend it and go on: python train.py --resume {run.path}") from error
    if not save.stopped:
        run.save(model)
    return not save.stopped


def _finish(model: BaseAlgorithm, config: TrainConfig[Any], run: RunDirectory, environment: dict[str, Any]) -> None:
    """Compare the agent with the Note RNN that it was, and with people's tunes, if any are at hand.

    Table, metrics, and melodies from the same priming tokens.
    """
    setting = setting_of(environment)
    human = held_out_melodies(setting)
    columns = {}
    for name, policy in (("Note RNN", None), ("agent", model.policy)):
        pieces = compose_pieces(policy, config.compositions, config.seed, environment, num_probabilities=WRITTEN_PIECES)
        columns[name] = table_metrics(pieces, human)
        _write_pieces(run, name.lower().replace(" ", "_"), pieces)
    if human is not None:
        columns["people"] = human_metrics(human, setting, environment["prior"])
    run.write_json("metrics.json", {"compositions": config.compositions, "seed": config.seed, **columns})
    Console().print(metrics_table(columns, f"{config.compositions:,} compositions each"))
    print(f"Listen: {run.melodies}/agent_1.wav (or .mid), and the Note RNN on the same first note: note_rnn_1.wav")
    print(f"See and hear all of it in a browser: {write_report(ReportConfig((run.path,)))}")


def _write_pieces(run: RunDirectory, name: str, pieces: Pieces) -> None:
    for number, (melody, chances) in enumerate(zip(pieces.melodies, pieces.probabilities, strict=False), start=1):
        path = run.melodies / f"{name}_{number}"
        write_midi(melody, path.with_suffix(".mid"), pieces.setting.tempo)
        write_wav(melody, path.with_suffix(".wav"), pieces.setting.tempo)
        with replacing(path.with_suffix(".png")) as temporary:
            piano_roll_figure(melody, chances, None, f"{name} {number}", pieces.setting).savefig(temporary, dpi=90)


def main() -> None:
    """Run the command line."""
    train(TrainConfig.parse())


if __name__ == "__main__":
    run_command(main)
