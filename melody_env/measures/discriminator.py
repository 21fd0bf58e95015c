"""Classifiers that distinguish human from machine melodies, and their AUC: 0.5 is indistinguishable.

Shapes: B melodies, T steps, F features, N training melodies.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from melody_env.measures.auc import Scores, mean_auc
from melody_env.measures.features import feature_rows, melody_features
from melody_env.reward.composition import Floats
from melody_env.setting import PAPER_SETTING, Setting
from note_rnn.common.errors import InputError
from note_rnn.vocabulary import Tokens

FOLDS = 5

Rows = npt.NDArray[Any]
Score = Callable[[Rows], Floats]


class Classifier(NamedTuple):
    """A kind of classifier that distinguishes human melodies from those of a machine."""

    inputs: Callable[[Tokens, Setting], Rows]
    """Return the classifier's inputs for melodies [B, T]: a row for each."""
    fit: Callable[[Rows, npt.NDArray[np.bool_], int], Score]
    """Fit to rows [N], labels "is human" [N] and a seed, both classes weighted equally. Return a function from rows [B]
    to scores [B], higher for human."""


def discriminator_auc(
    human: Tokens,
    model: Tokens,
    rng: np.random.Generator,
    setting: Setting = PAPER_SETTING,
    classifier: Classifier | None = None,
    training_tunes: Tokens | None = None,
    folds: int = FOLDS,
) -> float:
    """Return the cross-validated AUC of a classifier that distinguishes `human` from `model` melodies [B, T].

    It is the mean over the parts of `discriminator_scores`. 0.5: indistinguishable; 1: always distinguished.
    Raises InputError for fewer melodies than parts.
    """
    return mean_auc(discriminator_scores(human, model, rng, setting, classifier, training_tunes, folds))


def discriminator_scores(
    human: Tokens,
    model: Tokens,
    rng: np.random.Generator,
    setting: Setting = PAPER_SETTING,
    classifier: Classifier | None = None,
    training_tunes: Tokens | None = None,
    folds: int = FOLDS,
) -> list[Scores]:
    """Return the scores of `human` and `model` melodies [B, T] by a classifier that was not fitted to them.

    The melodies are split into `folds` parts; each is scored by a classifier fitted to the others.

    :param classifier: `LOGISTIC` if None; `TREES`, or `gru_discriminator.GRU`, which is given the tokens alone.
    :param training_tunes: other human tunes [M, T] to fit to instead of `human`, all of which are then scored in every
        part. So no tune is on both sides that is not in both `human` and `training_tunes`.

    Raises InputError for fewer melodies than parts.
    """
    for kind, melodies in (("human tunes", human), ("other melodies", model)):
        if len(melodies) < folds:
            raise InputError(f"A classifier in {folds} parts needs at least {folds} {kind}, not {len(melodies)}.")
    classifier = classifier or LOGISTIC
    others = human[:0] if training_tunes is None else training_tunes
    rows = classifier.inputs(np.concatenate([human, model, others]), setting)
    is_human = np.repeat([True, False, True], [len(human), len(model), len(others)])
    fold = np.concatenate([rng.permutation(len(part)) % folds for part in (human, model)] + [np.full(len(others), -1)])
    of_human = slice(len(human))
    parts = []
    for part in range(folds):
        is_tested = fold == part
        is_trained = ~is_tested
        if training_tunes is not None:
            is_tested[of_human], is_trained[of_human] = True, False
        score = classifier.fit(rows[is_trained], is_human[is_trained], int(rng.integers(2**31)))
        parts.append(Scores(score(rows[is_tested & is_human]), score(rows[is_tested & ~is_human])))
    return parts


def _features(melodies: Tokens, setting: Setting) -> Floats:
    """Return the `feature_rows` of `melodies` [B, T]."""
    return feature_rows(melody_features(melodies, setting))


def _features_and_squares(melodies: Tokens, setting: Setting) -> Floats:
    """Return the `feature_rows` of `melodies` [B, T] and the squared deviations of the numbers from their means."""
    features = melody_features(melodies, setting)
    numbers = np.column_stack(list(features.numbers.values()))
    return np.concatenate([feature_rows(features), np.square(numbers - numbers.mean(axis=0))], axis=1)


def _fit_logistic(rows: Rows, is_human: npt.NDArray[np.bool_], seed: int) -> Score:
    """Fit a logistic regression to the rows, standardised; the cost of its squared weights is 1/2."""
    from sklearn.linear_model import LogisticRegression  # takes a second, so imported only where needed
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=1.0, class_weight="balanced", solver="newton-cholesky")
    classifier = make_pipeline(StandardScaler(), regression).fit(rows, is_human)
    return lambda tested: np.asarray(classifier.decision_function(tested))


def _fit_trees(rows: Rows, is_human: npt.NDArray[np.bool_], seed: int) -> Score:
    """Fit gradient-boosted trees (Friedman 2001, https://doi.org/10.1214/aos/1013203451), in scikit-learn's bins."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(class_weight="balanced", early_stopping=False, random_state=seed)
    trees.fit(rows, is_human)
    return lambda tested: np.asarray(trees.decision_function(tested))


LOGISTIC = Classifier(_features_and_squares, _fit_logistic)
"""Logistic regression on the numbers of `melody_features`, their squares, and the histograms."""
TREES = Classifier(_features, _fit_trees)
"""Boosted trees on the numbers and histograms of `melody_features`, which detect unusual combinations of them."""
