"""Results of a reproduction: all parts made in parallel, then Table 1, Figures 2 and 3 and the page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from matplotlib.figure import Figure

from agents.evaluation.samples import Sample
from agents.report_page.layout import write_report_page
from agents.report_page.result_table import ResultTable, markdown
from agents.reproduction.models import ReproduceConfig
from agents.reproduction.page import Reproduction, reproduction_report
from agents.reproduction.paper_figures import Seeds, composition_figure, composition_rows, learning_figure
from agents.reproduction.paper_table import Cell, cells, paper_table
from agents.reproduction.parts import Part, make, read_curve, read_sample
from agents.runs.labels import HUMAN, MARKOV, NOTE_RNN, RANDOM
from melody_env import HumanReference, Setting
from melody_env.measures.bootstrap import estimates, pooled
from melody_env.measures.human_reference import missing_tunes
from melody_env.measures.populations import training_tunes
from note_rnn import Progress, load_note_rnn, replacing, write_json, write_text
from note_rnn.common.console import print_line
from note_rnn.common.csv_tables import csv_text
from note_rnn.common.errors import InputError
from note_rnn.common.parallel import results_of
from note_rnn.corpus import CorpusError, load_corpus
from note_rnn.pretraining.config import PretrainConfig
from note_rnn.pretraining.recipe import pretrain


def reproduce(config: ReproduceConfig) -> list[Path]:
    """Make what is missing and write the tables and figures; return their files.

    Raises InputError for invalid options, before anything is trained.
    """
    config.check()
    _provide_note_rnn(config)
    setting = config.training(config.chosen[0], 0).environment().setting
    parts = [Part(name, None, 0) for name in (NOTE_RNN, *_available_references(setting))]
    parts += [Part(model.name, model, seed) for seed in range(config.size.seeds) for model in config.chosen]
    workers = config.workers_or_cluster(config.workers)
    with Progress(len(parts), "reproduce", "models") as progress:
        for made in results_of(partial(make, config=config), parts, workers, _crashed, in_order=False):
            progress.note(f"{made.label} is done")
            if made.is_new:
                progress.advance()
            else:
                progress.skip()
    return _write_results(config, parts)


def _crashed(part: Part) -> NoReturn:
    raise InputError(
        f"The process that made {part.name} died twice, perhaps out of memory: take fewer --workers, and run the same "
        "command again to resume."
    )


def _provide_note_rnn(config: ReproduceConfig) -> None:
    """Pretrain the Note RNN if requested and not yet done; raises CheckpointError if there is none."""
    path = Path(config.prior_file)
    if config.prior != "train":
        load_note_rnn(config.prior)
    elif not path.is_file():
        pretrain(PretrainConfig(path, recipe="paper", log_dir=config.folder / "pretraining"))


def _available_references(setting: Setting) -> list[str]:
    """Return the names of the references that can be made; the tune books come from music21, parsed once."""
    try:
        load_corpus()
    except CorpusError:
        print_line(f"Without Markov chains. {missing_tunes(setting)}")
    return [
        *([HUMAN] if HumanReference.held_out(setting) is not None else []),
        *([MARKOV] if training_tunes() is not None else []),
        RANDOM,
    ]


def _write_results(config: ReproduceConfig, parts: Sequence[Part]) -> list[Path]:
    """Write tables, figures and their numbers, and the page, into the folder; return the files."""
    reproduced = _read(config, parts)
    texts = _texts(reproduced)
    for name, text in texts.items():
        write_text(config.folder / name, text)
    figures = _figures(config, reproduced)
    for name, figure in figures.items():
        with replacing(config.folder / name) as temporary:
            figure.savefig(temporary, dpi=110)
    table = list(map(_plain, reproduced.cells))
    record = {"config": asdict(config), "size": config.size._asdict(), "table": table, "curves": reproduced.curves}
    write_json(config.folder / "reproduce.json", record)
    write_report_page(config.folder / "report.html", reproduction_report(config, reproduced))
    print_line(f"{texts['table1.md']}\n{texts['table2.md']}")
    return [config.folder / name for name in (*texts, *figures, "reproduce.json", "report.html")]


def _read(config: ReproduceConfig, parts: Sequence[Part]) -> Reproduction:
    """Return the results of the finished `parts`."""
    samples: dict[str, list[Sample]] = {}
    curves: dict[str, Seeds] = {}
    for part in parts:
        samples.setdefault(part.name, []).append(read_sample(part, config))
    for model in config.chosen:
        curves[model.name] = [read_curve(part, config) for part in parts if part.model == model]
    found = _cells(config, samples)
    return Reproduction(samples, found, curves, _tables(config, found, list(samples)))


def _tables(config: ReproduceConfig, found: Sequence[Cell], names: Sequence[str]) -> tuple[ResultTable, ResultTable]:
    """Return Table 1, of the paper's presets, and Table 2, of the default presets and references."""
    of_paper = config.names("paper")
    others = [name for name in names if name not in (NOTE_RNN, *of_paper)]
    unpublished = [replace(cell, paper=None) for cell in found]
    return paper_table(found, [NOTE_RNN, *of_paper]), paper_table(unpublished, [NOTE_RNN, *others])


def _texts(reproduced: Reproduction) -> dict[str, str]:
    """Return the tables as Markdown, and all tables and figures as CSV."""
    learning = [
        {"composer": name, "seed": seed, **row}
        for name, agents in reproduced.curves.items()
        for seed, curve in enumerate(agents)
        for row in curve
    ]
    rows = {
        "tables.csv": [{**_plain(cell), **reproduced.first[cell.composer].provenance} for cell in reproduced.cells],
        "figure2.csv": learning,
        "figure3.csv": composition_rows(reproduced.first),
    }
    tables = {f"table{number}.md": markdown(table) for number, table in enumerate(reproduced.tables, 1)}
    return tables | {name: csv_text(each) for name, each in rows.items()}


def _figures(config: ReproduceConfig, reproduced: Reproduction) -> dict[str, Figure]:
    """Return Figure 2, for the paper's presets and for the default ones if any, and Figure 3."""
    groups = {"figure2.png": config.names("paper"), "figure2_default.png": config.names("default")}
    learning = {
        name: learning_figure({each: reproduced.curves[each] for each in group})
        for name, group in groups.items()
        if group
    }
    return learning | {"figure3.png": composition_figure(reproduced.first)}


def _cells(config: ReproduceConfig, samples: Mapping[str, Sequence[Sample]]) -> list[Cell]:
    rng = np.random.default_rng(0)
    statistics = {}
    metrics = {}
    for name, agents in samples.items():
        pooled_estimates = estimates(pooled([agent.sums for agent in agents], rng))
        statistics[name] = dict(zip(agents[0].names, pooled_estimates, strict=True))
        metrics[name] = {each: float(np.mean([a.metrics[each] for a in agents])) for each in agents[0].metrics}
    columns = {NOTE_RNN: "note_rnn"} | {model.name: model.column for model in config.chosen if model.column}
    return cells(statistics, metrics, NOTE_RNN, columns)


def _plain(cell: Cell) -> dict[str, Any]:
    """Return a cell's fields for CSV and JSON, with None for nan."""
    return {name: None if value != value else value for name, value in asdict(cell).items()}
