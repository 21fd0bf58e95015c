"""Search methods for the best achievable reward, also as baselines that do not learn.

Shapes: B melodies, T steps, A = 38 tokens. Every method takes the value function, a budget of melodies to evaluate and
a generator, and yields its state, with the best melodies so far, after each round.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from melody_env.envs.masking import nearest_allowed
from melody_env.reward.composition import Composition, Floats
from melody_env.reward.profile import RewardProfile
from melody_env.reward_design.mutations import MOVES, cross
from note_rnn.network.model import NoteRNN
from note_rnn.vocabulary import NO_EVENT, VOCABULARY_SIZE, Tokens

POPULATION = 512
"""Number of melodies searched in parallel."""

_HOT, _COLD = 10.0, 0.3
"""First and last temperature of the annealing, in units of r_MT."""


@dataclass(frozen=True)
class Value:
    """Value of melodies of `length` steps: the sum of their rewards, as in `MelodyEngine` without a priming token.

    Without a `prior` it is the sum of r_MT, not divided by c. That of an incomplete melody is the sum of its steps.
    """

    profile: RewardProfile
    length: int
    prior: NoteRNN | None = None
    """In the key of the profile's setting."""

    @property
    def reward_scale(self) -> float:
        """Value of one unit of r_MT."""
        return 1.0 if self.prior is None else 1 / self.profile.c

    def playable(self, melodies: Tokens) -> Tokens:
        """Return `melodies` [B, t] as the environment plays them, with the nearest allowed token for a masked one."""
        if not self.profile.forbids:
            return melodies
        composition = Composition(len(melodies), self.length, self.profile.setting)
        for tokens in melodies.T:
            composition.append(nearest_allowed(tokens, self.profile.allowed(composition)))
        return composition.tokens[: composition.position].T.astype(np.int64)

    def __call__(self, melodies: Tokens) -> Floats:
        """Return the values [B] of `melodies` [B, t], t at most T."""
        composition = Composition(len(melodies), self.length, self.profile.setting)
        music_theory = np.zeros(len(melodies))
        for tokens in melodies.T:
            composition.append(tokens)
            music_theory += self.profile.music_theory(self.profile.score(composition))
        if self.prior is None:
            return music_theory
        log_prob = self.prior.log_prob(melodies, np.full(len(melodies), NO_EVENT))
        return music_theory / self.profile.c + log_prob.sum(1, dtype=torch.float64).cpu().numpy()


class SearchState(NamedTuple):
    """State of a search."""

    evaluations: int
    """Number of melodies evaluated so far."""
    melodies: Tokens
    """The best so far [B, T], in order of value."""
    values: Floats
    """Their values [B]."""


