"""The report of runs: figures, curves and melodies gathered for the report page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import tyro

from agents.composing.composers import load_run
from agents.evaluation.preference import Preference, analyse
from agents.evaluation.published import PUBLISHED_COLUMNS, TABLE_1, is_comparable
from agents.evaluation.saved_metrics import SavedMetrics
from agents.evaluation.table import ROWS, format_value, rule_rows
from agents.evaluation.votes import read_votes
from agents.report_page.cards import RunCards, agent_cards, chosen_tunes, tune_cards
from agents.report_page.claims import Measured, claims_by_heading
from agents.report_page.curves import Chart, Curve, chart, read_curves
from agents.report_page.facts import Facts, run_facts
from agents.report_page.layout import (
    CAVEAT,
    HELD_OUT,
    AgentMelodies,
    Curves,
    MelodyRow,
    Report,
    Results,
    write_report_page,
)
from agents.report_page.result_table import Entry, ResultTable, result_table
from agents.report_page.tune_page import write_tune_page
from agents.runs.config import TrainConfig
from agents.runs.labels import AGENT, HUMAN, NOTE_RNN, run_labels
from agents.runs.run_directory import RunDirectory, RunError
from agents.runs.run_record import RunRecord
from melody_env import EnvironmentSpec
from melody_env.measures.human_reference import missing_tunes
from melody_env.measures.populations import held_out_melodies
from note_rnn import InputError
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.command_line import train_command
from note_rnn.common.data_files import is_file
from note_rnn.common.errors import check_count, check_seed

PAIRS = 3
"""Number of before-and-after pairs per agent; further melodies have rows of their own."""

_CURVES = {
    "melody/music_theory": "r_MT per step, rules of the run",
    "melody/log_prob": "log p per step, nats",
    "melody/kl": "KL from the Note RNN per piece, nats",
    "melody/entropy": "Policy entropy per step, nats",
    "melody/distinct_compositions": "Distinct compositions, fraction",
    "melody/form_recovered": "Form recovered from the tokens, fraction",
    "rule/form": "Rule form per step",
    "melody/chord_tones": "Chord tones on strong beats, fraction of notes",
    "melody/human_log_prob": "log p of human tunes under the agent, nats per step",
}

_EACH_POINT = (
    "Each point is the mean of 256 pieces, from the same priming notes every time; the horizontal axis counts the "
    "tokens composed during training."
)


@dataclass(frozen=True)
class ReportConfig:
    """Write a page about finished runs: tables, curves, and melodies to see, play and download. It needs no network."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs."""
    out: Path | None = None
    """File to write (default: report.html in the folder of the first run, melodies.html for files of melodies)."""
    melodies: int | tuple[Path, ...] = 9
    """Melodies of each model; the first three are shown beside those of the Note RNN from the same priming note. Or,
    without runs, files of melodies to show: records of compose (.json), MIDI, ABC, MusicXML or kern."""
    seed: int = 0
    """Seed of the melodies."""
    trust_code: bool = False
    """Load the rule files (.py) that the runs name: these are code, so read them before."""
    votes: tuple[Path, ...] = ()
    """Files of votes from a listening study of these runs; without them nothing is claimed about listeners."""


class Run(NamedTuple):
    """A finished run, with melodies of it and of its Note RNN from the same priming tokens."""

    label: str
    record: RunRecord
    metrics: SavedMetrics
    """Those of `evaluation.json`, or of `metrics.json` if the run was not evaluated again."""
    curves: dict[str, Curve]
    environment: EnvironmentSpec
    cards: RunCards


def write_report(config: ReportConfig) -> Path:
    """Write the page of the runs of `config`; return its file. Raises InputError for runs or votes it cannot use."""
    if not isinstance(config.melodies, int):
        return _write_melodies(config, config.melodies)
    if not config.runs:
        raise InputError("There is nothing to report: give the folder of at least one run.")
    check_count("--melodies", config.melodies)
    check_seed("--seed", config.seed)
    out = config.out or RunDirectory.open(config.runs[0]).path / "report.html"
    check_out_file(out)
    torch.set_num_threads(1)
    preference = analyse(read_votes(config.votes)) if config.votes else None
    labels = run_labels(config.runs)
    runs = [_read(path, label, config) for path, label in zip(config.runs, labels, strict=True)]
    write_report_page(out, _report(runs, preference, config))
    return out


def _write_melodies(config: ReportConfig, files: Sequence[Path]) -> Path:
    if config.runs or config.votes:
        raise InputError("--melodies with files shows these alone: leave out runs and votes.")
    out = config.out or Path("melodies.html")
    check_out_file(out, "--out")
    return write_tune_page(out, files)


