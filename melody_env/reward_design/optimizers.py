"""Searching whole melodies for the most that a reward can pay: its limit, and baselines that do not learn.

Shapes: B melodies, T steps, A = 38 tokens. Every method takes the value of melodies, a budget of melodies to be valued,
and a generator, and yields the best melodies so far, so that who asks sees how far it is.
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
"""Melodies side by side."""

_HOT, _COLD = 10.0, 0.3
"""First and last temperature of the annealing, in points of r_MT."""


@dataclass(frozen=True)
class Value:
    """What melodies of `length` steps are worth: the sum of their rewards, as in `MelodyEngine` with no priming note.

    Without a `prior` it is the sum of r_MT, not divided by c. The first steps of a melody are worth their own rewards.
    """

    profile: RewardProfile
    length: int
    prior: NoteRNN | None = None
    """In the key of the profile's setting."""

    @property
    def points(self) -> float:
        """What a point of r_MT is worth."""
        return 1.0 if self.prior is None else 1 / self.profile.c

    def playable(self, melodies: Tokens) -> Tokens:
        """Return `melodies` [B, t] as the environment plays them: the nearest allowed token for a forbidden one."""
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


class Found(NamedTuple):
    """How far a search is."""

    valued: int
    """Melodies valued so far."""
    melodies: Tokens
    """The best so far [B, T], the best of all first."""
    values: Floats
    """What they are worth [B]."""


def anneal(value: Value, budget: int, rng: np.random.Generator) -> Iterator[Found]:
    """Population annealing: Metropolis steps of many melodies while it gets colder, the better ones multiplying.

    Hukushima & Iba 2003, https://doi.org/10.1063/1.1632130. The temperature falls in equal ratios, from what lets a
    melody lose ten points of r_MT to a third of a point.
    """
    melodies = _random_melodies(value, rng)
    values = value(melodies)
    best = _best(melodies, values)
    rounds = max(budget // POPULATION - 1, 1)
    coldness = np.geomspace(1 / _HOT, 1 / _COLD, rounds) / value.points
    for step in range(rounds):
        if step and step % 10 == 0:
            kept = _resampled((coldness[step] - coldness[step - 10]) * values, rng)
            melodies, values = melodies[kept], values[kept]
        proposals = value.playable(MOVES[rng.integers(len(MOVES))](melodies, rng))
        proposed = value(proposals)
        accepted = (proposed - values) * coldness[step] > np.log(rng.random(POPULATION))
        melodies = np.where(accepted[:, None], proposals, melodies)
        values = np.where(accepted, proposed, values)
        best = _best(np.concatenate([best[0], proposals]), np.concatenate([best[1], proposed]))
        yield Found((step + 2) * POPULATION, *best)


def evolve(value: Value, budget: int, rng: np.random.Generator) -> Iterator[Found]:
    """Evolution: the better half of the melodies stays and has children, crossed with each other and changed."""
    melodies = _random_melodies(value, rng)
    values = value(melodies)
    valued = POPULATION
    while valued < budget:
        melodies, values = _best(melodies, values)
        parents = melodies[: POPULATION // 2]
        children = cross(parents, parents[rng.permutation(len(parents))], rng)
        children = value.playable(MOVES[rng.integers(len(MOVES))](children, rng))
        melodies = np.concatenate([parents, children])
        values = np.concatenate([values[: len(parents)], value(children)])
        valued += len(children)
        yield Found(valued, *_best(melodies, values))


def random(value: Value, budget: int, rng: np.random.Generator) -> Iterator[Found]:
    """Random search: the best of melodies that the Note RNN composes, or, without one, of random tokens."""
    best = np.zeros((0, value.length), np.int64), np.zeros(0)
    for valued in range(POPULATION, max(budget, POPULATION) + 1, POPULATION):
        melodies = _random_melodies(value, rng) if value.prior is None else _composed(value, value.prior, rng)
        best = _best(np.concatenate([best[0], melodies]), np.concatenate([best[1], value(melodies)]))
        yield Found(valued, *best)


def beam(value: Value, budget: int, rng: np.random.Generator) -> Iterator[Found]:
    """Beam search: step by step, the best beginnings go on with every token. As wide as the budget allows."""
    yield from _beam(value, max(budget // (VOCABULARY_SIZE * value.length), 1))


def greedy(value: Value, budget: int, rng: np.random.Generator) -> Iterator[Found]:
    """Greedy search: step by step, the token that pays most at once. It needs no more than 38 values a step."""
    yield from _beam(value, 1)


METHODS = {"anneal": anneal, "beam": beam, "greedy": greedy, "random": random, "evolve": evolve}


def _beam(value: Value, width: int) -> Iterator[Found]:
    beginnings = np.zeros((1, 0), np.int64)
    valued = 0
    for _ in range(value.length):
        tokens = np.tile(np.arange(VOCABULARY_SIZE), len(beginnings))[:, None]
        longer = value.playable(np.concatenate([beginnings.repeat(VOCABULARY_SIZE, axis=0), tokens], axis=1))
        valued += len(longer)
        beginnings, values = _best(longer, value(longer), width)
        yield Found(valued, beginnings, values)


def _best(melodies: Tokens, values: Floats, count: int = POPULATION) -> tuple[Tokens, Floats]:
    """Return the best `count` different rows of `melodies`, the best first, and their `values`."""
    order = np.argsort(-values, kind="stable")
    _, first = np.unique(melodies[order], axis=0, return_index=True)
    chosen = order[np.sort(first)[:count]]
    return melodies[chosen], values[chosen]


def _resampled(log_weights: Floats, rng: np.random.Generator) -> Tokens:
    """Return the rows to keep, each as often as its weight says on average (systematic resampling)."""
    weights = np.exp(log_weights - log_weights.max()).cumsum()
    places = (np.arange(len(weights)) + rng.random()) / len(weights)
    return np.searchsorted(weights / weights[-1], places).clip(max=len(weights) - 1)


def _random_melodies(value: Value, rng: np.random.Generator) -> Tokens:
    return value.playable(rng.integers(VOCABULARY_SIZE, size=(POPULATION, value.length)))


@torch.inference_mode()
def _composed(value: Value, prior: NoteRNN, rng: np.random.Generator) -> Tokens:
    """Return melodies that `prior` composes of allowed tokens, having heard nothing."""
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
