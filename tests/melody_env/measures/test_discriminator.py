"""Classifiers distinguish two kinds of melodies by the inputs that they are given."""

import numpy as np
import pytest
import torch

from melody_env import discriminator_auc
from melody_env.measures import discriminator, gru_discriminator
from melody_env.measures.discriminator import LOGISTIC, TREES, Classifier, bin_edges
from melody_env.measures.features import melody_features
from melody_env.measures.gru_discriminator import EPOCHS, GRU, PATIENCE, _train
from melody_env.setting import PAPER_SETTING, Setting
from note_rnn import InputError

C4, D4, E4, F4, G4, C5 = 14, 16, 18, 19, 21, 26
SCALE = [C4, D4, E4, F4, G4, 1, 1, 1]

CLASSIFIERS = pytest.mark.parametrize("classifier", [LOGISTIC, TREES, GRU], ids=["logistic", "trees", "GRU"])


def walks(seed: int, size: int = 200, notes: list[int] = SCALE):
    return np.random.default_rng(seed).choice(notes, (size, 32))


@CLASSIFIERS
def test_a_classifier_distinguishes_what_differs_and_nothing_else(classifier):
    leaping = walks(2, notes=[C4, C4 + 7, C5, 1, 1, 1, 1])
    alike = discriminator_auc(walks(0, 400), walks(1, 400), np.random.default_rng(0), classifier=classifier, folds=2)
    assert alike == pytest.approx(0.5, abs=0.08)
    assert discriminator_auc(walks(0), leaping, np.random.default_rng(0), classifier=classifier, folds=2) > 0.98


def test_logistic_regression_is_the_default_classifier():
    leaping = walks(2, notes=[*SCALE, C5])
    one, other = (
        discriminator_auc(walks(0), leaping, np.random.default_rng(0), classifier=each) for each in (None, LOGISTIC)
    )
    assert one == other


@CLASSIFIERS
def test_the_same_seed_gives_the_same_auc(classifier):
    more = walks(2, notes=[*SCALE, C5])
    one, other = (
        discriminator_auc(walks(0), more, np.random.default_rng(3), classifier=classifier, folds=2) for _ in range(2)
    )
    assert one == other


@CLASSIFIERS
def test_few_tunes_against_many_pieces(classifier):
    leaping = walks(2, 400, notes=[C4, C4 + 7, C5, 1, 1, 1, 1])
    assert discriminator_auc(walks(0, 40), leaping, np.random.default_rng(0), classifier=classifier, folds=2) > 0.95


@CLASSIFIERS
def test_given_training_tunes_decide_what_is_human(classifier):
    """Fitted to tunes like the pieces, it cannot distinguish the tested tunes from them, though it scores all."""
    leaping = walks(2, 300, notes=[C4, C4 + 7, C5, 1, 1, 1, 1])
    rng = np.random.default_rng(0)
    assert (
        discriminator_auc(walks(0), leaping[:150], rng, classifier=classifier, training_tunes=walks(1), folds=2) > 0.98
    )
    unlearned = discriminator_auc(
        leaping[150:], leaping[:150], rng, classifier=classifier, training_tunes=walks(1), folds=2
    )
    assert unlearned == pytest.approx(0.5, abs=0.1)


def test_only_the_gru_sees_the_order_of_bars():
    """All melodies have a rising and a falling bar with the same intervals; only their order differs."""
    rising = np.repeat([C4, D4, E4, F4], 4)
    falling = rising[::-1]
    start = np.random.default_rng(0).integers(0, 12, (500, 1))
    first_up = np.where(np.arange(32) % 2, 1, np.concatenate([rising, falling]) + start)
    first_down = np.where(np.arange(32) % 2, 1, np.concatenate([falling, rising]) + start)
    for classifier, lowest, highest in ((LOGISTIC, 0.4, 0.6), (GRU, 0.95, 1.0)):
        found = discriminator_auc(first_up, first_down, np.random.default_rng(0), classifier=classifier, folds=2)
        assert lowest <= found <= highest


class Witness:
    """A classifier that recognises each melody by its tokens and records what it is fitted to and tested on."""

    def __init__(self, favours_human=True):
        self.settings, self.trained, self.tested, self.seeds = [], [], [], []
        self.sign = 1.0 if favours_human else -1.0
        self.classifier = Classifier(self.inputs, self.fit)

    def inputs(self, melodies, setting):
        self.settings.append(setting)
        return melodies[:, 0]

    def fit(self, rows, is_human, seed):
        self.trained.append(dict(zip(rows.tolist(), is_human.tolist(), strict=True)))
        self.seeds.append(seed)
        self.tested.append([])

        def score(rows):
            self.tested[-1].append(rows.tolist())
            return self.sign * (rows < 20)

        return score


