"""Agents and Note RNNs as networks of one step: from an observation and a state to log-probabilities and a state.

Shapes: B melodies, A = 38 tokens, K columns of an observation, W tokens of the past.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn import functional

from agents.algorithms.policies import RecurrentPolicy
from agents.composing.composers import Agent, Composer
from note_rnn import VOCABULARY_SIZE, Bars, InputError, Lookback, NoteRNN, State
from note_rnn.network.lookback import Past, begin
from note_rnn.network.recurrent_layers import RecurrentLayers

LONGEST_BARS = Bars("12/8", 0)
"""The longest bars of melodies; the past is as long as these need, in any meter, since a file has one size."""
_CELL_PARTS = {"lstm": ("hidden", "cell"), "gru": ("hidden",)}


class _AgentStep(nn.Module):
    def __init__(self, policy: RecurrentPolicy):
        super().__init__()
        self.policy = policy

    def forward(self, observation: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        logits, _, state = self.policy.advance(observation, state)
        return functional.log_softmax(logits, -1), *state

    def zero_state(self, batch_size: int, bars: Bars) -> State:
        return self.policy.zero_state(batch_size, bars)


class _NoteRNNStep(nn.Module):
    def __init__(self, model: NoteRNN):
        super().__init__()
        self.model = model

    def forward(self, observation: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        log_probs, state = self.model.step(observation, state)
        return log_probs, *state

    def zero_state(self, batch_size: int, bars: Bars) -> State:
        return self.model.zero_state(batch_size, [bars] * batch_size)


@dataclass(frozen=True)
class StepwiseNetwork:
    """One step of an agent or a Note RNN."""

    module: nn.Module
    """From `observation`, [B] or [B, K], and the parts of the state to log-probabilities [B, A] and the next state."""
    space: spaces.Space[Any]
    """The observations: tokens, or tokens with other columns."""
    state_names: tuple[str, ...]
    """The parts of the state, in order."""

    longest_past: int
    """The tokens that the state remembers, W; 0 without lookback."""

    @classmethod
    def of(cls, composer: Composer) -> "StepwiseNetwork":
        """Return the network of `composer`; raises InputError for an agent of an algorithm that is not ours."""
        if not isinstance(composer, Agent):
            model = composer.environment.prior
            return cls._of(_NoteRNNStep(model), spaces.Discrete(VOCABULARY_SIZE), model.layers, model.lookback)
        policy = composer.policy
        if not isinstance(policy, RecurrentPolicy):
            raise InputError(
                f"A policy of type {type(policy).__name__} cannot be written as ONNX: agents of q, psi, g, rl_only and "
                "ppo_kl can."
            )
        network = policy.network
        return cls._of(_AgentStep(policy), policy.observation_space, network.cell, network.lookback, policy.prior)

    @classmethod
    def _of(
        cls,
        module: nn.Module,
        space: spaces.Space[Any],
        layers: RecurrentLayers,
        lookback: Lookback | None,
        prior: NoteRNN | None = None,
    ) -> "StepwiseNetwork":
        names = (*_state_names(layers, lookback), *_prior_names(prior))
        longest = 0 if lookback is None else begin(lookback, [LONGEST_BARS], torch.device("cpu")).tokens.shape[-1]
        return cls(module.eval(), space, names, longest)

    def first_state(self, batch_size: int, bars: Bars) -> State:
        """Return the state of `batch_size` melodies in `bars` before their first observation.

        Raises InputError for bars that are longer than those of `LONGEST_BARS`.
        """
        assert isinstance(self.module, _AgentStep | _NoteRNNStep)
        return tuple(
            self._padded(part) if name.endswith("past_tokens") else part
            for name, part in zip(self.state_names, self.module.zero_state(batch_size, bars), strict=True)
        )

    def _padded(self, tokens: Tensor) -> Tensor:
        """Return the past `tokens` [1, B, ...] of melodies in any meter as [1, B, W]."""
        missing = self.longest_past - tokens.shape[-1]
        if missing < 0:
            raise InputError(f"Bars of ONNX files are at most as long as those of {LONGEST_BARS.meter}.")
        return functional.pad(tokens, (missing, 0))

    def observations(self, batch_size: int, rng: np.random.Generator) -> Tensor:
        """Return `batch_size` random observations, [B] or [B, K]."""
        sizes = self.space.nvec if isinstance(self.space, spaces.MultiDiscrete) else VOCABULARY_SIZE
        shape = (batch_size, *(self.space.shape or ()))
        return torch.from_numpy(rng.integers(0, sizes, shape))


def _state_names(layers: RecurrentLayers, lookback: Lookback | None) -> Iterator[str]:
    for number in range(len(layers)):
        yield from (f"{layers.kind}_{part}_{number}" for part in _CELL_PARTS[layers.kind])
    if lookback is not None:
        yield from (f"past_{field}" for field in Past._fields)


def _prior_names(prior: NoteRNN | None) -> Iterator[str]:
    if prior is not None:
        yield from (f"prior_{name}" for name in _state_names(prior.layers, prior.lookback))
