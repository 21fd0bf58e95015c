"""The compiled LSTM of `fused_lstm.cpp` with a linear readout, twice as fast as PyTorch's on one-hot inputs.

Shapes: T steps, B sequences, H hidden units, F inputs, K of them one at each step, M outputs of the readout.
"""

import ctypes
import warnings
from importlib.util import find_spec
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Floats32 = npt.NDArray[np.float32]

_VERSION = 6
"""Version of the signatures of the library's functions."""
_NAMES = {16: "_fused_lstm_avx512", 8: "_fused_lstm"}
"""The libraries, by the number of floats in a vector."""
_SIZES: list[Any] = [ctypes.c_int] * 7
_ADDRESSES: list[Any] = [ctypes.c_void_p] * 15


_memory: Any = (ctypes.c_char * 0).from_buffer
"""The memory of an array, from a byte of it on; in a fraction of the time that `ndarray.ctypes` takes."""


def _load_width(width: int) -> ctypes.CDLL | None:
    spec = find_spec(f"note_rnn.network.{_NAMES[width]}")
    if spec is None or spec.origin is None:
        return None
    library = ctypes.CDLL(spec.origin)
    if getattr(library, "version", int)() != _VERSION:
        warnings.warn("The compiled LSTM has another version: install the package again.", stacklevel=2)
        return None
    library.packed_size.argtypes, library.packed_size.restype = _SIZES[:3], ctypes.c_int64
    library.pack.argtypes, library.pack.restype = _SIZES[:3] + _ADDRESSES[:8], ctypes.c_void_p
    library.forward.argtypes = _SIZES + _ADDRESSES[:8]
    library.backward.argtypes, library.backward.restype = _SIZES[:6] + _ADDRESSES, None
    library.log_softmax.argtypes, library.log_softmax.restype = [ctypes.c_int64, ctypes.c_int, ctypes.c_void_p], None
    library.look_back.argtypes = _ADDRESSES[:1] + _SIZES[:3] + _ADDRESSES[:9]
    for function in (library.add_bonuses, library.differentiate_bonuses):
        function.argtypes, function.restype = [ctypes.c_int64, *_SIZES[:2], ctypes.c_uint64, *_ADDRESSES[:3]], None
    for name, sizes, addresses in (("gates", 2, 6), ("new", 2, 4), ("hidden", 2, 4), ("backward", 3, 10)):
        function = getattr(library, f"gru_{name}")
        function.argtypes, function.restype = _SIZES[:sizes] + _ADDRESSES[:addresses], None
    return library if library.supported() else None


_LIBRARY = _load_width(16) or _load_width(8)
"""None if no compiler was found during installation, or the processor is not supported."""


def library() -> ctypes.CDLL | None:
    """Return the compiled library; None if there is none for this processor, or PyTorch exports a network."""
    return None if torch.compiler.is_exporting() else _LIBRARY


_MIN_WIDTH = 16
"""Fewest hidden units or outputs: those of the longest vector."""


def can_run(lstm: nn.LSTM, inputs: Tensor, num_outputs: int | None = None) -> bool:
    """Return whether `FusedLSTM` can replace `lstm` with a readout of `num_outputs`, if any, on `inputs`.

    It has to be one plain layer, float32, on the CPU, and the library must be there.
    """
    plain = lstm.num_layers == 1 and lstm.bias and not (lstm.bidirectional or lstm.proj_size or lstm.batch_first)
    if library() is None or not plain or min(lstm.hidden_size, num_outputs or _MIN_WIDTH) < _MIN_WIDTH:
        return False
    weight = cast(Tensor, lstm.weight_hh_l0)
    return weight.dtype == torch.float32 and weight.is_cpu and inputs.is_cpu


