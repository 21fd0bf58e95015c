"""`python -m agents.report RUN...`: a page to see and hear what became of the Note RNN, for a browser without network.

The page has what can be said, pairs from the same first note, the table, learning curves, and more melodies.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import tyro

from agents.cards import Card, piece_cards, tune_cards
from agents.claims import Claim, listeners_claim, people_claim, rules_claim
from agents.composing import Pieces, compose_pieces, load_run
from agents.config import TrainConfig
from agents.curves import Chart, Curve, chart, read_curves
from agents.evaluation import ROWS, written
from agents.labels import NOTE_RNN, run_labels
from agents.page import write_page
from agents.paper import published
from agents.preference import Preference, analyse
from agents.run_directory import RunDirectory, RunError
from agents.votes import read_votes
from melody_env import setting_of
from melody_env.populations import held_out_melodies
from note_rnn import InputError, Tokens, run_command
from note_rnn.notes import tokens_to_notes

PAIRS = 3
"""First notes from which before and after stand side by side; further melodies have rows of their own."""

_CURVES = {
    "melody/music_theory": "r_MT per step, by the run's own rules",
    "melody/log_prob": "log p per step, nats",
    "melody/kl": "KL from the Note RNN per piece, nats",
    "melody/entropy": "Policy entropy per step, nats",
    "melody/distinct_compositions": "Distinct compositions, share",
    "melody/human_log_prob": "log p of people's tunes under the agent, nats per step",
}


@dataclass(frozen=True)
class ReportConfig:
    """Make a page of finished runs: tables, curves, and melodies to see, hear and download. It needs no network."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs."""
    out: Path | None = None
    """File to write (default: report.html in the folder of the first run)."""
    melodies: int = 9
    """Melodies of each model; the first three stand beside what the Note RNN made of the same first note."""
    seed: int = 0
    """Seed of the melodies."""
    votes: tuple[Path, ...] = ()
    """Files of votes from a listening study of these runs; without them nothing is said of what listeners prefer."""


class Run(NamedTuple):
    """A finished run, and what it and the Note RNN that it started from made of the same first notes."""

    label: str
    record: dict[str, Any]
    """`config.json`"""
    metrics: dict[str, Any]
    """`evaluation.json`, or `metrics.json` where it was not evaluated again."""
    curves: dict[str, Curve]
    before: Pieces
    after: Pieces
    environment: dict[str, Any]


class Item(NamedTuple):
    """A card and its place among the page's data."""

    place: int
    card: Card


def write_report(config: ReportConfig) -> Path:
    """Write the page that `config` asks for; return its file. Raises InputError for what cannot be used."""
    if not config.runs:
        raise InputError("There is nothing to report: give the folder of at least one run.")
    if config.melodies < 1:
        raise InputError(f"--melodies must be at least 1, not {config.melodies}.")
    torch.set_num_threads(1)
    preference = analyse(read_votes(config.votes)) if config.votes else None
    labels = run_labels(config.runs)
    runs = [_read(path, label, config) for path, label in zip(config.runs, labels, strict=True)]
    out = config.out or config.runs[0] / "report.html"
    write_page(out, "report.html", **_content(runs, preference, config))
    return out


def _read(path: Path, label: str, config: ReportConfig) -> Run:
    run = RunDirectory.open(path)
    measured = [name for name in ("evaluation.json", "metrics.json") if (path / name).exists()]
    if not measured:
        raise RunError(f"{path} has not come to its end: go on with it, python train.py --resume {path}")
    metrics = run.read_json(measured[0])
    policy, environment = load_run(path)
    before, after = (
        compose_pieces(composer, config.melodies, config.seed, environment, num_probabilities=config.melodies)
        for composer in (None, policy)
    )
    return Run(label, run.read_json("config.json"), metrics, read_curves(path), before, after, environment)


def _content(runs: Sequence[Run], preference: Preference | None, config: ReportConfig) -> dict[str, Any]:
    """Return what the template `report.html` asks for."""
    items: list[Item] = []

    def numbered(cards: Sequence[Card]) -> list[Item]:
        added = [Item(len(items) + i, card) for i, card in enumerate(cards)]
        items.extend(added)
        return added

    shown, agents, priors = [], [], []
    for series, run in enumerate(runs):
        before, after = (numbered(piece_cards(pieces, run.environment)) for pieces in (run.before, run.after))
        pairs = list(zip(range(1, PAIRS + 1), before, after, strict=False))
        shown.append({"label": run.label, "series": series % 8, "pairs": pairs, "facts": _facts(run)})
        agents.append({"label": run.label, "tuned": True, "melodies": _rest(after)})
        if not any(np.array_equal(run.before.melodies, other.before.melodies) for other in runs[:series]):
            priors.append({"label": NOTE_RNN, "tuned": False, "melodies": _rest(before)})
    tunes = numbered(tune_cards(_held_out(config, runs[0].environment), runs[0].environment))
    people = {
        "label": "People",
        "tuned": False,
        "melodies": [(i, "A held-out tune", item) for i, item in enumerate(tunes, 1)],
    }
    return {
        "title": f"Tuning a melody model: {', '.join(run.label for run in runs)}",
        "ladder": ladder(runs, preference),
        "runs": shown,
        "rows": [row for row in (people, *priors, *agents) if row["melodies"]],
        "table": _table(runs),
        "compositions": " or ".join(f"{count:,}" for count in sorted({run.metrics["compositions"] for run in runs})),
        "charts": _charts(runs),
        "tempo": _tempo(items),
        "seed": config.seed,
        "data": {"cards": [asdict(item.card) for item in items], "pitchRange": _pitch_range(items)},
    }


