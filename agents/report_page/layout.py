"""The report page: what it shows of models, whoever has gathered it, and the file that it becomes.

Shapes: T steps, A = 38 tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.report_page.cards import Card
from agents.report_page.claims import Claim
from agents.report_page.curves import Chart
from agents.report_page.facts import Facts
from agents.report_page.rendering import write_page
from agents.report_page.result_table import ResultTable
from agents.runs.labels import NOTE_RNN
from note_rnn.notes import tokens_to_notes

HELD_OUT = "A held-out tune"
"""What stands above tunes of people."""
NO_RACE = (
    "The paper's Note RNN learned from other music, so its columns are no race: they show whether the same rules pull "
    "in the same direction."
)
"""What is to be said where published values stand beside others."""
_COLOURS = 8
"""Of curves, in page.css."""


@dataclass(frozen=True)
class AgentMelodies:
    """A tuned model: what it made of some first notes, what the Note RNN had made of them, how to make it again."""

    label: str
    before: Sequence[Card]
    after: Sequence[Card]
    facts: Facts


@dataclass(frozen=True)
class MelodyRow:
    """Melodies of one composer; what stands above each is what it had heard, if no `heading` is given."""

    label: str
    cards: Sequence[Card]
    first: int = 1
    """The number of the first."""
    heading: str = ""
    tuned: bool = False


@dataclass(frozen=True)
class Results:
    """A table, and what it is; the title may be empty."""

    title: str
    text: str
    table: ResultTable


@dataclass(frozen=True)
class Curves:
    """Charts of the same agents, and what they are; the title may be empty."""

    title: str
    text: str
    charts: Sequence[Chart]


class Composition(NamedTuple):
    """A melody while it was composed (the paper's Figure 3)."""

    label: str
    tokens: list[int]
    """[T]"""
    chances: str
    """Probabilities [T, A], `packed`."""


@dataclass(frozen=True)
class Report:
    """All that the page shows, in its order."""

    title: str
    about: str
    """What the page is of, a sentence or two."""
    ladder: Sequence[tuple[str, Sequence[Claim]]]
    agents: Sequence[AgentMelodies]
    pairs: int
    """First notes from which before and after stand side by side; the agents' further melodies have rows of their own.
    """
    others: Sequence[MelodyRow]
    """Whoever is neither an agent nor a Note RNN."""
    results: Sequence[Results]
    curves: Sequence[Curves]
    seed: int
    """Of the melodies."""
    compositions: Sequence[Composition] = ()
    facts: Facts = field(default_factory=list)
    """What is needed to make all of it again."""


class Item(NamedTuple):
    """A melody on the page: its place among the page's data, whose it is, its number, and what stands above it."""

    place: int
    model: str
    number: int
    heading: str
    tuned: bool
    card: Card


def write_report_page(path: Path, report: Report) -> None:
    """Write the page to the file `path`; raises OSError where it cannot be written."""
    write_page(path, "report.html", **_content(report))


def _content(report: Report) -> dict[str, Any]:
    """Return what the template `report.html` asks for."""
    items: list[Item] = []

    def placed(row: MelodyRow) -> list[Item]:
        added = []
        for i, card in enumerate(row.cards):
            heading = row.heading or f"After hearing {card.start}"
            added.append(Item(len(items) + i, row.label, row.first + i, heading, row.tuned, card))
        items.extend(added)
        return added

    shared = _shared_facts(report.agents)
    shown = [
        {
            "label": agent.label,
            "series": i % _COLOURS,
            "pairs": list(zip(*(placed(row) for row in _sides(agent, report.pairs)), strict=True)),
            "facts": [fact for fact in agent.facts if fact not in shared],
        }
        for i, agent in enumerate(report.agents)
    ]
    rows = [(row.label, placed(row)) for row in (*report.others, *_further(report)) if row.cards]
    return {
        "title": report.title,
        "report": report,
        "agents": shown,
        "rows": rows,
        "facts": [*report.facts, *shared],
        "tempo": _tempo(items),
        "data": {
            "cards": [asdict(item.card) for item in items],
            "pitchRange": _pitch_range(items),
            "compositions": [composition._asdict() for composition in report.compositions],
        },
    }


def _sides(agent: AgentMelodies, pairs: int) -> tuple[MelodyRow, MelodyRow]:
    """Return the Note RNN's and the agent's half of the pairs."""
    return (
        MelodyRow(NOTE_RNN, agent.before[:pairs], heading="Before: the Note RNN"),
        MelodyRow(agent.label, agent.after[:pairs], heading=f"After: {agent.label}", tuned=True),
    )


def _further(report: Report) -> Iterator[MelodyRow]:
    """Yield what is in no pair: of each Note RNN, which several agents may have started from, and of each agent."""
    note_rnns = {str([card.tokens for card in agent.before]): agent.before for agent in reversed(report.agents)}
    for cards in reversed(note_rnns.values()):
        yield MelodyRow(NOTE_RNN, cards[report.pairs :], report.pairs + 1)
    for agent in report.agents:
        yield MelodyRow(agent.label, agent.after[report.pairs :], report.pairs + 1, tuned=True)


def _shared_facts(agents: Sequence[AgentMelodies]) -> Facts:
    """Return what is so of several agents alike."""
    first, *others = agents
    return [fact for fact in first.facts if others and all(fact in agent.facts for agent in others)]


def _tempo(items: Sequence[Item]) -> dict[str, int]:
    """Return where the control of the tempo starts, and its ends, within which every melody has its own."""
    tempos = [round(item.card.tempo) for item in items]
    return {"first": tempos[0], "lowest": min(40, *tempos), "highest": max(240, *tempos)}


def _pitch_range(items: Sequence[Item]) -> tuple[int, int]:
    """Return the lowest and highest MIDI pitch of all melodies, an octave apart or more."""
    pitches = np.concatenate([tokens_to_notes(item.card.tokens).pitches for item in items])
    low, high = (int(pitches.min()), int(pitches.max())) if len(pitches) else (60, 72)
    return low - 1, max(high, low + 12) + 1
