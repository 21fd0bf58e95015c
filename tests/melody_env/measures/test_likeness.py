"""Likeness to human tunes: what is compared with what."""

import numpy as np
import pytest

from melody_env import Setting
from melody_env.measures import likeness
from melody_env.measures.discriminator import LOGISTIC, Classifier
from melody_env.measures.features import distributions, melody_features, overlaps
from melody_env.measures.likeness import HumanTunes
from note_rnn import InputError, transposed
from note_rnn.corpus import Corpus, Split
from note_rnn.extraction.tunes import Bars

C4, D4, E4, F4, G4 = 14, 16, 18, 19, 21
NOTES = [C4, D4, E4, F4, G4, 1, 1]


def tunes(seed: int, size: int = 60, notes: list[int] = NOTES):
    found = np.random.default_rng(seed).choice(notes, (size, 32))
    found[:, 0] = C4
    return found


HUMAN = HumanTunes(Setting(), tunes(0, 400), tunes(1, 100), list(tunes(0, 400)))


def corpus(melodies) -> Corpus:
    size = len(melodies)
    return Corpus(list(melodies), np.arange(size), [""] * size, [""] * size, [], [Bars("4/4", 0)] * size)


def test_a_classifier_is_fitted_to_training_tunes_and_tested_on_held_out_ones():
    given = []

    def fit(rows, is_human, seed):
        given.append((rows[is_human], rows[~is_human]))
        return lambda tested: given.append(tested) or np.zeros(len(tested))

    pieces = tunes(2, 30)
    found = HUMAN.auc(Classifier(lambda melodies, setting: melodies, fit), pieces, seed=0)
    assert found == (0.5, 0.5, 0.5)
    for human, _ in (given[0], given[3]):
        np.testing.assert_array_equal(human, HUMAN.train)
    np.testing.assert_array_equal(given[1], HUMAN.held_out)
    assert sorted(map(tuple, np.concatenate([given[2], given[5]]))) == sorted(map(tuple, pieces))


def test_pieces_like_human_tunes_are_at_one_half_within_the_interval_and_others_are_not():
    alike = HUMAN.auc(LOGISTIC, tunes(3), 0)
    assert alike.low < 0.5 < alike.high
    assert alike.low < alike.value < alike.high
    leaping = HUMAN.auc(LOGISTIC, tunes(4, notes=[C4, C4 + 12, 1]), 0)
    assert leaping.low > 0.9
    assert HUMAN.auc(LOGISTIC, tunes(3), 0) == alike != HUMAN.auc(LOGISTIC, tunes(3), 1)


def test_halves_of_the_training_tunes_are_at_one_half():
    one, other = HUMAN.halves(0)
    assert sorted(map(tuple, np.concatenate([one, other]))) == sorted(map(tuple, HUMAN.train))
    found = HUMAN.auc_of_training_tunes(LOGISTIC, 0)
    assert found == HUMAN.auc(LOGISTIC, one, 0, other)
    assert found.low < 0.5 < found.high


def test_overlap_is_with_the_held_out_tunes():
    assert HUMAN.overlap(HUMAN.held_out) == pytest.approx(1)
    expected = overlaps(*(distributions(melody_features(each, Setting())) for each in (tunes(3), HUMAN.held_out)))
    assert HUMAN.overlap(tunes(3)) == expected["mean"] < 1


def test_shared_runs_are_with_training_tunes_in_c(monkeypatch):
    in_d = HumanTunes(Setting(key="D"), HUMAN.train, HUMAN.held_out, HUMAN.tunes)
    assert in_d.shared_runs(transposed(HUMAN.train[:3], 2)).tolist() == [32, 32, 32]
    assert HUMAN.shared_runs(tunes(3)).max() < 32
    monkeypatch.setattr(likeness, "COMPARED", 2)
    assert len(HUMAN.shared_runs(tunes(3))) == 2


def test_melodies_are_moved_by_octaves_to_the_middle():
    # The middle of the vocabulary is between 19 and 20; of 2 and 31, 12 higher is outside.
    melodies = np.array([[2, 1, 5, 0], [14, 1, 26, 1], [2, 31, 1, 1], [37, 0, 1, 37], [14, 14, 1, 1], [13, 13, 13, 1]])
    assert likeness.centred(melodies).tolist() == [
        [14, 1, 17, 0],
        [14, 1, 26, 1],
        [2, 31, 1, 1],
        [25, 0, 1, 25],
        [14, 14, 1, 1],
        [25, 25, 25, 1],
    ]


def test_tunes_that_are_among_the_pieces_in_whatever_key_are_left_out():
    lower = transposed(HUMAN.held_out, -12)
    pieces = np.concatenate([transposed(HUMAN.train[:100], 1), HUMAN.held_out[:30], tunes(9, 20)])
    human = HumanTunes(Setting(), HUMAN.train, lower, HUMAN.tunes).beside(likeness.centred(pieces))
    np.testing.assert_array_equal(human.train, HUMAN.train[100:])
    np.testing.assert_array_equal(human.held_out, HUMAN.held_out[30:])
    assert human.tunes is HUMAN.tunes
    with pytest.raises(InputError, match="Only 19 held-out tunes are not among the melodies themselves"):
        HUMAN.beside(HUMAN.held_out[:81])


def test_human_tunes_are_those_of_a_split_and_few_are_refused():
    parts = Split(corpus(tunes(0)), corpus(tunes(1, 15)), corpus(tunes(2, 15)))
    human = HumanTunes.of_split(parts, Setting())
    assert (len(human.train), len(human.held_out), len(human.tunes)) == (60, 30, 60)
    with pytest.raises(InputError, match="Only 15 held-out tunes have 32 steps in a meter like 4/4"):
        HumanTunes.of_split(parts._replace(test=corpus(tunes(2, 0))), Setting())
