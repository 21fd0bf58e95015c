"""Six whole updates of the original RL Tuner, repeated: the same errors, gradients and weights.

The original's LSTM has one matrix for input and state (gates i, j, f, o, a forget bias of 1 in the cell) and one
bias, is fed the stored states of single transitions, clips each variable by itself, and has TensorFlow's Adam. That
arrangement is made here, for this comparison alone; values, returns and losses are the product's.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3.common.utils import polyak_update
from torch import Tensor

from agents.objectives import lambda_returns, max_q_value, soft_value, squared_loss, td_error

NAMES = (
    "rnn/multi_rnn_cell/cell_0/lstm_cell/kernel",
    "rnn/multi_rnn_cell/cell_0/lstm_cell/bias",
    "fully_connected/weights",
    "fully_connected/bias",
)
UPDATES = 6
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}  # float32, six updates on


@pytest.fixture(scope="module")
def original() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "rl_tuner_train_steps.npz") as data:
        return {name: data[name] for name in data.files}


def variables(original: dict[str, np.ndarray], prefix: str) -> list[Tensor]:
    return [torch.from_numpy(original[f"{prefix}/{name}"].copy()) for name in NAMES]


def logits(network: list[Tensor], tokens: Tensor, state: Tensor) -> Tensor:
    """Return the logits [B, 38] after `tokens` [B], from stored states [B, 2H] (cell, then hidden)."""
    kernel, bias, weights, head_bias = network
    cell, hidden = state.chunk(2, dim=-1)
    heard = torch.nn.functional.one_hot(tokens, 38).float()
    i, j, f, o = (torch.cat([heard, hidden], dim=-1) @ kernel + bias).chunk(4, dim=-1)
    cell = cell * (f + 1).sigmoid() + i.sigmoid() * j.tanh()
    return (cell.tanh() * o.sigmoid()) @ weights + head_bias


class TensorFlowAdam:
    """Adam with epsilon added before the bias correction."""

    def __init__(self, network: list[Tensor], original: dict[str, np.ndarray]):
        self.network = network
        self.lr, self.beta1, self.beta2, self.eps = (
            float(original[f"adam_{name}"]) for name in ("lr", "beta1", "beta2", "eps")
        )
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in network]
        self.count = 0

    @torch.no_grad()
    def step(self, gradients: list[Tensor]) -> None:
        self.count += 1
        rate = self.lr * (1 - self.beta2**self.count) ** 0.5 / (1 - self.beta1**self.count)
        for parameter, gradient, (mean, square) in zip(self.network, gradients, self.moments, strict=True):
            mean.mul_(self.beta1).add_(gradient, alpha=1 - self.beta1)
            square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
            parameter -= rate * mean / (square.sqrt() + self.eps)


def one_loss(
    objective: str, data: dict[str, Tensor], online: list[Tensor], target: list[Tensor], prior: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the loss, and the values of the next states [B], of one batch of transitions."""
    with torch.no_grad():
        next_scores = logits(target, data["new_observations"], data["new_states"])
        log_prior = logits(prior, data["new_observations"], data["new_reward_states"]).log_softmax(-1)
        log_base = log_prior if objective == "g_fixed" else torch.zeros(())
        values = max_q_value(next_scores) if objective == "q" else soft_value(next_scores, log_base)
        nothing = torch.zeros(1, len(values))
        discount = data["discount"].expand(1, len(values))
        (returns,) = lambda_returns(data["rewards"][None], discount, values[None], nothing, nothing)
    scores = logits(online, data["observations"], data["states"])
    return squared_loss(td_error(scores, data["actions"], returns), linear_beyond=None).mean(), values


@pytest.mark.parametrize("objective", ["q", "psi", "g_fixed"])
def test_six_updates(original, objective):
    online, target, prior = (variables(original, "init") for _ in range(3))
    for parameter in online:
        parameter.requires_grad_()
    adam = TensorFlowAdam(online, original)
    batches = ("observations", "actions", "states", "new_observations", "new_states", "new_reward_states", "rewards")
    for update in range(UPDATES):
        data = {name: torch.from_numpy(original[name][update]) for name in batches}
        data["discount"] = torch.tensor(float(original["discount"]))
        loss, values = one_loss(objective, data, online, target, prior)
        torch.testing.assert_close(values, torch.from_numpy(original[f"{objective}/target_vals"][update]), **TOLERANCE)
        assert loss.item() == pytest.approx(float(original[f"{objective}/prediction_error"][update]), rel=1e-4)
        gradients = list(torch.autograd.grad(loss, online))
        clip = float(original["clip_norm"])
        gradients = [g * (clip / torch.clamp(g.norm(), min=clip)) for g in gradients]
        norms = [gradient.norm().item() for gradient in gradients]
        assert norms == pytest.approx(original[f"{objective}/clipped_grad_norms"][update].tolist(), rel=1e-3)
        adam.step(gradients)
        polyak_update(online, target, float(original["target_network_update_rate"]))
        if update == 0:
            for mine, theirs in zip(online, variables(original, f"{objective}/step1/q"), strict=True):
                torch.testing.assert_close(mine.detach(), theirs, **TOLERANCE)
    for mine, theirs in zip(online, variables(original, f"{objective}/final/q"), strict=True):
        torch.testing.assert_close(mine.detach(), theirs, **TOLERANCE)
    for mine, theirs in zip(target, variables(original, f"{objective}/final/target"), strict=True):
        torch.testing.assert_close(mine, theirs, **TOLERANCE)
