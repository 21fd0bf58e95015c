"""The compiled GRU: PyTorch's outputs and gradients, also where it cannot be used."""

import pytest
import torch
from torch import nn

from note_rnn.network import fused_lstm
from note_rnn.network.fused_gru import gru_outputs

LIBRARIES = [library for width in (8, 16) if (library := fused_lstm._load_width(width)) is not None]


def results(gru, inputs, weights):
    """The outputs, and the gradients of their sum by `weights`."""
    given = inputs.clone().requires_grad_()
    outputs = gru_outputs(gru, given)
    return outputs, *torch.autograd.grad((outputs * weights).sum(), [given, *gru.parameters()])


def by_pytorch(monkeypatch, *arguments):
    with monkeypatch.context() as patch:
        patch.setattr(fused_lstm, "_LIBRARY", None)
        return results(*arguments)


@pytest.mark.skipif(not LIBRARIES, reason="the extension was not compiled, or the processor is too old")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("steps", "batch", "size"), [(1, 1, 16), (7, 5, 48), (20, 37, 32), (3, 131, 64)])
def test_outputs_and_gradients_are_pytorchs(library, steps, batch, size, monkeypatch):
    torch.manual_seed(0)
    gru, inputs, weights = nn.GRU(6, size), torch.randn(steps, batch, 6), torch.randn(steps, batch, size)
    expected = by_pytorch(monkeypatch, gru, inputs, weights)
    monkeypatch.setattr(fused_lstm, "_LIBRARY", library)
    monkeypatch.setattr(nn.GRU, "forward", pytest.fail)
    found = results(gru, inputs, weights)
    for mine, right in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(gru_outputs(gru, inputs), found[0])


@pytest.mark.skipif(not LIBRARIES, reason="the extension was not compiled, or the processor is too old")
def test_inputs_and_gradients_may_lie_anyhow_in_memory(monkeypatch):
    torch.manual_seed(0)
    gru, inputs, weights = nn.GRU(6, 16), torch.randn(9, 4, 6).transpose(0, 1), torch.randn(9, 4, 16).transpose(0, 1)
    expected = by_pytorch(monkeypatch, gru, inputs, weights)
    for mine, right in zip(results(gru, inputs, weights), expected, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gru", [nn.GRU(6, 20), nn.GRU(6, 16, 2), nn.GRU(6, 16, bias=False), nn.GRU(6, 16).double()])
def test_other_layers_are_pytorchs(gru):
    inputs = torch.randn(3, 2, 6, dtype=next(gru.parameters()).dtype)
    assert torch.equal(gru_outputs(gru, inputs), gru(inputs)[0])
