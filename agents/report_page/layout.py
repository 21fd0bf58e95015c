"""The content of the report page, and the file written from it.

Shapes: T steps, A = 38 tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from agents.report_page.cards import Card
from agents.report_page.claims import Claim
from agents.report_page.curves import Chart
from agents.report_page.facts import Facts
from agents.report_page.rendering import write_page
from agents.report_page.result_table import ResultTable
from agents.runs.labels import NOTE_RNN
from note_rnn.formats.notation import Staff
from note_rnn.formats.svg import can_engrave, svg_text
from note_rnn.notes import tokens_to_notes
from note_rnn.voicings import accompaniment

HELD_OUT = "A held-out human tune"
"""Heading above a human tune."""
CAVEAT = (
    "The paper's Note RNN was trained on other music, so its columns are not directly comparable; they show whether "
    "the same rules pull in the same direction."
)
"""Caveat on tables that include the paper's published values."""
_SCORE_WIDTH = 1400
"""Width of a line of sheet music: two bars or so, to be legible on a phone."""
_COLOURS = 8
"""Colours of curves, in page.css."""
_UNFOLDED = 2
"""Agents up to which everything on the page is unfolded at first."""


@dataclass(frozen=True)
class AgentMelodies:
    """A tuned model: its melodies, those of its Note RNN from the same priming tokens, and how to reproduce it."""

    label: str
    before: Sequence[Card]
    after: Sequence[Card]
    facts: Facts


@dataclass(frozen=True)
class MelodyRow:
    """Melodies of one composer; each is headed by its priming token unless a `heading` is given."""

    label: str
    cards: Sequence[Card]
    first: int = 1
    """Number of the first melody."""
    heading: str = ""
    tuned: bool = False


@dataclass(frozen=True)
class Results:
    """A table with its explanation; the title may be empty."""

    title: str
    text: str
    table: ResultTable


@dataclass(frozen=True)
class Curves:
    """Charts of the same agents with their explanation; the title may be empty."""

    title: str
    text: str
    charts: Sequence[Chart]


class Composition(NamedTuple):
    """A melody and the probabilities it was drawn from (the paper's Figure 3)."""

    label: str
    tokens: list[int]
    """[T]"""
    probabilities: str
    """[T, A], `packed`."""


@dataclass(frozen=True)
class Report:
    """The content of the page, in its order."""

    title: str
    about: str
    """What the page shows, in a sentence or two."""
    claims: Sequence[tuple[str, Sequence[Claim]]]
    agents: Sequence[AgentMelodies]
    pairs: int
    """Number of before-and-after pairs per agent; further melodies have rows of their own."""
    references: Sequence[MelodyRow]
    """Composers other than agents and Note RNNs."""
    results: Sequence[Results]
    curves: Sequence[Curves]
    seed: int
    """Seed of the melodies."""
    compositions: Sequence[Composition] = ()
    facts: Facts = field(default_factory=list)
    """Facts needed to reproduce the whole page."""


class Findings(NamedTuple):
    """The claims about several agents as a table: headings of its columns, and its rows by agent."""

    headings: list[str]
    rows: list[tuple[str, Sequence[Claim]]]


class Item(NamedTuple):
    """A melody on the page: its index in the page's data, composer, number and heading."""

    card_index: int
    model: str
    number: int
    heading: str
    tuned: bool
    card: Card
    score: Markup | None
    """Sheet music, SVG; None for melodies that are in no pair, and without Verovio."""


def write_report_page(path: Path, report: Report) -> None:
    """Write the page to the file `path`; raises OSError if it cannot be written."""
    write_page(path, "report/report.html", **_content(report))


