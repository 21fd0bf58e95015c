"""The compiled features of lookback and copying bonuses, of `fused_lookback.cpp`; `lookback.py` says what they are.

Shapes: T steps, B melodies, L lags, K features, W tokens of the past, A tokens, M outputs of a network.
"""

import ctypes
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from note_rnn.network.fused_lstm import library

Floats32 = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


class Features(ctypes.Structure):
    """The numbers that define the features, as the library reads them."""

    _fields_ = (
        ("lags", ctypes.c_void_p),
        ("first_classes", ctypes.c_void_p),
        ("match_classes", ctypes.c_void_p),
        ("num_lags", ctypes.c_int32),
        ("num_bonuses", ctypes.c_int32),
        ("nothing", ctypes.c_int32),
        ("longest_match", ctypes.c_int32),
        ("steps", ctypes.c_int32),
        ("phrase", ctypes.c_int32),
        ("unknown_meter", ctypes.c_int32),
        ("has_match_lengths", ctypes.c_int32),
        ("has_position", ctypes.c_int32),
    )

    num_bonuses: int
    num_features: int
    arrays: tuple[npt.NDArray[Any], ...]

    @classmethod
    def of(cls, lags: Sequence[float], first_classes: Integers, match_classes: Integers, *numbers: int) -> Self:
        """Return the structure; `numbers` follow the number of lags."""
        arrays = np.array(lags, np.float32), first_classes, match_classes
        features = cls(*(array.ctypes.data for array in arrays), len(lags), *numbers)
        features.arrays, features.num_features = arrays, len(first_classes)  # the arrays must live as long
        return features


class Arrays(NamedTuple):
    """What `look_back` returns: the parts of `lookback.Seen` and `lookback.Past`, as arrays."""

    ones: Integers
    """[T, B, K]"""
    copied: Integers
    """[T, B, L], L = 0 without bonuses"""
    tokens: npt.NDArray[np.uint8]
    """[1, B, W]"""
    matches: npt.NDArray[np.uint8]
    """[1, B, L]"""
    clock: npt.NDArray[np.int32]
    """[1, B, 3]"""


def can_run(*tensors: Tensor) -> bool:
    """Return whether the functions below can be called on `tensors`."""
    return library() is not None and all(tensor.is_cpu for tensor in tensors)


def look_back(features: Features, tokens: Integers, past: Sequence[npt.NDArray[Any]]) -> Arrays:
    """Return the features of the token after each of `tokens` [T, B], which come after `past`, and the next past.

    Raises IndexError for a past that is shorter than a lag.
    """
    tokens = np.ascontiguousarray(tokens, np.int64)
    before = [np.ascontiguousarray(part, dtype) for part, dtype in zip(past, _DTYPES, strict=True)]
    sizes = *tokens.shape, before[0].shape[-1]
    ones, copied = (np.empty((*tokens.shape, size), np.int64) for size in (features.num_features, features.num_bonuses))
    results = Arrays(ones, copied, *map(np.empty_like, before))
    addresses = [array.ctypes.data for array in (tokens, *before, *results)]
    if not _library().look_back(ctypes.addressof(features), *sizes, *addresses):
        raise IndexError("The past is shorter than a lag, or its bars have no steps: it is not one of this network.")
    return results


def add_bonuses(outputs: Floats32, copied: Integers, num_tokens: int) -> Floats32:
    """Return `outputs` [..., M + L] without the last L, each of which is added at the token in `copied` [..., L].

    Nothing is added at what is none of the A = `num_tokens` tokens.
    """
    num_outputs = outputs.shape[-1] - copied.shape[-1]
    result = np.empty((*outputs.shape[:-1], num_outputs), np.float32)
    _call(_library().add_bonuses, num_outputs, num_tokens, copied, outputs, result)
    return result


class WithBonuses(torch.autograd.Function):
    """`add_bonuses` of tensors, differentiable with respect to the outputs."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, copied: Tensor, num_tokens: int) -> Tensor:
        """Return [..., M], given `outputs` [..., M + L] and `copied` [..., L]."""
        ctx.copied, ctx.num_tokens = copied.numpy(), num_tokens
        return torch.from_numpy(add_bonuses(outputs.detach().numpy(), ctx.copied, num_tokens))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_result: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the outputs."""
        num_outputs = d_result.shape[-1]
        d_outputs = np.empty((*d_result.shape[:-1], num_outputs + ctx.copied.shape[-1]), np.float32)
        call = _library().differentiate_bonuses
        _call(call, num_outputs, ctx.num_tokens, ctx.copied, d_result.numpy(), d_outputs)
        return torch.from_numpy(d_outputs), None, None


_DTYPES = np.uint8, np.uint8, np.int32


def _call(
    function: Any, num_outputs: int, num_tokens: int, copied: Integers, given: Floats32, result: Floats32
) -> None:
    copied, given = np.ascontiguousarray(copied), np.ascontiguousarray(given)
    sizes = prod(copied.shape[:-1]), num_outputs, copied.shape[-1], min(num_tokens, num_outputs)
    function(*sizes, copied.ctypes.data, given.ctypes.data, result.ctypes.data)


def _library() -> ctypes.CDLL:
    found = library()
    assert found is not None
    return found
