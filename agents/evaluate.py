"""The command evaluate: the paper's statistics over many compositions of a run's agent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console

from agents.composing.composers import load_run
from agents.evaluation.comparison import evaluate_agent
from agents.evaluation.table import metrics_table
from agents.runs.run_directory import RunDirectory
from note_rnn import InputError, Progress, run_command
from note_rnn.common.command_line import parse


@dataclass(frozen=True)
class EvaluateConfig:
    """Evaluate the newest agent of a run beside the Note RNN that it started from, and print the paper's table.

    The metrics are also written to evaluation.json in the folder of the run.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of the run."""
    compositions: int = 100_000
    """Number of pieces of each; 100,000 in the paper."""
    seed: int = 0
    """Random seed of the pieces."""


def evaluate_run(config: EvaluateConfig) -> dict[str, dict[str, float]]:
    """Return the metrics of Note RNN and agent; print and save them. Raises RunError if there is no run."""
    if config.compositions < 1:
        raise InputError(f"--compositions must be at least 1, not {config.compositions}.")
    torch.set_num_threads(1)
    agent = load_run(config.run)
    with Progress(2 * config.compositions, "composing", "pieces") as progress:
        columns = evaluate_agent(agent, config.compositions, config.seed, on_composed=progress.advance).columns
    record = {"compositions": config.compositions, "seed": config.seed, **columns}
    RunDirectory.open(config.run).write_json("evaluation.json", record)
    Console().print(metrics_table(columns, f"{config.run}: {config.compositions:,} compositions each"))
    return columns


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    evaluate_run(parse(EvaluateConfig, arguments))


if __name__ == "__main__":
    run_command(main)
