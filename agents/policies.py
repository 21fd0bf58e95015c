"""The recurrent Q-network and the SB3 policy around it.

Shapes: T steps, B environments or episodes, A actions, F features of an observation, H hidden units, L layers.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BaseModel, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor, create_mlp
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from agents.objectives import dueling_scores, policy_logits
from note_rnn import InputError, LSTMState, NoteRNN

Observation = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]
Cell = Literal["lstm", "gru"]
State = tuple[Tensor, ...]
"""What a network remembers, each part [L, B, H]: hidden and cell activations of an LSTM, hidden ones of a GRU."""

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class PlainHead(nn.Module):
    """A score for each of A actions, linear in what the network remembers, W units (the paper's)."""

    def __init__(self, width: int, features_dim: int, num_actions: int):
        super().__init__()
        self.logits = nn.Linear(width, num_actions)

    def forward(self, outputs: Tensor, features: Tensor, log_base: Tensor) -> Tensor:
        """Return scores [T, B, A] of `outputs` [T, B, W]."""
        return self.logits(outputs)

    def start_from(self, layer: nn.Linear, scores_from_zero: bool) -> None:
        """Start as `layer`, which gives the prior's logits, or from zero."""
        if scores_from_zero:
            nn.init.zeros_(self.logits.weight)
            nn.init.zeros_(self.logits.bias)
        else:
            self.logits.load_state_dict(layer.state_dict())


class DuelingHead(nn.Module):
    """Value and policy have outputs of their own, linear in what the network remembers and in what it just saw.

    So the value can follow the position in the piece at once, without waiting for the memory to learn to pass it on.
    """

    def __init__(self, width: int, features_dim: int, num_actions: int, value_scale: float):
        super().__init__()
        self.width = width
        self.value_scale = value_scale
        self.logits = nn.Linear(width + features_dim, num_actions)
        self.value = nn.Linear(width + features_dim, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, outputs: Tensor, features: Tensor, log_base: Tensor) -> Tensor:
        """Return scores [T, B, A] of `outputs` [T, B, W] and `features` [T, B, F]."""
        seen = torch.cat([outputs, features], dim=-1)
        value = self.value_scale * self.value(seen).squeeze(-1)
        return dueling_scores(value, self.logits(seen), log_base)

    def start_from(self, layer: nn.Linear, scores_from_zero: bool) -> None:
        """Start with the policy of `layer`, which gives the prior's logits, or with none; values are zero."""
        nn.init.zeros_(self.logits.weight)
        nn.init.zeros_(self.logits.bias)
        if not scores_from_zero:
            self.logits.weight[:, : self.width] = layer.weight
            self.logits.bias.copy_(layer.bias)


class RecurrentQNetwork(BaseModel):
    """Features of each observation -> LSTM or GRU -> optional fully connected layers -> a score for each action."""

    action_space: spaces.Discrete

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        features_extractor: BaseFeaturesExtractor,
        features_dim: int,
        hidden_size: int,
        num_layers: int,
        cell: Cell,
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
        self.cell = _CELLS[cell](int(features_dim), hidden_size, num_layers)
        self.trunk = nn.Sequential(*create_mlp(hidden_size, -1, net_arch, activation_fn))
        width = net_arch[-1] if net_arch else hidden_size
        sizes = (width, int(features_dim), int(action_space.n))
        self.head = DuelingHead(*sizes, value_scale) if dueling else PlainHead(*sizes)

    def forward(self, observations: Tensor, log_base: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return scores [T, B, A] after each of `observations` [T, B, ...], and the state after the last.

        `log_base` [T, B, A], or a zero, is what the policy adds to the scores; `state` None is the zero state.
        """
        steps, batch = observations.shape[:2]
        assert self.features_extractor is not None
        features = self.extract_features(observations.flatten(0, 1), self.features_extractor).view(steps, batch, -1)
        if isinstance(self.cell, nn.GRU):
            outputs, hidden = self.cell(features, state[0] if state else None)
            state = (hidden,)
        else:
            outputs, state = self.cell(features, state)
        assert state is not None
        return self.head(self.trunk(outputs), features, log_base), state

    def zero_state(self, batch_size: int) -> State:
        """Return the state of `batch_size` episodes of which nothing has been seen."""
        zeros = torch.zeros(self.cell.num_layers, batch_size, self.cell.hidden_size, device=self.device)
        return (zeros,) if isinstance(self.cell, nn.GRU) else (zeros, zeros)

    @torch.no_grad()
    def start_from(self, prior: NoteRNN, scores_from_zero: bool) -> None:
        """Take over the weights of `prior`, so that the policy is the prior; what else is observed starts without
        effect.

        The scores start as the prior's logits, or, where log p is added to them anyway, from zero. Values start from
        zero. Raises InputError if the observation does not begin with the token, or the networks differ in size.
        """
        self._check_fits(prior)
        weights = prior.lstm.state_dict()
        inputs = torch.zeros_like(self.cell.get_parameter("weight_ih_l0"))
        inputs[:, : prior.lstm.input_size] = weights["weight_ih_l0"]
        self.cell.load_state_dict({**weights, "weight_ih_l0": inputs})
        self.head.start_from(prior.head, scores_from_zero)

    def _check_fits(self, prior: NoteRNN) -> None:
        heard = prior.lstm.input_size
        first = self.observation_space.nvec[0] if isinstance(self.observation_space, spaces.MultiDiscrete) else None
        if heard not in (first, getattr(self.observation_space, "n", None)) or self.action_space.n != heard:
            raise InputError(
                f"A Note RNN hears and plays {heard} tokens, but the environment has observations "
                f"{self.observation_space} and actions {self.action_space}: leave out the prior for this environment."
            )
        size = (self.cell.hidden_size, self.cell.num_layers)
        if isinstance(self.cell, nn.GRU) or len(self.trunk) or size != (prior.hidden_size, prior.num_layers):
            raise InputError(
                f"The prior is an LSTM with {prior.num_layers} layer(s) of {prior.hidden_size} units and a linear "
                "output: set lstm_hidden_size and n_lstm_layers to match, cell='lstm' and an empty net_arch."
            )


class RecurrentDQNPolicy(BasePolicy):
    """Online and target Q-network with one optimizer; acts with memory.

    :param lstm_hidden_size: units of each recurrent layer.
    :param n_lstm_layers: recurrent layers.
    :param cell: "lstm" or "gru".
    :param dueling: give value and policy outputs of their own, which also see the observation itself.
    :param value_scale: (dueling) factor of the value output: with returns in the hundreds and logits in the tens, it
        lets the value keep up with the policy at the same learning rate.
    :param net_arch: widths of fully connected layers between the recurrent layers and the scores; none by default.
    :param prior_size: units and layers of a fixed Note RNN whose log p the policy adds to the scores (G); None for
        none.

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
        cell: Cell = "lstm",
        dueling: bool = False,
        value_scale: float = 1.0,
        net_arch: list[int] | None = None,
        activation_fn: type[nn.Module] = nn.ReLU,
        prior_size: tuple[int, int] | None = None,
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
            "hidden_size": lstm_hidden_size,
            "num_layers": n_lstm_layers,
            "cell": cell,
            "dueling": dueling,
            "value_scale": value_scale,
            "net_arch": net_arch or [],
            "activation_fn": activation_fn,
        }
        self.q_net = self._make_q_net()
        self.q_net_target = self._make_q_net()
        self.copy_to_target()
        self.q_net_target.set_training_mode(False)
        self.prior = NoteRNN(*prior_size).eval().requires_grad_(False) if prior_size else None
        self.optimizer = self.optimizer_class(
            self.q_net.parameters(),
            lr=lr_schedule(1),  # type: ignore[call-arg]
            **self.optimizer_kwargs,
        )

    def start_from(self, prior: NoteRNN) -> None:
        """Start both networks as `prior`, and add its log p to the scores where the policy does so (G)."""
        self.q_net.start_from(prior, scores_from_zero=self.prior is not None)
        self.copy_to_target()
        if self.prior is not None:
            self.prior.load_state_dict(prior.state_dict())

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
        network = self._network_kwargs
        return {
            **super()._get_constructor_parameters(),
            "lstm_hidden_size": network["hidden_size"],
            "n_lstm_layers": network["num_layers"],
            **{name: network[name] for name in ("cell", "dueling", "value_scale", "net_arch", "activation_fn")},
            "prior_size": (self.prior.hidden_size, self.prior.num_layers) if self.prior is not None else None,
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

    def zero_state(self, batch_size: int) -> State:
        """Return the state of `batch_size` episodes of which nothing has been seen: the network's, then the prior's."""
        of_prior = () if self.prior is None else self.prior.zero_state(batch_size)
        return (*self.q_net.zero_state(batch_size), *of_prior)

    @torch.no_grad()
    def step(
        self, observation: Tensor, state: State, episode_start: Tensor, log_base: Tensor | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """Return the policy's logits [B, A] after `observation` [B, ...], the log_base in them, and the state.

        Where `episode_start` [B] is true, from the zero state. `log_base` [B, A] spares the prior's evaluation to
        who has it already; only a policy with a prior asks for it.
        """
        going_on = (~episode_start).to(state[0].dtype)[None, :, None]
        state = tuple(part * going_on for part in state)
        own, of_prior = (state, ()) if self.prior is None else (state[:-2], state[-2:])
        if self.prior is None:
            log_base = torch.zeros((), device=self.device)
        elif log_base is None:
            tokens = observation if observation.ndim == 1 else observation[:, 0]
            log_base, of_prior = self.prior.step(tokens, LSTMState(*of_prior))
        scores, own = self.q_net(observation[None], log_base, own)
        return policy_logits(scores[0], log_base), log_base, (*own, *of_prior)

    def forward(self, observation: Tensor, deterministic: bool = False) -> Tensor:
        """Return actions [B] for `observation` [B, ...] as the first of an episode."""
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
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Return actions and the next state, its parts [L, B, H].

        `state` None is the zero state; `episode_start` [B] tells which episodes begin anew. Deterministic actions
        are the policy's likeliest, others are drawn from it (for Q from softmax(Q), as the original RL Tuner composes).
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
        logits, _, memory = self.step(tensor, memory, start)
        actions = choose(logits, deterministic).cpu().numpy()
        return actions if vectorized else actions[0], tuple(part.cpu().numpy() for part in memory)


def choose(logits: Tensor, deterministic: bool) -> Tensor:
    """Return actions [B]: the likeliest by `logits` [B, A], or one drawn with probability softmax(logits)."""
    if deterministic:
        return logits.argmax(-1)
    return torch.distributions.Categorical(logits=logits, validate_args=False).sample()


MlpLstmPolicy = RecurrentDQNPolicy
