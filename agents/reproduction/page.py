"""The report page of a reproduction: the claims, both tables, Figures 2 and 3, and melodies of whoever is in them."""

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
from agents.reproduction.paper_figures import CURVES, Seeds, across
from agents.reproduction.paper_table import Cell
from agents.reproduction.parts import PIECES
from agents.runs.labels import HUMAN, MARKOV, NOTE_RNN, RANDOM
from agents.runs.presets import PresetName
from agents.runs.run_directory import RunDirectory

PAIRS = 2
"""First notes from which each agent and the Note RNN stand side by side."""
MORE = 3
"""Further melodies of everybody."""
SEED = 0
"""Of the melodies."""

_REFERENCES = {
    HUMAN: HELD_OUT,
    MARKOV: "As three tokens go on in people's tunes",
    RANDOM: "Notes, holds and silences of the key",
}
_FIGURES: dict[PresetName, str] = {
    "paper": "Figure 2: the paper's presets",
    "default": "Figure 2 again: the default presets",
}
_ABOUT = (
    "Here the results of its paper are remade: Q, Psi and G as it had them, the same without log p (RL only), and "
    "default presets of today, beside people's tunes, Markov chains and dice."
)
_MARKS = "Below a value its 95 % interval. Bold: better than the Note RNN, as the rules see it; †: worse (p < .05)."
_EACH_POINT = (
    f"Each point is the mean of {PIECES} pieces, always from the same first notes, against the tokens composed so far; "
    "the Note RNN at 0. What the paper's rules pay and log p of the Note RNN, in nats, RL only included: summed over a "
    "piece, and of its last step alone, which is all that the original logged."
)


@dataclass(frozen=True)
class Reproduced:
    """What a reproduction has come to."""

    samples: Mapping[str, Sequence[Sample]]
    """By composer, of every seed."""
    cells: Sequence[Cell]
    curves: Mapping[str, Seeds]
    """By agent."""
    tables: tuple[ResultTable, ResultTable]
    """Table 1, the paper's, and Table 2, of the default presets and references."""

    @property
    def first(self) -> dict[str, Sample]:
        """By composer, the sample of the first seed."""
        return {name: seeds[0] for name, seeds in self.samples.items()}


def reproduction_report(config: ReproduceConfig, reproduced: Reproduced) -> Report:
    """Return what the page shows; of agents with several seeds the melodies are those of the first."""
    agents = {model: load_run(config.run_dir(model, 0)) for model in config.chosen}
    return Report(
        title="Tuning a melody model: the paper's results, remade",
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


def _measured(config: ReproduceConfig, reproduced: Reproduced) -> list[Measured]:
    """Return of each agent what claims are made of."""
    values: dict[str, dict[str, float]] = {name: {} for name in reproduced.samples}
    for cell in reproduced.cells:
        values[cell.composer][cell.metric] = cell.value
    for name, seeds in reproduced.samples.items():
        absolute = [metric for metric in seeds[0].metrics if metric in BETTER]
        values[name] |= {metric: float(np.mean([sample.metrics[metric] for sample in seeds])) for metric in absolute}
    people: Metrics | None = values.get(HUMAN)
    return [Measured(model.name, values[model.name], values[NOTE_RNN], people) for model in config.chosen]


def _agent_melodies(model: Model, agent: Agent, config: ReproduceConfig) -> AgentMelodies:
    cards = agent_cards(agent, PAIRS + MORE, SEED)
    record = RunDirectory.open(config.run_dir(model, 0)).read_json("config.json")
    seeds = ", ".join(map(str, range(config.size.seeds)))
    facts: Facts = [
        ("Preset", f"{model.algo}, {model.preset}"),
        ("Seeds", seeds),
        *run_facts(record, agent.environment),
    ]
    return AgentMelodies(model.name, cards.before, cards.after, facts)


def _references(first: Mapping[str, Sample], config: ReproduceConfig) -> list[MelodyRow]:
    """Return melodies of people and of machines that learn nothing from rewards, rewarded as the paper's Q."""
    environment = config.training(MODELS[0], 0).environment()
    rows = []
    for name, heading in _REFERENCES.items():
        if name in first:
            shown = chosen_tunes(first[name].melodies, MORE, SEED)
            rows.append(MelodyRow(name[0].upper() + name[1:], tune_cards(shown, environment), heading=heading))
    return rows


def _results(config: ReproduceConfig, reproduced: Reproduced) -> list[Results]:
    size = config.size
    seeds = f", {size.seeds} seeds of each agent" if size.seeds > 1 else ""
    counted = f"{size.compositions:,} compositions of each model{seeds}. {_MARKS}"
    first, second = reproduced.tables
    return [
        Results("Table 1: the paper's presets, beside what it published", f"{counted} {CAVEAT}", first),
        Results("Table 2: people, machines that know no rewards, and the default presets", counted, second),
    ]


def _curves(config: ReproduceConfig, curves: Mapping[str, Seeds]) -> list[Curves]:
    """Return Figure 2, of the paper's presets and of the default ones, as far as there are any."""
    found = []
    for preset, title in _FIGURES.items():
        names = config.names(preset)
        charts = [chart(label, {name: across(curves[name], metric) for name in names}) for metric, label in CURVES]
        if names:
            found.append(Curves(title, _EACH_POINT, charts))
    return found
