"""Recurrent network that scores actions, with a plain or a dueling head.

Shapes: T steps, B environments or episodes, A actions, F features of an observation.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BaseModel
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor, create_mlp
from torch import Tensor, nn

from agents.algorithms.objectives import dueling_scores
from note_rnn import Cell, InputError, NoteRNN, RecurrentLayers, State, layer_widths, one_hot


class PlainHead(nn.Module):
    """A score for each of A actions, linear in the W outputs of the recurrent layers (the paper's).

    With a skip connection (Graves 2013, https://arxiv.org/abs/1308.0850) the scores are also linear in the features, so
    that repeating a lookback token need not go through the recurrent layers.
    """

    def __init__(self, width: int, features_dim: int, num_actions: int, skip_connection: bool):
        super().__init__()
        self.logits = nn.Linear(width, num_actions)
        self.skip = nn.Linear(features_dim, num_actions, bias=False) if skip_connection else None
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    def forward(self, outputs: Tensor, features: Tensor, log_base: Tensor) -> Tensor:
        """Return scores [T, B, A] of `outputs` [T, B, W] and, with a skip connection, `features` [T, B, F]."""
        scores = self.logits(outputs)
        return scores if self.skip is None else scores + self.skip(features)

    def start_from(self, layer: nn.Linear, scores_from_zero: bool) -> None:
        """Copy `layer`, which gives the prior's logits, or start from zero."""
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)
        if scores_from_zero:
            nn.init.zeros_(self.logits.weight)
            nn.init.zeros_(self.logits.bias)
        else:
            self.logits.load_state_dict(layer.state_dict())


class DuelingHead(nn.Module):
    """Separate outputs for value and policy, linear in the outputs of the recurrent layers and in the features.

    So the value can follow the position in the piece at once, before the recurrent layers have learned to pass it on.
    """

    def __init__(self, width: int, features_dim: int, num_actions: int, value_scale: float):
        super().__init__()
        self.value_scale = value_scale
        self.from_memory = nn.Linear(width, num_actions + 1)
        self.from_features = nn.Linear(features_dim, num_actions + 1, bias=False)
        for weight in self.parameters():
            nn.init.zeros_(weight[-1])  # the row of the value

    def forward(self, outputs: Tensor, features: Tensor, log_base: Tensor) -> Tensor:
        """Return scores [T, B, A] of `outputs` [T, B, W] and `features` [T, B, F]."""
        both = self.from_memory(outputs) + self.from_features(features)
        return dueling_scores(self.value_scale * both[..., -1], both[..., :-1], log_base)

    def start_from(self, layer: nn.Linear, scores_from_zero: bool) -> None:
        """Copy `layer`, the prior's logits, to the policy, or start it from zero; values start from zero."""
        for weight in self.parameters():
            nn.init.zeros_(weight)
        if not scores_from_zero:
            self.from_memory.weight[:-1] = layer.weight
            self.from_memory.bias[:-1] = layer.bias


class Flatten(FlattenExtractor):
    """SB3's extractor, with its number of features as a Python int: PyTorch's LSTM refuses SB3's NumPy integer."""

    def __init__(self, observation_space: spaces.Space[Any]):
        super().__init__(observation_space)
        self._features_dim = int(self._features_dim)


class RecurrentNetwork(BaseModel):
    """Features of each observation -> LSTM or GRU -> optional fully connected layers -> a score for each action."""

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
    ):
        super().__init__(
            observation_space,
            action_space,
            features_extractor=features_extractor,
            normalize_images=normalize_images,
        )
        widths = layer_widths(hidden_size, num_layers)
        self.cell = RecurrentLayers(int(features_dim), widths, cell)
        self.trunk = nn.Sequential(*create_mlp(widths[-1], -1, net_arch, activation_fn))
        width = net_arch[-1] if net_arch else widths[-1]
        sizes = (width, int(features_dim), int(action_space.n))
        self.head = DuelingHead(*sizes, value_scale) if dueling else PlainHead(*sizes, skip_connection)
        offsets = _one_hot_offsets(observation_space) if type(features_extractor) is FlattenExtractor else None
        self.offsets: Tensor
        self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, observations: Tensor, log_base: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return scores [T, B, A] after each of `observations` [T, B, ...], and the state after the last.

        `log_base`, [T, B, A] or 0, is what the policy adds to the scores; `state` None is the zero state.
        """
        features = self._features(observations)
        inputs = features if self.offsets is None else self._ones(observations)
        outputs, state = self.cell(inputs, state or self.zero_state(observations.shape[1]))
        return self.head(self.trunk(outputs), features, log_base), state

    def step(self, observation: Tensor, log_base: Tensor, state: State) -> tuple[Tensor, State]:
        """Return scores [B, A] after one `observation` [B, ...], and the next state."""
        scores, state = self(observation[None], log_base, state)
        return scores[0], state

    def _features(self, observations: Tensor) -> Tensor:
        """Return the features [T, B, F] of `observations` [T, B, ...]."""
        assert self.features_extractor is not None
        if self.offsets is None:
            features = self.extract_features(observations.flatten(0, 1), self.features_extractor)
            return features.view(*observations.shape[:2], -1)
        return one_hot(self._ones(observations), self.features_extractor.features_dim, torch.float32)

    def _ones(self, observations: Tensor) -> Tensor:
        """Return the indices [..., K] of the ones in the one-hot features of `observations`, [...] or [..., K]."""
        if isinstance(self.observation_space, spaces.Discrete):
            observations = observations[..., None]
        return observations.long() + self.offsets

    def zero_state(self, batch_size: int) -> State:
        """Return the initial state of `batch_size` episodes."""
        return self.cell.zero_state(batch_size)

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
        self.head.start_from(prior.head, scores_from_zero)

    def _check_fits(self, prior: NoteRNN) -> None:
        tokens = prior.layers.num_inputs
        first = self.observation_space.nvec[0] if isinstance(self.observation_space, spaces.MultiDiscrete) else None
        if tokens not in (first, getattr(self.observation_space, "n", None)) or self.action_space.n != tokens:
            raise InputError(
                f"A Note RNN reads and predicts {tokens} tokens, but the environment has observations "
                f"{self.observation_space} and actions {self.action_space}: leave out the prior for this environment."
            )
        if len(self.trunk) or (self.cell.kind, self.cell.widths) != (prior.cell, prior.widths):
            raise InputError(
                f"The prior has {prior.cell.upper()} layers of {', '.join(map(str, prior.widths))} units and a linear "
                f"output: set lstm_hidden_size to {prior.widths}, n_lstm_layers=1, cell={prior.cell!r} and an empty "
                "net_arch, or leave all of them out."
            )


def _one_hot_offsets(space: spaces.Space[Any]) -> Tensor | None:
    """Return the offset of each number's one-hot code in the flattened features; None for other spaces."""
    if isinstance(space, spaces.Discrete):
        return torch.tensor([0])
    if isinstance(space, spaces.MultiDiscrete):
        return torch.tensor(list(accumulate(space.nvec[:-1].tolist(), initial=0)))
    return None