def _read(path: Path, label: str, config: ReportConfig) -> Run:
    run = RunDirectory.open(path)
    measured = [name for name in ("evaluation.json", "metrics.json") if is_file(run.path / name)]
    if not measured:
        raise RunError(f"{path} has not finished: resume it with {train_command()} --resume {path}")
    metrics = SavedMetrics.read(run.path / measured[0])
    agent = load_run(path, config.trust_code)
    cards = agent_cards(agent, _count(config), config.seed)
    return Run(label, run.record(), metrics, read_curves(path), agent.environment, cards)


def _report(runs: Sequence[Run], preference: Preference | None, config: ReportConfig) -> Report:
    """Return the page's content: `runs`, and the listeners' `preference` (None without votes)."""
    evaluated = [(run.label, run.metrics.columns) for run in runs]
    measured = [Measured(label, its[AGENT], its[NOTE_RNN], its.get(HUMAN)) for label, its in evaluated]
    charts = _charts(runs)
    return Report(
        title=f"Tuning a melody model: {', '.join(run.label for run in runs)}",
        about="This page shows the result and lets you listen to it.",
        claims=claims_by_heading(measured, preference),
        agents=[AgentMelodies(run.label, run.cards.before, run.cards.after, _facts(run)) for run in runs],
        pairs=PAIRS,
        references=[_human_tunes(config, runs[0].environment)],
        results=[_results(runs)],
        curves=[Curves("", _EACH_POINT, charts)] if charts else [],
        seed=config.seed,
    )


def _human_tunes(config: ReportConfig, environment: EnvironmentSpec) -> MelodyRow:
    """Return as many human tunes as each model has melodies outside pairs; none if they are not available."""
    tunes = held_out_melodies(environment.setting)
    count = max(_count(config) - PAIRS, 0)
    shown = [] if tunes is None else tune_cards(chosen_tunes(tunes, count, config.seed), environment)
    return MelodyRow(HUMAN, shown, heading=HELD_OUT)


def _count(config: ReportConfig) -> int:
    assert isinstance(config.melodies, int)
    return config.melodies


def _results(runs: Sequence[Run]) -> Results:
    counts = " or ".join(f"{count:,}" for count in sorted({run.metrics.compositions for run in runs}))
    with_paper = all(is_comparable(run.environment) for run in runs)
    table = _table(runs, with_paper)
    beside = ", beside held-out human tunes of the default collections" if HUMAN in table.header else ""
    sentences = [
        f"The statistics of the paper's Table 1, and others, over {counts} compositions of each model{beside}.",
        CAVEAT if with_paper else "",
        missing_tunes(runs[0].environment.setting),
    ]
    return Results("", " ".join(filter(None, sentences)), table)


def _table(runs: Sequence[Run], with_paper: bool) -> ResultTable:
    """Return the table of results: the Note RNN, agents, human tunes, and if `with_paper` its Note RNN and Q."""
    columns: dict[str, Mapping[str, float]] = {}
    for composer, heading in ((NOTE_RNN, NOTE_RNN), (AGENT, None), (HUMAN, HUMAN)):
        own = {run.label: run.metrics.columns[composer] for run in runs if composer in run.metrics.columns}
        first = next(iter(own.values()), None)
        if heading and first is not None and all(_column(column) == _column(first) for column in own.values()):
            own = {heading: first}
        elif heading:
            own = {f"{heading} ({label})": column for label, column in own.items()}
        columns |= own
    for name, model in PUBLISHED_COLUMNS.items() if with_paper else ():
        columns[f"paper: {name}"] = {metric: getattr(row, model) for metric, row in TABLE_1.items()}
    table = result_table({name: _column(metrics) for name, metrics in columns.items()})
    own_rules = [(label, list(map(Entry, texts))) for label, texts in rule_rows(list(columns.values()))]
    return table._replace(rows=[*table.rows, *own_rules])


def _column(metrics: Mapping[str, float]) -> list[Entry]:
    return [Entry(format_value(metrics.get(row.metric), row.form)) for row in ROWS]


def _charts(runs: Sequence[Run]) -> list[Chart]:
    charts = []
    for tag, title in _CURVES.items():
        curves = {run.label: run.curves[tag] for run in runs if tag in run.curves}
        if curves:
            charts.append(chart(title, curves))
    return charts


def _facts(run: Run) -> Facts:
    """Return the facts needed to reproduce the run."""
    command, seed = " ".join(run.record.command), TrainConfig.saved(run.record).seed
    if not command.startswith(("python ", "melody-rl ")):  # 0.1 left out the first word
        command = f"python {command}"
    return [("Command", command), ("Seed", str(seed)), *run_facts(run.record, run.environment)]