def _content(report: Report) -> dict[str, Any]:
    """Return the variables of the template `report/report.html`."""
    items: list[Item] = []

    def placed(row: MelodyRow, in_pair: bool = False) -> list[Item]:
        added = []
        for i, card in enumerate(row.cards):
            heading = row.heading or f"Primed with {card.start}"
            score = _score(card, f"{row.label}, melody {row.first + i}", len(items) + i) if in_pair else None
            added.append(Item(len(items) + i, row.label, row.first + i, heading, row.tuned, card, score))
        items.extend(added)
        return added

    shared = _shared_facts(report.agents)
    shown = [
        {
            "label": agent.label,
            "series": i % _COLOURS,
            "pairs": list(zip(*(placed(row, in_pair=True) for row in _sides(agent, report.pairs)), strict=True)),
            "facts": [fact for fact in agent.facts if fact not in shared],
        }
        for i, agent in enumerate(report.agents)
    ]
    rows = [(row.label, placed(row)) for row in (*report.references, *_further(report)) if row.cards]
    return {
        "title": report.title,
        "report": report,
        "findings": _findings(report),
        "folds": len(report.agents) > _UNFOLDED,
        "agents": shown,
        "rows": rows,
        "facts": [*report.facts, *shared],
        "tempo": tempo_range([item.card.staff for item in items]),
        "data": {
            "cards": [_card_data(item.card) for item in items],
            "pitchRange": pitch_range([item.card.tokens for item in items]),
            "compositions": [composition._asdict() for composition in report.compositions],
        },
    }


def _card_data(card: Card) -> dict[str, Any]:
    """Return what the page's script needs of a `card`."""
    return {name: value for name, value in asdict(card).items() if name != "staff"} | staff_data(
        card.staff, len(card.tokens)
    )


def staff_data(staff: Staff, steps: int) -> dict[str, Any]:
    """Return what a page's script needs of the `staff` of a melody of so many `steps`."""
    return {
        "steps_per_beat": staff.steps_per_beat,
        "steps_per_bar": staff.steps_per_bar,
        "pickup": staff.pickup,
        "tempo": staff.bpm,
        "chords": [
            {"start": chord.start, "end": chord.end, "symbol": chord.chord.label, "pitches": chord.pitches}
            for chord in accompaniment(staff.chords, steps)
        ],
    }


def _score(card: Card, name: str, number: int) -> Markup | None:
    """Return the sheet music of the `card` with this `number` on the page; None without Verovio."""
    if not can_engrave():
        return None
    return Markup(svg_text(card.tokens, card.staff, f"Sheet music of {name}", f"sign{number}-", _SCORE_WIDTH))


def _findings(report: Report) -> Findings | None:
    """Return the claims about several agents as a table; None for a single agent, whose sentences are as brief."""
    columns = [(heading, claims) for heading, claims in report.claims if len(claims) == len(report.agents)]
    if len(report.agents) == 1 or not columns:
        return None
    labels = [agent.label for agent in report.agents]
    rows = zip(*(claims for _, claims in columns), strict=True)
    return Findings([heading for heading, _ in columns], list(zip(labels, rows, strict=True)))


def _sides(agent: AgentMelodies, pairs: int) -> tuple[MelodyRow, MelodyRow]:
    """Return the Note RNN's and the agent's half of the pairs."""
    return (
        MelodyRow(NOTE_RNN, agent.before[:pairs], heading="Before: the Note RNN"),
        MelodyRow(agent.label, agent.after[:pairs], heading=f"After: {agent.label}", tuned=True),
    )


def _further(report: Report) -> Iterator[MelodyRow]:
    """Yield the melodies that are in no pair: of each Note RNN, which several agents may share, and of each agent."""
    note_rnns = {str([card.tokens for card in agent.before]): agent.before for agent in reversed(report.agents)}
    for cards in reversed(note_rnns.values()):
        yield MelodyRow(NOTE_RNN, cards[report.pairs :], report.pairs + 1)
    for agent in report.agents:
        yield MelodyRow(agent.label, agent.after[report.pairs :], report.pairs + 1, tuned=True)


def _shared_facts(agents: Sequence[AgentMelodies]) -> Facts:
    """Return the facts that all of several agents have in common."""
    first, *others = agents
    return [fact for fact in first.facts if others and all(fact in agent.facts for agent in others)]


def tempo_range(staffs: Sequence[Staff]) -> dict[str, int]:
    """Return the initial value of the tempo control, and its range, which includes the tempo of every melody."""
    tempos = [round(staff.bpm) for staff in staffs]
    return {"first": tempos[0], "lowest": min(40, *tempos), "highest": max(240, *tempos)}


def pitch_range(melodies: Sequence[npt.ArrayLike]) -> tuple[int, int]:
    """Return the lowest and highest MIDI pitch of all `melodies`, an octave apart or more."""
    pitches = np.concatenate([tokens_to_notes(melody).pitches for melody in melodies])
    low, high = (int(pitches.min()), int(pitches.max())) if len(pitches) else (60, 72)
    return low - 1, max(high, low + 12) + 1