def _rest(items: Sequence[Item]) -> list[tuple[int, str, Item]]:
    """Return of the melodies that are in no pair the number, a heading, and the melody."""
    numbers = range(PAIRS + 1, len(items) + 1)
    return [(n, f"After hearing {item.card.start}", item) for n, item in zip(numbers, items[PAIRS:], strict=True)]


def _held_out(config: ReportConfig, environment: dict[str, Any]) -> Tokens:
    """Return as many tunes of people [N, T] as melodies of each model have rows of their own; none if not at hand."""
    tunes = held_out_melodies(setting_of(environment))
    if tunes is None:
        return np.zeros((0, setting_of(environment).steps), np.int64)
    return np.random.default_rng(config.seed).permutation(tunes)[: max(config.melodies - PAIRS, 0)]


def ladder(runs: Sequence[Run], preference: Preference | None = None) -> list[tuple[str, list[Claim]]]:
    """Return what can be said of the runs, the weakest claim first."""
    unasked = [Claim(False, "Nobody has been asked, so nothing is claimed.")]
    columns = [(run.label, run.metrics["agent"], run.metrics[NOTE_RNN], run.metrics.get("people")) for run in runs]
    return [
        ("The rules are obeyed", [rules_claim(name, agent, prior) for name, agent, prior, _ in columns]),
        ("Closer to what people write", [people_claim(*column) for column in columns]),
        (
            "Preferred by listeners",
            unasked if preference is None else [listeners_claim(run.label, preference) for run in runs],
        ),
    ]


def _table(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the table of results: the Note RNN, agents, people, and the paper's Note RNN and Q."""
    columns: dict[str, list[str]] = {}
    for who, heading in ((NOTE_RNN, NOTE_RNN), ("agent", None), ("people", "People")):
        own = {
            run.label: [written(run.metrics[who].get(row.metric), row.form) for row in ROWS]
            for run in runs
            if who in run.metrics
        }
        first = next(iter(own.values()), None)
        if heading and all(column == first for column in own.values()):
            own = {heading: first} if first else {}
        elif heading:
            own = {f"{heading} ({label})": column for label, column in own.items()}
        columns |= own
    for name, model in (("Note RNN", "note_rnn"), ("Q", "q")):
        columns[f"paper: {name}"] = [written(published(row.metric, model), row.form) for row in ROWS]
    rows = [(row.label, cells) for row, *cells in zip(ROWS, *columns.values(), strict=True) if set(cells) != {"-"}]
    return {"header": list(columns), "rows": rows}


def _charts(runs: Sequence[Run]) -> list[Chart]:
    charts = []
    for tag, title in _CURVES.items():
        curves = {run.label: run.curves[tag] for run in runs if tag in run.curves}
        if curves:
            charts.append(chart(title, curves))
    return charts


def _facts(run: Run) -> list[tuple[str, str]]:
    """Return what is needed to make the run again, by name."""
    config, record = TrainConfig.saved(run.record), run.record
    profile, setting = config.profile(), run.after.setting
    packages = ", ".join(f"{name} {number}" for name, number in record.get("versions", {}).items())
    return [
        ("Command", "python " + " ".join(record.get("command", []))),
        ("Seed", str(config.seed)),
        ("Tokens composed while learning", f"{config.total_timesteps:,}"),
        ("Reward", f"{profile.name}, c = {profile.c:g}: {', '.join(profile.rule_names)}"),
        (
            "Setting",
            f"{setting.key} {setting.mode}, {setting.meter}, {setting.steps} sixteenths, {setting.tempo:g} bpm",
        ),
        ("Note RNN", f"{config.prior}, weights {record.get('prior_checksum', 'unknown')[:12]}"),
        ("Software", f"Python {record.get('python', 'unknown')}, {packages}"),
    ]


def _tempo(items: Sequence[Item]) -> dict[str, int]:
    """Return where the control of the tempo starts, and its ends, within which every melody has its own."""
    tempos = [round(item.card.tempo) for item in items]
    return {"first": tempos[0], "lowest": min(40, *tempos), "highest": max(240, *tempos)}


def _pitch_range(items: Sequence[Item]) -> tuple[int, int]:
    """Return the lowest and highest MIDI pitch of all melodies, an octave apart or more."""
    pitches = np.concatenate([tokens_to_notes(item.card.tokens).pitches for item in items])
    low, high = (int(pitches.min()), int(pitches.max())) if len(pitches) else (60, 72)
    return low - 1, max(high, low + 12) + 1


def main() -> None:
    """Run the command line."""
    print(f"Saved {write_report(tyro.cli(ReportConfig))}")


if __name__ == "__main__":
    run_command(main)
