"""The compiled LSTM of `fused_lstm.cpp`, twice as fast as `torch.nn.LSTM` on one-hot inputs.

Shapes: T steps, B sequences, H hidden units, F inputs, K of them one at each step.
"""

import ctypes
import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_VERSION = 2
"""Version of the signatures of the library's functions."""


def _load() -> ctypes.CDLL | None:
    spec = find_spec("note_rnn.network._fused_lstm")
    if spec is None or spec.origin is None:
        return None
    library = ctypes.CDLL(spec.origin)
    if getattr(library, "version", int)() != _VERSION:
        warnings.warn("The compiled LSTM has another version: install the package again.", stacklevel=2)
        return None
    return library if library.supported() else None


_LIBRARY = _load()
"""None if no compiler was found during installation, or the processor is not supported."""

_MIN_HIDDEN = 16


def can_run(lstm: nn.LSTM, inputs: Tensor) -> bool:
    """Return whether `FusedLSTM` can replace `lstm`: one plain layer, float32, on the CPU, and the library is there."""
    weight = lstm.all_weights[0][0]
    plain = lstm.num_layers == 1 and lstm.bias and not (lstm.bidirectional or lstm.proj_size or lstm.batch_first)
    fits = lstm.hidden_size >= _MIN_HIDDEN and weight.dtype == torch.float32
    return _LIBRARY is not None and bool(plain) and fits and weight.is_cpu and inputs.is_cpu


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
        ones, size = ones.contiguous(), w_hh.shape[1]
        assert _LIBRARY is not None
        if not _LIBRARY.within(ctypes.c_int64(ones.numel()), w_ih.shape[1], ctypes.c_void_p(ones.data_ptr())):
            raise IndexError(f"An index of an input is outside 0..{w_ih.shape[1] - 1}.")
        steps, batch, num_ones = ones.shape
        hiddens, cells = hidden.new_empty(2, steps + 1, batch, size)
        hiddens[0], cells[0] = hidden, cell
        gates = hidden.new_empty(steps, batch, 4 * size)
        sizes = steps, batch, size, num_ones
        weights = w_ih.contiguous(), w_hh.contiguous(), bias
        _call("forward", *sizes, w_ih.shape[1], ones, *weights, hiddens, cells, gates)
        ctx.save_for_backward(ones, w_hh, hiddens, cells, gates)
        ctx.sizes, ctx.num_inputs = sizes, w_ih.shape[1]
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


def _call(function: str, *arguments: int | Tensor) -> None:
    """Call a function of the library with sizes and the addresses of contiguous tensors."""
    getattr(_LIBRARY, function)(*(x if isinstance(x, int) else ctypes.c_void_p(x.data_ptr()) for x in arguments))
