"""N-gram models, reference points for the Note RNN on the same tokens of the same held-out tunes.

Interpolated modified Kneser-Ney smoothing (Chen & Goodman 1999, https://doi.org/10.1006/csla.1999.0128): the order-n
estimate discounts the counts of n-grams and gives the discounted mass to the estimate of order n - 1, which counts the
distinct tokens before each (n-1)-gram. A context starts, as the network's does, at the start of its segment.
Shapes: N tokens of all training segments, Q scored tokens, A = 38 tokens. A context of any length is a 64-bit hash.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.vocabulary import VOCABULARY_SIZE

UNSCORED = 8
MAX_ORDER = 16

_BEFORE_START = VOCABULARY_SIZE
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

Segments = Sequence[npt.NDArray[np.integer]]
Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]


class Reference(NamedTuple):
    """Score of an n-gram model of some `order`: nats per token, and the share of tokens it ranks first."""

    name: str
    order: int
    nats: float
    accuracy: float

    @property
    def perplexity(self) -> float:
        """The number of equally likely tokens that would be as hard to predict: exp(nats)."""
        return float(np.exp(self.nats))


def ngram_references(
    train: Segments, validation: Segments, test: Segments, max_order: int = MAX_ORDER
) -> list[Reference]:
    """Return the scores on `test` of the unigram, bigram, 5-gram and best n-gram models of the segments `train`.

    The best of the orders 1..`max_order` has the fewest nats per token on `validation`. The first 8 tokens of each
    segment are not scored.
    """
    best = min(score_ngrams(train, validation, max_order), key=lambda row: row.nats)
    rows = score_ngrams(train, test, max(best.order, 5))
    return [
        rows[0]._replace(name="unigram"),
        rows[1]._replace(name="bigram"),
        rows[4],
        rows[best.order - 1]._replace(name=f"best n-gram ({best.order})"),
    ]


def score_ngrams(train: Segments, held_out: Segments, max_order: int = MAX_ORDER) -> list[Reference]:
    """Return the score on `held_out` of the n-gram model of `train` of each order 1..`max_order`."""
    contexts, tokens = _contexts(train, max_order, unscored=0)
    held_out_contexts, actual = _contexts(held_out, max_order - 1, UNSCORED)
    lower = np.full((len(actual), VOCABULARY_SIZE), 1 / VOCABULARY_SIZE)
    rows = []
    for order in range(1, max_order + 1):
        counted, queries = contexts[order - 1], held_out_contexts[order - 1]
        probabilities = _discounted(counted, tokens, queries, lower)
        nats = -np.log(probabilities[np.arange(len(actual)), actual]).mean()
        accuracy = (probabilities.argmax(axis=1) == actual).mean()
        rows.append(Reference(f"{order}-gram", order, float(nats), float(accuracy)))
        _, distinct = np.unique(_append(contexts[order], tokens), return_index=True)
        lower = _discounted(counted[distinct], tokens[distinct], queries, lower)
    return rows


def _contexts(segments: Segments, max_length: int, unscored: int) -> tuple[list[Hashes], npt.NDArray[np.int64]]:
    """Return all tokens but the first `unscored` of each segment, after their contexts of 0..`max_length` tokens."""
    before = np.full(max_length, _BEFORE_START)
    padded = np.concatenate([np.concatenate([before, segment]) for segment in segments]).astype(np.int64)
    scored = np.concatenate([np.arange(len(segment) + max_length) >= max_length + unscored for segment in segments])
    at = np.flatnonzero(scored)
    contexts = [np.zeros(len(at), np.uint64)]
    for back in range(1, max_length + 1):
        contexts.append(contexts[-1] + (padded[at - back] + 1).astype(np.uint64) * _MULTIPLIER ** np.uint64(back))
    return contexts, padded[at]


def _append(contexts: Hashes, tokens: npt.NDArray[np.int64]) -> Hashes:
    """Return the hashes of `contexts` extended by the tokens after them."""
    return (contexts ^ (contexts >> np.uint64(29))) * _MULTIPLIER + (tokens + 1).astype(np.uint64)


def _discounted(contexts: Hashes, tokens: npt.NDArray[np.int64], queries: Hashes, lower: Floats) -> Floats:
    """Return p(next token | context) [Q, A] for the contexts `queries` [Q], interpolated with `lower` [Q, A].

    The counts are those of `tokens` [N] after `contexts` [N].
    """
    distinct, row = np.unique(queries, return_inverse=True)
    found = np.minimum(np.searchsorted(distinct, contexts), len(distinct) - 1)
    is_query = distinct[found] == contexts
    cells = found[is_query] * VOCABULARY_SIZE + tokens[is_query]
    counts = np.bincount(cells, minlength=len(distinct) * VOCABULARY_SIZE).reshape(-1, VOCABULARY_SIZE)
    discounts = _discounts(np.unique(_append(contexts, tokens), return_counts=True)[1])[np.minimum(counts, 3)]
    total = counts.sum(axis=1, keepdims=True)
    direct = (counts - discounts) / np.maximum(total, 1)
    backoff = np.where(total > 0, discounts.sum(axis=1, keepdims=True) / np.maximum(total, 1), 1.0)
    return np.asarray(direct[row] + backoff[row] * lower)


def _discounts(counts: npt.NDArray[np.int64]) -> Floats:
    """Return the discounts [4] of n-grams seen 0, 1, 2, and 3 or more times, given the `counts` of all n-grams.

    If too few n-grams are rare for separate estimates, as among unigrams, all seen n-grams have one discount.
    """
    once, twice, thrice, fourfold = (int(np.count_nonzero(counts == n)) for n in (1, 2, 3, 4))
    discount = once / (once + 2 * twice) if once else 0.5
    if min(once, twice, thrice) == 0:
        return np.array([0.0, discount, discount, discount])
    modified = [
        1 - 2 * discount * twice / once,
        2 - 3 * discount * thrice / twice,
        3 - 4 * discount * fourfold / thrice,
    ]
    return np.clip([0.0, *modified], 0.0, [0.0, 1.0, 2.0, 3.0])
