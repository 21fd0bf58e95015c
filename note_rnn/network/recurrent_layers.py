"""Layers of LSTM or GRU, each of its own width, that hear numbers or one-hot codes.

Shapes: T steps, B sequences, F inputs, K of them one at each step; L layers, of H_1 .. H_L units.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional

from note_rnn.network.one_hot_lstm import LSTMState, one_hot, one_hot_lstm

Cell = Literal["lstm", "gru"]
State = tuple[Tensor, ...]
"""What layers remember of B sequences, the first layer's parts first: hidden and cell activations of an LSTM, hidden
ones of a GRU, each [1, B, H_l]."""

_LAYERS: dict[Cell, type[nn.LSTM | nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
_PARTS: dict[Cell, int] = {"lstm": 2, "gru": 1}


def layer_widths(hidden_size: int | Sequence[int], num_layers: int = 1) -> tuple[int, ...]:
    """Return the units of each layer [L]: `hidden_size`, one number or one for each layer, `num_layers` times over."""
    return (*([hidden_size] if isinstance(hidden_size, int) else hidden_size),) * num_layers


class RecurrentLayers(nn.ModuleList):
    """Layers of `widths` units on top of one another; the first hears `num_inputs` numbers.

    While they are trained, each output is left out with probability `dropout`, and the others are worth more for it.
    Their weights go by the names that one `torch.nn.LSTM` or `torch.nn.GRU` of several layers would give them.
    """

    def __init__(self, num_inputs: int, widths: Sequence[int], cell: Cell = "lstm"):
        super().__init__(_LAYERS[cell](heard, units) for heard, units in pairwise([num_inputs, *widths]))
        self.num_inputs = num_inputs
        self.widths = tuple(widths)
        self.kind: Cell = cell
        self.dropout = 0.0
        self.register_state_dict_post_hook(_number_names)
        self.register_load_state_dict_pre_hook(_names_of_layers)

    @property
    def num_parts(self) -> int:
        """Tensors in a state."""
        return _PARTS[self.kind] * len(self)

    @property
    def input_weights(self) -> nn.Parameter:
        """What the first layer's gates make of the inputs, a row for each gate of each unit [4 H_1 or 3 H_1, F]."""
        return self[0].get_parameter("weight_ih_l0")

    def zero_state(self, batch_size: int) -> State:
        """Return the state of `batch_size` sequences of which nothing has been heard."""
        zeros = (self.input_weights.new_zeros(1, batch_size, units) for units in self.widths)
        return tuple(part for part in zeros for _ in range(_PARTS[self.kind]))

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H_L] of the last layer, from `state` on, and the state after them.

        `inputs` are numbers [T, B, F], or int64: the places [T, B, K] (unchecked) of those that are 1, the others 0.
        """
        after: State = ()
        for layer, before in zip(self, _in_parts(state, _PARTS[self.kind]), strict=True):
            inputs, last = _run(layer, inputs, before)
            after += last
            if self.dropout:
                inputs = functional.dropout(inputs, self.dropout, self.training)
        return inputs, after


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
    """Make `1.weight_ih_l0` of the layers' own names `weight_ih_l1`."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        number, name = key.removeprefix(prefix).split(".")
        state_dict[f"{prefix}{name.removesuffix('0')}{number}"] = state_dict.pop(key)


def _names_of_layers(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_more: Any) -> None:
    """Make `weight_ih_l1` the layers' own `1.weight_ih_l0`."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        kind, _, number = key.removeprefix(prefix).rpartition("_l")
        state_dict[f"{prefix}{number}.{kind}_l0"] = state_dict.pop(key)
