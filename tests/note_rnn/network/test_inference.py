"""A Note RNN step by step: for any number of melodies, cells and layers, what it gives for whole melodies."""

import copy
import pickle

import numpy as np
import pytest
import torch

from note_rnn import Bars, Lookback, NoteRNN
from note_rnn.network import fused_lstm
from note_rnn.network.inference import _InCompiledCode, inference

MODELS = [
    {"hidden_size": 12},
    {"hidden_size": 100},
    {"hidden_size": 97},  # a prime: its weights cannot be divided
    {"hidden_size": [20, 13, 7]},
    {"hidden_size": 11, "cell": "gru"},
    {"hidden_size": [16, 24], "cell": "gru"},
    {"hidden_size": 33, "lookback": Lookback()},
    {"hidden_size": 16, "lookback": Lookback((0.25, 0.5), copying=False)},
    {"hidden_size": 16, "lookback": Lookback((), position=False)},
    {"hidden_size": [9, 7], "cell": "gru", "lookback": Lookback((0.25, 1))},
]
LOOKBACK = MODELS[6]


def model_of(arguments):
    torch.manual_seed(3)
    model = NoteRNN(**arguments).eval().requires_grad_(False)
    for weights in model.parameters():
        weights.mul_(3)  # so that gates are far from their middle
        if model.lookback is not None:
            weights.add_(torch.randn_like(weights), alpha=0.2)  # its skip connection and bonuses start from zero
    return model


@pytest.mark.parametrize("arguments", MODELS, ids=str)
@pytest.mark.parametrize("size", [1, 2, 16, 17])
@pytest.mark.parametrize("has_library", [True, False], ids=["", "not compiled"])
def test_a_step_gives_log_p_after_all_tokens_so_far(arguments, size, has_library, monkeypatch):
    if not has_library:
        monkeypatch.setattr(fused_lstm, "_LIBRARY", None)
    model = model_of(arguments)
    primer, tokens = np.array([14, 1, 0]), np.random.default_rng(0).integers(38, size=(size, 20))
    inputs = np.concatenate([np.tile(primer, (size, 1)), tokens], axis=1)
    expected = model.in_meter("4/4", len(primer)).log_probs(inputs).numpy()[:, len(primer) :]
    steps = inference(model, size)
    state = steps.state_after(primer)
    for t in range(20):
        log_probs, state = steps.step(tokens[:, t], state)
        assert (log_probs.shape, log_probs.dtype) == ((size, 38), np.float32)
        np.testing.assert_allclose(log_probs, expected[:, t], rtol=1e-4, atol=2e-5)


@pytest.mark.skipif(fused_lstm.library() is None, reason="the extension was not compiled")
@pytest.mark.parametrize("size", [1, 20])
@pytest.mark.parametrize("primer", [[], [14, 1, 0, 14, 1]], ids=str)
def test_with_lookback_the_compiled_steps_are_those_of_pytorch_in_every_meter(size, primer, monkeypatch):
    """The primer, and the token after it, come before the first bar line."""
    model = model_of(LOOKBACK).in_meter("6/8")
    tokens = np.random.default_rng(0).choice([1, 14, 16], size=(40, size))
    results = []
    for library in (fused_lstm.library(), None):
        monkeypatch.setattr(fused_lstm, "_LIBRARY", library)
        steps = inference(model, size)
        state, log_probs = steps.state_after(np.array(primer, np.int64)), []
        for row in tokens:
            log_p, state = steps.step(row, state)
            log_probs.append(log_p)
        results.append((type(steps), np.array(log_probs)))
    assert results[0][0] is not results[1][0]
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=2e-5)
    inputs = torch.from_numpy(np.concatenate([np.tile(np.array(primer, np.int64)[:, None], size), tokens]))
    logits, _ = model(inputs, model.zero_state(size, [Bars("6/8", len(primer))] * size))
    np.testing.assert_allclose(results[0][1], logits.log_softmax(-1)[len(primer) :], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("arguments", [MODELS[0], MODELS[4], LOOKBACK], ids=str)
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


@pytest.mark.parametrize("arguments", [MODELS[1], MODELS[4], LOOKBACK], ids=str)
@pytest.mark.parametrize("size", [1, 20])
def test_it_goes_on_in_another_process(arguments, size):
    """As an interrupted run does: with weights of its own, wherever those of the first were."""
    steps = inference(model_of(arguments), size)
    tokens, state = np.full(size, 14), steps.state_after(np.array([1, 16]))
    expected, _ = steps.step(tokens, state)
    pickled = pickle.dumps((steps, state))
    if isinstance(steps, _InCompiledCode):
        steps._lstm._packed[:] = np.nan
    again, state = pickle.loads(pickled)
    np.testing.assert_array_equal(again.step(tokens, state)[0], expected)
