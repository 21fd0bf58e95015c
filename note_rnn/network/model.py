"""The Note RNN: an LSTM or GRU that models log p(next token | tokens so far), with or without lookback.

Shapes: B melodies, T steps, A = 38 tokens, H_1 .. H_N units of N layers.
"""

import copy
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from note_rnn.common.errors import check_count
from note_rnn.extraction.tunes import Bars
from note_rnn.network.lookback import COMMON_TIME, Lookback, Past, begin, check_meter, look_back, with_bonuses
from note_rnn.network.readout import Readout
from note_rnn.network.recurrent_layers import Cell, RecurrentLayers, State, layer_widths
from note_rnn.vocabulary import VOCABULARY_SIZE, check_tokens, transposed

if hasattr(os, "register_at_fork"):  # not on Windows
    # PyTorch's threads do not exist in a forked process: one that needs more than its own would wait for ever.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


class NoteRNN(nn.Module):
    """Network from one-hot tokens through layers of LSTM or GRU to the logits of the next token.

    The network of Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 4, has one LSTM layer of 100 units.

    :param hidden_size: units of every layer, or one number per layer.
    :param num_layers: number of layers, if `hidden_size` is one number.
    :param cell: "lstm" or "gru".
    :param lookback: what it is conditioned on besides the last token; None for the paper's network.
    """

    bars = COMMON_TIME
    """Meter, and tokens between the priming token and the first bar line, of melodies whose bars are not given; only a
    network with lookback depends on them."""

    def __init__(
        self,
        hidden_size: int | Sequence[int] = 100,
        num_layers: int = 1,
        cell: Cell = "lstm",
        lookback: Lookback | None = None,
    ):
        super().__init__()
        self.cell: Cell = cell
        self.lookback = lookback
        num_inputs, num_bonuses = (lookback.num_inputs, lookback.num_bonuses) if lookback else (VOCABULARY_SIZE, 0)
        self.add_module(cell, RecurrentLayers(num_inputs, layer_widths(hidden_size, num_layers), cell))
        self.head = nn.Linear(self.widths[-1], VOCABULARY_SIZE + num_bonuses)
        self.skip = nn.Linear(num_inputs, VOCABULARY_SIZE + num_bonuses, bias=False) if lookback else None
        for weights in (self.head.weight[VOCABULARY_SIZE:], self.head.bias[VOCABULARY_SIZE:]):
            nn.init.zeros_(weights)
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    @property
    def layers(self) -> RecurrentLayers:
        """The recurrent layers, the submodule `lstm` or `gru`."""
        return cast(RecurrentLayers, getattr(self, self.cell))

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each layer [L]."""
        return self.layers.widths

    @property
    def architecture(self) -> dict[str, Any]:
        """The arguments that construct a network of the same shape, as plain data."""
        lookback = {} if self.lookback is None else {"lookback": asdict(self.lookback)}
        return {"hidden_size": list(self.widths), "cell": self.cell, **lookback}

    @property
    def is_finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return all(bool(weights.isfinite().all()) for weights in self.parameters())

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return logits [T, B, A] of the token after each of `tokens` [T, B] (integers), and the state after the last.

        `state` None is the zero state.
        """
        state, readout = state or self.zero_state(tokens.shape[1]), Readout(self.head, self.skip)
        if self.lookback is None:
            return self.layers(tokens[..., None], state, readout)
        of_layers, past = state[: self.layers.num_parts], Past(*state[self.layers.num_parts :])
        seen = look_back(self.lookback, tokens, past)
        outputs, of_layers = self.layers(seen.ones, of_layers, readout)
        return with_bonuses(outputs, seen.copied), (*of_layers, *seen.past)

    def zero_state(self, batch_size: int, bars: Sequence[Bars] | None = None) -> State:
        """Return the state of `batch_size` melodies before their first input, the priming token.

        `bars` [B] are their meters, and how many tokens after the priming token come before the first bar line; by
        default those of this network. With lookback the state ends with a `Past`.
        """
        of_layers = self.layers.zero_state(batch_size)
        if self.lookback is None:
            return of_layers
        return (*of_layers, *begin(self.lookback, bars or [self.bars] * batch_size, self.head.weight.device))

    def in_meter(self, meter: str, pickup: int = 0) -> Self:
        """Return the network, with the same weights, for melodies in `meter` after `pickup` tokens of an upbeat.

        Without lookback it is the network itself, in any meter. Raises InputError for what is no time signature, nor ""
        for an unknown one, or a pickup below 0.
        """
        if self.lookback is None:
            return self
        other = copy.copy(self)
        other.bars = Bars(check_meter(meter), check_count("pickup", pickup, minimum=0))
        return other

    @torch.no_grad()
    def transposed(self, semitones: int) -> Self:
        """Return the network that models the same music `semitones` higher; itself for 0.

        Its input and output weights are permuted as tokens are in `vocabulary.transposed`: probabilities still sum to
        1, and only the highest or lowest notes, which melodies hardly ever reach, are three octaves off.
        """
        if semitones == 0:
            return self
        source = torch.from_numpy(transposed(np.arange(VOCABULARY_SIZE), -semitones))
        inputs = torch.arange(self.layers.num_inputs)
        for place in self.lookback.token_places if self.lookback else [0]:
            inputs[place : place + VOCABULARY_SIZE] = place + source
        outputs = torch.cat([source, torch.arange(VOCABULARY_SIZE, self.head.out_features)])
        moved = copy.deepcopy(self)
        moved.layers.input_weights.copy_(self.layers.input_weights[:, inputs])
        moved.head.weight.copy_(self.head.weight[outputs])
        moved.head.bias.copy_(self.head.bias[outputs])
        if self.skip is not None and moved.skip is not None:
            moved.skip.weight.copy_(self.skip.weight[outputs][:, inputs])
        return moved

    @torch.no_grad()
    def log_probs(self, tokens: npt.ArrayLike) -> Tensor:
        """Return log p [B, T, A] of the token after each of `tokens` [B, T], from the zero state, without gradient.

        Raises VocabularyError for tokens outside 0..37 or of another shape.
        """
        batch = torch.from_numpy(check_tokens(tokens, ndim=2)).to(self.head.weight.device)
        logits, _ = self(batch.T)
        return functional.log_softmax(logits, dim=-1).transpose(0, 1)

    def log_prob(self, melodies: npt.ArrayLike, primers: npt.ArrayLike) -> Tensor:
        """Return log p [B, T] of each token of `melodies` [B, T], given those before and priming tokens `primers` [B].

        Raises VocabularyError for tokens outside 0..37 or of another shape.
        """
        tokens = check_tokens(melodies, ndim=2)
        inputs = np.concatenate([check_tokens(primers, ndim=1)[:, None], tokens[:, :-1]], axis=1)
        log_probs = self.log_probs(inputs)
        return log_probs.gather(-1, torch.from_numpy(tokens).to(log_probs.device)[..., None]).squeeze(-1)

    @torch.no_grad()
    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Return log p [B, A] of the token after `tokens` [B] (int64, unchecked), given `state`, and the next state."""
        logits, state = self(tokens[None], state)
        return functional.log_softmax(logits[0], dim=-1), state
