"""Votes of simulated listeners, by their taste, a bias and a coin.

Shapes: N melodies, T steps, V votes.
"""

import numpy as np
from page_votes import page_votes
from simulated_tastes import SETTING, Floats, Utility, World

from agents.listening_study.pair_choice import pair_choice
from agents.votes.heard import HeardVotes
from note_rnn import Tokens

RANDOM_VOTES, BIASED, BIAS = 0.2, 0.25, 1.0
"""Share of votes by a coin, share of biased listeners, and their bias in log-odds."""
VOTES_EACH = 20
"""Votes of a listener."""
PIECES = 300
"""Pieces that a page chooses its pairs from."""


def voted(utility: Utility, first: Tokens, second: Tokens, listener: int, rng: np.random.Generator) -> HeardVotes:
    """Return the votes of simulated listeners, numbered from `listener`, on pairs of melodies [V, T]."""
    own = np.arange(len(first)) // VOTES_EACH
    bias = np.where(rng.random(own.max() + 1) < BIASED, BIAS, 0.0)[own]
    chances = sigmoid(utility(first) - utility(second) + bias)
    chances = np.where(rng.random(len(first)) < RANDOM_VOTES, 0.5, chances)
    outcomes = (rng.random(len(first)) < chances).astype(np.float64)
    return HeardVotes(first, second, outcomes, own + listener, SETTING, {})


def random_votes(world: World, utility: Utility, number: int, rng: np.random.Generator) -> HeardVotes:
    """Return `number` votes on random pairs of the pool."""
    first, second = world.pool[rng.integers(len(world.pool), size=(2, number))]
    return voted(utility, first, second, 0, rng)


def chosen_votes(
    world: World, utility: Utility, number: int, rng: np.random.Generator, each: int = VOTES_EACH
) -> HeardVotes:
    """Return `number` votes on pairs that the pages of listeners choose, who give `each` of them.

    A page begins with the votes of the listeners before, as in a round of its own.
    """
    heard: HeardVotes | None = None
    for listener in range(number // each):
        pool = world.pool[rng.choice(len(world.pool), min(PIECES, len(world.pool)), replace=False)]
        choice = pair_choice(pool, SETTING, heard, each, 0)
        bias = BIAS if rng.random() < BIASED else 0.0
        pairs, outcomes = page_votes(choice, utility(pool), bias, RANDOM_VOTES, rng)
        first, second = pool[pairs.T]
        heard = together(heard, HeardVotes(first, second, outcomes, np.full(each, listener), SETTING, {}))
    assert heard is not None
    return heard


def together(some: HeardVotes | None, more: HeardVotes) -> HeardVotes:
    """Return the votes of both."""
    if some is None:
        return more
    return HeardVotes(
        np.concatenate([some.first, more.first]),
        np.concatenate([some.second, more.second]),
        np.concatenate([some.outcomes, more.outcomes]),
        np.concatenate([some.listener, more.listener]),
        SETTING,
        {},
    )


def sigmoid(log_odds: Floats) -> Floats:
    """Return the probability with these `log_odds`."""
    return 1 / (1 + np.exp(-log_odds))
