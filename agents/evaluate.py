"""The command evaluate: the paper's statistics over many compositions of a run's agent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from agents.composing.composers import Agent, load_run
from agents.evaluation.comparison import evaluate_agent
from agents.evaluation.published import is_comparable
from agents.evaluation.table import metrics_table
from agents.runs.config import TrainConfig
from agents.runs.run_directory import RunDirectory
from melody_env.measures.human_reference import WHOSE_TUNES, missing_tunes
from note_rnn import InputError, Progress, run_command
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.command_line import parse
from note_rnn.common.console import print_line, print_table
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.errors import check_count, check_seed

_METRICS = "evaluation.json"


@dataclass(frozen=True)
class EvaluateConfig:
    """Evaluate the newest agent of each run beside the Note RNN that it started from, and print the paper's table.

    The metrics are also written to evaluation.json in the folder of the run.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs."""
    compositions: int = 100_000
    """Number of pieces of each; 100,000 in the paper."""
    seed: int = 0
    """Random seed of the pieces."""
    trust_code: bool = False
    """Load the rule files (.py) that the runs name: these are code, so read them before."""
    csv: Path | None = None
    """CSV file of all metrics: a row for each run and composer, with machine, date and commit."""


def evaluate_runs(config: EvaluateConfig) -> list[dict[str, Any]]:
    """Evaluate each run, print its table and save its metrics; return the rows of the CSV file.

    Raises RunError if there is no run, InputError for a value that cannot be used.
    """
    if not config.runs:
        raise InputError("Give the folder of at least one run.")
    check_count("--compositions", config.compositions)
    check_seed("--seed", config.seed)
    runs = [(RunDirectory.open(path), load_run(path, config.trust_code)) for path in config.runs]
    for run, _ in runs:
        check_out_file(run.path / _METRICS, "run")
    if config.csv is not None:
        check_out_file(config.csv, "--csv")
    torch.set_num_threads(1)
    rows = [row for run, agent in runs for row in _evaluate_run(run, agent, config)]
    if config.csv is not None:
        write_csv(config.csv, rows)
    return rows


def _evaluate_run(run: RunDirectory, agent: Agent, config: EvaluateConfig) -> list[dict[str, Any]]:
    train = TrainConfig.saved(run.record())
    with Progress(2 * config.compositions, "composing", "pieces") as progress:
        columns = evaluate_agent(agent, config.compositions, config.seed, on_composed=progress.advance).columns
    run.write_json(_METRICS, {"compositions": config.compositions, "seed": config.seed, **columns})
    title = f"{run.path}: {config.compositions:,} compositions each"
    print_table(metrics_table(columns, title, is_comparable(agent.environment)))
    print_line(missing_tunes(agent.environment.setting) or WHOSE_TUNES)
    described = {
        "run": run.path.name,
        "algorithm": train.algo,
        "profile": Path(train.reward).stem,
        "training_seed": train.seed,
        "compositions": config.compositions,
        "seed": config.seed,
    }
    return [{**described, "composer": name, **figures} for name, figures in columns.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(EvaluateConfig, arguments)
    evaluate_runs(config)
    if config.csv is not None:
        print_line(f"Saved {config.csv}")


if __name__ == "__main__":
    run_command(main)
