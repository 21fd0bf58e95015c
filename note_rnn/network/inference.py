"""A Note RNN step by step, for melodies in lockstep, with the same result by three ways.

A single LSTM, with or without lookback, runs in the compiled code; other networks in PyTorch, or for few melodies in
NumPy: for one, a step is less than 50,000 multiplications, and the calls of PyTorch take ten times as long.
Shapes: B melodies, A = 38 tokens, P steps of a primer; H units of a layer, G gates, 4 of an LSTM and 3 of a GRU.
"""

from typing import Any, Protocol, Self, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from note_rnn.common.categorical import log_softmax
from note_rnn.network.fused_lookback import add_bonuses, look_back
from note_rnn.network.fused_lstm import FixedLSTM, can_run, normalised
from note_rnn.network.lookback import NOTHING, begin, compiled
from note_rnn.network.model import NoteRNN
from note_rnn.network.one_hot_lstm import weights_of
from note_rnn.network.readout import Readout
from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

Floats32 = npt.NDArray[np.float32]

_FEW = 16
"""Melodies up to which NumPy is faster by far, whatever the number of units."""
_BLOCK = 9_000
"""Weights that OpenBLAS multiplies in one thread; for more it wakes others, which takes longer than the product."""
_HALF = np.float32(0.5)


class Inference(Protocol):
    """A Note RNN for B melodies in lockstep. A state is of the kind that its methods return, and never changed."""

    def state_after(self, tokens: Tokens) -> Any:
        """Return the state of B melodies after the same `tokens` [P], from the zero state.

        They and the next token, which is a priming token or the last of a primer, come before the first bar line.
        """

    def step(self, tokens: Tokens, state: Any) -> tuple[Floats32, Any]:
        """Return log p [B, A] of the token after `tokens` [B] (unchecked), given `state`, and the next state."""


def inference(model: NoteRNN, num_melodies: int) -> Inference:
    """Return `model` for `num_melodies` in lockstep. Its weights must not change from now on."""
    if _is_compiled(model):
        return (_Compiled if model.lookback is None else _CompiledLookback)(model, num_melodies)
    return (_InNumPy if num_melodies <= _FEW and model.lookback is None else _InPyTorch)(model, num_melodies)


def rows_of(state: Any, rows: npt.NDArray[np.int64]) -> Any:
    """Return the `state` of the melodies `rows` of those that it is of; any state has its melodies on axis 1.

    The states of agents too: arrays, tensors, and sequences of these.
    """
    if isinstance(state, np.ndarray):
        return state.take(rows, axis=1)
    if isinstance(state, Tensor):
        return state.index_select(1, torch.from_numpy(rows).to(state.device))
    return tuple(rows_of(part, rows) for part in state)


def _is_compiled(model: NoteRNN) -> bool:
    first = model.layers[0]
    return len(model.layers) == 1 and isinstance(first, nn.LSTM) and can_run(first, model.head.weight, VOCABULARY_SIZE)


class _InCompiledCode:
    """Base class of those that hold addresses, which another process does not share: it makes them anew."""

    def __init__(self, model: NoteRNN, num_melodies: int):
        self._model, self._num_melodies = model, num_melodies

    def __reduce__(self) -> tuple[type[Self], tuple[NoteRNN, int]]:
        return type(self), (self._model, self._num_melodies)


class _Compiled(_InCompiledCode):
    def __init__(self, model: NoteRNN, num_melodies: int):
        super().__init__(model, num_melodies)
        self._lstm = FixedLSTM(weights_of(cast(nn.LSTM, model.layers[0]), Readout(model.head)))

    def state_after(self, tokens: Tokens) -> Floats32:
        state = self._lstm.zero_state(self._num_melodies)
        for token in tokens.tolist():
            _, state = self.step(np.full(self._num_melodies, token), state)
        return state

    def step(self, tokens: Tokens, state: Floats32) -> tuple[Floats32, Floats32]:
        outputs, state = self._lstm.step(tokens[:, None], state)
        return normalised(outputs), state


class _CompiledLookback(_InCompiledCode):
    def __init__(self, model: NoteRNN, num_melodies: int):
        super().__init__(model, num_melodies)
        assert model.lookback is not None
        self._lookback, self._bars = model.lookback, model.bars
        self._features = compiled(model.lookback)
        self._lstm = FixedLSTM(weights_of(cast(nn.LSTM, model.layers[0]), Readout(model.head, model.skip)))

    def state_after(self, tokens: Tokens) -> tuple[npt.NDArray[Any], ...]:
        bars = [self._bars._replace(pickup=len(tokens))] * self._num_melodies
        past = (part.numpy() for part in begin(self._lookback, bars, torch.device("cpu")))
        state = (self._lstm.zero_state(self._num_melodies), *past)
        for token in tokens.tolist():
            _, state = self.step(np.full(self._num_melodies, token), state)
        return state

    def step(
        self, tokens: Tokens, state: tuple[npt.NDArray[Any], ...]
    ) -> tuple[Floats32, tuple[npt.NDArray[Any], ...]]:
        of_lstm, *past = state
        ones, copied, *past = look_back(self._features, tokens[None], past)
        outputs, of_lstm = self._lstm.step(ones[0], of_lstm)
        return normalised(add_bonuses(outputs, copied[0], NOTHING)), (of_lstm, *past)


