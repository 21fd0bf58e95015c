"""A taste is told from noise, by votes held out, and listeners without one weigh little."""

import numpy as np
import pytest

from melody_env.reward_design.bradley_terry import Fit, Votes
from melody_env.reward_design.taste import (
    MIN_ASKED,
    cross_validated,
    folds,
    listeners,
    probability_of_noise,
    scales,
    shares,
)


def votes_by(weights, seed, votes=200, each=20, coins=(), bias=0.0):
    """Votes of listeners with these `weights`, except for the `coins`, who vote at random."""
    rng = np.random.default_rng(seed)
    differences = rng.normal(size=(votes, len(weights)))
    listener = np.arange(votes) // each
    log_odds = differences @ np.array(weights, float) + bias
    log_odds[np.isin(listener, coins)] = 0
    return Votes(differences, (rng.random(votes) < 1 / (1 + np.exp(-log_odds))).astype(float), listener)


def test_a_taste_is_no_noise():
    assert probability_of_noise(votes_by([1, 0, 0, 0], 0), np.random.default_rng(0)) < 0.01


@pytest.mark.parametrize("bias", [0.0, 2.0])
def test_noise_looks_like_noise_also_with_a_bias_to_a_side(bias):
    found = [
        probability_of_noise(votes_by([0] * 6, seed, bias=bias), np.random.default_rng(0), 199) for seed in range(40)
    ]
    assert 0.3 < np.mean(found) < 0.7
    assert np.mean(np.array(found) < 0.05) <= 0.15


def test_outcomes_stay_with_their_listeners():
    # Each listener hears one kind of difference and always chooses one side: a bias, and no taste.
    listener = np.repeat([0, 1], 50)
    outcomes = np.repeat([1.0, 0.0], 50)
    differences = np.where(outcomes > 0.5, 1.0, -1.0)[:, None]
    assert probability_of_noise(Votes(differences, outcomes, listener), np.random.default_rng(0), 99) == 1


def test_votes_of_a_listener_are_held_out_together():
    votes = votes_by([1], 0)
    fold = folds(votes, np.arange(200), np.random.default_rng(0))
    assert all(len(np.unique(fold[votes.listener == listener])) == 1 for listener in range(10))
    assert len(np.unique(fold)) == 5


def test_of_few_listeners_the_votes_on_a_pair_are():
    votes = votes_by([1], 0, each=200)
    pairs = np.arange(200) // 2
    fold = folds(votes, pairs, np.random.default_rng(0))
    assert (fold[::2] == fold[1::2]).all()
    assert len(np.unique(fold)) == 5


def test_no_vote_predicts_itself():
    votes = votes_by([2, 0], 0)
    fold = folds(votes, np.arange(200), np.random.default_rng(0))
    before = cross_validated(votes, fold)
    turned = votes._replace(outcomes=np.where(fold == 0, 1 - votes.outcomes, votes.outcomes))
    after = cross_validated(turned, fold)
    if before.penalty == after.penalty:
        assert before.log_odds[fold == 0] == pytest.approx(after.log_odds[fold == 0])
    assert ((before.log_odds > 0) == votes.outcomes).mean() > 0.7


def test_noise_is_shrunk_most():
    noise, taste = votes_by([0] * 8, 0), votes_by([1] * 8, 0)
    penalties = [
        cross_validated(votes, folds(votes, np.arange(200), np.random.default_rng(0))).penalty
        for votes in (noise, taste)
    ]
    assert penalties[0] > 10 * penalties[1]


def test_a_listener_who_tosses_a_coin_weighs_little():
    votes = votes_by([3, 0], 0, votes=300, each=30, coins=(4,))
    pairs, swapped = np.arange(300), np.zeros(300, int)
    predicted = cross_validated(votes, folds(votes, pairs, np.random.default_rng(0)))
    found = listeners(votes, pairs, swapped, predicted.log_odds)
    assert found[4].reliability < 0.2
    assert min(each.reliability for number, each in enumerate(found) if number != 4) > 0.8
    assert [each.votes for each in found] == [30] * 10


def test_repeats_on_swapped_sides_show_who_is_consistent():
    # Each hears pairs 0 and 1, and both again on the other side. The second always chooses A.
    votes = Votes(np.zeros((8, 1)), np.array([1.0, 0, 0, 1, 1, 1, 1, 1]), np.repeat([0, 1], 4))
    found = listeners(votes, np.array([0, 1, 0, 1] * 2), np.array([0, 0, 1, 1] * 2), np.zeros(8))
    assert [(each.repeats, each.consistent, each.first) for each in found] == [(2, 2, 0.5), (2, 0, 1.0)]
    # log-odds of 0.9, twice log(0.75 / 0.5), and twice log(0.25 / 0.5)
    odds = [9 * 1.5**2, 9 * 0.5**2]
    assert [each.reliability for each in found] == pytest.approx([each / (1 + each) for each in odds])


def test_a_rule_that_few_votes_asked_about_has_no_scale():
    differences = np.zeros((100, 2))
    differences[: MIN_ASKED - 1, 0] = differences[:MIN_ASKED, 1] = 1.0
    assert scales(differences)[0] == 0 < scales(differences)[1]


def test_one_rare_melody_does_not_decide_a_scale():
    differences = np.zeros((400, 1))
    differences[:12] = 1.0
    differences[0] = -100.0
    assert scales(differences)[0] == pytest.approx(101 / 12)  # the deviation is 3.5
    normal = np.random.default_rng(0).normal(size=(400, 1))
    assert scales(normal)[0] == pytest.approx(np.sqrt(0.5), rel=0.1)


def test_shares_are_of_the_variance_of_the_log_odds():
    fitted = Fit(np.array([2.0, 1.0, 0.0]), 0.0, np.zeros(1), np.eye(3))
    differences = np.array([[1.0, 0, 5], [-1, 0, 5], [0, 1, 0], [0, -1, 0]])
    assert shares(fitted, differences) == pytest.approx([0.8, 0.2, 0])
    assert shares(fitted._replace(weights=np.zeros(3)), differences).tolist() == [0, 0, 0]
