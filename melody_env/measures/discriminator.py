"""Classifiers that distinguish human from machine melodies, and their AUC: 0.5 is indistinguishable.

Shapes: B melodies, T steps, F features, N training melodies, E edges of bins.
"""

from collections.abc import Callable, Sequence
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
MAX_BINS = 255
"""Of a feature, for trees."""

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
    """Fit gradient-boosted trees (Friedman 2001, https://doi.org/10.1214/aos/1013203451) to the rows in bins.

    The bins are those of scikit-learn 1.9, which takes three quarters of its time to find them.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    weights = np.where(is_human, 1 / is_human.sum(), 1 / (~is_human).sum()) * len(rows) / 2
    edges = [bin_edges(column, weights) for column in rows.T]
    trees = HistGradientBoostingClassifier(class_weight="balanced", early_stopping=False, random_state=seed)
    trees.fit(_in_bins(rows, edges), is_human)
    return lambda tested: np.asarray(trees.decision_function(_in_bins(tested, edges)))


def bin_edges(values: Floats, weights: Floats) -> Floats:
    """Return the edges [E] between at most `MAX_BINS` bins of `values` [N]; a value that equals an edge is below it.

    Of few different values each has a bin. Of more the edges are quantiles by `weights` [N], the mean of two values
    where a quantile lies between them, without those that separate none of the values.
    """
    different = np.unique(values)
    if len(different) <= MAX_BINS:
        return (different[:-1] + different[1:]) / 2
    order = np.argsort(values)
    ordered, below = values[order], np.cumsum(weights[order])
    quantiles = np.linspace(0, 100, MAX_BINS + 1)[1:-1] / 100 * below[-1]
    place = np.searchsorted(below, quantiles).clip(max=len(values) - 1)
    following = ordered[(place + 1).clip(max=len(values) - 1)]
    is_within = below[place] - quantiles > np.finfo(np.float64).eps
    edges = np.unique(np.where(is_within, ordered[place], (ordered[place] + following) / 2))
    filled = np.unique(np.searchsorted(edges, ordered))
    return edges[filled[:-1]]


def _in_bins(rows: Rows, edges: Sequence[Floats]) -> Floats:
    """Return the number of the bin of each value of `rows` [B, F], given the `edges` of each feature [F]."""
    return np.column_stack([np.searchsorted(*each) for each in zip(edges, rows.T, strict=True)]).astype(np.float64)


LOGISTIC = Classifier(_features_and_squares, _fit_logistic)
"""Logistic regression on the numbers of `melody_features`, their squares, and the histograms."""
TREES = Classifier(_features, _fit_trees)
"""Boosted trees on the numbers and histograms of `melody_features`, which detect unusual combinations of them."""
