"""Pieces composed in parallel by any player, with their scores step by step.

Shapes: N pieces, K of them retained step by step, T steps, A = 38 tokens, P steps of a primer.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.algorithms.objectives import MASKED_LOGIT
from agents.composing.players import Player
from melody_env import EnvironmentSpec, FinishedPieces, MelodyEngine, Setting
from note_rnn import Tokens
from note_rnn.chords import ChordStart, Progression, parse_progression
from note_rnn.common.categorical import draw, log_softmax
from note_rnn.common.errors import check_count, check_seed, check_temperature
from note_rnn.formats.notation import Staff

Floats = npt.NDArray[np.floating]

_BATCH = 512
"""Pieces in parallel: about where a step of these small networks is cheapest per piece."""


@dataclass(frozen=True)
class PieceSteps:
    """K pieces step by step: the player's probabilities, and the scores of the tokens it played."""

    probabilities: Floats
    """The player's probabilities [K, T, A] of all tokens."""
    log_prob: Floats
    """log p [K, T] of each token by the Note RNN."""
    rules: Mapping[str, Floats]
    """Values [K, T] of each rule, unscaled."""
    music_theory: Floats
    """r_MT [K, T], the weighted rules."""


@dataclass(frozen=True)
class Pieces:
    """N finished pieces, with their rewards and the entropy and KL of the policy that composed them."""

    finished: FinishedPieces
    """Melodies [N, T] and sums [N] of rules, r_MT, log p and reward."""
    priming_tokens: Tokens
    """[N]; the token before each piece, not part of it."""
    entropy: Floats
    """[N]; mean over a piece's steps of the policy's entropy, in nats."""
    kl: Floats
    """[N]; sum over a piece's steps of KL(policy || Note RNN), in nats."""
    steps: PieceSteps
    """The first K pieces step by step."""
    setting: Setting
    """Their key, mode, meter ...; of several forms or progressions, `finished` has those of each piece."""
    primer: Tokens
    """[P]; the primer of all pieces, empty if there was only a priming token."""
    piece_rules: frozenset[str] = frozenset()
    """The rules that value a piece as a whole."""

    def with_primer(self) -> Tokens:
        """Return the pieces with the primer before them [N, P + T]."""
        return np.concatenate([np.tile(self.primer, (len(self.melodies), 1)), self.melodies], axis=1)

    def marks(self, row: int, offset: int = 0) -> dict[int, str]:
        """Return the names of a piece's sections by their first steps, after `offset` steps; empty without form."""
        forms = {form.name: form for form in self.setting.forms}
        return forms[self.finished.forms[row]].marks(offset) if forms else {}

    def progression(self, row: int) -> Progression | None:
        """Return the chords of a piece; None without chords."""
        return parse_progression(self.finished.chords[row]) if self.finished.chords else None

    def staff(self, row: int, before: int = 0) -> Staff:
        """Return the staff of a piece, with its sections and chords, and so many steps of its primer `before` it."""
        return piece_staff(self.setting, before, self.marks(row, before), self.progression(row))

    @property
    def melodies(self) -> Tokens:
        """The pieces [N, T]."""
        return self.finished.melodies


def piece_staff(
    setting: Setting, before: int = 0, marks: Mapping[int, str] = {}, progression: Progression | None = None
) -> Staff:
    """Return the staff of a piece that begins on a bar line, with so many steps of its primer `before` it.

    `marks` are the names of its sections by their steps, those before included.
    """
    staff = setting.staff
    starts = () if progression is None else progression.starts(setting.steps, staff.steps_per_bar, staff.steps_per_beat)
    return staff._replace(
        pickup=before % staff.steps_per_bar,
        marks=tuple(sorted(marks.items())),
        chords=tuple(ChordStart(step + before, chord) for step, chord in starts),
    )


def compose_pieces(
    player: Player,
    n: int,
    seed: int,
    environment: EnvironmentSpec,
    temperature: float = 1.0,
    retained: int = 0,
    on_composed: Callable[[int], None] = lambda pieces: None,
) -> Pieces:
    """Return `n` pieces drawn from softmax(scores / temperature) of the `player`, over the allowed tokens.

    The first `retained` pieces (K) are retained step by step. `on_composed` is called with the number of pieces in each
    finished batch. The same arguments give the same pieces. Raises InputError for an invalid number, seed or
    temperature.
    """
    check_count("n", n)
    check_seed("seed", seed)
    check_temperature("temperature", temperature)
    rng = np.random.default_rng(seed)
    parts = []
    for first in range(0, n, _BATCH):
        size = min(_BATCH, n - first)
        engine = MelodyEngine(size, environment)
        engine.seed(rng.integers(2**31, size=size).tolist())
        parts.append(_played(player, engine, _Drawn(rng, temperature), min(max(retained - first, 0), size)))
        on_composed(size)
    return _joined(parts)


def pieces_of(player: Player, melodies: Tokens, environment: EnvironmentSpec, retained: int = 0) -> Pieces:
    """Return given `melodies` [N, T] as pieces that the `player` composed in `environment`, whose length T is.

    They may break masks. The first `retained` of them (K) are retained step by step.
    """
    environment = environment.changed(fixed=None)
    parts = []
    for first in range(0, len(melodies), _BATCH):
        batch = melodies[first : first + _BATCH]
        engine = MelodyEngine(len(batch), environment)
        engine.seed(range(first, first + len(batch)))
        parts.append(_played(player, engine, _Given(batch), min(max(retained - first, 0), len(batch))))
    return _joined(parts)


