"""Layers of any widths compute, and are named, as PyTorch's own."""

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
def test_a_state_goes_on_where_it_was_taken(kind):
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