HUMAN, MODEL, OTHERS = (np.arange(first, first + 10)[:, None] for first in (0, 20, 30))


@pytest.mark.parametrize("folds", [2, 5])
def test_each_melody_is_tested_once_by_a_classifier_of_all_other_parts(folds):
    witness = Witness()
    setting = Setting(key="G")
    assert discriminator_auc(HUMAN, MODEL, np.random.default_rng(0), setting, witness.classifier, folds=folds) == 1
    assert witness.settings == [setting]
    assert len(witness.trained) == len(set(witness.seeds)) == folds
    for trained, (humans, models) in zip(witness.trained, witness.tested, strict=True):
        assert len(humans) == len(models) == 10 / folds
        assert set(trained) | {*humans, *models} == {*HUMAN[:, 0], *MODEL[:, 0]}
        assert not set(trained) & {*humans, *models}
        assert all(is_human == (row < 20) for row, is_human in trained.items())
    assert sorted(row for humans, _ in witness.tested for row in humans) == HUMAN[:, 0].tolist()
    assert sorted(row for _, models in witness.tested for row in models) == MODEL[:, 0].tolist()
    mistaken = Witness(favours_human=False)
    assert discriminator_auc(HUMAN, MODEL, np.random.default_rng(0), classifier=mistaken.classifier) == 0
    assert mistaken.settings == [PAPER_SETTING]
    assert len(mistaken.trained) == 5


def test_with_training_tunes_no_human_melody_is_fitted_to_and_all_are_tested_in_every_part():
    witness = Witness()
    rng = np.random.default_rng(0)
    assert discriminator_auc(HUMAN, MODEL, rng, classifier=witness.classifier, training_tunes=OTHERS, folds=5) == 1
    tested_models = []
    for trained, (humans, models) in zip(witness.trained, witness.tested, strict=True):
        assert humans == HUMAN[:, 0].tolist()
        assert {row for row, is_human in trained.items() if is_human} == {*OTHERS[:, 0]}
        assert {row for row, is_human in trained.items() if not is_human} == {*MODEL[:, 0]} - {*models}
        tested_models += models
    assert sorted(tested_models) == MODEL[:, 0].tolist()


@CLASSIFIERS
def test_both_classes_count_the_same(classifier):
    """Of twenty melodies, each of which is labelled human once and machine nine times, the odds are even."""
    rows = classifier.inputs(np.tile(walks(3, 20), (10, 1)), PAPER_SETTING)
    scores = classifier.fit(rows, np.arange(200) < 20, 0)(rows[:20])
    assert scores == pytest.approx(np.zeros(20), abs=0.3)


@pytest.mark.parametrize("classifier", [LOGISTIC, TREES], ids=["logistic", "trees"])
def test_features_are_shares_and_numbers_and_for_the_logistic_regression_squares(classifier):
    melodies = walks(0, 30)
    features = melody_features(melodies, PAPER_SETTING)
    rows = classifier.inputs(melodies, PAPER_SETTING)
    sizes = [counts.shape[1] for counts in features.histograms.values()]
    for part in np.split(rows, np.cumsum(sizes), axis=1)[:-1]:
        assert part.sum(axis=1) == pytest.approx(np.ones(30))
    numbers = np.column_stack(list(features.numbers.values()))
    kinds = numbers.shape[1]
    np.testing.assert_array_equal(rows[:, sum(sizes) : sum(sizes) + kinds], numbers)
    squares = rows[:, sum(sizes) + kinds :]
    assert squares.shape[1] == (kinds if classifier is LOGISTIC else 0)
    if classifier is LOGISTIC:
        np.testing.assert_allclose(squares, (numbers - numbers.mean(axis=0)) ** 2)
    moved = classifier.inputs(melodies + (melodies > 1), Setting(key="Db"))
    np.testing.assert_allclose(moved, rows)
    assert not np.allclose(classifier.inputs(melodies, Setting(key="Db")), rows)


class Scripted(torch.nn.Module):
    """One weight that learning makes smaller, batch by batch; its validation loss is prescribed."""

    def __init__(self, validation):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))
        self.validation = iter(validation)
        self.after, self.rows = [], []

    def loss(self, rows):
        if rows.tolist() == [100, 101]:
            self.after.append(self.weight.item())
            return torch.tensor(next(self.validation))
        self.rows.append(rows.tolist())
        return 1000 * self.weight


