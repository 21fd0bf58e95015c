"""Can a classifier tell people from a machine, and does the machine copy? 0.5 is indistinguishable.

Shapes: B melodies, T steps, F features.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from melody_env.composition import Floats
from melody_env.distributions import melody_features
from melody_env.ranking import auc
from melody_env.setting import PAPER_SETTING, Setting
from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

FOLDS = 5


def discriminator_auc(
    human: Tokens, model: Tokens, rng: np.random.Generator, setting: Setting = PAPER_SETTING, penalty: float = 1.0
) -> float:
    """Return the AUC of a logistic regression that tells `human` from `model` melodies [B, T], on unseen ones.

    The melodies are split into five parts; of each, the classifier of the other four says which are human. It sees
    the histograms and numbers of `melody_features`, scaled to deviation 1, and their squares. 0.5: it cannot tell;
    1: it always can.
    """
    rows = np.concatenate([_columns(human, setting), _columns(model, setting)])
    labels = np.repeat([1.0, 0.0], [len(human), len(model)])
    fold = np.concatenate([rng.permutation(len(part)) % FOLDS for part in (human, model)])
    aucs = []
    for held_out in range(FOLDS):
        seen = fold != held_out
        mean, deviation = rows[seen].mean(axis=0), rows[seen].std(axis=0)
        scaled = (rows - mean) / np.maximum(deviation, 1e-9) * (deviation > 1e-9)
        scores = scaled @ _logistic(scaled[seen], labels[seen], penalty)
        aucs.append(auc(scores[~seen & (labels == 1)], scores[~seen & (labels == 0)]))
    return float(np.mean(aucs))


def longest_shared_runs(melodies: Tokens, tunes: Sequence[npt.NDArray[np.integer]]) -> npt.NDArray[np.int64]:
    """Return the length [B] of the longest run of tokens that each of `melodies` [B, T] has in common with any tune."""
    size, length = melodies.shape
    longest = np.zeros(size, np.int64)
    book = np.concatenate([np.append(tune, VOCABULARY_SIZE) for tune in tunes])[None]  # no melody has what is between
    own, theirs = np.zeros((size, length + 1), np.uint64), np.zeros((1, book.shape[1] + 1), np.uint64)
    for run in range(1, length + 1):
        own, theirs = _extended(own, melodies, run), _extended(theirs, book, run)
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
    """Return hashes of all runs of `run` tokens in each row of `tokens`, given those of all shorter by one."""
    count = max(tokens.shape[1] - run + 1, 0)
    following = tokens[:, run - 1 : run - 1 + count].astype(np.uint64) + np.uint64(1)
    return codes[:, :count] * np.uint64(0x9E3779B97F4A7C15) + following


def _columns(melodies: Tokens, setting: Setting) -> Floats:
    """Return what the classifier sees of `melodies` [B, F]."""
    features = melody_features(melodies, setting)
    shares = [counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) for counts in features.histograms.values()]
    numbers = np.column_stack(list(features.numbers.values()))
    return np.concatenate([*shares, numbers, np.square(numbers - numbers.mean(axis=0))], axis=1)


def _logistic(rows: Floats, labels: Floats, penalty: float, iterations: int = 25) -> Floats:
    """Return the weights [F] of a logistic regression, both classes of equal weight, by Newton's method.

    The cost of the squares of the weights is `penalty` / 2; the intercept, which ranks nothing, is left out.
    """
    columns = np.column_stack([rows, np.ones(len(rows))])
    share = labels.mean()
    weight = np.where(labels == 1, 0.5 / share, 0.5 / (1 - share))
    cost = penalty * np.append(np.ones(rows.shape[1]), 1e-6)
    beta = np.zeros(columns.shape[1])
    for _ in range(iterations):
        chance = 1 / (1 + np.exp(-np.clip(columns @ beta, -30, 30)))
        curvature = weight * np.maximum(chance * (1 - chance), 1e-6)
        hessian = (columns * curvature[:, None]).T @ columns + np.diag(cost)
        step = np.linalg.solve(hessian, columns.T @ (weight * (labels - chance)) - cost * beta)
        beta += step
        if np.abs(step).max() < 1e-6:
            break
    return beta[:-1]
