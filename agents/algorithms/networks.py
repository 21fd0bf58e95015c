"""Recurrent network that scores actions, with a plain or a dueling head.

Shapes: T steps, B environments or episodes, A actions, F inputs of the network, K of them one where they are one-hot; L
bonuses of a network that copies.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BaseModel
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor, create_mlp
from torch import Tensor, nn

from agents.algorithms.objectives import DuelingScores, policy_logits
from melody_env.envs.observations import due_columns
from note_rnn import (
    VOCABULARY_SIZE,
    Bars,
    Cell,
    InputError,
    Lookback,
    NoteRNN,
    Readout,
    RecurrentLayers,
    State,
    layer_widths,
)
from note_rnn.network.lookback import COMMON_TIME, Past, begin, look_back, with_bonuses

DUE_SCALE = 8.0
"""Factor of the bonuses of due tokens, which start from zero: they learn so much faster than what the prior knows."""


class PlainHead(nn.Module):
    """A score for each of A actions, linear in the W outputs of the recurrent layers (the paper's).

    With a skip connection (Graves 2013, https://arxiv.org/abs/1308.0850) the scores are also linear in the features, so
    that repeating a lookback token need not go through the recurrent layers.
    """

    def __init__(self, width: int, num_inputs: int, num_actions: int, num_bonuses: int, skip_connection: bool):
        super().__init__()
        self.logits = nn.Linear(width, num_actions + num_bonuses)
        self.skip = nn.Linear(num_inputs, num_actions + num_bonuses, bias=False) if skip_connection else None
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    @property
    def readout(self) -> Readout:
        """The linear layers, whose outputs are A scores and L bonuses."""
        return Readout(self.logits, self.skip)

    def forward(self, outputs: Tensor, log_base: Tensor) -> Tensor:
        """Return scores [T, B, A], given the `outputs` [T, B, A] of the readout with their bonuses."""
        return outputs

    def policy_logits(self, outputs: Tensor, log_base: Tensor) -> Tensor:
        """Return the logits [T, B, A] of the policy, up to a constant, given the `outputs` [T, B, A] of the readout."""
        return policy_logits(outputs, log_base)

    def start_from(self, prior: NoteRNN, scores_from_zero: bool) -> None:
        """Copy the readout of `prior`, which gives its logits, or start from zero."""
        for weight in self.parameters():
            nn.init.zeros_(weight)
        if scores_from_zero:
            return
        rows = prior.head.out_features
        self.logits.weight[:rows] = prior.head.weight
        self.logits.bias[:rows] = prior.head.bias
        if self.skip is not None and prior.skip is not None:
            self.skip.weight[:rows, : prior.skip.in_features] = prior.skip.weight


class DuelingHead(nn.Module):
    """Separate outputs for value and policy, linear in the outputs of the recurrent layers and in the features.

    So the value can follow the position in the piece at once, before the recurrent layers have learned to pass it on.
    """

    def __init__(self, width: int, num_inputs: int, num_actions: int, num_bonuses: int, value_scale: float):
        super().__init__()
        self.value_scale = value_scale
        self.num_actions = num_actions
        self.from_memory = nn.Linear(width, num_actions + 1 + num_bonuses)
        self.from_features = nn.Linear(num_inputs, num_actions + 1 + num_bonuses, bias=False)
        for weight in self.parameters():
            nn.init.zeros_(weight[num_actions])  # the row of the value

    @property
    def readout(self) -> Readout:
        """The linear layers, whose outputs are A logits of the policy without its base, the value, and L bonuses."""
        return Readout(self.from_memory, self.from_features)

    def forward(self, outputs: Tensor, log_base: Tensor) -> Tensor:
        """Return scores [T, B, A], given the `outputs` [T, B, A + 1] of the readout."""
        scores: Tensor = DuelingScores.apply(outputs, self.value_scale, log_base)
        return scores

    def policy_logits(self, outputs: Tensor, log_base: Tensor) -> Tensor:
        """Return the logits [T, B, A] of the policy, up to a constant, given the `outputs` [T, B, A + 1]."""
        return policy_logits(outputs[..., :-1], log_base)

    def start_from(self, prior: NoteRNN, scores_from_zero: bool) -> None:
        """Copy the readout of `prior`, its logits, to the policy, or start it from zero; values start from zero."""
        for weight in self.parameters():
            nn.init.zeros_(weight)
        if scores_from_zero:
            return
        rows = [row for row in range(prior.head.out_features + 1) if row != self.num_actions]
        self.from_memory.weight[rows] = prior.head.weight
        self.from_memory.bias[rows] = prior.head.bias
        if prior.skip is not None:
            self.from_features.weight[rows, : prior.skip.in_features] = prior.skip.weight


class Flatten(FlattenExtractor):
    """SB3's extractor, with its number of features as a Python int: PyTorch's LSTM refuses SB3's NumPy integer."""

    def __init__(self, observation_space: spaces.Space[Any]):
        super().__init__(observation_space)
        self._features_dim = int(self._features_dim)


class RecurrentNetwork(BaseModel):
    """Features of each observation -> LSTM or GRU -> optional fully connected layers -> a score for each action.

    With `lookback` the first number of an observation is the last token, and the features of lookback precede the
    others; `bars` are those that they are counted by. Tokens of form in the observation, such as the one that is due
    where a section is repeated, have bonuses of their own on their scores, which do not depend on what tokens they are.
    """

    action_space: spaces.Discrete

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        features_extractor: BaseFeaturesExtractor,
        features_dim: int,
        hidden_size: int | Sequence[int],
        num_layers: int,
        cell: Cell,
        skip_connection: bool,
        dueling: bool,
        value_scale: float,
        net_arch: list[int],
        activation_fn: type[nn.Module],
        normalize_images: bool,
        lookback: Lookback | None = None,
        bars: Bars = COMMON_TIME,
    ):
        super().__init__(
            observation_space,
            action_space,
            features_extractor=features_extractor,
            normalize_images=normalize_images,
        )
        widths = layer_widths(hidden_size, num_layers)
        offsets = _one_hot_offsets(observation_space) if type(features_extractor) is FlattenExtractor else None
        self.lookback, self.bars = lookback, bars
        self.due = due_columns(observation_space)
        num_inputs, num_bonuses = int(features_dim), len(self.due)
        if lookback is not None:
            _check_tokens(observation_space, action_space)
            if offsets is None:
                raise InputError("A network with lookback has no features extractor of your own: leave out either.")
            num_inputs += lookback.num_inputs - VOCABULARY_SIZE
            num_bonuses += lookback.num_bonuses
        self.cell = RecurrentLayers(num_inputs, widths, cell)
        self.trunk = nn.Sequential(*create_mlp(widths[-1], -1, net_arch, activation_fn))
        width = net_arch[-1] if net_arch else widths[-1]
        sizes = (width, num_inputs, int(action_space.n), num_bonuses)
        has_skip = skip_connection or lookback is not None
        self.head = DuelingHead(*sizes, value_scale) if dueling else PlainHead(*sizes, has_skip)
        self.offsets: Tensor
        self.register_buffer("offsets", offsets, persistent=False)
        num_outputs = self.head.readout.linear.out_features
        scale = torch.cat([torch.ones(num_outputs - len(self.due)), torch.full((len(self.due),), DUE_SCALE)])
        self.output_scale: Tensor
        """The factor of each output of the readout [M]: `DUE_SCALE` for the bonuses of due tokens, else 1."""
        self.register_buffer("output_scale", scale, persistent=False)

    def forward(self, observations: Tensor, log_base: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return scores [T, B, A] after each of `observations` [T, B, ...], and the state after the last.

        `log_base`, [T, B, A] or 0, is what the policy adds to the scores; `state` None is the zero state. Raises
        InputError for numbers outside the observation space.
        """
        outputs, state = self._read_out(observations, state)
        return self.head(outputs, log_base), state

    def step(self, observation: Tensor, log_base: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the policy's logits [B, A], up to a constant, after one `observation` [B, ...], and the next state."""
        outputs, state = self._read_out(observation[None], state)
        return self.head.policy_logits(outputs[0], log_base), state

    def _read_out(self, observations: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return the outputs of the head's readout, with their bonuses, after each of `observations` [T, B, ...], and
        the last state."""
        state = state or self.zero_state(observations.shape[1])
        of_cell, past = state[: self.cell.num_parts], state[self.cell.num_parts :]
        inputs = self._features(observations)
        due = observations[..., self.due].long() if self.due else None
        if self.lookback is None:
            outputs, of_cell = self._layers(inputs, of_cell)
            return (outputs if due is None else with_bonuses(outputs * self.output_scale, due)), of_cell
        seen = look_back(self.lookback, inputs[..., 0], Past(*past))
        others = inputs[..., 1:] + (self.lookback.num_inputs - VOCABULARY_SIZE)
        outputs, of_cell = self._layers(torch.cat([seen.ones, others], -1), of_cell)
        if due is None:
            return with_bonuses(outputs, seen.copied), (*of_cell, *seen.past)
        copied = torch.cat([seen.copied, due], -1)
        return with_bonuses(outputs * self.output_scale, copied), (*of_cell, *seen.past)

    def _layers(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the outputs of the head's readout and the last state, given the network's `inputs`."""
        if not len(self.trunk):
            return self.cell(inputs, state, self.head.readout)
        outputs, state = self.cell(inputs, state)
        return self.head.readout(self.trunk(outputs), inputs), state

    def _features(self, observations: Tensor) -> Tensor:
        """Return the features of `observations` [T, B, ...]: [T, B, F], or the indices of their ones [T, B, K]."""
        if self.offsets is None:
            assert self.features_extractor is not None
            features = self.extract_features(observations.flatten(0, 1), self.features_extractor)
            return features.view(*observations.shape[:2], -1)
        if not torch.compiler.is_exporting():
            _check_within(self.observation_space, observations)
        if isinstance(self.observation_space, spaces.Discrete):
            observations = observations[..., None]
        return observations.long() + self.offsets

    @property
    def num_parts(self) -> int:
        """Number of tensors in a state."""
        return self.cell.num_parts + (0 if self.lookback is None else len(Past._fields))

    def zero_state(self, batch_size: int, bars: Bars | None = None) -> State:
        """Return the state of `batch_size` episodes before their first observation; `bars` None: the network's."""
        of_cell = self.cell.zero_state(batch_size)
        if self.lookback is None:
            return of_cell
        return (*of_cell, *begin(self.lookback, [bars or self.bars] * batch_size, of_cell[0].device))

    @torch.no_grad()
    def start_from(self, prior: NoteRNN, scores_from_zero: bool) -> None:
        """Copy the weights of `prior`, so that the policy is the prior; weights of other observations than the token
        start from zero.

        The scores start as the prior's logits, or from zero where the policy adds log p to them (`scores_from_zero`).
        Values start from zero. Raises InputError if the observation does not begin with the token, or the networks
        differ in size.
        """
        self._check_fits(prior)
        inputs = torch.zeros_like(self.cell.input_weights)
        inputs[:, : prior.layers.num_inputs] = prior.layers.input_weights
        self.cell.load_state_dict({**prior.layers.state_dict(), "weight_ih_l0": inputs})
        self.head.start_from(prior, scores_from_zero)

    def _check_fits(self, prior: NoteRNN) -> None:
        _check_tokens(self.observation_space, self.action_space)
        own = self.cell.kind, self.cell.widths, self.lookback
        if len(self.trunk) or own != (prior.cell, prior.widths, prior.lookback):
            raise InputError(
                f"The prior has {prior.cell.upper()} layers of {', '.join(map(str, prior.widths))} units and a linear "
                f"output: set lstm_hidden_size to {prior.widths}, n_lstm_layers=1, cell={prior.cell!r}, "
                f"lookback={prior.lookback} and an empty net_arch, or leave all of them out."
            )


def _check_tokens(observations: spaces.Space[Any], actions: spaces.Discrete) -> None:
    """Raise InputError unless observations are or begin with a token, and actions are tokens."""
    first = observations.nvec[0] if isinstance(observations, spaces.MultiDiscrete) else getattr(observations, "n", None)
    if not first == actions.n == VOCABULARY_SIZE:
        raise InputError(
            f"A Note RNN reads and predicts {VOCABULARY_SIZE} tokens, but the environment has observations "
            f"{observations} and actions {actions}: leave out the prior (and lookback) for this environment."
        )


def _check_within(space: spaces.Space[Any], observations: Tensor) -> None:
    """Raise InputError if a number of `observations` [T, B, ...] would have its one in the code of another number."""
    numbers = observations.cpu().numpy()
    size = space.nvec if isinstance(space, spaces.MultiDiscrete) else cast(spaces.Discrete, space).n
    if np.count_nonzero((numbers < 0) | (numbers >= size)):
        numbers = numbers.reshape(-1, *(space.shape or ()))
        least, most = numbers.min(0).tolist(), numbers.max(0).tolist()
        raise InputError(
            f"Observations between {least} and {most} are outside {space}: give the environment the observation and "
            "the length that the agent was trained with, or this length as its trained_length."
        )


def _one_hot_offsets(space: spaces.Space[Any]) -> Tensor | None:
    """Return the offset of each number's one-hot code in the flattened features; None for other spaces."""
    if isinstance(space, spaces.Discrete):
        return torch.tensor([0])
    if isinstance(space, spaces.MultiDiscrete):
        return torch.tensor(list(accumulate(space.nvec[:-1].tolist(), initial=0)))
    return None
