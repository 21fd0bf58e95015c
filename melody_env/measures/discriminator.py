"""Can a classifier tell people from a machine? 0.5 is indistinguishable.

Shapes: B melodies, T steps, F features, N melodies to learn from.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from melody_env.measures.auc import auc
from melody_env.measures.features import melody_features
from melody_env.reward.composition import Floats
from melody_env.setting import PAPER_SETTING, Setting
from note_rnn.vocabulary import Tokens

FOLDS = 5

Rows = npt.NDArray[Any]
Score = Callable[[Rows], Floats]


class Judge(NamedTuple):
    """A kind of classifier that tells people's melodies from a machine's."""

    see: Callable[[Tokens, Setting], Rows]
    """Returns what it sees of melodies [B, T]: a row for each."""
    learn: Callable[[Rows, npt.NDArray[np.bool_], int], Score]
    """Learns from rows [N], which of them are of people [N], and a seed; both classes count the same. What it returns
    gives rows [B] scores [B], the higher the more like people."""


def discriminator_auc(
    human: Tokens,
    model: Tokens,
    rng: np.random.Generator,
    setting: Setting = PAPER_SETTING,
    judge: Judge | None = None,
    learned: Tokens | None = None,
    folds: int = FOLDS,
) -> float:
    """Return the AUC of a classifier that tells `human` from `model` melodies [B, T], on ones it has not seen.

    The melodies are split into `folds` parts; of each, the classifier of the others says which are human; the mean of
    the AUCs is returned. 0.5: it cannot tell; 1: it always can.

    :param judge: `LOGISTIC` if None; `TREES`, or `gru_discriminator.GRU`, which sees no features but the tokens.
    :param learned: other tunes of people [M, T]: if given, these are learned from instead of `human` ones, all of which
        are judged in every part. So no tune is on both sides that is not in both `human` and `learned`.
    """
    judge = judge or LOGISTIC
    known = human[:0] if learned is None else learned
    rows = judge.see(np.concatenate([human, model, known]), setting)
    is_human = np.repeat([True, False, True], [len(human), len(model), len(known)])
    fold = np.concatenate([rng.permutation(len(part)) % folds for part in (human, model)] + [np.full(len(known), -1)])
    of_human = slice(len(human))
    aucs = []
    for part in range(folds):
        is_judged = fold == part
        is_learned = ~is_judged
        if learned is not None:
            is_judged[of_human], is_learned[of_human] = True, False
        score = judge.learn(rows[is_learned], is_human[is_learned], int(rng.integers(2**31)))
        aucs.append(auc(score(rows[is_judged & is_human]), score(rows[is_judged & ~is_human])))
    return float(np.mean(aucs))


def _features(melodies: Tokens, setting: Setting) -> Floats:
    """Return the histograms, as shares, and the numbers of `melody_features` [B, F]."""
    features = melody_features(melodies, setting)
    shares = [counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) for counts in features.histograms.values()]
    return np.concatenate([*shares, np.column_stack(list(features.numbers.values()))], axis=1)


def _features_and_squares(melodies: Tokens, setting: Setting) -> Floats:
    """Return the `_features`, and the squares of the numbers' deviations from their means."""
    numbers = np.column_stack(list(melody_features(melodies, setting).numbers.values()))
    return np.concatenate([_features(melodies, setting), np.square(numbers - numbers.mean(axis=0))], axis=1)


def _learn_logistic(rows: Rows, is_human: npt.NDArray[np.bool_], seed: int) -> Score:
    """Learn a logistic regression of the rows, scaled to deviation 1; the cost of its squared weights is 1/2."""
    from sklearn.linear_model import LogisticRegression  # takes a second, which no other command should pay
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=1.0, class_weight="balanced", solver="newton-cholesky")
    classifier = make_pipeline(StandardScaler(), regression).fit(rows, is_human)
    return lambda judged: np.asarray(classifier.decision_function(judged))


def _learn_trees(rows: Rows, is_human: npt.NDArray[np.bool_], seed: int) -> Score:
    """Learn gradient-boosted trees (Friedman 2001, https://doi.org/10.1214/aos/1013203451), in scikit-learn's bins."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(class_weight="balanced", early_stopping=False, random_state=seed)
    trees.fit(rows, is_human)
    return lambda judged: np.asarray(trees.decision_function(judged))


LOGISTIC = Judge(_features_and_squares, _learn_logistic)
"""Logistic regression on the numbers of `melody_features`, their squares, and the histograms."""
TREES = Judge(_features, _learn_trees)
"""Boosted trees on the numbers and histograms of `melody_features`, which find what is odd in combinations of them."""
