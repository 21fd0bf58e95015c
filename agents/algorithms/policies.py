"""Recurrent policies for Stable-Baselines3.

Shapes: B environments, A actions, H units of a layer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from agents.algorithms.networks import RecurrentNetwork
from agents.algorithms.objectives import MASKED_LOGIT
from note_rnn import Bars, Cell, InputError, Lookback, NoteRNN, State
from note_rnn.common.plain_text import shown
from note_rnn.network.lookback import check_meter

Observation = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]


class RecurrentPolicy(BasePolicy):
    """A recurrent network with its optimizer; the policy is softmax(scores), with a prior softmax(scores + log p).

    :param lstm_hidden_size: units of all recurrent layers, or a number for each.
    :param n_lstm_layers: recurrent layers, where `lstm_hidden_size` is one number.
    :param cell: "lstm" or "gru".
    :param lookback: what the network is conditioned on besides the observation, whose first number is the last token: a
        `Lookback`, or its fields.
    :param meter: (lookback) meter of the melodies, whose first bar begins after the first observation.
    :param skip_connection: connect the observation directly to the scores, beside the recurrent layers; with `dueling`
        it always is.
    :param dueling: separate outputs for value and policy, which the observation is also connected to.
    :param value_scale: (dueling) factor of the value output: with returns in the hundreds and logits in the tens, it
        lets the value keep up with the policy at the same learning rate.
    :param net_arch: widths of fully connected layers between the recurrent layers and the scores; none by default.
    :param prior_size: `hidden_size`, `num_layers` and `cell` of a fixed Note RNN, with the same lookback, whose log p
        the policy adds to the scores (G); None for none.

    The other parameters are those of SB3's DQNPolicy.
    """

    action_space: spaces.Discrete

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        lstm_hidden_size: int | Sequence[int] = 100,
        n_lstm_layers: int = 1,
        cell: Cell = "lstm",
        lookback: Lookback | Mapping[str, Any] | None = None,
        meter: str = "4/4",
        skip_connection: bool = False,
        dueling: bool = False,
        value_scale: float = 1.0,
        net_arch: list[int] | None = None,
        activation_fn: type[nn.Module] = nn.ReLU,
        prior_size: tuple[Any, ...] | None = None,
        features_extractor_class: type[BaseFeaturesExtractor] = FlattenExtractor,
        features_extractor_kwargs: dict[str, Any] | None = None,
        normalize_images: bool = True,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
    ):
        if optimizer_kwargs is None and optimizer_class is torch.optim.Adam:
            optimizer_kwargs = {"fused": True}  # one call for all weights instead of ten for each
        super().__init__(
            observation_space,
            action_space,
            features_extractor_class,
            features_extractor_kwargs,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
            normalize_images=normalize_images,
        )
        lookback = _lookback_of(lookback)
        self._network_kwargs: dict[str, Any] = {
            "hidden_size": lstm_hidden_size,
            "num_layers": n_lstm_layers,
            "cell": cell,
            "lookback": lookback,
            "bars": Bars(check_meter(meter), 0),
            "skip_connection": skip_connection,
            "dueling": dueling,
            "value_scale": value_scale,
            "net_arch": net_arch or [],
            "activation_fn": activation_fn,
        }
        self.network = self._make_network()
        self._prior_size = prior_size
        self.prior = None
        if prior_size:
            own = NoteRNN(prior_size[0], prior_size[1], prior_size[2], lookback)
            self.prior = own.eval().requires_grad_(False)
        self.optimizer = self.optimizer_class(
            self.network.parameters(),
            lr=lr_schedule(1),  # type: ignore[call-arg]
            **self.optimizer_kwargs,
        )

    def start_from(self, prior: NoteRNN) -> None:
        """Start as `prior`, and add its log p to the scores where the policy does so (G)."""
        self.network.start_from(prior, scores_from_zero=self.prior is not None)
        if self.prior is not None:
            self.prior.load_state_dict(prior.state_dict())

    def _make_network(self) -> RecurrentNetwork:
        extractor = self.make_features_extractor()
        return RecurrentNetwork(
            self.observation_space,
            self.action_space,
            extractor,
            extractor.features_dim,
            normalize_images=self.normalize_images,
            **self._network_kwargs,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        network = self._network_kwargs
        return {
            **super()._get_constructor_parameters(),
            "lstm_hidden_size": network["hidden_size"],
            "n_lstm_layers": network["num_layers"],
            "meter": network["bars"].meter,
            **{name: value for name, value in network.items() if name not in ("hidden_size", "num_layers", "bars")},
            "prior_size": self._prior_size,
            "lr_schedule": self._dummy_schedule,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
            "features_extractor_class": self.features_extractor_class,
            "features_extractor_kwargs": self.features_extractor_kwargs,
        }

    def set_training_mode(self, mode: bool) -> None:
        """Put the network in training or evaluation mode."""
        self.network.set_training_mode(mode)
        self.training = mode

    def zero_state(self, batch_size: int, bars: Bars | None = None) -> State:
        """Return the initial state of `batch_size` episodes: the network's, then the prior's.

        `bars` are those of the melodies, their pickup counted from the second observation on; by default they are in
        the policy's meter, and the first bar begins after the first observation.
        """
        bars = bars or self.network.bars
        of_prior = () if self.prior is None else self.prior.zero_state(batch_size, [bars] * batch_size)
        return (*self.network.zero_state(batch_size, bars), *of_prior)

    @torch.no_grad()
    def step(
        self,
        observation: Tensor,
        state: State,
        episode_start: Tensor,
        log_base: Tensor | None = None,
        penalty: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, State]:
        """Return the policy's logits [B, A] after `observation` [B, ...], the log_base in them, and the next state.

        The logits are up to a constant. Where `episode_start` [B] is true, `state` is replaced by the zero state. A
        caller that has the prior's log p passes it as `log_base` [B, A] to spare its evaluation; only a policy with a
        prior uses it. `penalty` [B, A] is added to the log_base.
        """
        if episode_start.any():
            first = self.zero_state(len(episode_start))
            begins = episode_start[None, :, None]
            state = tuple(torch.where(begins, new, old) for new, old in zip(first, state, strict=True))
        return self.advance(observation, state, log_base, penalty)

    def advance(
        self, observation: Tensor, state: State, log_base: Tensor | None = None, penalty: Tensor | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """Return what `step` returns where no episode starts."""
        own, of_prior = state[: self.network.num_parts], state[self.network.num_parts :]
        if self.prior is None:
            log_base = state[0].new_zeros(())
        elif log_base is None:
            tokens = observation if observation.ndim == 1 else observation[:, 0]
            log_base, of_prior = self.prior.step(tokens, of_prior)
        if penalty is not None:
            log_base = log_base + penalty
        logits, own = self.network.step(observation, log_base, own)
        return logits, log_base, (*own, *of_prior)

    def penalty(self, action_masks: npt.NDArray[np.bool_]) -> Tensor:
        """Return MASKED_LOGIT where `action_masks` [B, A] is False, else 0."""
        return torch.as_tensor(np.where(action_masks, np.float32(0), np.float32(MASKED_LOGIT)), device=self.device)

    def forward(self, observation: Tensor, deterministic: bool = False) -> Tensor:
        """Return actions [B] for `observation` [B, ...], each the first of an episode."""
        return self._predict(observation, deterministic)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        assert isinstance(observation, Tensor)
        batch = observation.shape[0]
        start = torch.ones(batch, dtype=torch.bool, device=observation.device)
        logits, _, _ = self.step(observation, self.zero_state(batch), start)
        return choose(logits, deterministic)

    def predict(
        self,
        observation: Observation,
        state: tuple[npt.NDArray[Any], ...] | None = None,
        episode_start: npt.NDArray[Any] | None = None,
        deterministic: bool = False,
        action_masks: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Return actions and the next state, its parts [1, B, H] of each layer.

        `state` None is the zero state; `episode_start` [B] marks new episodes; actions whose `action_masks` [B, A] are
        False are never taken. Deterministic actions are the policy's likeliest, others are drawn from it (for Q from
        softmax(Q), as in the original RL Tuner).
        """
        self.set_training_mode(False)
        tensor, vectorized = self.obs_to_tensor(observation)
        assert isinstance(tensor, Tensor)
        batch = tensor.shape[0]
        memory = self.zero_state(batch)
        if state is not None:
            memory = tuple(torch.as_tensor(part, device=self.device) for part in state)
        if episode_start is None:
            episode_start = np.zeros(batch, dtype=bool)
        start = torch.as_tensor(np.asarray(episode_start, dtype=bool), device=self.device)
        penalty = None if action_masks is None else self.penalty(np.asarray(action_masks).reshape(batch, -1))
        logits, _, memory = self.step(tensor, memory, start, penalty=penalty)
        actions = choose(logits, deterministic).cpu().numpy()
        return actions if vectorized else actions[0], tuple(part.cpu().numpy() for part in memory)


