"""Markov melodies: each token drawn from those that follow the last few in a corpus.

Shapes: B melodies, T steps, N tokens of all training segments, K the order.
"""

from collections.abc import Sequence

import numpy as np

from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

_START = VOCABULARY_SIZE
"""Padding before a segment."""


def markov_melodies(segments: Sequence[Tokens], order: int, size: int, length: int, rng: np.random.Generator) -> Tokens:
    """Return `size` melodies [B, T] of `length` steps, drawn from the Markov chain of order `order` of `segments`.

    They begin as segments do. Where nothing follows the last K tokens, the last K - 1 are the context.
    """
    contexts, tokens = _contexts(segments, order)
    ranks = [np.argsort(context, kind="stable") for context in contexts]
    ordered = [context[rank] for context, rank in zip(contexts, ranks, strict=True)]
    melodies = np.full((size, order + length), _START)
    for t in range(order, order + length):
        codes = _codes(melodies[:, t - order : t])
        undecided = np.ones(size, np.bool_)
        for k in range(order, -1, -1):
            low, high = (np.searchsorted(ordered[k], codes[k], side) for side in ("left", "right"))
            drawn = np.minimum(low + (rng.random(size) * (high - low)).astype(np.int64), len(tokens) - 1)
            decided = undecided & (high > low)
            melodies[decided, t] = tokens[ranks[k][drawn[decided]]]
            undecided &= ~decided
    return melodies[:, order:]


def _contexts(segments: Sequence[Tokens], order: int) -> tuple[list[Tokens], Tokens]:
    """Return the codes [N] of the contexts of 0..`order` tokens before each token, and the tokens [N]."""
    padded = [np.concatenate([np.full(order, _START), segment]) for segment in segments]
    rows = np.concatenate([np.lib.stride_tricks.sliding_window_view(row, order + 1) for row in padded])
    return _codes(rows[:, :-1]), rows[:, -1]


def _codes(contexts: Tokens) -> list[Tokens]:
    """Return a number [N] for the last 0, 1 ... K tokens of each of `contexts` [N, K]."""
    codes = [np.zeros(len(contexts), np.int64)]
    for back in range(1, contexts.shape[1] + 1):
        codes.append(codes[-1] + (contexts[:, -back] + 1) * (VOCABULARY_SIZE + 2) ** (back - 1))
    return codes
