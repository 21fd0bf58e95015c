"""Melodies composed by any model, as token arrays."""

from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from agents.composing.composers import load_composer
from agents.composing.pieces import Pieces, compose_pieces
from agents.composing.selection import Rows, best_of_each, good_and_diverse
from note_rnn import NoteRNN, Tokens
from note_rnn.common.errors import check_count


def compose(
    model: BaseAlgorithm | NoteRNN | str | Path,
    n: int,
    seed: int = 0,
    temperature: float = 1.0,
    keep_primer: bool = False,
    strength: float = 1.0,
    best_of: int = 1,
    diverse: bool = False,
    trust_code: bool = False,
    **environment: Any,
) -> Tokens:
    """Return `n` melodies [n, T] by an agent, a run's newest agent (its folder), an agent's weights or a Note RNN.

    `environment` are keyword arguments of `MelodyComposition-v0` that differ from those the agent was trained with.
    `primer` is the opening to continue (see `note_rnn.read_primer`); with `keep_primer` it is part of the result,
    [n, P + T]. `fixed` maps steps, counted without the primer, to tokens. `strength` 0 composes like the Note RNN, 1
    like the agent, more goes beyond it. `best_of` candidates are composed for each melody and the one with the highest
    reward is selected; with `diverse`, melodies with high rewards that differ from each other. The same arguments give
    the same melodies. Nothing in the model's files is executed, except with `trust_code` the rule files of a run.

    Raises RunError or CheckpointError if the model cannot be loaded, RuleError for rule files without `trust_code`,
    InputError for an argument that cannot be used.
    """
    check_count("n", n)
    check_count("best_of", best_of)
    composer = load_composer(model, trust_code)
    changed = composer.environment.changed(**environment)
    pieces = compose_pieces(composer.player(changed, strength), n * best_of, seed, changed, temperature)
    rows = choose(pieces, n, diverse)
    return (pieces.with_primer() if keep_primer else pieces.melodies)[rows]


def choose(pieces: Pieces, n: int, diverse: bool) -> Rows:
    """Return the rows [n] of `pieces` to select: the best of each of `n` equal groups or, if `diverse`, varied ones."""
    rewards = pieces.finished.returns
    return good_and_diverse(pieces.melodies, rewards, n) if diverse else best_of_each(rewards, n)
