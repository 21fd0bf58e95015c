"""The command train: tune a Note RNN by reinforcement learning to obey rules of music theory.

The run's folder receives configuration, TensorBoard events, checkpoints, melodies, metrics and the report page.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.runs.config import TrainConfig
from note_rnn import run_command


def train(config: TrainConfig[Any]) -> Path:
    """Train and evaluate by `config`, and write all results; return the folder of the run.

    Raises the errors of `train_run`, and SystemExit if the training was stopped.
    """
    from agents.whole_run import whole_run  # imports PyTorch, which takes seconds: not for --help and errors

    return whole_run(config)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    train(TrainConfig.parse(arguments))


if __name__ == "__main__":
    run_command(main)
