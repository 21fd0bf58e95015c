"""Evaluation of an agent beside the Note RNN that it was tuned from, and human tunes."""

from collections.abc import Callable
from typing import NamedTuple

from agents.composing.composers import Agent, Composer, NoteRNNComposer
from agents.composing.pieces import Pieces, compose_pieces
from agents.evaluation.metrics import human_metrics, table_metrics
from agents.runs.labels import AGENT, HUMAN, NOTE_RNN
from melody_env import HumanReference


class Evaluation(NamedTuple):
    """Pieces of the Note RNN and the agent, by name, and the columns of the table."""

    pieces: dict[str, Pieces]
    columns: dict[str, dict[str, float]]
    """`table_metrics` by name; those of human tunes too, if available."""


def evaluate_agent(
    agent: Agent, n: int, seed: int, retained: int = 0, on_composed: Callable[[int], None] = lambda pieces: None
) -> Evaluation:
    """Return the evaluation of `n` pieces each of the `agent` and its Note RNN, from the same priming tokens.

    `seed`, `retained` and `on_composed` are those of `compose_pieces`.
    """
    environment = agent.environment
    human = HumanReference.held_out(environment.setting)
    composers: dict[str, Composer] = {NOTE_RNN: NoteRNNComposer(environment), AGENT: agent}
    pieces = {
        name: compose_pieces(each.player(), n, seed, environment, retained=retained, on_composed=on_composed)
        for name, each in composers.items()
    }
    columns = {name: table_metrics(each, human) for name, each in pieces.items()}
    if human is not None:
        columns[HUMAN] = human_metrics(human, environment.prior)
    return Evaluation(pieces, columns)
