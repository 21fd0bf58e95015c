"""An LSTM layer on one-hot inputs, computed by the compiled code or by PyTorch with the same result.

Shapes: T steps, B sequences, H hidden units, L layers, F inputs, K of them one at each step, M outputs of a readout.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from note_rnn.network.fused_lstm import FusedLSTM, Weights, can_run
from note_rnn.network.readout import Readout, one_hot


class LSTMState(NamedTuple):
    """Recurrent state for B sequences: hidden and cell activations, each [L, B, H]."""

    hidden: Tensor
    cell: Tensor


def one_hot_lstm(
    lstm: nn.LSTM, ones: Tensor, state: LSTMState, readout: Readout | None = None
) -> tuple[Tensor, LSTMState]:
    """Return the outputs [T, B, H] of `lstm`, starting from `state`, and the state after them.

    With a `readout`, its outputs [T, B, M] are returned. The inputs [T, B, F] of the layer are 1 at the indices `ones`
    [T, B, K] (int64, unchecked) and 0 elsewhere.
    """
    if can_run(lstm, ones, readout.linear.out_features if readout else None):
        run = FusedLSTM.apply if torch.is_grad_enabled() else FusedLSTM.evaluate
        outputs, *last = run(ones, *state, *weights_of(lstm, readout))
    else:
        outputs, last = lstm(one_hot(ones, lstm.input_size, state.hidden.dtype), tuple(state))
        outputs = readout(outputs, ones) if readout else outputs
    return outputs, LSTMState(*last)


def weights_of(lstm: nn.LSTM, readout: Readout | None) -> Weights:
    """Return the weights of a layer and its readout, if any."""
    linear, skip = readout or (None, None)
    of_readout = () if linear is None else (linear.weight, linear.bias, None if skip is None else skip.weight)
    of_lstm = lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0
    return Weights(*of_lstm, *of_readout)  # type: ignore[arg-type]
