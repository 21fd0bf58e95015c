"""A whole run: training, evaluation, and all that is written at the end."""

import sys
from pathlib import Path
from typing import Any

from agents.algorithms.policies import RecurrentPolicy
from agents.composing.composers import Agent
from agents.composing.pieces import Pieces
from agents.evaluation.comparison import evaluate_agent
from agents.evaluation.published import is_comparable
from agents.evaluation.table import metrics_table
from agents.report_page.run_report import ReportConfig, write_report
from agents.runs.config import TrainConfig
from agents.runs.run_directory import RunDirectory
from agents.training.trainer import TrainingResult, resumable, train_run
from melody_env import piano_roll_figure
from melody_env.measures.human_reference import WHOSE_TUNES, missing_tunes
from note_rnn import replacing, write_midi, write_wav
from note_rnn.common.command_line import other_command, train_command
from note_rnn.common.console import print_line, print_table


def whole_run(config: TrainConfig[Any]) -> Path:
    """Train and evaluate by `config`, and write all results; return the folder of the run.

    Raises the errors of `train_run`, and SystemExit if the training was stopped.
    """
    trained = train_run(config)
    run, steps = trained.run, trained.model.num_timesteps
    stopped = f"Stopped at step {steps:,}; resume with: {train_command()} --resume {run.path}"
    if not trained.completed:
        sys.exit(stopped)
    try:
        with resumable(run):
            finish_run(trained)
    except KeyboardInterrupt:
        sys.exit(stopped)
    return run.path


def finish_run(trained: TrainingResult) -> None:
    """Evaluate the agent; write metrics, melodies from the same priming tokens, table and report page."""
    config, run = trained.config, trained.run
    agent = Agent(trained.model.policy, trained.environment)
    pieces, columns = evaluate_agent(agent, config.compositions, config.seed, retained=config.melodies)
    for name, composed in pieces.items():
        _write_pieces(run, name.lower().replace(" ", "_"), composed)
    run.write_json("metrics.json", {"compositions": config.compositions, "seed": config.seed, **columns})
    title = f"{config.compositions:,} compositions each"
    print_table(metrics_table(columns, title, is_comparable(agent.environment)))
    print_line(missing_tunes(agent.environment.setting) or WHOSE_TUNES)
    if config.melodies:
        print_line(
            f"Listen: {run.melodies}/agent_1.wav (or .mid); note_rnn_1.wav is the Note RNN after the same priming token"
        )
    print_line(f"See and hear everything in a browser: {write_report(ReportConfig((run.path,), trust_code=True))}")
    if isinstance(agent.policy, RecurrentPolicy) and not agent.environment.shows_chords:
        print_line(f"Compose with the agent in a browser: {other_command('studio')} {run.path}")


def _write_pieces(run: RunDirectory, name: str, pieces: Pieces) -> None:
    for number, (melody, chances) in enumerate(zip(pieces.melodies, pieces.steps.probabilities, strict=False), start=1):
        path = run.melodies / f"{name}_{number}"
        staff, title = pieces.staff(number - 1), f"{name} {number}"
        write_midi(melody, path.with_suffix(".mid"), staff=staff, title=title)
        write_wav(melody, path.with_suffix(".wav"), staff.bpm, chords=staff.chords)
        with replacing(path.with_suffix(".png")) as temporary:
            marks = dict(staff.marks)
            figure = piano_roll_figure(
                melody, chances, title=title, setting=pieces.setting, marks=marks, chords=staff.chords
            )
            figure.savefig(temporary, dpi=90)