def anneal(value: Value, budget: int, rng: np.random.Generator) -> Iterator[SearchState]:
    """Population annealing: Metropolis steps of many melodies at falling temperature, with resampling by value.

    Hukushima & Iba 2003, https://doi.org/10.1063/1.1632130. The temperature falls geometrically, from ten units of
    r_MT to a third of one.
    """
    melodies = _random_melodies(value, rng)
    values = value(melodies)
    best = _best(melodies, values)
    rounds = max(budget // POPULATION - 1, 1)
    betas = np.geomspace(1 / _HOT, 1 / _COLD, rounds) / value.reward_scale
    for step in range(rounds):
        if step and step % 10 == 0:
            rows = _resampled((betas[step] - betas[step - 10]) * values, rng)
            melodies, values = melodies[rows], values[rows]
        proposals = value.playable(MOVES[rng.integers(len(MOVES))](melodies, rng))
        proposed = value(proposals)
        accepted = (proposed - values) * betas[step] > np.log(rng.random(POPULATION))
        melodies = np.where(accepted[:, None], proposals, melodies)
        values = np.where(accepted, proposed, values)
        best = _best(np.concatenate([best[0], proposals]), np.concatenate([best[1], proposed]))
        yield SearchState((step + 2) * POPULATION, *best)


def evolve(value: Value, budget: int, rng: np.random.Generator) -> Iterator[SearchState]:
    """Evolution: the better half survives and has children by crossover and mutation."""
    melodies = _random_melodies(value, rng)
    values = value(melodies)
    evaluations = POPULATION
    while evaluations < budget:
        melodies, values = _best(melodies, values)
        parents = melodies[: POPULATION // 2]
        children = cross(parents, parents[rng.permutation(len(parents))], rng)
        children = value.playable(MOVES[rng.integers(len(MOVES))](children, rng))
        melodies = np.concatenate([parents, children])
        values = np.concatenate([values[: len(parents)], value(children)])
        evaluations += len(children)
        yield SearchState(evaluations, *_best(melodies, values))


def random(value: Value, budget: int, rng: np.random.Generator) -> Iterator[SearchState]:
    """Random search: the best of melodies composed by the Note RNN or, without one, of random tokens."""
    best = np.zeros((0, value.length), np.int64), np.zeros(0)
    for evaluations in range(POPULATION, max(budget, POPULATION) + 1, POPULATION):
        melodies = _random_melodies(value, rng) if value.prior is None else _composed(value, value.prior, rng)
        best = _best(np.concatenate([best[0], melodies]), np.concatenate([best[1], value(melodies)]))
        yield SearchState(evaluations, *best)


def beam(value: Value, budget: int, rng: np.random.Generator) -> Iterator[SearchState]:
    """Beam search: step by step, the best prefixes are extended by every token. As wide as the budget allows."""
    yield from _beam(value, max(budget // (VOCABULARY_SIZE * value.length), 1))


def greedy(value: Value, budget: int, rng: np.random.Generator) -> Iterator[SearchState]:
    """Greedy search: step by step, the token with the highest immediate reward. It needs 38 evaluations a step."""
    yield from _beam(value, 1)


METHODS = {"anneal": anneal, "beam": beam, "greedy": greedy, "random": random, "evolve": evolve}


def _beam(value: Value, width: int) -> Iterator[SearchState]:
    prefixes = np.zeros((1, 0), np.int64)
    evaluations = 0
    for _ in range(value.length):
        tokens = np.tile(np.arange(VOCABULARY_SIZE), len(prefixes))[:, None]
        longer = value.playable(np.concatenate([prefixes.repeat(VOCABULARY_SIZE, axis=0), tokens], axis=1))
        evaluations += len(longer)
        prefixes, values = _best(longer, value(longer), width)
        yield SearchState(evaluations, prefixes, values)


def _best(melodies: Tokens, values: Floats, count: int = POPULATION) -> tuple[Tokens, Floats]:
    """Return the best `count` distinct rows of `melodies`, in order of value, and their `values`."""
    order = np.argsort(-values, kind="stable")
    _, first = np.unique(melodies[order], axis=0, return_index=True)
    chosen = order[np.sort(first)[:count]]
    return melodies[chosen], values[chosen]


def _resampled(log_weights: Floats, rng: np.random.Generator) -> Tokens:
    """Return the indices of resampled rows, on average in proportion to their weights (systematic resampling)."""
    weights = np.exp(log_weights - log_weights.max()).cumsum()
    places = (np.arange(len(weights)) + rng.random()) / len(weights)
    return np.searchsorted(weights / weights[-1], places).clip(max=len(weights) - 1)


def _random_melodies(value: Value, rng: np.random.Generator) -> Tokens:
    return value.playable(rng.integers(VOCABULARY_SIZE, size=(POPULATION, value.length)))


@torch.inference_mode()
def _composed(value: Value, prior: NoteRNN, rng: np.random.Generator) -> Tokens:
    """Return melodies of allowed tokens that `prior` composes, conditioned on nothing before them."""
    composition = Composition(POPULATION, value.length, value.profile.setting)
    tokens, state = np.full(POPULATION, NO_EVENT), prior.zero_state(POPULATION)
    while not composition.is_complete:
        log_probs, state = prior.step(torch.from_numpy(tokens).to(state[0].device), state)
        scores = log_probs.cpu().numpy() + rng.gumbel(size=(POPULATION, VOCABULARY_SIZE))
        if value.profile.forbids:
            scores[~value.profile.allowed(composition)] = -np.inf
        tokens = scores.argmax(-1)
        composition.append(tokens)
    return composition.tokens.T.astype(np.int64)
