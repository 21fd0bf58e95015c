"""Six whole updates of the original RL Tuner, repeated by `RecurrentDQN.train`: the same errors, gradients and weights.

The original's LSTM has one matrix for input and state (gates i, j, f, o, a forget bias of 1 in the cell) and one
bias, is fed the stored states of single transitions, clips each variable by itself, and has TensorFlow's Adam. What
stands around the agent is made like that here: the weights that it starts with, the states from which its networks
score, the batches that its buffer returns, its optimizer. Network, loss, returns and the target's update are its own.
"""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.logger import Logger
from torch import Tensor, nn

from agents import RecurrentDQN
from agents.algorithms.episode_buffer import EpisodeBatch
from note_rnn import NoteRNN

NAMES = (
    "rnn/multi_rnn_cell/cell_0/lstm_cell/kernel",
    "rnn/multi_rnn_cell/cell_0/lstm_cell/bias",
    "fully_connected/weights",
    "fully_connected/bias",
)
UPDATES, UNITS = 6, 16
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}  # float32, six updates on


class Token(gym.Env):
    """Nothing happens in it: what is learned from comes from the original."""

    observation_space = spaces.Discrete(38)
    action_space = spaces.Discrete(38)


@pytest.fixture(scope="module")
def original() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "rl_tuner_train_steps.npz") as data:
        return {name: data[name] for name in data.files}


def in_torch_order(columns: np.ndarray) -> Tensor:
    """Return rows of gates i, f, j, o [4H, ...] of columns of gates i, j, f, o [..., 4H]."""
    i, j, f, o = np.split(columns, 4, axis=-1)
    return torch.from_numpy(np.concatenate([i, f, j, o], axis=-1).T.copy())


def load(network: nn.Module, head: nn.Linear, original: dict[str, np.ndarray], prefix: str) -> None:
    """Give the LSTM and the `head` of `network` the weights under `prefix`; the second bias holds the forget bias."""
    kernel, bias, weights, head_bias = (original[f"{prefix}/{name}"] for name in NAMES)
    forget = torch.zeros(4 * UNITS)
    forget[UNITS : 2 * UNITS] = 1
    lstm = (in_torch_order(kernel[:38]), in_torch_order(kernel[38:]), in_torch_order(bias), forget)
    values = (*lstm, torch.from_numpy(weights.T.copy()), torch.from_numpy(head_bias))
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), values, strict=True):
            parameter.copy_(value)
    assert next(reversed(list(network.parameters()))) is head.bias


