"""Melodies composed by any model, as token arrays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.composing.around import Drawing, Part, Results, fill_gaps, vary_notes
from agents.composing.composers import load_composer
from agents.composing.pieces import Pieces, compose_pieces
from agents.composing.players import Player
from agents.composing.selection import Rows, best_of_each, good_and_diverse
from agents.composing.tunes import Tune, tune_in
from agents.infilling.constraints import Flags
from agents.infilling.gaps import GapError, parse_gaps
from note_rnn import NoteRNN, Tokens
from note_rnn.common.errors import check_count, check_seed, check_temperature


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


def infill(
    model: BaseAlgorithm | NoteRNN | str | Path,
    tune: str | Path | npt.ArrayLike,
    gaps: str | Flags,
    n: int = 1,
    seed: int = 0,
    temperature: float = 1.0,
    strength: float = 1.0,
    candidates: int = 512,
    pickup: int | None = None,
    trust_code: bool = False,
    **environment: Any,
) -> Tokens:
    """Return `tune` [T] with its gaps filled in `n` different ways [n, T] by any model; all other tokens are kept.

    `tune` is an array of tokens or what `note_rnn.read_tune` reads. `gaps` are text, "bars 3-4", or flags [T]. Each
    result is drawn from so many `candidates`, weighed by how likely the model finds what is kept after them. `meter`
    and `pickup`, the steps before the first bar line, are those of the tune's file unless given; the other arguments
    are those of `compose`.

    Raises what `compose` does, PrimerError, MelodyFileError or CorpusError for a tune that cannot be read, and GapError
    for gaps that cannot be filled.
    """

    def fill(player: Player, around: Tune, drawing: Drawing) -> Results:
        return fill_gaps(player, around.environment, around.melody, _open_steps(gaps, around), n, drawing)

    drawing = Drawing(candidates, temperature, seed)
    return _around(model, tune, pickup, fill, n, drawing, strength, trust_code, environment)


def vary(
    model: BaseAlgorithm | NoteRNN | str | Path,
    tune: str | Path | npt.ArrayLike,
    change: float = 0.3,
    by: Part = "everywhere",
    n: int = 1,
    seed: int = 0,
    temperature: float = 1.0,
    strength: float = 1.0,
    candidates: int = 512,
    pickup: int | None = None,
    trust_code: bool = False,
    **environment: Any,
) -> Tokens:
    """Return `n` different variations [n, T] of `tune` [T], in which the share `change` of its notes is another.

    `by` is "everywhere", "section" for consecutive notes, or "pitch" or "rhythm" to leave the rest of each note as it
    is. The other arguments, and errors, are those of `infill`.
    """

    def varied(player: Player, around: Tune, drawing: Drawing) -> Results:
        return vary_notes(player, around.environment, around.melody, change, by, n, drawing)

    drawing = Drawing(candidates, temperature, seed)
    return _around(model, tune, pickup, varied, n, drawing, strength, trust_code, environment)


def _around(
    model: BaseAlgorithm | NoteRNN | str | Path,
    source: str | Path | npt.ArrayLike,
    pickup: int | None,
    draw: Callable[[Player, Tune, Drawing], Results],
    n: int,
    drawing: Drawing,
    strength: float,
    trust_code: bool,
    changes: dict[str, Any],
) -> Tokens:
    """Return whole tunes [n, T] that `draw` makes of the tune in `source`."""
    check_count("n", n)
    check_count("candidates", drawing.candidates)
    check_seed("seed", drawing.seed)
    check_temperature("temperature", drawing.temperature)
    composer = load_composer(model, trust_code)
    tune = tune_in(source, composer.environment.changed(**changes), changes.get("meter"), pickup)
    results = draw(composer.player(tune.environment, strength), tune, drawing)
    return np.concatenate([np.tile(tune.tokens[: tune.pickup], (n, 1)), results.tunes], axis=1)


def _open_steps(gaps: str | Flags, tune: Tune) -> Flags:
    """Return whether each step of the tune after its pickup is in a gap; raises GapError."""
    if isinstance(gaps, str):
        return parse_gaps(gaps, len(tune.melody), tune.environment.setting.steps_per_bar)
    is_open = np.asarray(gaps)
    if is_open.dtype != np.bool_ or is_open.shape != tune.tokens.shape or is_open[: tune.pickup].any():
        raise GapError(
            f"gaps must be text or flags of the {len(tune.tokens)} steps of the tune, with its pickup of {tune.pickup} "
            "steps kept."
        )
    return is_open[tune.pickup :]


def choose(pieces: Pieces, n: int, diverse: bool) -> Rows:
    """Return the rows [n] of `pieces` to select: the best of each of `n` equal groups or, if `diverse`, varied ones."""
    rewards = pieces.finished.returns
    return good_and_diverse(pieces.melodies, rewards, n) if diverse else best_of_each(rewards, n)
