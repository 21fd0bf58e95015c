"""The compiled LSTM of `fused_lstm.cpp` with a linear readout, twice as fast as PyTorch's on one-hot inputs.

Shapes: T steps, B sequences, H hidden units, F inputs, K of them one at each step, M outputs of the readout.
"""

import ctypes
import warnings
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_VERSION = 3
"""Version of the signatures of the library's functions."""
_NAMES = {16: "_fused_lstm_avx512", 8: "_fused_lstm"}
"""The libraries, by the number of floats in a vector."""


def _load_width(width: int) -> ctypes.CDLL | None:
    spec = find_spec(f"note_rnn.network.{_NAMES[width]}")
    if spec is None or spec.origin is None:
        return None
    library = ctypes.CDLL(spec.origin)
    if getattr(library, "version", int)() != _VERSION:
        warnings.warn("The compiled LSTM has another version: install the package again.", stacklevel=2)
        return None
    return library if library.supported() else None


_LIBRARY = _load_width(16) or _load_width(8)
"""None if no compiler was found during installation, or the processor is not supported."""

_MIN_WIDTH = 16
"""Fewest hidden units or outputs: those of the longest vector."""


def can_run(lstm: nn.LSTM, inputs: Tensor, num_outputs: int | None = None) -> bool:
    """Return whether `FusedLSTM` can replace `lstm` with a readout of `num_outputs`, if any, on `inputs`.

    It has to be one plain layer, float32, on the CPU, and the library must be there.
    """
    weight = lstm.all_weights[0][0]
    plain = lstm.num_layers == 1 and lstm.bias and not (lstm.bidirectional or lstm.proj_size or lstm.batch_first)
    fits = min(lstm.hidden_size, num_outputs or _MIN_WIDTH) >= _MIN_WIDTH and weight.dtype == torch.float32
    return _LIBRARY is not None and bool(plain) and fits and weight.is_cpu and inputs.is_cpu


class Weights(NamedTuple):
    """Weights of a layer of `torch.nn.LSTM` and, if any, of a linear readout, which may have a skip connection."""

    w_ih: Tensor
    """[4H, F]"""
    w_hh: Tensor
    """[4H, H]"""
    bias: Tensor
    """[4H], the sum of PyTorch's two biases."""
    w_out: Tensor | None = None
    """[M, H], of the readout."""
    b_out: Tensor | None = None
    """[M]"""
    w_skip: Tensor | None = None
    """[M, F], of the inputs in the readout."""


class FusedLSTM(torch.autograd.Function):
    """A layer of `torch.nn.LSTM` on inputs that are 1 at K indices and 0 elsewhere, with or without a linear readout.

    There is no gradient for the first state.
    """

    @staticmethod
    def forward(ctx: Any, ones: Tensor, hidden: Tensor, cell: Tensor, *weights: Any) -> tuple[Tensor, ...]:
        """Return the outputs and the last hidden and cell activations, each [1, B, H]; differentiable.

        The outputs are the readout's [T, B, M], or without one the hidden activations [T, B, H]. `ones` [T, B, K] are
        the indices, `hidden` and `cell` [1, B, H] the first activations; `weights` those of `Weights`. Raises
        IndexError for an index out of range.
        """
        ones, first, own = ones.contiguous(), (hidden.contiguous(), cell.contiguous()), Weights(*weights)
        gates = hidden.new_empty(*ones.shape[:2], len(own.w_hh))
        outputs, hiddens, cells = _unroll(ones, first, own, gates)
        ctx.save_for_backward(ones, *first, hiddens, cells, gates, *weights)
        last = hiddens[-1:], cells[-1:]
        ctx.mark_non_differentiable(*last)
        return outputs, *last

    @staticmethod
    def evaluate(ones: Tensor, hidden: Tensor, cell: Tensor, *weights: Any) -> tuple[Tensor, ...]:
        """Return what `apply` returns, without gradient."""
        first = hidden.contiguous(), cell.contiguous()
        outputs, hiddens, cells = _unroll(ones.contiguous(), first, Weights(*weights), None)
        return outputs, hiddens[-1:], cells[-1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        """Return the gradients of the weights, given that of the outputs."""
        ones, *activations = ctx.saved_tensors[:6]
        weights = Weights(*ctx.saved_tensors[6:])
        d_weights = [None if weight is None else weight.new_empty(weight.shape) for weight in weights]
        sizes = *ones.shape[:2], weights.w_hh.shape[1], ones.shape[-1], weights.w_ih.shape[1], _num_outputs(weights)
        inputs = ones, _contiguous(weights.w_hh), _contiguous(weights.w_out), *activations, d_outputs.contiguous()
        _call("backward", *sizes, *inputs, *d_weights)
        return None, None, None, *d_weights


def _unroll(
    ones: Tensor, first: tuple[Tensor, Tensor], weights: Weights, gates: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the outputs and the hidden and cell activations [T, B, H]; fill `gates` [T, B, 4H], if any."""
    (steps, batch, num_ones), (size, num_inputs) = ones.shape, (weights.w_hh.shape[1], weights.w_ih.shape[1])
    assert _LIBRARY is not None
    if not _LIBRARY.within(ctypes.c_int64(ones.numel()), num_inputs, ctypes.c_void_p(ones.data_ptr())):
        raise IndexError(f"An index of an input is outside 0..{num_inputs - 1}.")
    num_outputs = _num_outputs(weights)
    hiddens, cells = (first[0].new_empty(steps, batch, size) for _ in range(2))
    outputs = first[0].new_empty(steps, batch, num_outputs) if num_outputs else hiddens
    sizes = steps, batch, size, num_ones, num_inputs, num_outputs
    _call("forward", *sizes, ones, *map(_contiguous, weights), *first, hiddens, cells, gates, outputs)
    return outputs, hiddens, cells


def _num_outputs(weights: Weights) -> int:
    return 0 if weights.w_out is None else len(weights.w_out)


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return tensor if tensor is None else tensor.contiguous()


def _call(function: str, *arguments: int | Tensor | None) -> None:
    """Call a function of the library with sizes and the addresses of contiguous tensors."""
    getattr(_LIBRARY, function)(*(ctypes.c_void_p(x.data_ptr()) if isinstance(x, Tensor) else x for x in arguments))
