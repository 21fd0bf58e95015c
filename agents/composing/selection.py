"""Which of many pieces to keep: the best by reward, and such as are unlike each other.

Shapes: N pieces, n kept, T steps.
"""

import numpy as np
import numpy.typing as npt

from note_rnn import Tokens

Rows = npt.NDArray[np.int64]


def best_of_each(rewards: npt.NDArray[np.floating], n: int) -> Rows:
    """Return the rows [n] of the largest of `rewards` [N] in each of `n` equal groups that follow each other."""
    groups = rewards.reshape(n, -1)
    return groups.argmax(axis=1) + groups.shape[1] * np.arange(n)


def good_and_various(melodies: Tokens, rewards: npt.NDArray[np.floating], n: int) -> Rows:
    """Return the rows [n] of `melodies` [N, T] that have high `rewards` [N] and are unlike each other, the best first.

    Each next one has the most of: the share of pieces that it outdoes, plus the share of steps at which it differs from
    the kept piece that is most like it (maximal marginal relevance, Carbonell and Goldstein 1998,
    https://doi.org/10.1145/290941.291025, with equal weights).
    """
    outdoes = rewards.argsort(kind="stable").argsort() / len(rewards)
    nearest = np.ones(len(rewards))
    kept: list[int] = []
    for _ in range(n):
        worth = outdoes + nearest
        worth[kept] = -1.0
        kept.append(int(worth.argmax()))
        nearest = np.minimum(nearest, (melodies != melodies[kept[-1]]).mean(axis=1))
    return np.array(kept)
