"""How near to people do agents come? Runs of train.py beside people's tunes, the Note RNN, and two honest controls.

    python train.py --algo psi --reward calibrated --seed 0 --run-dir runs/psi0      # and so on
    python benchmarks/human_likeness.py runs/psi0 runs/psi1 "Psi, c .7=runs/other0" --out likeness.json

Shapes: S seeds of an agent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from honest_controls import ColderPrior, fit_position
from likeness import Likeness, People

from agents.composing import load_run
from agents.config import TrainConfig
from agents.evaluation import written
from agents.labels import ALGORITHMS, NOTE_RNN
from agents.run_directory import RunDirectory
from melody_env import RewardProfile, load_profile, setting_of
from note_rnn import InputError, Progress, load_note_rnn, run_command, write_json
from note_rnn.command_line import parse

COLUMNS = {
    "log_prob": ("log p", ".3f"),
    "kl": ("KL", ".2f"),
    "logistic": ("AUC: logistic", ".3f"),
    "trees": ("AUC: trees", ".3f"),
    "gru": ("AUC: GRU", ".3f"),
    "overlap": ("overlap", ".3f"),
    "human_nats": ("people's tunes, nats", ".3f"),
    "distinct": ("distinct", ".1%"),
    "longest_shared_run": ("shared run", ".0f"),
}

Rows = dict[str, list[dict[str, float]]]
"""By label the figures of each seed [S]."""


@dataclass(frozen=True)
class LikenessConfig:
    """Compare agents with people's tunes, with the Note RNN, and with what gets nearer to people without a reward.

    The table is printed as markdown: r_MT per step by each profile, not divided by c; log p per step; KL from the Note
    RNN per piece; AUC of three classifiers that tell pieces from held-out tunes (.5: they cannot); overlap of twelve
    statistics with those of held-out tunes; nats per token by which these surprise the composer; share of distinct
    pieces; longest run of tokens shared with a training tune, median.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Folders of runs, or LABEL=FOLDER; without a label it is the algorithm and the reward profile. Those with the
    same label are seeds of one agent, told by their mean and standard deviation."""
    compositions: int = 4_000
    """Pieces of each."""
    judged: int = 2_000
    """Pieces of each that the classifiers see."""
    steps: int | None = None
    """Steps of a piece: those of the runs, or 32 if there are none."""
    temperatures: tuple[float, ...] = (0.95, 0.9, 0.85, 0.8, 0.7)
    """Temperatures of the Note RNN to try: the one with the lowest AUC of the logistic classifier is shown."""
    seed: int = 0
    """Seed of all pieces and classifiers."""
    out: Path = Path("human_likeness.json")
    """File of all figures, written after each row."""


def compare(config: LikenessConfig) -> Rows:
    """Return the rows of the table, and write them to the file `config.out`.

    Raises InputError for runs that cannot be compared, RunError where there is none, CorpusError without tunes.
    """
    if min(config.compositions, config.judged) < 10 or min(config.temperatures, default=0) <= 0:
        raise InputError("--compositions and --judged must be at least 10, --temperatures above 0.")
    runs = [_labelled(run) for run in config.runs]
    configs = [one for _, _, one in runs]
    environment = _common_environment(configs, config.steps)
    people = People.of(setting_of(environment))
    likeness = Likeness(people, _profiles(configs), config.compositions, config.judged, config.seed)
    rows: Rows = {}

    def add(label: str, figures: dict[str, float]) -> None:
        rows.setdefault(label, []).append(figures)
        sizes = {"train_tunes": len(people.train), "held_out_tunes": len(people.held_out)}
        write_json(config.out, {**asdict(config), **sizes, "rows": rows})
        progress.advance()

    with Progress(4 + len(runs), "comparing", "composers") as progress:
        add("people", likeness.of_people(environment["prior"]))
        add(NOTE_RNN, likeness.of_composer(None, environment))
        colder = [ColderPrior(temperature) for temperature in config.temperatures]
        best = min(colder, key=lambda each: likeness.logistic_auc(each, environment))
        add(f"{NOTE_RNN} at temperature {best.temperature:g}", likeness.of_composer(best, environment))
        prior = environment["prior"].transposed(people.setting.transposition)
        positioned = fit_position(prior, people.train, np.random.default_rng(config.seed))
        add(f"{NOTE_RNN} given the position", likeness.of_composer(positioned, environment))
        for label, path, _ in runs:
            add(label, likeness.of_composer(*load_run(path)))
    return rows


def markdown(rows: Rows) -> str:
    """Return the table of `rows`: means and, of several seeds, standard deviations."""
    theory = [name for name in next(iter(rows.values()))[0] if name.startswith("r_MT")]
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
    spread = f" ± {written(float(np.std(values, ddof=1)), form)}" if len(values) > 1 else ""
    return written(float(np.mean(values)), form) + spread


def _labelled(run: str) -> tuple[str, Path, TrainConfig[Any]]:
    """Return label, folder and configuration of what the command line calls `run`."""
    label, is_named, folder = run.rpartition("=")
    path = Path(run if Path(run).is_dir() or not is_named else folder)
    config = TrainConfig.saved(RunDirectory.open(path).read_json("config.json"))
    default = f"{ALGORITHMS[config.algo]}, {Path(config.reward).stem}"
    return (label if is_named and not Path(run).is_dir() else default), path, config


def _common_environment(configs: Sequence[TrainConfig[Any]], steps: int | None) -> dict[str, Any]:
    """Return the environment that the Note RNN composes in, as agents with these `configs` do."""
    settings = [config.profile().setting for config in configs]
    differing = [name for name in ("prior", "priming") if len({getattr(config, name) for config in configs}) > 1]
    if any(setting != settings[0] for setting in settings) or differing:
        raise InputError("The runs differ in their musical setting, Note RNN or priming: compare each kind by itself.")
    if configs and steps not in (None, settings[0].steps):
        raise InputError(f"The runs compose {settings[0].steps} steps: leave --steps {steps} out.")
    setting = settings[0] if configs else load_profile("paper").setting.changed(length=steps)
    return {
        "reward": load_profile("paper").with_setting(**setting.as_dict()),
        "prior": load_note_rnn(configs[0].prior if configs else "default"),
        "priming": configs[0].priming if configs else "random_note",
    }


def _profiles(configs: Sequence[TrainConfig[Any]]) -> Mapping[str, RewardProfile]:
    return {"paper": load_profile("paper"), **{Path(config.reward).stem: config.profile() for config in configs}}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    torch.set_num_threads(1)
    config = parse(LikenessConfig, arguments)
    print(markdown(compare(config)))
    print(f"\nSaved {config.out}")


if __name__ == "__main__":
    run_command(main)