class Weights(NamedTuple):
    """Weights of a layer of `torch.nn.LSTM` and, if any, of a linear readout, which may have a skip connection."""

    w_ih: Tensor
    """[4H, F]"""
    w_hh: Tensor
    """[4H, H]"""
    b_ih: Tensor
    """[4H]"""
    b_hh: Tensor
    """[4H]"""
    w_out: Tensor | None = None
    """[M, H], of the readout."""
    b_out: Tensor | None = None
    """[M]"""
    w_skip: Tensor | None = None
    """[M, F], of the inputs in the readout."""

    @property
    def sizes(self) -> tuple[int, int, int]:
        """H, F and M, 0 without a readout."""
        return self.w_hh.shape[1], self.w_ih.shape[1], 0 if self.w_out is None else len(self.w_out)

    def pack(self, memory: int | None = None) -> int:
        """Write the weights as `forward` of the library reads them, to the address `memory`; return where.

        Without `memory`, they are valid until the next call.
        """
        rows = [None if weight is None else weight.contiguous() for weight in self]
        assert _LIBRARY is not None
        packed: int = _LIBRARY.pack(*self.sizes, *map(_address, rows), memory)
        return packed


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
        gradients = Weights(*(None if weight is None else weight.new_empty(weight.shape) for weight in weights))  # type: ignore[arg-type]
        size, num_inputs, num_outputs = weights.sizes
        w_out = None if weights.w_out is None else weights.w_out.contiguous()
        arrays = ones, weights.w_hh.contiguous(), w_out, *activations, d_outputs.contiguous()
        results = gradients.w_ih, gradients.w_hh, gradients.b_ih, *gradients[4:]
        assert _LIBRARY is not None
        _LIBRARY.backward(
            *ones.shape[:2], size, ones.shape[2], num_inputs, num_outputs, *map(_address, (*arrays, *results))
        )
        return None, None, None, *gradients._replace(b_hh=gradients.b_ih.clone())


def _unroll(
    ones: Tensor, first: tuple[Tensor, Tensor], weights: Weights, gates: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the outputs and the hidden and cell activations [T, B, H]; fill `gates` [T, B, 4H], if any."""
    steps, batch, num_ones = ones.shape
    size, num_inputs, num_outputs = weights.sizes
    hiddens, cells = (first[0].new_empty(steps, batch, size) for _ in range(2))
    outputs = first[0].new_empty(steps, batch, num_outputs) if num_outputs else hiddens
    sizes = steps, batch, size, num_ones, num_inputs, num_outputs, weights.w_skip is not None
    _forward(sizes, ones.data_ptr(), weights.pack(), *map(_address, (*first, hiddens, cells, gates, outputs)))
    return outputs, hiddens, cells


class FixedLSTM:
    """The layer and its readout, step by step in NumPy, for weights that do not change: with few calls around it."""

    def __init__(self, weights: Weights):
        assert _LIBRARY is not None
        self._packed = np.empty(_LIBRARY.packed_size(*weights.sizes), np.float32)
        self._address = weights.pack(self._packed.ctypes.data)
        self._size, self._num_inputs, self._num_outputs = weights.sizes
        self._has_skip = weights.w_skip is not None

    def zero_state(self, num_sequences: int) -> Floats32:
        """Return the first hidden and cell activations [2, B, H]."""
        return np.zeros((2, num_sequences, self._size), np.float32)

    def step(self, ones: npt.NDArray[np.int64], state: Floats32) -> tuple[Floats32, Floats32]:
        """Return the outputs [B, M] after inputs that are 1 at `ones` [B, K], and the next state.

        Raises IndexError for an index out of range.
        """
        batch, num_ones = ones.shape
        after, outputs = np.empty(state.shape, np.float32), np.empty((batch, self._num_outputs), np.float32)
        cell = state.nbytes // 2
        before, to = (_memory(state), _memory(state, cell)), (_memory(after), _memory(after, cell))
        sizes = 1, batch, self._size, num_ones, self._num_inputs, self._num_outputs, self._has_skip
        _forward(sizes, _memory(np.array(ones, np.int64)), self._address, *before, *to, None, _memory(outputs))
        return outputs, after


def normalised(outputs: Floats32) -> Floats32:
    """Return `outputs` [B, M], each row of which becomes its log softmax, in place."""
    assert _LIBRARY is not None
    _LIBRARY.log_softmax(*outputs.shape, _memory(outputs))
    return outputs


def _forward(sizes: tuple[int, ...], *addresses: Any) -> None:
    """Call `forward` of the library; raises IndexError for an index out of range."""
    assert _LIBRARY is not None
    if not _LIBRARY.forward(*sizes, *addresses):
        raise IndexError(f"An index of an input is outside 0..{sizes[4] - 1}.")


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
