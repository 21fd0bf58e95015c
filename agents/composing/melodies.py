"""Melodies of any model, as token arrays."""

from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from agents.composing.composers import load_composer
from agents.composing.pieces import Pieces, compose_pieces
from agents.composing.selection import Rows, best_of_each, good_and_various
from note_rnn import NoteRNN, Tokens


def compose(
    model: BaseAlgorithm | NoteRNN | str | Path,
    n: int,
    seed: int = 0,
    temperature: float = 1.0,
    keep_primer: bool = False,
    strength: float = 1.0,
    best_of: int = 1,
    diverse: bool = False,
    **environment: Any,
) -> Tokens:
    """Return `n` melodies [n, T] by an agent, a run's newest agent (its folder), a saved agent (.zip) or a Note RNN.

    `environment` are keyword arguments of `MelodyComposition-v0` that differ from those the agent was trained with.
    `primer` is what the melodies start from (see `note_rnn.read_primer`); with `keep_primer` it is part of what is
    returned, [n, P + T]. `fixed` gives tokens by their steps, counted without the primer. An agent's `strength` is 0 as
    the Note RNN, 1 as it learned to be, or beyond. `best_of` times as many are composed and those with the highest
    rewards kept; if `diverse`, such as are unlike each other. The same arguments give the same melodies.

    Raises RunError or CheckpointError where there is nothing to load.
    """
    composer = load_composer(model)
    changed = composer.environment.changed(**environment)
    pieces = compose_pieces(composer.player(changed, strength), n * best_of, seed, changed, temperature)
    kept = choose(pieces, n, diverse)
    return (pieces.with_primer() if keep_primer else pieces.melodies)[kept]


def choose(pieces: Pieces, n: int, diverse: bool) -> Rows:
    """Return which [n] of `pieces` to keep: the best of `n` equal groups or, if `diverse`, good ones of all kinds."""
    rewards = pieces.finished.returns
    return good_and_various(pieces.melodies, rewards, n) if diverse else best_of_each(rewards, n)
