"""The compiled GRU of `fused_gru.cpp`, twice as fast as PyTorch's on the CPU, and with its roundings.

Sigmoid and tanh are PyTorch's own. Where its products add one term after another, as MKL's do for batches of up to 192
on processors with AVX2, results and gradients are equal to the last bit.
Shapes: T steps, B sequences, F inputs, H units.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from note_rnn.network.fused_lstm import library

_MULTIPLE = 16
"""Of units, that the compiled code takes."""


def gru_outputs(gru: nn.GRU, inputs: Tensor) -> Tensor:
    """Return the outputs [T, B, H] of a layer `gru`, given `inputs` [T, B, F], from the zero state on."""
    if not _can_run(gru, inputs):
        outputs: Tensor = gru(inputs)[0]
        return outputs
    of_inputs = functional.linear(inputs, cast(Tensor, gru.weight_ih_l0), cast(Tensor, gru.bias_ih_l0))
    run = _FusedGRU.apply if torch.is_grad_enabled() else _outputs
    return run(of_inputs.contiguous(), cast(Tensor, gru.weight_hh_l0), cast(Tensor, gru.bias_hh_l0))


def _can_run(gru: nn.GRU, inputs: Tensor) -> bool:
    plain = gru.num_layers == 1 and gru.bias and not (gru.bidirectional or gru.batch_first)
    if library() is None or not plain or gru.hidden_size % _MULTIPLE or not inputs.numel():
        return False
    return inputs.dtype == torch.float32 and inputs.is_cpu


class _FusedGRU(torch.autograd.Function):
    """The outputs [T, B, H] of a layer, given what comes from the inputs [T, B, 3H], weights [3H, H] and bias [3H]."""

    @staticmethod
    def forward(ctx: Any, of_inputs: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        kept = _unrolled(of_inputs, weights, bias, len(of_inputs))
        ctx.save_for_backward(weights, *kept)
        return kept[0][1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights, hidden, *gates = ctx.saved_tensors
        steps, batch, size = d_outputs.shape
        d_inputs, d_gates = (weights.new_empty(steps, batch, 3 * size) for _ in range(2))
        d_weights = torch.empty_like(weights)
        slope = torch.ops.aten.tanh_backward(gates[-1].new_ones(()).expand_as(gates[-1]), gates[-1])
        arrays = weights.contiguous(), hidden, *gates, slope, d_outputs.contiguous(), d_inputs, d_gates, d_weights
        _library().gru_backward(steps, batch, size, *(array.data_ptr() for array in arrays))
        d_bias = torch.zeros_like(weights[:, 0])
        for of_step in d_gates.sum(dim=1).flip(0):  # one by one, as PyTorch does
            d_bias += of_step
        return d_inputs, d_weights, d_bias


def _outputs(of_inputs: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    return _unrolled(of_inputs, weights, bias, 1)[0][1:]


def _unrolled(of_inputs: Tensor, weights: Tensor, bias: Tensor, kept: int) -> tuple[Tensor, ...]:
    """Return the hidden activations [T + 1, B, H], and of `kept` steps the gates.

    These are the reset and update gates [kept, B, 2H], the hidden part of the new gate before it is reset and the new
    gate, each [kept, B, H].
    """
    steps, batch, size = len(of_inputs), of_inputs.shape[1], weights.shape[1]
    transposed = weights.t().contiguous()
    hidden = of_inputs.new_zeros(steps + 1, batch, size)
    reset_update, of_hidden, new = (of_inputs.new_empty(kept, batch, width * size) for width in (2, 1, 1))
    compiled, sizes, fixed = _library(), (batch, size), (transposed.data_ptr(), bias.data_ptr())
    for step in range(steps):
        now = min(step, kept - 1)
        before, after, inputs = (tensor.data_ptr() for tensor in (hidden[step], hidden[step + 1], of_inputs[step]))
        gates = reset_update[now], of_hidden[now], new[now]
        of_gates, of_rest, of_new = (gate.data_ptr() for gate in gates)
        compiled.gru_gates(*sizes, before, *fixed, inputs, of_gates, of_rest)
        gates[0].sigmoid_()
        compiled.gru_new(*sizes, of_gates, of_rest, inputs, of_new)
        gates[2].tanh_()
        compiled.gru_hidden(*sizes, before, of_gates, of_new, after)
    return hidden, reset_update, of_hidden, new


def _library() -> Any:
    found = library()
    assert found is not None
    return found
