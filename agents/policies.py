"""The recurrent Q-network and the SB3 policy around it.

Shapes: T steps, B environments or episodes, A actions, F features of an observation, H hidden units, L layers.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BaseModel, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor, create_mlp
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from note_rnn import InputError, LSTMState, NoteRNN

Observation = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]
State = tuple[npt.NDArray[Any], ...]


class RecurrentQNetwork(BaseModel):
    """Features of each observation -> LSTM -> optional fully connected layers -> a score for each of A actions."""

    action_space: spaces.Discrete

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        features_extractor: BaseFeaturesExtractor,
        features_dim: int,
        lstm_hidden_size: int,
        n_lstm_layers: int,
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
        self.lstm = nn.LSTM(int(features_dim), lstm_hidden_size, n_lstm_layers)
        self.head: nn.Sequential = nn.Sequential(
            *create_mlp(lstm_hidden_size, int(action_space.n), net_arch, activation_fn)
        )

    def forward(self, observations: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """Return scores [T, B, A] after each of `observations` [T, B, ...], and the state after the last.

        `state` None is the zero state.
        """
        steps, batch = observations.shape[:2]
        assert self.features_extractor is not None
        features = self.extract_features(observations.flatten(0, 1), self.features_extractor)
        outputs, (hidden, cell) = self.lstm(features.view(steps, batch, -1), state)
        return self.head(outputs), LSTMState(hidden, cell)

    def zero_state(self, batch_size: int) -> LSTMState:
        """Return the state of `batch_size` episodes of which nothing has been seen."""
        zeros = torch.zeros(self.lstm.num_layers, batch_size, self.lstm.hidden_size, device=self.device)
        return LSTMState(zeros, zeros)

    @torch.no_grad()
    def start_from(self, prior: NoteRNN) -> None:
        """Take over the weights of `prior`, so that the scores are its logits; what else is observed starts without
        effect.

        Raises InputError if the observation does not begin with the token, or the networks differ in size.
        """
        heard = prior.lstm.input_size
        first = self.observation_space.nvec[0] if isinstance(self.observation_space, spaces.MultiDiscrete) else None
        if heard not in (first, getattr(self.observation_space, "n", None)) or self.action_space.n != heard:
            raise InputError(
                f"A Note RNN hears and plays {heard} tokens, but the environment has observations "
                f"{self.observation_space} and actions {self.action_space}: leave out the prior for this environment."
            )
        if len(self.head) != 1 or (self.lstm.hidden_size, self.lstm.num_layers) != (
            prior.hidden_size,
            prior.num_layers,
        ):
            raise InputError(
                f"The prior has {prior.num_layers} layer(s) of {prior.hidden_size} units and a linear output: "
                "set lstm_hidden_size, n_lstm_layers and an empty net_arch to match."
            )
        weights = prior.lstm.state_dict()
        inputs = torch.zeros_like(self.lstm.get_parameter("weight_ih_l0"))
        inputs[:, :heard] = weights["weight_ih_l0"]
        self.lstm.load_state_dict({**weights, "weight_ih_l0": inputs})
        self.head[0].load_state_dict(prior.head.state_dict())


class RecurrentDQNPolicy(BasePolicy):
    """Online and target Q-network with one optimizer; acts with memory.

    :param lstm_hidden_size: units of each LSTM layer.
    :param n_lstm_layers: LSTM layers.
    :param net_arch: widths of fully connected layers between the LSTM and the scores; none by default.

    The other parameters are those of SB3's DQNPolicy.
    """

    action_space: spaces.Discrete

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        lstm_hidden_size: int = 100,
        n_lstm_layers: int = 1,
        net_arch: list[int] | None = None,
        activation_fn: type[nn.Module] = nn.ReLU,
        features_extractor_class: type[BaseFeaturesExtractor] = FlattenExtractor,
        features_extractor_kwargs: dict[str, Any] | None = None,
        normalize_images: bool = True,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
    ):
        super().__init__(
            observation_space,
            action_space,
            features_extractor_class,
            features_extractor_kwargs,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
            normalize_images=normalize_images,
        )
        self._network_kwargs: dict[str, Any] = {
            "lstm_hidden_size": lstm_hidden_size,
            "n_lstm_layers": n_lstm_layers,
            "net_arch": net_arch or [],
            "activation_fn": activation_fn,
        }
        self.q_net = self._make_q_net()
        self.q_net_target = self._make_q_net()
        self.copy_to_target()
        self.q_net_target.set_training_mode(False)
        self.optimizer = self.optimizer_class(
            self.q_net.parameters(),
            lr=lr_schedule(1),  # type: ignore[call-arg]
            **self.optimizer_kwargs,
        )

    def copy_to_target(self) -> None:
        """Make the target network equal to the online one."""
        self.q_net_target.load_state_dict(self.q_net.state_dict())

    def _make_q_net(self) -> RecurrentQNetwork:
        extractor = self.make_features_extractor()
        return RecurrentQNetwork(
            self.observation_space,
            self.action_space,
            extractor,
            extractor.features_dim,
            normalize_images=self.normalize_images,
            **self._network_kwargs,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            **super()._get_constructor_parameters(),
            **self._network_kwargs,
            "lr_schedule": self._dummy_schedule,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
            "features_extractor_class": self.features_extractor_class,
            "features_extractor_kwargs": self.features_extractor_kwargs,
        }

    def set_training_mode(self, mode: bool) -> None:
        """Put the online network in training or evaluation mode."""
        self.q_net.set_training_mode(mode)
        self.training = mode

    @torch.no_grad()
    def step(self, observation: Tensor, state: LSTMState, episode_start: Tensor) -> tuple[Tensor, LSTMState]:
        """Return scores [B, A] after `observation` [B, ...], and the state; where `episode_start` [B], from zero."""
        going_on = (~episode_start).to(state.hidden.dtype)[None, :, None]
        scores, state = self.q_net(observation[None], LSTMState(state.hidden * going_on, state.cell * going_on))
        return scores[0], state

    def forward(self, observation: Tensor, deterministic: bool = False) -> Tensor:
        """Return actions [B] for `observation` [B, ...] as the first of an episode."""
        return self._predict(observation, deterministic)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        assert isinstance(observation, Tensor)
        batch = observation.shape[0]
        start = torch.ones(batch, dtype=torch.bool, device=observation.device)
        scores, _ = self.step(observation, self.q_net.zero_state(batch), start)
        return choose(scores, deterministic)

    def predict(
        self,
        observation: Observation,
        state: State | None = None,
        episode_start: npt.NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[npt.NDArray[Any], State | None]:
        """Return actions and the next state (hidden, cell: each [L, B, H]).

        `state` None is the zero state; `episode_start` [B] tells which episodes begin anew. Deterministic actions
        have the best score, others are drawn with probability softmax(scores), as the original RL Tuner composes.
        """
        self.set_training_mode(False)
        tensor, vectorized = self.obs_to_tensor(observation)
        assert isinstance(tensor, Tensor)
        batch = tensor.shape[0]
        memory = self.q_net.zero_state(batch)
        if state is not None:
            memory = LSTMState(*(torch.as_tensor(part, device=self.device) for part in state))
        if episode_start is None:
            episode_start = np.zeros(batch, dtype=bool)
        start = torch.as_tensor(np.asarray(episode_start, dtype=bool), device=self.device)
        scores, memory = self.step(tensor, memory, start)
        actions = choose(scores, deterministic).cpu().numpy()
        return actions if vectorized else actions[0], tuple(part.cpu().numpy() for part in memory)


def choose(scores: Tensor, deterministic: bool) -> Tensor:
    """Return actions [B]: the best of `scores` [B, A], or one drawn with probability softmax(scores)."""
    if deterministic:
        return scores.argmax(-1)
    return torch.distributions.Categorical(logits=scores, validate_args=False).sample()


MlpLstmPolicy = RecurrentDQNPolicy
