"""Guides: the bars that are copied, and weights that make up for the copying."""

import numpy as np

from agents.infilling.constraints import gaps_filled
from agents.infilling.guides import COPIED, FREE, Guides, kept_bars

TUNE = np.array([[14, 1, 16, 1, 18, 1, 19, 1, 14]])
IS_OPEN = np.isin(np.arange(9), [4, 5, 6])[None]
ALLOWED = gaps_filled(TUNE, IS_OPEN)


def test_bars_are_what_is_kept_of_them():
    assert kept_bars(ALLOWED, 4).tolist() == [[[14, 1, 16, 1], [-1, -1, -1, 1], [14, -1, -1, -1]]]


def test_tokens_are_copied_from_bars_as_often_as_the_mixture_says():
    count = 40_000
    guides = Guides(ALLOWED, 4, count, np.random.default_rng(0))
    policy = np.full((1, count, 38), 1 / 38)
    tokens, log_ratio = guides.draw(4, policy)
    copies = FREE / 38 + (1 - FREE) * (2 * (COPIED + (1 - COPIED) / 38) + 1 / 38) / 3  # bars 1 and 3 begin with 14
    assert abs((tokens == 14).mean() - copies) < 0.01
    np.testing.assert_allclose(log_ratio[tokens == 14], np.log(1 / 38 / copies))


def test_the_weights_make_up_for_the_copying_over_a_bar():
    count = 60_000
    guides = Guides(ALLOWED, 4, count, np.random.default_rng(1))
    policy = np.zeros((1, count, 38))
    policy[..., [1, 14, 16]] = [0.5, 0.2, 0.3]
    log_weights, drawn = np.zeros((1, count)), []
    for step in (4, 5, 6):
        tokens, log_ratio = guides.draw(step, policy)
        log_weights += log_ratio
        drawn.append(tokens[0])
    weights = np.exp(log_weights[0])
    assert abs(weights.mean() - 1) < 0.03
    for tokens in drawn:
        shares = np.bincount(tokens, weights, minlength=38)[[1, 14, 16]] / count
        np.testing.assert_allclose(shares, [0.5, 0.2, 0.3], atol=0.02)
    pairs = (drawn[0] == 14) & (drawn[2] == 16)
    assert abs((weights * pairs).mean() - 0.2 * 0.3) < 0.01


def test_a_token_that_is_not_allowed_is_not_copied():
    guides = Guides(ALLOWED, 4, 1000, np.random.default_rng(0))
    policy = np.zeros((1, 1000, 38))
    policy[..., [1, 20]] = 0.5
    tokens, log_ratio = guides.draw(4, policy)
    assert {*np.unique(tokens)} == {1, 20}
    np.testing.assert_allclose(log_ratio, 0.0, atol=1e-12)


def test_candidates_go_on_with_their_guides():
    guides = Guides(ALLOWED, 4, 6, np.random.default_rng(3))
    policy = np.full((1, 6, 38), 1 / 38)
    guides.draw(4, policy)
    guides.select(np.zeros((1, 6), np.int64))
    _, log_ratio = guides.draw(5, policy)
    other = Guides(ALLOWED, 4, 6, np.random.default_rng(3))
    other.draw(4, policy)
    tokens, others = other.draw(5, policy)
    assert np.ptp(others) > 0
    assert np.isfinite(log_ratio).all()
    assert tokens.shape == (1, 6)