def state_of(stored: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return hidden and cell activations, each [1, B, H], of the original's cell and hidden ones [B, 2H]."""
    cell, hidden = np.split(stored, 2, axis=-1)
    return torch.from_numpy(hidden[None].copy()), torch.from_numpy(cell[None].copy())


class FromStoredStates(nn.Module):
    """Score each step with `network` from a state of its own, `states`, and not from the state before."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.states: list[tuple[Tensor, Tensor]] = []

    def forward(self, observations: Tensor, log_base: Tensor) -> tuple[Tensor, None]:
        rows = zip(observations.split(1), log_base.split(1), self.states, strict=True)
        return torch.cat([self.network(*row)[0] for row in rows]), None

    def set_training_mode(self, mode: bool) -> None:
        self.network.train(mode)


class TensorFlowAdam(torch.optim.Optimizer):
    """Adam with epsilon added before the bias correction; each of the original's variables is clipped by itself."""

    def __init__(self, parameters, lr, beta1, beta2, eps, clip_norm):
        super().__init__(parameters, {"lr": lr})
        kernel, recurrent, bias, _forget_bias, weights, head_bias = self.param_groups[0]["params"]
        self.variables = ((kernel, recurrent), (bias,), (weights,), (head_bias,))
        self.beta1, self.beta2, self.eps, self.clip_norm = beta1, beta2, eps, clip_norm
        self.moments = {p: (torch.zeros_like(p), torch.zeros_like(p)) for parts in self.variables for p in parts}
        self.norms: list[list[float]] = []

    @torch.no_grad()
    def step(self, closure=None):
        self.norms.append([])
        count = len(self.norms)
        rate = self.param_groups[0]["lr"] * (1 - self.beta2**count) ** 0.5 / (1 - self.beta1**count)
        for parts in self.variables:
            norm = sum(part.grad.square().sum().item() for part in parts) ** 0.5
            self.norms[-1].append(min(norm, self.clip_norm))
            for part in parts:
                mean, square = self.moments[part]
                gradient = part.grad * min(1, self.clip_norm / norm)
                mean.mul_(self.beta1).add_(gradient, alpha=1 - self.beta1)
                square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
                part -= rate * mean / (square.sqrt() + self.eps)


def make_agent(objective: str, original: dict[str, np.ndarray], prior: NoteRNN) -> RecurrentDQN:
    adam = {name: float(original[f"adam_{name}"]) for name in ("beta1", "beta2", "eps")}
    model = RecurrentDQN(
        env=Token(),
        objective=objective,
        learning_rate=float(original["adam_lr"]),
        prior=prior,
        gamma=float(original["discount"]),
        tau=float(original["target_network_update_rate"]),
        double_q=False,
        max_grad_norm=float("inf"),
        policy_kwargs={
            "optimizer_class": TensorFlowAdam,
            "optimizer_kwargs": {**adam, "clip_norm": float(original["clip_norm"])},
        },
        device="cpu",
    )
    for network in (model.policy.network, model.policy.target_network):
        load(network, network.head.logits, original, "init")
    model.policy.network = FromStoredStates(model.policy.network)
    model.policy.target_network = FromStoredStates(model.policy.target_network)
    return model


def batch_of(original: dict[str, np.ndarray], update: int, prior: NoteRNN | None) -> EpisodeBatch:
    """Return the transitions of an update as episodes of one step that a time limit ends; for G with a `prior`."""
    seen = torch.from_numpy(np.stack([original["observations"][update], original["new_observations"][update]]))
    actions = torch.from_numpy(original["actions"][update])[None]
    rewards = torch.from_numpy(original["rewards"][update])[None]
    log_base = torch.zeros(2, 32, 1)
    if prior is not None:
        with torch.no_grad():
            logits, _ = prior(seen[1:], state_of(original["new_reward_states"][update]))
        log_base = torch.cat([torch.full_like(logits, -1.5), logits.log_softmax(-1)])
        rewards = rewards - 1.5  # the original's rewards for G come without log p, which the agent takes out
    zeros = torch.zeros_like(rewards)
    nothing = torch.zeros(())
    return EpisodeBatch(seen, actions, rewards, zeros, zeros + 1, zeros, log_base, nothing, nothing)


class OriginalTransitions:
    """The original's minibatches, one after the other, where the agent looks for its episodes."""

    num_episodes = 32

    def __init__(self, batches: list[EpisodeBatch]):
        self.batches = iter(batches)

    def sample_episodes(self, batch_size, rng, env):
        return next(self.batches)


@pytest.mark.parametrize("objective", ["q", "psi", "g_fixed"])
def test_six_updates(original, objective):
    prior = NoteRNN(UNITS)
    load(prior, prior.head, original, "init")
    model = make_agent(objective.removesuffix("_fixed"), original, prior)
    model.set_logger(Logger(folder=None, output_formats=[]))
    online, target = model.policy.network, model.policy.target_network
    adds_log_p = prior if objective == "g_fixed" else None
    model.replay_buffer = OriginalTransitions([batch_of(original, update, adds_log_p) for update in range(UPDATES)])
    for update in range(UPDATES):
        online.states = target.states = [state_of(original[name][update]) for name in ("states", "new_states")]
        model.train(gradient_steps=1, batch_size=32)
        error = model.logger.name_to_value["train/loss"]
        assert error == pytest.approx(float(original[f"{objective}/prediction_error"][update]), rel=1e-4)
        norms = model.policy.optimizer.norms[-1]
        assert norms == pytest.approx(original[f"{objective}/clipped_grad_norms"][update].tolist(), rel=1e-3)
        if update == 0:
            same_weights(online, original, f"{objective}/step1/q")
    same_weights(online, original, f"{objective}/final/q")
    same_weights(target, original, f"{objective}/final/target")


def same_weights(scoring: FromStoredStates, original: dict[str, np.ndarray], prefix: str) -> None:
    expected = NoteRNN(UNITS)
    load(expected, expected.head, original, prefix)
    for mine, theirs in zip(scoring.network.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, **TOLERANCE)
