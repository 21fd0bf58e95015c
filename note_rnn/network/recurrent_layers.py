"""Stacked LSTM or GRU layers, each of its own width, on real-valued or one-hot inputs.

Shapes: T steps, B sequences, F inputs, K of them one at each step; L layers, of H_1 .. H_L units.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional

from note_rnn.network.one_hot_lstm import LSTMState, one_hot_lstm
from note_rnn.network.readout import Readout, one_hot

Cell = Literal["lstm", "gru"]
State = tuple[Tensor, ...]
"""Recurrent state for B sequences, the first layer's tensors first: hidden and cell activations of an LSTM, hidden
ones of a GRU, each [1, B, H_l]."""

_LAYERS: dict[Cell, type[nn.LSTM | nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
_PARTS: dict[Cell, int] = {"lstm": 2, "gru": 1}


def layer_widths(hidden_size: int | Sequence[int], num_layers: int = 1) -> tuple[int, ...]:
    """Return the units of each layer [L]: `hidden_size`, one number or one per layer, repeated `num_layers` times."""
    return (*([hidden_size] if isinstance(hidden_size, int) else hidden_size),) * num_layers


class RecurrentLayers(nn.ModuleList):
    """Stack of layers of `widths` units; the first has `num_inputs` inputs.

    In training mode, dropout of probability `dropout` applies to the outputs of every layer. The weights are named as
    in a single `torch.nn.LSTM` or `torch.nn.GRU` of several layers.
    """

    def __init__(self, num_inputs: int, widths: Sequence[int], cell: Cell = "lstm"):
        super().__init__(_LAYERS[cell](inputs, units) for inputs, units in pairwise([num_inputs, *widths]))
        self.num_inputs = num_inputs
        self.widths = tuple(widths)
        self.kind: Cell = cell
        self.dropout = 0.0
        self.register_state_dict_post_hook(_number_names)
        self.register_load_state_dict_pre_hook(_names_of_layers)

    @property
    def num_parts(self) -> int:
        """Number of tensors in a state."""
        return _PARTS[self.kind] * len(self)

    @property
    def input_weights(self) -> nn.Parameter:
        """Input weights of the first layer, a row for each gate of each unit [4 H_1 or 3 H_1, F]."""
        return self[0].get_parameter("weight_ih_l0")

    def zero_state(self, batch_size: int) -> State:
        """Return the initial state of `batch_size` sequences."""
        zeros = (self.input_weights.new_zeros(1, batch_size, units) for units in self.widths)
        return tuple(part for part in zeros for _ in range(_PARTS[self.kind]))

    def forward(self, inputs: Tensor, state: State, readout: Readout | None = None) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H_L] of the last layer, starting from `state`, and the state after them.

        With a `readout`, its outputs [T, B, M] are returned. `inputs` are floats [T, B, F], or int64: the indices
        [T, B, K] (unchecked) of those that are 1, the others 0.
        """
        if self._is_one_lstm and not inputs.is_floating_point():
            return one_hot_lstm(self[0], inputs, LSTMState(*state), readout)  # type: ignore[arg-type]
        after: State = ()
        features = inputs
        for layer, before in zip(self, _in_parts(state, _PARTS[self.kind]), strict=True):
            inputs, last = _run(layer, inputs, before)
            after += last
            if self.dropout:
                inputs = functional.dropout(inputs, self.dropout, self.training)
        return readout(inputs, features) if readout else inputs, after

    @property
    def _is_one_lstm(self) -> bool:
        """Whether there is a single layer, an LSTM without dropout."""
        return len(self) == 1 and self.kind == "lstm" and not (self.dropout and self.training)


def _in_parts(state: State, size: int) -> Iterator[State]:
    return (state[first : first + size] for first in range(0, len(state), size))


def _run(layer: nn.Module, inputs: Tensor, state: State) -> tuple[Tensor, State]:
    """Return the outputs [T, B, H] of one layer and its state after them."""
    if isinstance(layer, nn.LSTM):
        if not inputs.is_floating_point():
            return one_hot_lstm(layer, inputs, LSTMState(*state))
        return layer(inputs, tuple(state))
    assert isinstance(layer, nn.GRU)
    (hidden,) = state
    if not inputs.is_floating_point():
        inputs = one_hot(inputs, layer.input_size, hidden.dtype)
    outputs, hidden = layer(inputs, hidden)
    return outputs, (hidden,)


def _number_names(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_more: Any) -> None:
    """Rename `1.weight_ih_l0`, the layers' own name, to `weight_ih_l1`."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        number, name = key.removeprefix(prefix).split(".")
        state_dict[f"{prefix}{name.removesuffix('0')}{number}"] = state_dict.pop(key)


def _names_of_layers(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_more: Any) -> None:
    """Rename `weight_ih_l1` to the layers' own `1.weight_ih_l0`."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        kind, _, number = key.removeprefix(prefix).rpartition("_l")
        state_dict[f"{prefix}{number}.{kind}_l0"] = state_dict.pop(key)