class _InPyTorch:
    def __init__(self, model: NoteRNN, num_melodies: int):
        self._model, self._num_melodies = model, num_melodies

    @torch.inference_mode()
    def state_after(self, tokens: Tokens) -> tuple[Tensor, ...]:
        state = self._model.zero_state(1, [self._model.bars._replace(pickup=len(tokens))])
        if len(tokens):
            _, state = self._model(torch.from_numpy(tokens[:, None]).to(state[0].device), state)
        return tuple(part.repeat(1, self._num_melodies, 1) for part in state)

    @torch.inference_mode()
    def step(self, tokens: Tokens, state: tuple[Tensor, ...]) -> tuple[Floats32, tuple[Tensor, ...]]:
        log_probs, state = self._model.step(torch.from_numpy(tokens).to(state[0].device), state)
        return log_probs.cpu().numpy(), state


_LayerState = tuple[Floats32, ...]


class _InNumPy:
    """Activations are columns, [H, B], so that the same code multiplies vectors where B is 1."""

    def __init__(self, model: NoteRNN, num_melodies: int):
        self._layers = [
            _LSTM(layer) if isinstance(layer, nn.LSTM) else _GRU(cast(nn.GRU, layer)) for layer in model.layers
        ]
        self._num_melodies = num_melodies
        self._of_token = (self._layers[0].input_weights + self._layers[0].input_bias).T.copy()  # [A, G H]
        self._head, self._head_bias = _array(model.head.weight), _array(model.head.bias)[:, None]

    def state_after(self, tokens: Tokens) -> list[_LayerState]:
        state = [layer.zero_state(self._num_melodies) for layer in self._layers]
        for token in tokens:
            _, state = self._advance(np.full(self._num_melodies, token), state)
        return state

    def step(self, tokens: Tokens, state: list[_LayerState]) -> tuple[Floats32, list[_LayerState]]:
        outputs, state = self._advance(tokens, state)
        logits = self._head @ outputs
        logits += self._head_bias
        return log_softmax(logits.T), state

    def _advance(self, tokens: Tokens, state: list[_LayerState]) -> tuple[Floats32, list[_LayerState]]:
        """Return the outputs [H, B] of the last layer after `tokens` [B], and the next state."""
        inputs = self._of_token.take(tokens, axis=0).T
        after: list[_LayerState] = []
        for layer, before in zip(self._layers, state, strict=True):
            if after:
                inputs = layer.input_weights @ after[-1][0] + layer.input_bias
            after.append(layer.step(inputs, before))
        return after[-1][0], after


class _LSTM:
    """A layer of `torch.nn.LSTM`. The weights of its sigmoids are halved: sigmoid(x) = tanh(x / 2) / 2 + 1 / 2."""

    def __init__(self, layer: nn.LSTM):
        w_ih, w_hh, b_ih, b_hh = (_array(weights) for weights in layer.all_weights[0])
        self._size = layer.hidden_size
        self._scale = np.repeat(np.float32([0.5, 0.5, 1, 0.5]), self._size)[:, None]  # type: ignore[arg-type]
        self._shift = 1 - self._scale
        self.input_weights, self.input_bias = w_ih * self._scale, (b_ih + b_hh)[:, None] * self._scale
        self._hidden_weights = _in_blocks(w_hh * self._scale)

    def zero_state(self, num_melodies: int) -> _LayerState:
        """Return the first hidden and cell activations [H, B]."""
        return (np.zeros((self._size, num_melodies), np.float32),) * 2

    def step(self, inputs: Floats32, state: _LayerState) -> _LayerState:
        """Return hidden and cell activations [H, B] after `inputs` [4H, B], to gates i, f, g and o with their bias."""
        hidden, cell = state
        gates = _product(self._hidden_weights, hidden)
        gates += inputs
        np.tanh(gates, out=gates)
        gates *= self._scale
        gates += self._shift
        size = self._size
        cell = gates[size : 2 * size] * cell
        cell += gates[:size] * gates[2 * size : 3 * size]
        return gates[3 * size :] * np.tanh(cell), cell


class _GRU:
    """A layer of `torch.nn.GRU`."""

    def __init__(self, layer: nn.GRU):
        self.input_weights, w_hh, b_ih, b_hh = (_array(weights) for weights in layer.all_weights[0])
        self.input_bias, self._hidden_bias = b_ih[:, None], b_hh[:, None]
        self._size = layer.hidden_size
        self._hidden_weights = _in_blocks(w_hh)

    def zero_state(self, num_melodies: int) -> _LayerState:
        """Return the first hidden activations [H, B]."""
        return (np.zeros((self._size, num_melodies), np.float32),)

    def step(self, inputs: Floats32, state: _LayerState) -> _LayerState:
        """Return hidden activations [H, B] after `inputs` [3H, B], to gates r, z and n with their bias."""
        (hidden,) = state
        of_hidden = _product(self._hidden_weights, hidden)
        of_hidden += self._hidden_bias
        size = self._size
        gates = np.tanh((inputs[: 2 * size] + of_hidden[: 2 * size]) * _HALF) * _HALF + _HALF
        new = np.tanh(inputs[2 * size :] + gates[:size] * of_hidden[2 * size :])
        return (new + gates[size:] * (hidden - new),)


def _array(weights: Tensor) -> Floats32:
    return weights.detach().cpu().numpy().astype(np.float32)


def _in_blocks(weights: Floats32) -> Floats32:
    """Return `weights` [N, H] in K blocks [K, N / K, H], of at most `_BLOCK` numbers if N can be divided so."""
    rows, columns = weights.shape
    size = next((size for size in range(min(rows, _BLOCK // columns), 0, -1) if rows % size == 0), rows)
    return np.ascontiguousarray(weights.reshape(-1, size, columns))


def _product(blocks: Floats32, hidden: Floats32) -> Floats32:
    """Return the product [N, B] of weights in `blocks` [K, N / K, H] with `hidden` [H, B]."""
    result: Floats32 = (blocks @ hidden).reshape(-1, hidden.shape[1])
    return result
