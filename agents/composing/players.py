"""Players: models that score the next token of N pieces in parallel.

Shapes: N pieces, A = 38 tokens.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy
from torch import Tensor

from agents.algorithms.policies import RecurrentPolicy
from agents.composing.selection import Rows
from melody_env.envs.observations import NOTHING, are_tokens
from note_rnn import VOCABULARY_SIZE, Bars, InputError, transposed
from note_rnn.common.categorical import log_softmax
from note_rnn.common.errors import is_number
from note_rnn.network.inference import rows_of

MAX_STRENGTH = 1_000
Floats32 = npt.NDArray[np.float32]


class Player(Protocol):
    """A model that composes by drawing from softmax(scores)."""

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        """Reset the state for `num_pieces` new pieces, whose first bar begins after `pickup` + 1 observations."""

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        """Return the scores [N, A] of the next tokens, given the observations and the Note RNN's log p [N, A]."""

    def select(self, rows: Rows) -> None:
        """Go on with the pieces `rows` [N] of the N, some of them several times, others not at all."""


class NoteRNNPlayer:
    """The Note RNN of the environment."""

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        """Do nothing: the environment evaluates the Note RNN."""

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        """Return log p [N, A]."""
        return prior_log_probs

    def select(self, rows: Rows) -> None:
        """Do nothing: the environment has the state."""


def check_strength(argument: str, value: float) -> float:
    """Return `value` if an agent can play with that strength; raises InputError naming the argument."""
    if not is_number(value) or not 0 <= value <= MAX_STRENGTH:
        raise InputError(f"{argument} must be a number from 0 to {MAX_STRENGTH:,}, not {value!r}.")
    return value


def agent_player(policy: BasePolicy, semitones: int = 0, strength: float = 1.0, meter: str | None = None) -> Player:
    """Return the player of an agent's `policy`: one of ours, of SB3's or of sb3-contrib's.

    It plays `semitones` higher than the agent was trained to. Q-networks play softmax(Q), as in the original RL Tuner.
    `meter` is that of the pieces; None: that of its training. `strength` scales what the agent has learned,
    log policy - log p: 0 is the Note RNN, 1 the agent, more goes beyond it. Raises TypeError for a policy of another
    kind.
    """
    for kind, player_type in _PLAYERS.items():
        if isinstance(policy, kind):
            policy.set_training_mode(False)
            player: Player = player_type(policy, meter)
            player = _TransposedPlayer(player, semitones) if semitones else player
            return player if strength == 1 else _ScaledPlayer(player, strength)
    raise TypeError(f"Policies of type {type(policy).__name__} cannot compose.")


class _TransposedPlayer:
    """Transposes observations down to the key of `player`, and its scores up, by `semitones`."""

    def __init__(self, player: Player, semitones: int):
        self.player = player
        tokens = np.arange(VOCABULARY_SIZE)
        self._below, self._above = transposed(tokens, -semitones), transposed(tokens, semitones)
        self._below_or_nothing = np.append(self._below, NOTHING)

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        self.player.begin(num_pieces, pickup)

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        moved = observations.copy()
        tokens = ... if moved.ndim == 1 else (slice(None), are_tokens(moved.shape[1]))
        moved[tokens] = self._below_or_nothing[moved[tokens]]
        return self.player.scores(moved, prior_log_probs[:, self._above])[:, self._below]

    def select(self, rows: Rows) -> None:
        self.player.select(rows)


class _ScaledPlayer:
    """Composes with log p + strength * (log policy - log p), the policy being that of `player`."""

    def __init__(self, player: Player, strength: float):
        self.player = player
        self.strength = strength

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        self.player.begin(num_pieces, pickup)

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        log_policy = log_softmax(self.player.scores(observations, prior_log_probs))
        return (1 - self.strength) * prior_log_probs + self.strength * log_policy

    def select(self, rows: Rows) -> None:
        self.player.select(rows)


class _PolicyPlayer:
    """Base class of players with a policy; `scored` returns its Q-values or logits, and `state` is its memory."""

    def __init__(self, policy: Any, meter: str | None):
        self.policy = policy
        self.meter = meter
        self.state: Any = ()

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        self.start = torch.ones(num_pieces, dtype=torch.bool, device=self.policy.device)

    @torch.no_grad()
    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        scores = self.scored(torch.as_tensor(observations, device=self.policy.device), prior_log_probs)
        self.start = torch.zeros_like(self.start)
        return scores.cpu().numpy()

    def scored(self, observations: Tensor, prior_log_probs: Floats32) -> Tensor:
        raise NotImplementedError

    def select(self, rows: Rows) -> None:
        self.state = rows_of(self.state, rows)


class _QPlayer(_PolicyPlayer):
    def scored(self, observations: Tensor, prior_log_probs: Floats32) -> Tensor:
        return self.policy.q_net(observations)


class _ActorPlayer(_PolicyPlayer):
    def scored(self, observations: Tensor, prior_log_probs: Floats32) -> Tensor:
        return self.policy.get_distribution(observations).distribution.logits


class _RecurrentActorPlayer(_PolicyPlayer):
    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        super().begin(num_pieces, pickup)
        lstm = self.policy.lstm_actor
        zeros = torch.zeros(lstm.num_layers, num_pieces, lstm.hidden_size, device=self.policy.device)
        self.state = (zeros, zeros)

    def scored(self, observations: Tensor, prior_log_probs: Floats32) -> Tensor:
        distribution, self.state = self.policy.get_distribution(observations, self.state, self.start.float())
        return distribution.distribution.logits


class _RecurrentPlayer(_PolicyPlayer):
    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        super().begin(num_pieces, pickup)
        meter = self.policy.network.bars.meter if self.meter is None else self.meter
        self.state = self.policy.zero_state(num_pieces, Bars(meter, pickup))

    def scored(self, observations: Tensor, prior_log_probs: Floats32) -> Tensor:
        log_base = torch.as_tensor(prior_log_probs, device=self.policy.device)
        logits, _, self.state = self.policy.advance(observations, self.state, log_base)
        return logits


_PLAYERS: dict[type[BasePolicy], type[_PolicyPlayer]] = {
    RecurrentPolicy: _RecurrentPlayer,
    RecurrentActorCriticPolicy: _RecurrentActorPlayer,
    ActorCriticPolicy: _ActorPlayer,
    MaskableActorCriticPolicy: _ActorPlayer,
    DQNPolicy: _QPlayer,
}