def begin_pieces(player: Player, engine: MelodyEngine) -> Tokens:
    """Start new pieces of `engine` with `player`; return their priming tokens [N], before which the primer came."""
    engine.reset()
    before = np.zeros(0, np.int64) if engine.primer is None else engine.primer[:-1]
    player.begin(engine.num_pieces, len(before))
    for token in before:
        player.scores(engine.observations_of(token), engine.prior_log_probs)  # only to advance its state
    return engine.last_tokens


class _Drawn:
    """Tokens drawn from softmax(scores / temperature), over the allowed ones."""

    enforces_masks = True

    def __init__(self, rng: np.random.Generator, temperature: float):
        self.rng, self.temperature = rng, temperature

    def next(self, step: int, log_policy: Floats) -> Tokens:
        return draw(log_policy, self.rng)


class _Given:
    """Given tokens [N, T]."""

    enforces_masks = False
    temperature = 1.0

    def __init__(self, melodies: Tokens):
        self.melodies = melodies

    def next(self, step: int, log_policy: Floats) -> Tokens:
        return self.melodies[:, step]


def _played(player: Player, engine: MelodyEngine, tokens: _Drawn | _Given, retained: int) -> Pieces:
    priming_tokens = begin_pieces(player, engine)
    entropy, kl = np.zeros((2, engine.num_pieces))
    steps: list[tuple[Floats, ...]] = []
    for step in range(engine.length):
        scores = player.scores(engine.observations(), engine.prior_log_probs)
        if engine.forbids:
            scores = np.where(engine.action_masks(), scores, MASKED_LOGIT)
        log_policy = log_softmax(scores / tokens.temperature)
        probabilities = np.exp(log_policy)
        entropy -= (probabilities * log_policy).sum(-1)
        kl += (probabilities * (log_policy - engine.prior_log_probs)).sum(-1)
        _, finished = engine.step(tokens.next(step, log_policy), tokens.enforces_masks)
        scored: tuple[Floats, ...] = (engine.log_prob, engine.rule_values, engine.music_theory)
        steps.append((probabilities[:retained], *(values[..., :retained] for values in scored)))
    assert finished is not None
    entropy /= engine.length
    return Pieces(
        finished,
        priming_tokens,
        entropy,
        kl,
        _piece_steps(steps, engine),
        engine.setting,
        np.zeros(0, np.int64) if engine.primer is None else engine.primer,
        engine.profile.piece_rules,
    )


def _piece_steps(steps: Iterable[tuple[Floats, ...]], engine: MelodyEngine) -> PieceSteps:
    """Return the `steps` stacked; each of T has probabilities [K, A], log p [K], rules [R, K] and r_MT [K]."""
    probabilities, log_prob, rules, music_theory = (np.stack(values, axis=-1) for values in zip(*steps, strict=True))
    named = dict(zip(engine.profile.rule_names, rules, strict=True))
    return PieceSteps(np.moveaxis(probabilities, -1, 1), log_prob, named, music_theory)


def log_likelihood(player: Player, melodies: Tokens, environment: EnvironmentSpec) -> float:
    """Return the mean log policy per step of `melodies` [N, T], in nats, without a priming token.

    On held-out human tunes it shows how much the player has forgotten of what it learned from music.
    """
    count, length = melodies.shape
    profile = replace(environment.profile, rules=(), masks=())  # human tunes may break masks
    bare: dict[str, Any] = {"form": "", "chords": "", "priming": "none", "primer": None, "fixed": None}
    environment = environment.changed(reward=profile, length=length, **bare)
    engine = MelodyEngine(count, environment)
    engine.reset()
    player.begin(count)
    total = 0.0
    for tokens in melodies.T:
        log_policy = log_softmax(player.scores(engine.observations(), engine.prior_log_probs))
        total += float(log_policy[np.arange(count), tokens].sum())
        engine.step(tokens)
    return total / melodies.size


def _joined(parts: list[Pieces]) -> Pieces:
    """Return `parts` concatenated."""

    def join(values: Iterable[npt.NDArray[Any]]) -> Any:
        return np.concatenate(list(values))

    finished = [part.finished for part in parts]
    steps = [part.steps for part in parts]
    return Pieces(
        FinishedPieces(
            join(part.melodies for part in finished),
            {name: join(part.rules[name] for part in finished) for name in finished[0].rules},
            join(part.music_theory for part in finished),
            join(part.log_prob for part in finished),
            join(part.returns for part in finished),
            tuple(form for part in finished for form in part.forms),
            tuple(chords for part in finished for chords in part.chords),
        ),
        join(part.priming_tokens for part in parts),
        join(part.entropy for part in parts),
        join(part.kl for part in parts),
        PieceSteps(
            join(part.probabilities for part in steps),
            join(part.log_prob for part in steps),
            {name: join(part.rules[name] for part in steps) for name in steps[0].rules},
            join(part.music_theory for part in steps),
        ),
        parts[0].setting,
        parts[0].primer,
        parts[0].piece_rules,
    )
