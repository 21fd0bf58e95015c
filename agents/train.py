"""The command train: tune a Note RNN by reinforcement learning to obey the rules of music theory.

Everything goes to `runs/<name>/`: configuration, TensorBoard events, checkpoints, melodies to hear, and the table.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.composing import Pieces, compose_pieces
from agents.config import TrainConfig
from agents.evaluation import human_metrics, metrics_table, table_metrics
from agents.report import ReportConfig, write_report
from agents.run_directory import RunDirectory
from agents.training import train_run
from melody_env import piano_roll_figure, setting_of
from melody_env.populations import held_out_melodies
from note_rnn import replacing, run_command, write_midi, write_wav
from note_rnn.command_line import train_command

WRITTEN_PIECES = 6


def train(config: TrainConfig[Any]) -> Path:
    """Train, evaluate and write everything down as `config` says; return the folder of the run.

    Raises what `train_run` does; SystemExit if the training was stopped.
    """
    model, config, run, environment, is_whole = train_run(config)
    if not is_whole:
        sys.exit(f"Stopped at step {model.num_timesteps:,}; go on with: {train_command()} --resume {run.path}")
    _finish(model, config, run, environment)
    return run.path


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    train(TrainConfig.parse(arguments))


if __name__ == "__main__":
    run_command(main)
