"""Recurrent layers of any widths: results and names equal PyTorch's."""

import pytest
import torch
from torch import nn

from note_rnn import RecurrentLayers, layer_widths, one_hot

F, T, B = 11, 6, 3


def test_widths_are_one_number_for_all_layers_or_one_for_each():
    assert layer_widths(100) == (100,)
    assert layer_widths(64, 3) == (64, 64, 64)
    assert layer_widths([128, 64]) == (128, 64)


@pytest.mark.parametrize(("kind", "pytorchs"), [("lstm", nn.LSTM), ("gru", nn.GRU)])
@pytest.mark.parametrize("units", [5, 20])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_equal_layers_are_pytorchs_by_name_number_and_gradient(kind, pytorchs, units, num_layers):
    torch.manual_seed(0)
    reference = pytorchs(F, units, num_layers)
    torch.manual_seed(0)
    layers = RecurrentLayers(F, (units,) * num_layers, kind)
    assert layers.state_dict().keys() == reference.state_dict().keys()
    assert all(torch.equal(layers.state_dict()[name], weight) for name, weight in reference.state_dict().items())
    places = torch.randint(F, (T, B, 1))
    numbers = one_hot(places, F, torch.float32)
    expected, last = reference(numbers)
    expected_gradients = torch.autograd.grad(expected.square().sum(), list(reference.parameters()))
    for inputs in (places, numbers):
        outputs, state = layers(inputs, layers.zero_state(B))
        torch.testing.assert_close(outputs, expected)
        hidden = last if kind == "gru" else last[0]
        torch.testing.assert_close(torch.cat(state[:: len(state) // num_layers]), hidden)
        gradients = torch.autograd.grad(outputs.square().sum(), list(layers.parameters()))
        for one, other in zip(gradients, expected_gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_sequence_continues_from_its_state(kind):
    layers = RecurrentLayers(F, (20, 4, 7), kind)
    places = torch.randint(F, (T, B, 2))
    whole, last = layers(places, layers.zero_state(B))
    _, state = layers(places[:4], layers.zero_state(B))
    rest, end = layers(places[4:], state)
    torch.testing.assert_close(rest, whole[4:])
    assert len(end) == layers.num_parts
    for one, other in zip(end, last, strict=True):
        torch.testing.assert_close(one, other)


def test_weights_of_other_layers_are_refused():
    weights = RecurrentLayers(F, (4, 4)).state_dict()
    with pytest.raises(RuntimeError, match="Unexpected key"):
        RecurrentLayers(F, (4,)).load_state_dict(weights)
    with pytest.raises(RuntimeError, match="Missing key"):
        RecurrentLayers(F, (4, 4, 4)).load_state_dict(weights)
    with pytest.raises(RuntimeError, match="size mismatch"):
        RecurrentLayers(F, (4, 5)).load_state_dict(weights)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_dropout_leaves_out_outputs_of_every_layer_while_training(kind):
    """What is left out of the first layer's outputs changes the second's, and not what the first remembers."""
    torch.manual_seed(0)
    layers = RecurrentLayers(F, (20, 30), kind)
    places, start = torch.randint(F, (T, B, 1)), layers.zero_state(B)
    whole, remembered = layers(places, start)
    layers.dropout = 0.25
    (one, first), (_, second) = layers(places, start), layers(places, start)
    assert (one == 0).float().mean().item() == pytest.approx(0.25, abs=0.08)
    parts = layers.num_parts // 2
    for part in range(parts):
        torch.testing.assert_close(first[part], remembered[part])  # no dropout before the first layer's state
        assert not torch.allclose(first[parts + part], second[parts + part])
    outputs = torch.ones(1000, 1, 1)
    single = RecurrentLayers(1, (50,), kind)
    expected, _ = single(outputs, single.zero_state(1))
    single.dropout = 0.25
    dropped, _ = single(outputs, single.zero_state(1))
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], expected[kept] / 0.75)
    layers.eval()
    assert torch.equal(layers(places, start)[0], whole)


def test_states_are_of_the_layers_widths_and_begin_with_zeros():
    assert [part.shape for part in RecurrentLayers(F, (4, 7)).zero_state(3)] == [(1, 3, 4)] * 2 + [(1, 3, 7)] * 2
    state = RecurrentLayers(F, (4, 7), "gru").zero_state(3)
    assert [part.shape for part in state] == [(1, 3, 4), (1, 3, 7)]
    assert all((part == 0).all() for part in state)
    assert RecurrentLayers(F, (4, 7)).input_weights.shape == (4 * 4, F)
    assert RecurrentLayers(F, (4, 7), "gru").input_weights.shape == (3 * 4, F)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_names_are_numbered_within_a_larger_network(kind):
    network = nn.Sequential(RecurrentLayers(F, (4, 6, 5), kind), nn.Linear(5, 2))
    names = {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"}
    state = network.state_dict()
    assert set(state) == {f"0.{name}{n}" for name in names for n in range(3)} | {"1.weight", "1.bias"}
    assert state["0.weight_ih_l1"].shape[1] == 4
    assert state["0.weight_ih_l2"].shape[1] == 6
    other = nn.Sequential(RecurrentLayers(F, (4, 6, 5), kind), nn.Linear(5, 2))
    other.load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
