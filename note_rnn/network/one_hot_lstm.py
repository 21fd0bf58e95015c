"""LSTM and linear layers on one-hot inputs, computed by the compiled code or by PyTorch with the same result.

Shapes: T steps, B sequences, H hidden units, L layers, F inputs, K of them one at each step, M outputs.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from torch.nn import functional

from note_rnn.network.fused_lstm import AddLinear, FusedLSTM, can_add, can_run


class LSTMState(NamedTuple):
    """Recurrent state for B sequences: hidden and cell activations, each [L, B, H]."""

    hidden: Tensor
    cell: Tensor


def one_hot_lstm(lstm: nn.LSTM, ones: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
    """Return the outputs [T, B, H] of `lstm`, starting from `state`, and the state after them.

    Its inputs [T, B, F] are 1 at the indices `ones` [T, B, K] (int64, unchecked) and 0 elsewhere.
    """
    if can_run(lstm, ones):
        w_ih, w_hh, b_ih, b_hh = lstm.all_weights[0]
        outputs, *last = FusedLSTM.apply(ones, w_ih, w_hh, b_ih + b_hh, *state)
    else:
        outputs, last = lstm(one_hot(ones, lstm.input_size, state.hidden.dtype), tuple(state))
    return outputs, LSTMState(*last)


def add_linear(to: Tensor, weight: Tensor, inputs: Tensor) -> Tensor:
    """Return `to` [..., M] plus the outputs of a linear layer with `weight` [M, F] and no bias.

    `inputs` are floats [..., F], or int64: the indices [..., K] (unchecked) of those that are 1, the others 0.
    """
    if inputs.is_floating_point():
        return to + functional.linear(inputs, weight)
    if can_add(weight, inputs):
        return AddLinear.apply(to, weight, inputs)
    return to + functional.linear(one_hot(inputs, weight.shape[1], weight.dtype), weight)


def one_hot(ones: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """Return a tensor [..., size] that is 1 at the indices `ones` [..., K] and 0 elsewhere."""
    return torch.zeros(*ones.shape[:-1], size, dtype=dtype, device=ones.device).scatter_(-1, ones, 1.0)
