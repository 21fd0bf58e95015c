"""The compiled LSTM equals torch.nn.LSTM in outputs, states and gradients."""

import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from note_rnn import LSTMState, Readout, RecurrentLayers, one_hot, one_hot_lstm
from note_rnn.network import fused_lstm
from note_rnn.network.fused_lstm import FixedLSTM, FusedLSTM, can_run, normalised
from note_rnn.network.one_hot_lstm import weights_of

T, F = 7, 20

compiled = pytest.mark.skipif(
    not can_run(nn.LSTM(F, 100), torch.zeros(0)), reason="the extension was not compiled, or the processor is too old"
)


@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler available")
def test_an_installation_with_a_compiler_has_it() -> None:
    assert can_run(nn.LSTM(F, 100), torch.zeros(0))


def pass_through(lstm: nn.LSTM, ones: Tensor, state: LSTMState, fused: bool) -> tuple[list[Tensor], list[Tensor]]:
    """Return outputs and states, and the gradients of all weights for a loss that weighs every output differently."""
    lstm.zero_grad()
    if fused:
        outputs, last = one_hot_lstm(lstm, ones, state)
    else:
        outputs, last = lstm(one_hot(ones, F, torch.float32), tuple(state))
    weights = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
    (outputs * weights).sum().backward()
    return [outputs, *last], [parameter.grad for parameter in lstm.parameters() if parameter.grad is not None]


