"""A Note RNN step by step: for any number of melodies, cells and layers, what it gives for whole melodies."""

import copy

import numpy as np
import pytest
import torch

from note_rnn import NoteRNN
from note_rnn.network import fused_lstm
from note_rnn.network.inference import inference

MODELS = [
    {"hidden_size": 12},
    {"hidden_size": 100},
    {"hidden_size": 97},  # a prime: its weights cannot be divided
    {"hidden_size": [20, 13, 7]},
    {"hidden_size": 11, "cell": "gru"},
    {"hidden_size": [16, 24], "cell": "gru"},
]


def model_of(arguments):
    torch.manual_seed(3)
    model = NoteRNN(**arguments).eval().requires_grad_(False)
    for weights in model.parameters():
        weights.mul_(3)  # so that gates are far from their middle
    return model


@pytest.mark.parametrize("arguments", MODELS, ids=str)
@pytest.mark.parametrize("size", [1, 2, 16, 17])
@pytest.mark.parametrize("has_library", [True, False], ids=["", "not compiled"])
def test_a_step_gives_log_p_after_all_tokens_so_far(arguments, size, has_library, monkeypatch):
    if not has_library:
        monkeypatch.setattr(fused_lstm, "_LIBRARY", None)
    model = model_of(arguments)
    primer, tokens = np.array([14, 1, 0]), np.random.default_rng(0).integers(38, size=(size, 20))
    expected = model.log_probs(np.concatenate([np.tile(primer, (size, 1)), tokens], axis=1)).numpy()[:, len(primer) :]
    steps = inference(model, size)
    state = steps.state_after(primer)
    for t in range(20):
        log_probs, state = steps.step(tokens[:, t], state)
        assert (log_probs.shape, log_probs.dtype) == ((size, 38), np.float32)
        np.testing.assert_allclose(log_probs, expected[:, t], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("arguments", [MODELS[0], MODELS[4]], ids=str)
@pytest.mark.parametrize("size", [1, 3, 20])
def test_a_state_can_be_used_again(arguments, size):
    steps = inference(model_of(arguments), size)
    state = steps.state_after(np.zeros(0, np.int64))
    before = copy.deepcopy(state)
    first, later = steps.step(np.full(size, 14), state)
    steps.step(np.full(size, 16), later)
    np.testing.assert_array_equal(steps.step(np.full(size, 14), state)[0], first)
    for now, then in zip(
        np.asarray(state, dtype=object).ravel(), np.asarray(before, dtype=object).ravel(), strict=True
    ):
        assert (np.asarray(now) == np.asarray(then)).all()


def test_a_melody_has_the_same_log_p_alone_and_among_others():
    if fused_lstm._LIBRARY is None:
        pytest.skip("not compiled")
    model, tokens = model_of(MODELS[1]), np.random.default_rng(0).integers(38, size=(35, 6))
    for chosen in (slice(0, 1), slice(33, 35)):
        together, alone = inference(model, 35), inference(model, len(tokens[chosen]))
        states = together.state_after(tokens[0]), alone.state_after(tokens[0])
        for column in tokens.T:
            everyone, of_everyone = together.step(column, states[0])
            log_probs, of_chosen = alone.step(column[chosen], states[1])
            states = of_everyone, of_chosen
            np.testing.assert_array_equal(log_probs, everyone[chosen])


def test_without_a_primer_the_state_is_zero():
    model = model_of(MODELS[1])
    for size in (1, 20):
        log_probs, _ = (steps := inference(model, size)).step(
            np.full(size, 5), steps.state_after(np.zeros(0, np.int64))
        )
        np.testing.assert_allclose(log_probs, np.tile(model.log_probs([[5]])[0], (size, 1)), atol=2e-5)


def test_the_weights_of_the_model_stay_as_they_are():
    model = model_of(MODELS[0])
    before = copy.deepcopy(model.state_dict())
    steps = inference(model, 1)
    steps.step(np.array([14]), steps.state_after(np.array([1])))
    assert all((before[name] == weights).all() for name, weights in model.state_dict().items())
