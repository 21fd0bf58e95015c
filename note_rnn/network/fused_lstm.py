"""The compiled LSTM and linear layer of `fused_lstm.cpp`, twice as fast as PyTorch's on one-hot inputs.

Shapes: T steps, B sequences, H hidden units, F inputs, K of them one at each step, M outputs.
"""

import ctypes
import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_VERSION = 3
"""Version of the signatures of the library's functions."""


def _load() -> ctypes.CDLL | None:
    for name in ("_fused_lstm_avx512", "_fused_lstm"):  # the widest vectors first
        spec = find_spec(f"note_rnn.network.{name}")
        if spec is None or spec.origin is None:
            continue
        library = ctypes.CDLL(spec.origin)
        if getattr(library, "version", int)() != _VERSION:
            warnings.warn("The compiled LSTM has another version: install the package again.", stacklevel=2)
        elif library.supported():
            return library
    return None


_LIBRARY = _load()
"""None if no compiler was found during installation, or the processor is not supported."""

_MIN_WIDTH = 16
"""Fewest hidden units or outputs: those of the longest vector."""


def can_run(lstm: nn.LSTM, inputs: Tensor) -> bool:
    """Return whether `FusedLSTM` can replace `lstm`: one plain layer, float32, on the CPU, and the library is there."""
    plain = lstm.num_layers == 1 and lstm.bias and not (lstm.bidirectional or lstm.proj_size or lstm.batch_first)
    return bool(plain) and _fits(lstm.hidden_size, lstm.all_weights[0][0], inputs)


def can_add(weight: Tensor, inputs: Tensor) -> bool:
    """Return whether `AddLinear` can run with `weight` [M, F]: float32, on the CPU, and the library is there."""
    return _fits(len(weight), weight, inputs)


def _fits(width: int, weight: Tensor, inputs: Tensor) -> bool:
    has_type = weight.dtype == torch.float32 and weight.is_cpu and inputs.is_cpu
    return _LIBRARY is not None and width >= _MIN_WIDTH and has_type


class FusedLSTM(torch.autograd.Function):
    """A layer of `torch.nn.LSTM` on inputs that are 1 at K indices and 0 elsewhere; no gradient for the first state."""

    @staticmethod
    def forward(
        ctx: Any, ones: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the outputs [T, B, H] and the last hidden and cell activations, each [1, B, H].

        `ones` [T, B, K] are the indices, w_ih [4H, F], w_hh [4H, H], and bias [4H] the sum of PyTorch's two biases; the
        first hidden and cell activations are [1, B, H]. Raises IndexError for an index out of range.
        """
        ones, size, num_inputs = ones.contiguous(), w_hh.shape[1], w_ih.shape[1]
        _check_within(ones, num_inputs)
        steps, batch, num_ones = ones.shape
        hiddens, cells = hidden.new_empty(2, steps + 1, batch, size)
        hiddens[0], cells[0] = hidden, cell
        gates = hidden.new_empty(steps, batch, 4 * size)
        sizes = steps, batch, size, num_ones
        weights = w_ih.contiguous(), w_hh.contiguous(), bias
        _call("forward", *sizes, num_inputs, ones, *weights, hiddens, cells, gates)
        ctx.save_for_backward(ones, w_hh, hiddens, cells, gates)
        ctx.sizes, ctx.num_inputs = sizes, num_inputs
        last = hiddens[-1:], cells[-1:]
        ctx.mark_non_differentiable(*last)
        return hiddens[1:], *last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        """Return the gradients of the weights and the bias, given the gradients of the outputs."""
        ones, w_hh, hiddens, cells, gates = ctx.saved_tensors
        arrays = w_hh.contiguous(), hiddens, cells, gates, d_outputs.contiguous()
        d_w_ih, d_w_hh, d_bias = (
            gates.new_zeros(shape) for shape in ((ctx.num_inputs, len(w_hh)), w_hh.shape, len(w_hh))
        )
        _call("backward", *ctx.sizes, ones, *arrays, d_w_ih, d_w_hh, d_bias)
        return None, d_w_ih.t(), d_w_hh, d_bias, None, None


class AddLinear(torch.autograd.Function):
    """A tensor plus a linear layer without bias on inputs that are 1 at K indices and 0 elsewhere."""

    @staticmethod
    def forward(ctx: Any, to: Tensor, weight: Tensor, ones: Tensor) -> Tensor:
        """Return `to` [..., M] plus the outputs of the layer with `weight` [M, F], given the indices `ones` [..., K].

        Raises IndexError for an index out of range.
        """
        to, ones, (width, num_inputs) = to.contiguous(), ones.contiguous(), weight.shape
        _check_within(ones, num_inputs)
        sizes = ones.shape[:-1].numel(), width, ones.shape[-1]
        outputs = torch.empty_like(to)
        _call("linear_forward", *sizes, num_inputs, ones, weight.contiguous(), to, outputs)
        ctx.save_for_backward(ones)
        ctx.sizes, ctx.num_inputs = sizes, num_inputs
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of `to` and the weight, given that of the outputs."""
        (ones,) = ctx.saved_tensors
        d_outputs = d_outputs.contiguous()
        d_weight = d_outputs.new_zeros(ctx.num_inputs, d_outputs.shape[-1])
        _call("linear_backward", *ctx.sizes, ones, d_outputs, d_weight)
        return d_outputs, d_weight.t(), None


def _check_within(ones: Tensor, num_inputs: int) -> None:
    assert _LIBRARY is not None
    if not _LIBRARY.within(ctypes.c_int64(ones.numel()), num_inputs, ctypes.c_void_p(ones.data_ptr())):
        raise IndexError(f"An index of an input is outside 0..{num_inputs - 1}.")


def _call(function: str, *arguments: int | Tensor) -> None:
    """Call a function of the library with sizes and the addresses of contiguous tensors."""
    getattr(_LIBRARY, function)(*(x if isinstance(x, int) else ctypes.c_void_p(x.data_ptr()) for x in arguments))
