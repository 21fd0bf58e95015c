"""Sampling from categorical distributions: frequencies equal the softmax, and nucleus sampling restricts it."""

import numpy as np
import pytest

from note_rnn.common.categorical import draw, draw_with_log_prob, log_softmax, nucleus

LOGITS = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]) + np.array([[7.0], [-300.0]])


def test_log_softmax_knows_no_constant():
    np.testing.assert_allclose(np.exp(log_softmax(LOGITS)), [[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])


def test_frequencies_are_the_probabilities():
    actions = draw(np.tile(LOGITS, (20_000, 1, 1)), np.random.default_rng(0))
    frequencies = np.stack([(actions == action).mean(0) for action in range(3)], axis=-1)
    np.testing.assert_allclose(frequencies, [[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], atol=0.01)


@pytest.mark.parametrize("constant", [-1e4, 1e4])
def test_logits_of_any_size_are_drawn_from(constant):
    logits = np.tile(np.log(np.float32([0.25, 0.75])) + np.float32(constant), (4_000, 1))
    np.testing.assert_allclose(np.exp(log_softmax(logits[0])), [0.25, 0.75], rtol=1e-2)
    assert draw(logits, np.random.default_rng(0)).mean() == pytest.approx(0.75, abs=0.03)


def test_the_generator_decides_what_is_drawn_for_each_row():
    logits = np.zeros((200, 38))
    one, again, other = (draw(logits, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.tolist() == again.tolist() != other.tolist()
    assert len(set(one.tolist())) > 30


@pytest.mark.parametrize("shape", [(3,), (1, 3), (200, 2, 3)])
def test_drawn_actions_come_with_their_log_probability(shape):
    logits = np.random.default_rng(1).normal(size=shape).astype(np.float32) * 3 - 50
    actions, log_probs = draw_with_log_prob(logits, np.random.default_rng(0))
    assert np.array_equal(actions, draw(logits, np.random.default_rng(0)))
    expected = np.take_along_axis(log_softmax(logits), np.asarray(actions)[..., None], -1)[..., 0]
    np.testing.assert_allclose(log_probs, expected, rtol=1e-4, atol=1e-5)
    assert log_probs.dtype == np.float32


def test_what_is_impossible_is_never_drawn():
    logits = np.tile([-np.inf, 0.0, -np.inf], (1_000, 1))
    assert set(draw(logits, np.random.default_rng(0))) == {1}


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.01, [1]), (0.49, [1]), (0.51, [1, 3]), (0.74, [1, 3]), (0.76, [0, 1, 3]), (1.0, [0, 1, 2, 3])],
)
def test_a_nucleus_is_the_fewest_likeliest_that_add_up(top_p, kept):
    logits = np.log([0.125, 0.5, 0.125, 0.25]) - 40
    left = nucleus(logits, top_p)
    assert np.flatnonzero(np.isfinite(left)).tolist() == kept
    np.testing.assert_array_equal(left[kept], logits[kept])


def test_each_row_has_a_nucleus_of_its_own():
    kept = np.isfinite(nucleus(LOGITS, 0.7))
    assert kept.tolist() == [[True, True, False], [False, False, True]]
