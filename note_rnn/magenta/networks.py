"""Conversion of the variables of Magenta's `basic_rnn` or the original RL Tuner's network to a Note RNN.

Both have LSTM layers and a linear output layer. An LSTM layer of n units with m inputs has a kernel [m + n, 4n], with
rows for the inputs, then for its own last output, and a bias [4n]; the columns are the gates i (input), j (candidate),
f (forget), o (output). TensorFlow adds 1 to f at run time; PyTorch orders the gates i, f, j, o and adds nothing.
Shapes: A = 38 tokens.
"""

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch

from note_rnn.magenta.sources import MagentaFileError, Source
from note_rnn.magenta.tensors import Floats32
from note_rnn.network.model import NoteRNN
from note_rnn.vocabulary import VOCABULARY_SIZE

TokenOrder = Literal["rl_tuner", "magenta"]
"""Meaning of tokens 0 and 1: note off and no event, as in this package (rl_tuner), or the reverse (magenta)."""

# Names in TensorFlow from 1.2 on, 1.0, and 0.11 (the published RL Tuner checkpoint). An optimizer's own variables have
# these names with suffixes.
_LAYER = re.compile(
    r"(?P<scope>.*?)(rnn/multi_rnn_cell/cell_|RNN/MultiRNNCell/Cell)(?P<layer>\d+)/"
    r"(?P<cell>lstm_cell|basic_lstm_cell|LSTMCell|BasicLSTMCell)/"
    r"((?P<kernel>kernel|weights|W_0|Linear/Matrix)|bias|biases|B|Linear/Bias)"
)
_OUTPUT = re.compile(r"(?P<scope>.*?)fully_connected/((?P<kernel>weights)|bias|biases)")


def token_order(source: Source) -> TokenOrder:
    """Return the meaning of tokens 0 and 1 in the network in `source`, inferred from its kind of cell.

    `basic_rnn` is trained with Magenta's encoding; the RL Tuner's own network is rewarded with the other.
    """
    cells = (found["cell"] for name in source.variables if (found := _LAYER.fullmatch(name)))
    return "magenta" if next(cells, "").lower().startswith("basic") else "rl_tuner"


def build_note_rnn(source: Source, order: TokenOrder) -> NoteRNN:
    """Return the Note RNN in `source`, converted from its token `order`; raises MagentaFileError if there is none."""
    layers, output = _parameters(source)
    sizes = [bias.size // 4 for _, bias in layers]
    _check_shapes(source, layers, output, sizes)
    weights = {"head.weight": output[0].T.copy(), "head.bias": output[1].copy()}
    for number, (kernel, bias) in enumerate(layers):
        weights |= _layer_weights(number, kernel, bias)
    if order == "magenta":
        for name, axis in (("lstm.weight_ih_l0", 1), ("head.weight", 0), ("head.bias", 0)):
            weights[name] = np.take(weights[name], [1, 0, *range(2, VOCABULARY_SIZE)], axis)
    model = NoteRNN(sizes)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.eval().requires_grad_(False)


def _parameters(source: Source) -> tuple[list[tuple[Floats32, Floats32]], tuple[Floats32, Floats32]]:
    """Return kernel and bias of each LSTM layer, and of the output layer."""
    found: dict[tuple[int, bool], Floats32] = {}
    scopes = set()
    for name, array in source.variables.items():
        if match := _LAYER.fullmatch(name) or _OUTPUT.fullmatch(name):
            layer = int(match.groupdict().get("layer", -1))
            found[layer, bool(match["kernel"])] = array
            scopes.add(match["scope"])
    if len(scopes) > 1:
        raise MagentaFileError(f"{source.path} holds several networks, in {_listed(scopes)}: save only one.")
    try:
        pairs = [(found[number, True], found[number, False]) for number in range(-1, max(len(found) // 2 - 1, 1))]
    except KeyError as error:
        raise MagentaFileError(
            f"{source.path} holds no LSTM network like those of basic_rnn and the RL Tuner: it has "
            f"{_listed(source.variables)}."
        ) from error
    return pairs[1:], pairs[0]


def _check_shapes(
    source: Source, layers: list[tuple[Floats32, Floats32]], output: tuple[Floats32, Floats32], sizes: list[int]
) -> None:
    inputs = [VOCABULARY_SIZE, *sizes]
    expected = [((m + n, 4 * n), (4 * n,)) for m, n in zip(inputs, sizes, strict=False)]
    expected.append(((sizes[-1], VOCABULARY_SIZE), (VOCABULARY_SIZE,)))
    shapes = [(kernel.shape, bias.shape) for kernel, bias in [*layers, output]]
    if shapes != expected:
        raise MagentaFileError(
            f"{source.path} holds a network with kernels and biases {shapes}, where one with inputs and outputs of "
            f"{VOCABULARY_SIZE} tokens has {expected}: of Magenta's models only basic_rnn can be used."
        )


def _layer_weights(number: int, kernel: Floats32, bias: Floats32) -> Mapping[str, Floats32]:
    """Return the weights of an LSTM layer with PyTorch's names and layout."""
    units = bias.size // 4
    weights = kernel.reshape(-1, 4, units)[:, [0, 2, 1, 3]].reshape(-1, 4 * units).T
    biases = bias.reshape(4, units)[[0, 2, 1, 3]]
    biases[1] += 1
    return {
        f"lstm.weight_ih_l{number}": weights[:, :-units].copy(),
        f"lstm.weight_hh_l{number}": weights[:, -units:].copy(),
        f"lstm.bias_ih_l{number}": biases.ravel(),
        f"lstm.bias_hh_l{number}": np.zeros(4 * units, np.float32),
    }


def _listed(names: "set[str] | Mapping[str, Floats32]", limit: int = 6) -> str:
    quoted = [repr(name) for name in sorted(names)]
    return ", ".join(quoted[:limit]) + (f" and {len(quoted) - limit} more" if len(quoted) > limit else "")
