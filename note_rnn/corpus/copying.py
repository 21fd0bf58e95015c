"""Copying: the longest run of tokens that a melody shares with the training tunes.

Shapes: B melodies, T steps.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens


def longest_shared_runs(melodies: Tokens, tunes: Sequence[npt.NDArray[np.integer]]) -> npt.NDArray[np.int64]:
    """Return the length [B] of the longest run of tokens that each of `melodies` [B, T] shares with any tune."""
    size, length = melodies.shape
    longest = np.zeros(size, np.int64)
    corpus = np.concatenate([np.append(tune, VOCABULARY_SIZE) for tune in tunes])  # separators occur in no melody
    starts = np.arange(len(corpus))  # of the runs in it that some melody shares so far
    own, theirs = np.zeros((size, length + 1), np.uint64), np.zeros(len(corpus), np.uint64)
    for run in range(1, length + 1):
        own = _extended(own[:, : length - run + 1], melodies[:, run - 1 :])
        is_whole = starts + run <= len(corpus)
        starts, theirs = starts[is_whole], theirs[is_whole]
        theirs = _extended(theirs, corpus[starts + run - 1])
        runs, which = np.unique(own, return_inverse=True)
        place = np.minimum(np.searchsorted(runs, theirs), len(runs) - 1)
        is_shared = runs[place] == theirs
        found = np.zeros(len(runs), np.bool_)
        found[place[is_shared]] = True
        shared = found[which.reshape(own.shape)].any(axis=1)
        if not shared.any():
            break
        longest[shared] = run
        starts, theirs = starts[is_shared], theirs[is_shared]
    return longest


def _extended(codes: npt.NDArray[np.uint64], following: npt.NDArray[np.integer]) -> npt.NDArray[np.uint64]:
    """Return hashes of runs extended by the token `following` each, given those of the runs, of the same shape."""
    return codes * np.uint64(0x9E3779B97F4A7C15) + following.astype(np.uint64) + np.uint64(1)