class RecurrentDQNPolicy(RecurrentPolicy):
    """A recurrent Q-network and its target network; parameters as in `RecurrentPolicy`."""

    def __init__(self, *arguments: Any, **keywords: Any):
        super().__init__(*arguments, **keywords)
        self.target_network = self._make_network().requires_grad_(False)
        self.target_network.set_training_mode(False)
        self.copy_to_target()

    def start_from(self, prior: NoteRNN) -> None:
        """Start both networks as `prior`, and add its log p to the scores where the policy does so (G)."""
        super().start_from(prior)
        self.copy_to_target()

    def copy_to_target(self) -> None:
        """Make the target network equal to the online one."""
        self.target_network.load_state_dict(self.network.state_dict())

    def move_target(self, tau: float) -> None:
        """Mix the fraction `tau` of the online weights into the target network."""
        move = get_ema_multi_avg_fn(1 - tau)
        move(list(self.target_network.parameters()), list(self.network.parameters()), None)


def _lookback_of(value: Any) -> Lookback | None:
    """Return `value` if it is a `Lookback` or None, else the one with these fields; raises InputError for others."""
    if value is None or isinstance(value, Lookback):
        return value
    try:
        return Lookback(**value)
    except TypeError as error:
        raise InputError(f"lookback must be a Lookback, its fields by name, or None, not {shown(value)}.") from error


def choose(logits: Tensor, deterministic: bool) -> Tensor:
    """Return actions [B]: the likeliest by `logits` [B, A], or one drawn with probability softmax(logits)."""
    if deterministic:
        return logits.argmax(-1)
    return torch.distributions.Categorical(logits=logits, validate_args=False).sample()
