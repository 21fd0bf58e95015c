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
    corpus = np.concatenate([np.append(tune, VOCABULARY_SIZE) for tune in tunes])[None]  # separators occur in no melody
    own, theirs = np.zeros((size, length + 1), np.uint64), np.zeros((1, corpus.shape[1] + 1), np.uint64)
    for run in range(1, length + 1):
        own, theirs = _extended(own, melodies, run), _extended(theirs, corpus, run)
        runs, which = np.unique(own, return_inverse=True)
        place = np.minimum(np.searchsorted(runs, theirs[0]), len(runs) - 1)
        found = np.zeros(len(runs), np.bool_)
        found[place[runs[place] == theirs[0]]] = True
        shared = found[which.reshape(own.shape)].any(axis=1)
        if not shared.any():
            break
        longest[shared] = run
    return longest


def _extended(codes: npt.NDArray[np.uint64], tokens: npt.NDArray[np.integer], run: int) -> npt.NDArray[np.uint64]:
    """Return hashes of all runs of `run` tokens in each row of `tokens`, given those of the runs one token shorter."""
    count = max(tokens.shape[1] - run + 1, 0)
    following = tokens[:, run - 1 : run - 1 + count].astype(np.uint64) + np.uint64(1)
    return codes[:, :count] * np.uint64(0x9E3779B97F4A7C15) + following
