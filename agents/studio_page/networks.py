"""Networks as the studio's page reads them: a card and compressed weights, the same for a Note RNN and for an agent.

Shapes: F inputs, G gates of a layer's units, H units, M outputs: A = 38 tokens, then bonuses.
"""

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from agents.algorithms.networks import DuelingHead, RecurrentNetwork
from note_rnn import Lookback, NoteRNN, RecurrentLayers

STEP = 2.0**-21
"""Weights are rounded to multiples of it: log-probabilities of random melodies stay within 5e-5."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NetworkCard:
    """A network without the weights: all that the page needs to build it."""

    cell: str
    widths: tuple[int, ...]
    """Units of each layer."""
    outputs: int
    """Number of outputs M."""
    skip: bool
    """Whether the outputs are also linear in the inputs."""
    lookback: dict[str, Any] | None
    lookback_inputs: int
    """Inputs of the features of lookback and the last token, which come before all others; 0 without lookback."""


@dataclass(frozen=True)
class PackedNetwork:
    """A card, and the weights as text."""

    card: NetworkCard
    sizes: tuple[tuple[str, int], ...]
    """Name and number of weights of each array, in their order."""
    weights: str
    """All arrays, by `packed`."""
    step: float = STEP


def packed_note_rnn(model: NoteRNN) -> PackedNetwork:
    """Return `model` for the page."""
    skip = None if model.skip is None else model.skip.weight
    return _packed(model.layers, model.lookback, model.head.weight, model.head.bias, skip)


def packed_agent(network: RecurrentNetwork) -> PackedNetwork:
    """Return an agent's `network` for the page: what its policy needs, without the value of a dueling head."""
    readout, head, scale = network.head.readout, network.head, network.output_scale
    rows = np.arange(readout.linear.out_features)
    if isinstance(head, DuelingHead):
        rows = np.delete(rows, head.num_actions)
    matrix, bias = readout.linear.weight * scale[:, None], readout.linear.bias * scale
    skip = None if readout.skip is None else (readout.skip.weight * scale[:, None])[rows]
    return _packed(network.cell, network.lookback, matrix[rows], bias[rows], skip)


def _packed(
    layers: RecurrentLayers, lookback: Lookback | None, head: Tensor, bias: Tensor, skip: Tensor | None
) -> PackedNetwork:
    """Return the network of `layers` and readout (`head` [M, H], `bias` [M], `skip` [M, F])."""
    arrays = {**_of_layers(layers), "head": _array(head), "head_bias": _array(bias)}
    if skip is not None:
        arrays["skip"] = _array(skip).T
    card = NetworkCard(
        layers.kind,
        layers.widths,
        len(bias),
        skip is not None,
        None if lookback is None else asdict(lookback),
        0 if lookback is None else lookback.num_inputs,
    )
    return PackedNetwork(card, tuple((name, array.size) for name, array in arrays.items()), packed(arrays.values()))


def _of_layers(layers: RecurrentLayers) -> Mapping[str, Floats]:
    """Return the weights of `layers`: inputs of the first layer [F, G], a row for each, of the others [G, H]."""
    arrays = {}
    for number, layer in enumerate(layers):
        inputs = _array(layer.get_parameter("weight_ih_l0"))
        arrays[f"input_{number}"] = inputs if number else inputs.T
        for name, own in (
            ("recurrent", "weight_hh_l0"),
            ("input_bias", "bias_ih_l0"),
            ("recurrent_bias", "bias_hh_l0"),
        ):
            arrays[f"{name}_{number}"] = _array(layer.get_parameter(own))
    return arrays


def _array(weights: Tensor) -> Floats:
    return weights.detach().cpu().double().numpy()


def packed(arrays: Iterable[Floats]) -> str:
    """Return `arrays` as whole multiples of `STEP`, in base64: all first bytes, all second ones ..., compressed.

    Signs are in the last bit, so that small numbers have zeros in their first bytes.
    """
    whole = np.concatenate([np.rint(array / STEP).astype(np.int64).ravel() for array in arrays])
    zigzag = ((whole << 1) ^ (whole >> 63)).astype(">u4")
    planes = zigzag.view(np.uint8).reshape(-1, 4).T
    return base64.b64encode(zlib.compress(planes.tobytes(), level=9)).decode("ascii")
