"""Tunes composed around what is there: gaps filled, and variations.

Shapes: N tunes, C candidates, T steps, A = 38 tokens.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np

from agents.composing.filling import Candidates, draw_candidates
from agents.composing.pieces import pieces_of
from agents.composing.players import Player
from agents.infilling.choices import chosen_notes, chosen_section, note_distance
from agents.infilling.constraints import Flags, gaps_filled, other_notes, other_pitches, other_rhythms
from agents.infilling.particles import Floats, drawn
from melody_env import EnvironmentSpec
from note_rnn import InputError, Tokens
from note_rnn.common.errors import check_choice, is_number
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

Part = Literal["everywhere", "section", "pitch", "rhythm"]
_OTHERS: dict[str, Callable[[Tokens, Flags], Flags]] = {
    "everywhere": other_notes,
    "section": other_notes,
    "pitch": other_pitches,
    "rhythm": other_rhythms,
}
_BATCH = 512
"""Candidates in parallel, or those of one tune if they are more."""
_FAR = 1e6
"""Nats that a candidate costs which is not what was asked for: it is used if there is no other."""
_CHOICES, _DRAWS = 8, 4
"""Choices of notes for a variation, and draws of each, of which the likeliest is used."""
_LOSS, _ROUNDS = 0.1, 4
"""Nats a token by which a variation may be less likely than its tune; for one that is likelier, notes are chosen up to
so many times."""


class Drawing(NamedTuple):
    """How candidates are drawn."""

    candidates: int = 512
    """C of each tune."""
    temperature: float = 1.0
    seed: int = 0
    on_drawn: Callable[[int], None] = lambda tunes: None
    """Called with the number of tunes in each finished batch."""


class Results(NamedTuple):
    """Tunes that fill gaps, or are variations."""

    tunes: Tokens
    """[N, T], all different."""
    effective: Floats
    """[N]; the effective sample size of the candidates that each was drawn from."""


def fill_gaps(
    player: Player, environment: EnvironmentSpec, tune: Tokens, is_open: Flags, n: int, drawing: Drawing
) -> Results:
    """Return `tune` [T] with its open steps [T] filled in `n` different ways (N), and all others kept.

    Each is a draw from candidates of its own, weighed by how likely the `player` finds all that is kept after them.
    `environment` has pieces of T steps. Raises InputError if the candidates are less than N different ones.
    """
    rng = np.random.default_rng(drawing.seed)
    found = Results(np.zeros((0, len(tune)), np.int64), np.zeros(0))
    size = max(_BATCH // drawing.candidates, 1)
    while len(found.tunes) < n:
        rows = min(size, n - len(found.tunes))
        allowed = gaps_filled(np.tile(tune, (rows, 1)), np.tile(is_open, (rows, 1)))
        candidates = draw_candidates(player, environment, allowed, drawing.candidates, rng, drawing.temperature)
        order = drawn(candidates.log_weights, rng)
        ordered = np.take_along_axis(candidates.tokens, order[..., None], axis=1)
        found = Results(
            np.concatenate([found.tunes, _different(found.tunes, ordered)]),
            np.concatenate([found.effective, candidates.effective]),
        )
        drawing.on_drawn(rows)
    return found


def vary_notes(
    player: Player,
    environment: EnvironmentSpec,
    tune: Tokens,
    change: float,
    by: Part,
    n: int,
    drawing: Drawing,
) -> Results:
    """Return `n` different variations (N) of `tune` [T], in each of which the share `change` of its notes is another.

    `by` says how: "pitch" and "rhythm" leave the rest of a note as it is, "section" changes consecutive notes,
    "everywhere" any. Notes to change are chosen in several ways, with candidates for each, and the likeliest of their
    draws is the variation; others are chosen if it is much less likely than the tune. Raises InputError for a share
    that is no note or more than all, and if the candidates are less than N different tunes.
    """
    rng = np.random.default_rng(drawing.seed)
    count = _notes_to_change(tune, change, by)
    is_note = (tune >= FIRST_PITCH_TOKEN)[None]
    chances = pieces_of(player, tune[None], environment, retained=1).steps.probabilities[0]
    other = np.where(_OTHERS[by](tune[None], is_note)[0], chances, 0.0).sum(axis=1)
    least = _log_prob(tune, chances) - _LOSS * len(tune)
    choose = chosen_section if by == "section" else chosen_notes

    def draws_of_round() -> _Draws:
        chosen = [choose(tune, count, environment.setting.steps_per_bar, other, rng) for _ in range(_CHOICES)]
        allowed = _OTHERS[by](np.tile(tune, (_CHOICES, 1)), np.stack(chosen))
        own = max(drawing.candidates // _CHOICES, 1)
        candidates = draw_candidates(player, environment, allowed, own, rng, drawing.temperature)
        return _likeliest(tune, candidates, change, least, rng)

    found = Results(np.zeros((0, len(tune)), np.int64), np.zeros(0))
    for _ in range(n):
        draws = draws_of_round()
        for _ in range(_ROUNDS - 1):
            if draws.values[0] < least:
                draws = max(draws, draws_of_round(), key=lambda each: each.values[0])
        best = _different(found.tunes, draws.tunes[None])
        row = int((draws.tunes == best).all(axis=1).argmax())
        found = Results(np.concatenate([found.tunes, best]), np.append(found.effective, draws.effective[row]))
        drawing.on_drawn(1)
    return found


class _Draws(NamedTuple):
    """M candidates, the best first."""

    tunes: Tokens
    """[M, T]."""
    values: Floats
    """[M]; log probability by the policy, less the cost of what was not asked for."""
    effective: Floats
    """[M]; the effective sample size of the candidates that each was drawn from."""


def _likeliest(tune: Tokens, candidates: Candidates, change: float, least: float, rng: np.random.Generator) -> _Draws:
    """Return `_DRAWS` of the weighted candidates for each choice of notes, the likeliest of all by the policy first.

    If none of them has a log probability of `least`, these are the likeliest candidates. Those whose edit distance from
    `tune` [T] is not `change` within a tenth, or a note, come last, and before them those that have more or fewer notes
    than it by as much.
    """
    notes = int((tune >= FIRST_PITCH_TOKEN).sum())
    tolerance = max(change / 10, 1 / notes)
    distances = np.stack([note_distance(tune, each) for each in candidates.tokens])
    counts = (candidates.tokens >= FIRST_PITCH_TOKEN).sum(axis=2) / notes
    costs = 2 * _FAR * (np.abs(distances - change) > tolerance) + _FAR * (np.abs(counts - 1) > tolerance)
    values = candidates.log_policy - costs
    draws = drawn(candidates.log_weights - costs, rng)[:, :_DRAWS]
    if np.take_along_axis(values, draws, axis=1).max() < least:
        draws = values.argsort(axis=1)[:, : -_DRAWS - 1 : -1]
    of_draws = np.take_along_axis(values, draws, axis=1).ravel()
    order = of_draws.argsort()[::-1]
    tunes = np.take_along_axis(candidates.tokens, draws[..., None], axis=1).reshape(-1, len(tune))
    return _Draws(tunes[order], of_draws[order], candidates.effective.repeat(draws.shape[1])[order])


def _log_prob(tune: Tokens, chances: Floats) -> float:
    """Return the log probability of `tune` [T], given the `chances` [T, A] of all tokens at each step."""
    own = np.take_along_axis(chances, tune[:, None], axis=1)
    return float(np.log(np.maximum(own, np.finfo(np.float64).tiny)).sum())


def _notes_to_change(tune: Tokens, change: float, by: str) -> int:
    check_choice("by", by, get_args(Part))
    notes = int((tune >= FIRST_PITCH_TOKEN).sum())
    if not is_number(change) or not 0 < change <= 1:
        raise InputError(f"change must be a share of the notes above 0 and at most 1, not {change!r}.")
    if not notes:
        raise InputError("The tune has no notes to change: give another one.")
    return max(round(change * notes), 1)


def _different(before: Tokens, ordered: Tokens) -> Tokens:
    """Return of each row of `ordered` [M, C, T] the first that is neither in `before` [N, T] nor of another row."""
    seen = {tune.tobytes() for tune in before}
    chosen = []
    for candidates in ordered:
        tune = next((each for each in candidates if each.tobytes() not in seen), None)
        if tune is None:
            raise InputError(
                f"There are only {len(seen)} different tunes among the candidates: ask for fewer tunes, or add "
                "--candidates."
            )
        seen.add(tune.tobytes())
        chosen.append(tune)
    return np.stack(chosen)