def test_the_gru_keeps_the_weights_with_the_least_validation_loss():
    network = Scripted([3.0, 1.0, 2.0, 1.0, 0.5])
    _train(network, network.loss, np.arange(10), np.array([100, 101]), np.random.default_rng(0))
    assert len(network.after) == 2 + PATIENCE  # no better than the second
    assert network.after == sorted(network.after, reverse=True)
    assert network.weight.item() == network.after[1]
    assert [sorted(rows) for rows in network.rows] == [list(range(10))] * 4
    assert network.rows[0] != network.rows[1]  # in another order
    assert network.weight.grad.item() == pytest.approx(1.0)  # clipped


def test_the_gru_trains_for_its_epochs_at_most_and_in_batches():
    network = Scripted(np.linspace(2, 1, EPOCHS + 5))
    _train(network, network.loss, np.arange(300), np.array([100, 101]), np.random.default_rng(0))
    assert len(network.after) == EPOCHS
    assert network.weight.item() == network.after[-1]
    assert [len(rows) for rows in network.rows[:2]] == [150, 150]
    assert sorted(network.rows[0] + network.rows[1]) == list(range(300))


def test_the_gru_validates_on_a_fifth_of_each_class(monkeypatch):
    given = []

    def train(network, loss, training, validation, rng):
        given.append((training, validation, network.head.weight.tolist()))

    monkeypatch.setattr(gru_discriminator, "_train", train)
    is_human = np.arange(100) < 20
    for seed in (0, 1):
        gru_discriminator.fit_gru(walks(0, 100), is_human, seed)
    for training, validation, _ in given:
        assert (is_human[validation].sum(), (~is_human[validation]).sum()) == (4, 16)
        assert sorted([*training, *validation]) == list(range(100))
    assert given[0][1].tolist() != given[1][1].tolist()  # by lot, and so are the first weights
    assert given[0][2] != given[1][2]


def test_another_seed_makes_another_gru():
    melodies, is_human = walks(0, 40), np.arange(40) < 20
    scores = [GRU.fit(melodies, is_human, seed)(melodies) for seed in (0, 1, 0)]
    assert not np.allclose(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])


@pytest.mark.parametrize(("human", "model", "kind"), [(4, 9, "human tunes, not 4"), (9, 1, "other melodies, not 1")])
def test_fewer_melodies_than_parts_are_refused(human, model, kind):
    melodies = np.tile([14, 1, 16, 1], (9, 2))
    with pytest.raises(InputError, match=f"needs at least 5 {kind}"):
        discriminator_auc(melodies[:human], melodies[:model], np.random.default_rng(0))


def test_few_different_values_have_a_bin_each():
    assert bin_edges(np.array([3.0, 1.0, 1.0, 2.0]), np.ones(4)).tolist() == [1.5, 2.5]
    assert bin_edges(np.full(3, 7.0), np.ones(3)).tolist() == []


def test_many_values_have_bins_of_equal_weight(monkeypatch):
    """Of 1 to 8, the last with the weight of eight others: fifths of all are 3, 6, 9 and 12."""
    values, weights = np.array([8.0, *range(1, 8)]), np.array([8.0, *np.ones(7)])
    monkeypatch.setattr(discriminator, "MAX_BINS", 5)
    assert bin_edges(values, weights).tolist() == [3.5, 6.5]  # and none above 8
    monkeypatch.setattr(discriminator, "MAX_BINS", 2)
    assert bin_edges(values[1:], weights[1:]).tolist() == [4]  # 3.5 of 7 is within the fourth


def test_trees_are_those_of_scikit_learns_own_bins():
    pytest.importorskip("sklearn", minversion="1.9", reason="bins of before did not weigh the classes")
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=700), rng.integers(0, 300, 700) / 7, rng.integers(0, 5, 700), np.ones(700)])
    is_human, tested = rows[:, 0] + rng.normal(size=700) > 1, np.roll(rows, 1, axis=0)
    trees = HistGradientBoostingClassifier(class_weight="balanced", early_stopping=False, random_state=0)
    expected = trees.fit(rows, is_human).decision_function(tested)
    np.testing.assert_allclose(TREES.fit(rows, is_human, 0)(tested), expected, rtol=0, atol=1e-12)
