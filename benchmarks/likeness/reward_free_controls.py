"""Controls that approach human tunes without a reward: the Note RNN at lower temperature, or given the position.

An agent tuned towards human tunes has to do better than both. Shapes: N pieces or windows, T steps, A = 38 tokens.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from agents.composing.players import NoteRNNPlayer
from note_rnn import VOCABULARY_SIZE, NoteRNN, Tokens

Floats32 = npt.NDArray[np.float32]

ITERATIONS = 50


class ColderPrior(NoteRNNPlayer):
    """Player that composes with log p / `temperature`."""

    def __init__(self, temperature: float):
        self.temperature = temperature

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        """Return the scores [N, A] of the next tokens."""
        return prior_log_probs / np.float32(self.temperature)


class PositionedPrior(NoteRNNPlayer):
    """Player that composes with log p + bias[t], with one bias per token and step t of the piece."""

    def __init__(self, bias: Floats32):
        self.bias = bias

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        """Return to the first step."""
        self._step = 0

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        """Return the scores [N, A] of the next tokens."""
        self._step += 1
        return prior_log_probs + self.bias[self._step - 1]


def fit_position(prior: NoteRNN, human: Tokens, rng: np.random.Generator, penalty: float = 1.0) -> PositionedPrior:
    """Return the `prior` with the bias [T, A] that maximises the likelihood of `human` windows [N, T].

    They follow random tokens, as composed pieces do. The cost of the squared biases is `penalty` / 2, in nats.
    """
    log_probs = _log_probs(prior, human, rng)
    targets = torch.from_numpy(human)
    bias = torch.zeros(human.shape[1], VOCABULARY_SIZE, requires_grad=True)
    optimizer = torch.optim.LBFGS([bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = (log_probs + bias).flatten(0, 1)
        cost = functional.cross_entropy(logits, targets.flatten()) + penalty / 2 * bias.square().sum() / targets.numel()
        cost.backward()
        return cost

    optimizer.step(loss)
    return PositionedPrior(bias.detach().numpy())


def _log_probs(prior: NoteRNN, human: Tokens, rng: np.random.Generator) -> torch.Tensor:
    """Return log p [N, T, A] of every token at each step of `human` windows [N, T], which follow random tokens."""
    inputs = np.concatenate([rng.integers(VOCABULARY_SIZE, size=(len(human), 1)), human[:, :-1]], axis=1)
    return prior.log_probs(inputs)
