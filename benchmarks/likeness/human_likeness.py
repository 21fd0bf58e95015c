"""Likeness of agents to human tunes: runs of train.py beside human tunes, the Note RNN, and two controls.

    python train.py --algo psi --reward calibrated --seed 0 --run-dir runs/psi0      # and so on
    python benchmarks/likeness/human_likeness.py runs/psi0 runs/psi1 "Psi, c .7=runs/other0" --out likeness.json

Shapes: S seeds of an agent.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from likeness import Likeness
from reward_free_controls import ColderPrior, fit_position

from agents.composing.composers import load_run
from agents.composing.players import NoteRNNPlayer
from agents.evaluation.table import format_value
from agents.runs.config import TrainConfig
from agents.runs.labels import ALGORITHMS, HUMAN, NOTE_RNN
from agents.runs.run_directory import RunDirectory
from melody_env import EnvironmentSpec, load_profile
from melody_env.measures.likeness import HumanTunes
from note_rnn import Progress, weights_checksum, write_json
from note_rnn.common.command_line import parse
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.errors import InputError, check_count, check_temperature, run_command

COLUMNS = {
    "log_prob": ("log p", ".3f"),
    "kl": ("KL", ".2f"),
    "logistic": ("AUC: logistic", ".3f"),
    "trees": ("AUC: trees", ".3f"),
    "gru": ("AUC: GRU", ".3f"),
    "overlap": ("overlap", ".3f"),
    "repeated_bars_lag4": ("bars equal to 4 before", ".1%"),
    "human_nats": ("human tunes, nats", ".3f"),
    "distinct": ("distinct", ".1%"),
    "longest_shared_run": ("shared run", ".0f"),
}

Rows = dict[str, list[dict[str, float]]]
"""The figures of each seed [S], by label."""


@dataclass(frozen=True)
class LikenessConfig:
    """Compare agents with human tunes, with the Note RNN, and with controls that approach human tunes without a reward.

    The table is printed as Markdown: r_MT per step by each profile, not divided by c, where what it pays for was asked
    for, such as a form; log p per step; KL from the Note RNN per piece; AUC of three classifiers of pieces against
    held-out tunes (.5: indistinguishable); overlap of twelve statistics with those of held-out tunes; share of bars
    equal to the one four before; negative log-likelihood of held-out tunes under the composer, in nats per token; share
    of distinct pieces; longest run of tokens shared with a training tune, median.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Folders of runs, or LABEL=FOLDER; the default label is the algorithm and the reward profile. Runs with the same
    label are seeds of one agent, reported by their mean and standard deviation."""
    compositions: int = 4_000
    """Number of pieces of each composer."""
    judged: int = 2_000
    """Number of pieces of each composer given to the classifiers."""
    steps: int | None = None
    """Steps of a piece; defaults to those of the runs, or 32 without runs."""
    temperatures: tuple[float, ...] = (0.95, 0.9, 0.85, 0.8, 0.7)
    """Temperatures of the Note RNN to try; the one with the lowest AUC of the logistic classifier is reported."""
    seed: int = 0
    """Random seed of all pieces and classifiers."""
    out: Path = Path("human_likeness.json")
    """JSON file of all figures, written after each row."""


def compare(config: LikenessConfig) -> Rows:
    """Return the rows of the table, and write them to the file `config.out`.

    Raises InputError for runs that cannot be compared, RunError for a missing run, CorpusError without tunes.
    """
    check_count("--compositions", config.compositions, minimum=10)
    check_count("--judged", config.judged, minimum=10)
    if not config.temperatures:
        raise InputError("--temperatures needs at least one number.")
    for temperature in config.temperatures:
        check_temperature("--temperatures", temperature)
    runs = [_labelled(run) for run in config.runs]
    agents = [load_run(path) for _, path, _ in runs]
    environment = _common_environment([agent.environment for agent in agents], config.steps)
    human = HumanTunes.of(environment.setting)
    profiles = {"paper": load_profile("paper")}
    profiles |= {
        Path(one.reward).stem: agent.environment.profile for (_, _, one), agent in zip(runs, agents, strict=True)
    }
    likeness = Likeness(human, profiles, config.compositions, config.judged, config.seed)
    rows: Rows = {}

    def add(label: str, figures: dict[str, float]) -> None:
        rows.setdefault(label, []).append(figures)
        sizes = {"train_tunes": len(human.train), "held_out_tunes": len(human.held_out)}
        write_json(config.out, {**asdict(config), **sizes, "rows": rows})
        progress.advance()

    with Progress(4 + len(runs), "comparing", "composers") as progress:
        add(HUMAN, likeness.of_human_tunes(environment.prior))
        add(NOTE_RNN, likeness.of_player(NoteRNNPlayer(), environment))
        colder = [ColderPrior(temperature) for temperature in config.temperatures]
        best = min(colder, key=lambda each: likeness.logistic_auc(each, environment))
        add(f"{NOTE_RNN} at temperature {best.temperature:g}", likeness.of_player(best, environment))
        positioned = fit_position(environment.prior_in_key, human.train, np.random.default_rng(config.seed))
        add(f"{NOTE_RNN} given the position", likeness.of_player(positioned, environment))
        for (label, _, _), agent in zip(runs, agents, strict=True):
            add(label, likeness.of_player(agent.player(), agent.environment))
    return rows


def markdown(rows: Rows) -> str:
    """Return the table of `rows`: means and, for several seeds, standard deviations."""
    theory = dict.fromkeys(name for seeds in rows.values() for name in seeds[0] if name.startswith("r_MT"))
    columns = {**{name: (name, ".2f") for name in theory}, **COLUMNS}
    lines = ["| | " + " | ".join(label for label, _ in columns.values()) + " |", "| --- |" + " --- |" * len(columns)]
    for label, seeds in rows.items():
        texts = [_text([seed[name] for seed in seeds if name in seed], form) for name, (_, form) in columns.items()]
        count = f" ({len(seeds)} seeds)" if len(seeds) > 1 else ""
        lines.append(f"| {label}{count} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _text(values: Sequence[float], form: str) -> str:
    if not values:
        return "-"
    spread = f" ± {format_value(float(np.std(values, ddof=1)), form)}" if len(values) > 1 else ""
    return format_value(float(np.mean(values)), form) + spread


def _labelled(run: str) -> tuple[str, Path, TrainConfig[Any]]:
    """Return label, folder and configuration of the argument `run`."""
    label, is_named, folder = run.rpartition("=")
    path = Path(run if Path(run).is_dir() or not is_named else folder)
    config = TrainConfig.saved(RunDirectory.open(path).record())
    default = f"{ALGORITHMS[config.algo]}, {Path(config.reward).stem}"
    return (label if is_named and not Path(run).is_dir() else default), path, config


def _common_environment(environments: Sequence[EnvironmentSpec], steps: int | None) -> EnvironmentSpec:
    """Return the environment for the Note RNN, with what agents of these `environments` have in common.

    It is without form and chords, which human tunes and the Note RNN are not asked for.
    """
    if not environments:
        return EnvironmentSpec.of(length=steps)
    first = environments[0]
    common = [(each.setting, each.priming, weights_checksum(each.prior.state_dict())) for each in environments]
    if any(each != common[0] for each in common):
        raise InputError("The runs differ in their musical setting, Note RNN or priming: compare each kind separately.")
    if steps not in (None, first.setting.steps):
        raise InputError(f"The runs compose {first.setting.steps} steps: omit --steps {steps}.")
    return first.changed(reward="paper", observation="position", form="", chords="")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    torch.set_num_threads(1)
    config = parse(LikenessConfig, arguments)
    rows = compare(config)
    print(markdown(rows))
    table = config.out.with_suffix(".csv")
    write_csv(table, [{"label": label, **seed} for label, seeds in rows.items() for seed in seeds])
    print(f"\nSaved {config.out} and {table}")


if __name__ == "__main__":
    run_command(main)
