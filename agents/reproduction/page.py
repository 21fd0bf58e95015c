"""The report page of a reproduction: claims, both tables, Figures 2 and 3, and melodies of every composer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.composing.composers import Agent, load_run
from agents.evaluation.samples import Sample
from agents.report_page.cards import agent_cards, chosen_tunes, packed, tune_cards
from agents.report_page.claims import BETTER, Measured, Metrics, claims_by_heading
from agents.report_page.curves import chart
from agents.report_page.facts import Facts, run_facts
from agents.report_page.layout import CAVEAT, HELD_OUT, AgentMelodies, Composition, Curves, MelodyRow, Report, Results
from agents.report_page.result_table import ResultTable
from agents.reproduction.models import MODELS, Model, ReproduceConfig
from agents.reproduction.paper_figures import CURVES, Seeds, mean_curve
from agents.reproduction.paper_table import Cell
from agents.reproduction.parts import PIECES
from agents.runs.labels import HUMAN, MARKOV, NOTE_RNN, RANDOM
from agents.runs.presets import PresetName
from agents.runs.run_directory import RunDirectory
from melody_env.measures.human_reference import missing_tunes
from melody_env.setting import PAPER_SETTING

PAIRS = 2
"""First notes for which the Note RNN and each agent are shown side by side."""
MORE = 3
"""Number of further melodies of every composer."""
SEED = 0
"""Seed of the melodies."""

_REFERENCES = {
    HUMAN: HELD_OUT,
    MARKOV: "Continuations of three tokens, as in human tunes",
    RANDOM: "Random notes of the key, holds and rests",
}
_FIGURES: dict[PresetName, str] = {
    "paper": "Figure 2: the paper's presets",
    "default": "Figure 2 again: the default presets",
}
_ABOUT = (
    "This page reproduces the results of its paper: Q, Psi and G with the paper's presets, the same without log p "
    "(RL only), and today's default presets, beside human tunes, Markov chains and random notes."
)
_MARKS = "Below each value, its 95 % interval. Bold: better than the Note RNN by the rules; †: worse (p < .05)."
_EACH_POINT = (
    f"Each point is the mean of {PIECES} pieces from the same first notes, against training steps; 0 is the "
    "Note RNN. The reward of the paper's rules, and log p of the Note RNN in nats, also for RL only: summed over a "
    "piece, and of its last step alone, which is all that the original logged."
)


@dataclass(frozen=True)
class Reproduction:
    """Results of a reproduction."""

    samples: Mapping[str, Sequence[Sample]]
    """By composer, one for each seed."""
    cells: Sequence[Cell]
    curves: Mapping[str, Seeds]
    """By agent, one for each seed."""
    tables: tuple[ResultTable, ResultTable]
    """Table 1, the paper's, and Table 2, of the default presets and references."""

    @property
    def first(self) -> dict[str, Sample]:
        """The sample of the first seed, by composer."""
        return {name: seeds[0] for name, seeds in self.samples.items()}


def reproduction_report(config: ReproduceConfig, reproduced: Reproduction) -> Report:
    """Return the contents of the page; melodies are those of the first seed."""
    agents = {model: load_run(config.run_dir(model, 0)) for model in config.chosen}
    return Report(
        title="Tuning a melody model: the paper's results reproduced",
        about=_ABOUT,
        claims=claims_by_heading(_measured(config, reproduced)),
        agents=[_agent_melodies(model, agent, config) for model, agent in agents.items()],
        pairs=PAIRS,
        references=_references(reproduced.first, config),
        results=_results(config, reproduced),
        curves=_curves(config, reproduced.curves),
        seed=SEED,
        compositions=[
            Composition(name, sample.melodies[0].tolist(), packed(sample.probabilities))
            for name, sample in reproduced.first.items()
            if len(sample.probabilities)
        ],
        facts=[("Command", config.command), ("Files beside this page", "all tables and figures as CSV, JSON and PNG")],
    )


def _measured(config: ReproduceConfig, reproduced: Reproduction) -> list[Measured]:
    """Return the metrics of each agent that the claims are based on."""
    values: dict[str, dict[str, float]] = {name: {} for name in reproduced.samples}
    for cell in reproduced.cells:
        values[cell.composer][cell.metric] = cell.value
    for name, seeds in reproduced.samples.items():
        absolute = [metric for metric in seeds[0].metrics if metric in BETTER]
        values[name] |= {metric: float(np.mean([sample.metrics[metric] for sample in seeds])) for metric in absolute}
    human: Metrics | None = values.get(HUMAN)
    return [Measured(model.name, values[model.name], values[NOTE_RNN], human) for model in config.chosen]


def _agent_melodies(model: Model, agent: Agent, config: ReproduceConfig) -> AgentMelodies:
    cards = agent_cards(agent, PAIRS + MORE, SEED)
    record = RunDirectory.open(config.run_dir(model, 0)).record()
    seeds = ", ".join(map(str, range(config.size.seeds)))
    facts: Facts = [
        ("Preset", f"{model.algo}, {model.preset}"),
        ("Seeds", seeds),
        *run_facts(record, agent.environment),
    ]
    return AgentMelodies(model.name, cards.before, cards.after, facts)


def _references(first: Mapping[str, Sample], config: ReproduceConfig) -> list[MelodyRow]:
    """Return human tunes and melodies of machines without rewards, scored as those of the paper's Q."""
    environment = config.training(MODELS[0], 0).environment()
    rows = []
    for name, heading in _REFERENCES.items():
        if name in first:
            shown = chosen_tunes(first[name].melodies, MORE, SEED)
            rows.append(MelodyRow(name[0].upper() + name[1:], tune_cards(shown, environment), heading=heading))
    return rows


def _results(config: ReproduceConfig, reproduced: Reproduction) -> list[Results]:
    size = config.size
    seeds = f", {size.seeds} seeds of each agent" if size.seeds > 1 else ""
    counted = f"{size.compositions:,} compositions of each model{seeds}. {_MARKS}"
    first, second = reproduced.tables
    of_second = f"{counted} {missing_tunes(PAPER_SETTING)}".rstrip()
    return [
        Results("Table 1: the paper's presets beside its published values", f"{counted} {CAVEAT}", first),
        Results("Table 2: human tunes, machines without rewards, and the default presets", of_second, second),
    ]


def _curves(config: ReproduceConfig, curves: Mapping[str, Seeds]) -> list[Curves]:
    """Return Figure 2 for the paper's presets and for the default ones, if any."""
    found = []
    for preset, title in _FIGURES.items():
        names = config.names(preset)
        charts = [chart(label, {name: mean_curve(curves[name], metric) for name in names}) for metric, label in CURVES]
        if names:
            found.append(Curves(title, _EACH_POINT, charts))
    return found
