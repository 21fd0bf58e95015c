"""GRU classifier of human and machine melodies, on tokens alone and so independent of the rules' features.

Shapes: B melodies, T steps, N training melodies, H units.
"""

import copy
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from melody_env.measures.discriminator import Classifier, Score
from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.network.fused_gru import gru_outputs
from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

EPOCHS = 12
PATIENCE = 2
"""Epochs without a better validation loss after which training stops."""
_VALIDATION = 5
"""One in this many melodies is for validation."""
_BATCH = 128
_LEARNING_RATE = 5e-3


class MelodyClassifier(nn.Module):
    """Embedded tokens, a GRU, and from the mean and the last of its outputs the log-odds of "human"."""

    def __init__(self, embedding: int = 16, units: int = 48):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY_SIZE, embedding)
        self.gru = nn.GRU(embedding, units)
        self.head = nn.Linear(2 * units, 1)

    def forward(self, melodies: Tensor) -> Tensor:
        """Return the log-odds [B] of `melodies` [B, T]."""
        outputs = gru_outputs(self.gru, self.embedding(melodies).transpose(0, 1).contiguous())
        log_odds: Tensor = self.head(torch.cat([outputs.mean(dim=0), outputs[-1]], dim=-1)).squeeze(-1)
        return log_odds


def fit_gru(melodies: Tokens, is_human: npt.NDArray[np.bool_], seed: int) -> Score:
    """Return the score of a `MelodyClassifier` fitted to `melodies` [N, T] and labels `is_human` [N].

    A fifth of each class is for validation; the weights are those of the epoch with the least validation loss.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MelodyClassifier()
    rng = np.random.default_rng(seed)
    is_validation = np.zeros(len(melodies), np.bool_)
    for one_class in (is_human, ~is_human):
        is_validation[rng.permutation(np.flatnonzero(one_class))[::_VALIDATION]] = True
    inputs, targets = torch.from_numpy(melodies), torch.from_numpy(is_human.astype(np.float32))
    share = is_human.mean()
    weights = torch.from_numpy(np.where(is_human, 0.5 / share, 0.5 / (1 - share)).astype(np.float32))

    def loss(rows: npt.NDArray[np.int64]) -> Tensor:
        return functional.binary_cross_entropy_with_logits(network(inputs[rows]), targets[rows], weights[rows])

    _train(network, loss, np.flatnonzero(~is_validation), np.flatnonzero(is_validation), rng)
    return lambda tested: _scores(network, tested)


def _train(
    network: nn.Module,
    loss: Callable[[npt.NDArray[np.int64]], Tensor],
    training: npt.NDArray[np.int64],
    validation: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> None:
    """Train `network` on the `loss` of the rows `training`; keep the weights with the least loss on `validation`."""
    optimizer = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
    best, best_weights, since = float("inf"), network.state_dict(), 0
    for _ in range(EPOCHS):
        for rows in np.array_split(rng.permutation(training), max(len(training) // _BATCH, 1)):
            optimizer.zero_grad()
            loss(rows).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            now = loss(validation).item()
        since += 1
        if now < best:
            best, best_weights, since = now, copy.deepcopy(network.state_dict()), 0
        if since == PATIENCE:
            break
    network.load_state_dict(best_weights)


@torch.inference_mode()
def _scores(network: MelodyClassifier, melodies: Tokens) -> Floats:
    return network(torch.from_numpy(melodies)).numpy().astype(np.float64)


def _tokens(melodies: Tokens, setting: Setting) -> Tokens:
    return melodies.astype(np.int64)


GRU = Classifier(_tokens, fit_gru)
"""Small recurrent network on the tokens, independent of all features; about a minute for thousands of melodies."""
