"""Selection among many pieces: by reward, or by reward and variety.

Shapes: N pieces, n selected, T steps.
"""

import numpy as np
import numpy.typing as npt

from note_rnn import Tokens

Rows = npt.NDArray[np.int64]


def best_of_each(rewards: npt.NDArray[np.floating], n: int) -> Rows:
    """Return the rows [n] of the largest of `rewards` [N] in each of `n` equal consecutive groups."""
    groups = rewards.reshape(n, -1)
    return groups.argmax(axis=1) + groups.shape[1] * np.arange(n)


def good_and_diverse(melodies: Tokens, rewards: npt.NDArray[np.floating], n: int) -> Rows:
    """Return the rows [n] of `melodies` [N, T] that have high `rewards` [N] and differ from each other, the best first.

    Each selection maximises the share of pieces with a lower reward plus the share of steps that differ from the most
    similar selected piece (maximal marginal relevance, Carbonell and Goldstein 1998,
    https://doi.org/10.1145/290941.291025, with equal weights).
    """
    rank = rewards.argsort(kind="stable").argsort() / len(rewards)
    nearest = np.ones(len(rewards))
    selected: list[int] = []
    for _ in range(n):
        score = rank + nearest
        score[selected] = -1.0
        selected.append(int(score.argmax()))
        nearest = np.minimum(nearest, (melodies != melodies[selected[-1]]).mean(axis=1))
    return np.array(selected)