def use_vectors_of(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library for vectors of `width` floats be used; skips the test if there is none for this processor."""
    library = fused_lstm._load_width(width)
    if library is None:
        is_there = find_spec(f"note_rnn.network.{fused_lstm._NAMES[width]}") is not None
        pytest.skip("the processor lacks such vectors" if is_there else "not compiled")
    monkeypatch.setattr(fused_lstm, "_LIBRARY", library)


@compiled
@pytest.mark.parametrize("hidden_size", [16, 17, 24, 31, 100])
@pytest.mark.parametrize("batch", [1, 5, 33])
@pytest.mark.parametrize("num_ones", [1, 2, 3])
def test_it_equals_pytorch(hidden_size: int, batch: int, num_ones: int) -> None:
    torch.manual_seed(0)
    lstm = nn.LSTM(F, hidden_size)
    ones = torch.stack([torch.randperm(F)[:num_ones] for _ in range(T * batch)]).view(T, batch, num_ones)
    state = LSTMState(torch.randn(1, batch, hidden_size), torch.randn(1, batch, hidden_size))

    values, gradients = pass_through(lstm, ones, state, fused=True)
    expected_values, expected_gradients = pass_through(lstm, ones, state, fused=False)

    for value, expected in zip(values, expected_values, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    assert len(gradients) == 4
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@compiled
@pytest.mark.parametrize("width", [8, 16], ids=["AVX2", "AVX-512"])
@pytest.mark.parametrize("outputs", [16, 39])
@pytest.mark.parametrize("batch", [1, 5, 33])
@pytest.mark.parametrize("num_ones", [1, 6])
@pytest.mark.parametrize("has_skip", [False, True])
def test_a_readout_equals_pytorchs_linear_layers(
    width: int, outputs: int, batch: int, num_ones: int, has_skip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_vectors_of(width, monkeypatch)
    torch.manual_seed(0)
    lstm, linear = nn.LSTM(F, 21), nn.Linear(21, outputs)
    readout = Readout(linear, nn.Linear(F, outputs, bias=False) if has_skip else None)
    ones = torch.stack([torch.randperm(F)[:num_ones] for _ in range(T * batch)]).view(T, batch, num_ones)
    state = LSTMState(torch.randn(1, batch, 21), torch.randn(1, batch, 21))
    parameters = [*lstm.parameters(), *linear.parameters(), *(readout.skip.parameters() if readout.skip else ())]

    found, last = one_hot_lstm(lstm, ones, state, readout)
    hidden, expected_last = lstm(one_hot(ones, F, torch.float32), tuple(state))
    expected = readout(hidden, one_hot(ones, F, torch.float32))

    for value, right in zip([found, *last], [expected, *expected_last], strict=True):
        torch.testing.assert_close(value, right, rtol=1e-5, atol=1e-5)
    weights = torch.linspace(-1, 1, found.numel()).view_as(found)
    gradients, right_gradients = (torch.autograd.grad((x * weights).sum(), parameters) for x in (found, expected))
    for gradient, right in zip(gradients, right_gradients, strict=True):
        torch.testing.assert_close(gradient, right, rtol=1e-4, atol=2e-5 * float(right.abs().max()))
    with torch.no_grad():
        evaluated, end = one_hot_lstm(lstm, ones, state, readout)
    for value, right in zip([evaluated, *end], [found, *last], strict=True):
        assert torch.equal(value, right)


@compiled
@pytest.mark.parametrize("width", [8, 16], ids=["AVX2", "AVX-512"])
@pytest.mark.parametrize("outputs", [16, 19, 38])
@pytest.mark.parametrize("batch", [1, 6, 33])
@pytest.mark.parametrize("has_skip", [False, True])
def test_fixed_weights_step_by_step_give_the_log_softmax_of_the_outputs(
    width: int, outputs: int, batch: int, has_skip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_vectors_of(width, monkeypatch)
    torch.manual_seed(0)
    lstm, linear = nn.LSTM(F, 37), nn.Linear(37, outputs)
    with torch.no_grad():
        linear.weight.mul_(50)  # so that probabilities are far from equal
    readout = Readout(linear, nn.Linear(F, outputs, bias=False) if has_skip else None)
    ones = torch.randint(F, (T, batch, 3))
    with torch.no_grad():
        expected, _ = one_hot_lstm(lstm, ones, LSTMState(*torch.zeros(2, 1, batch, 37)), readout)
    fixed = FixedLSTM(weights_of(lstm, readout))
    state = fixed.zero_state(batch)
    with torch.no_grad():
        for weights in lstm.parameters():
            weights.zero_()  # as promised, they are not read again
    for t in range(T):
        outputs, state = fixed.step(ones[t].numpy(), state)
        torch.testing.assert_close(
            torch.from_numpy(normalised(outputs)), expected[t].log_softmax(-1), rtol=1e-5, atol=1e-5
        )


@compiled
def test_fixed_weights_refuse_places_outside_and_show_what_is_not_a_number() -> None:
    lstm, linear = nn.LSTM(F, 16), nn.Linear(16, 20)
    fixed = FixedLSTM(weights_of(lstm, Readout(linear)))
    with pytest.raises(IndexError, match=r"outside 0\.\.19"):
        fixed.step(np.array([[F]]), fixed.zero_state(1))
    with torch.no_grad():
        linear.bias[3] = torch.nan
    outputs, _ = (fixed := FixedLSTM(weights_of(lstm, Readout(linear)))).step(np.array([[0]]), fixed.zero_state(1))
    assert np.isnan(normalised(outputs)).all()


@compiled
@pytest.mark.parametrize("width", [8, 16], ids=["AVX2", "AVX-512"])
@pytest.mark.parametrize("batch", [1, 2, 70])
@pytest.mark.parametrize("shared", [(), (0,), (1, 3), (0, 1, 2, 3)], ids=str)
def test_ones_that_all_sequences_share_count_as_any_others(
    width: int, batch: int, shared: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are added once for a block of sequences; of 70 sequences there are two blocks."""
    use_vectors_of(width, monkeypatch)
    torch.manual_seed(0)
    lstm, readout = nn.LSTM(F, 30), Readout(nn.Linear(30, 41), nn.Linear(F, 41, bias=False))
    ones = torch.randint(F, (T, batch, 4))
    ones[..., list(shared)] = torch.randint(F, (T, 1, len(shared)))
    state = LSTMState(torch.randn(1, batch, 30), torch.randn(1, batch, 30))
    parameters = [*lstm.parameters(), readout.linear.weight, readout.linear.bias, readout.skip.weight]  # type: ignore[union-attr]
    dense = torch.nn.functional.one_hot(ones, F).sum(-2).float()  # 2 where an index comes twice
    found, _ = one_hot_lstm(lstm, ones, state, readout)
    expected = readout(lstm(dense, tuple(state))[0], dense)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(found)
    gradients, right_gradients = (torch.autograd.grad((x * weights).sum(), parameters) for x in (found, expected))
    for gradient, right in zip(gradients, right_gradients, strict=True):
        torch.testing.assert_close(gradient, right, rtol=1e-4, atol=2e-5 * float(right.abs().max()))


@compiled
def test_a_readout_of_few_outputs_is_left_to_pytorch() -> None:
    lstm, few = nn.LSTM(F, 100), Readout(nn.Linear(100, 2), nn.Linear(F, 2, bias=False))
    assert not can_run(lstm, torch.zeros(0), 2)
    ones, state = torch.randint(F, (T, 4, 3)), LSTMState(torch.zeros(1, 4, 100), torch.zeros(1, 4, 100))
    hidden, _ = lstm(one_hot(ones, F, torch.float32), tuple(state))
    assert torch.equal(one_hot_lstm(lstm, ones, state, few)[0], few(hidden, ones))


def test_without_the_library_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole path of an agent: layers, readout and skip connection, with and without gradient."""
    torch.manual_seed(0)
    layers, readout = RecurrentLayers(F, (20,)), Readout(nn.Linear(20, 38), nn.Linear(F, 38, bias=False))
    ones = torch.randint(F, (T, 5, 1))
    found = layers(ones, layers.zero_state(5), readout)
    monkeypatch.setattr(fused_lstm, "_LIBRARY", None)
    for gradient in (True, False):
        with torch.set_grad_enabled(gradient):
            outputs, state = layers(ones, layers.zero_state(5), readout)
        assert outputs.requires_grad is gradient
        torch.testing.assert_close(outputs, found[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(state, tuple(found[1]), rtol=1e-5, atol=1e-6)


@compiled
def test_large_numbers_saturate_as_in_pytorch() -> None:
    lstm = nn.LSTM(F, 100)
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.mul_(1e4)
    ones, state = torch.randint(F, (T, 4, 1)), LSTMState(torch.zeros(1, 4, 100), torch.zeros(1, 4, 100))
    outputs, _ = one_hot_lstm(lstm, ones, state)
    torch.testing.assert_close(outputs, lstm(one_hot(ones, F, torch.float32))[0], rtol=0, atol=1e-2)


@compiled
def test_going_backward_twice_gives_the_same() -> None:
    lstm, state = nn.LSTM(F, 16), LSTMState(torch.zeros(1, 4, 16), torch.zeros(1, 4, 16))
    outputs, _ = one_hot_lstm(lstm, torch.randint(F, (T, 4, 2)), state)
    loss = outputs.square().sum()
    first = torch.autograd.grad(loss, list(lstm.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(lstm.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@compiled
def test_places_weights_and_gradients_may_lie_anyhow_in_memory() -> None:
    """Places of every other sequence, recurrent weights that are a transpose, the one gradient of a sum."""
    torch.manual_seed(0)
    lstm, state = nn.LSTM(F, 16), LSTMState(torch.zeros(1, 4, 16), torch.zeros(1, 4, 16))
    with torch.no_grad():
        lstm.weight_hh_l0.data = torch.randn(16, 64).t() / 4
    ones = torch.randint(F, (T, 8, 1))[:, ::2]
    assert not ones.is_contiguous()
    assert not lstm.weight_hh_l0.is_contiguous()
    outputs, _ = one_hot_lstm(lstm, ones, state)
    expected, _ = lstm(one_hot(ones, F, torch.float32), tuple(state))
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-6)
    gradients, expected_gradients = (
        torch.autograd.grad(each.sum(), list(lstm.parameters())) for each in (outputs, expected)
    )
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)


@compiled
def test_a_library_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fused_lstm._load_width(8) is not None
    monkeypatch.setattr(fused_lstm, "_VERSION", fused_lstm._VERSION + 1)
    with pytest.warns(UserWarning, match="has another version: install the package again"):
        assert fused_lstm._load_width(8) is None


@compiled
@pytest.mark.parametrize("place", [-1, F])
def test_places_outside_the_inputs_are_refused(place: int) -> None:
    ones, state = torch.full((T, 4, 1), place), LSTMState(torch.zeros(1, 4, 100), torch.zeros(1, 4, 100))
    with pytest.raises(IndexError, match=r"outside 0\.\.19"):
        one_hot_lstm(nn.LSTM(F, 100), ones, state)


@pytest.mark.parametrize(
    "lstm",
    [nn.LSTM(F, 100, num_layers=2), nn.LSTM(F, 100).double(), nn.LSTM(F, 15), nn.LSTM(F, 100, bias=False)],
    ids=["layers", "float64", "small", "no bias"],
)
def test_other_lstms_are_left_to_pytorch(lstm: nn.LSTM) -> None:
    assert not can_run(lstm, torch.zeros(0))
    ones, size = torch.randint(F, (T, 4, 2)), (lstm.num_layers, 4, lstm.hidden_size)
    zeros = torch.zeros(size, dtype=lstm.weight_hh_l0.dtype)
    outputs, _ = one_hot_lstm(lstm, ones, LSTMState(zeros, zeros))
    assert torch.equal(outputs, lstm(one_hot(ones, F, zeros.dtype))[0])


@pytest.mark.parametrize("option", [{"bidirectional": True}, {"proj_size": 5}, {"batch_first": True}])
def test_options_that_it_lacks_are_left_to_pytorch(option: dict[str, int]) -> None:
    assert not can_run(nn.LSTM(F, 100, **option), torch.zeros(0))


def test_one_hot_codes_may_have_several_ones() -> None:
    assert one_hot(torch.tensor([[0, 2], [1, 3]]), 4, torch.float32).tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]


@compiled
def test_it_is_what_an_agent_learns_with() -> None:
    outputs, _ = one_hot_lstm(
        nn.LSTM(F, 100), torch.zeros(T, 4, 2, dtype=torch.int64), LSTMState(*torch.zeros(2, 1, 4, 100))
    )
    assert outputs.grad_fn is not None
    assert FusedLSTM.__name__ in type(outputs.grad_fn).__name__
