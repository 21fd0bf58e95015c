"""What gets nearer to people without any reward: the Note RNN at a lower temperature, or told where in the piece it is.

An agent that is tuned towards people has to do better than both. Shapes: N pieces or windows, T steps, A = 38 tokens.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from note_rnn import VOCABULARY_SIZE, NoteRNN, Tokens

Floats32 = npt.NDArray[np.float32]

ITERATIONS = 50


class ColderPrior:
    """Composes with log p / `temperature`."""

    def __init__(self, temperature: float):
        self.temperature = temperature

    def begin(self, num_pieces: int) -> None:
        """Do nothing: the engine's Note RNN remembers."""

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        """Return the scores [N, A] of the next tokens."""
        return prior_log_probs / np.float32(self.temperature)


class PositionedPrior:
    """Composes with log p + bias[t], a number for each token at each step t of the piece."""

    def __init__(self, bias: Floats32):
        self.bias = bias

    def begin(self, num_pieces: int) -> None:
        """Go back to the first step."""
        self._step = 0

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        """Return the scores [N, A] of the next tokens."""
        self._step += 1
        return prior_log_probs + self.bias[self._step - 1]


def fit_position(prior: NoteRNN, human: Tokens, rng: np.random.Generator, penalty: float = 1.0) -> PositionedPrior:
    """Return the `prior` with the bias [T, A] under which `human` windows [N, T] are most likely.

    They come after random tokens, as composed pieces do. The cost of the squared biases is `penalty` / 2, in nats.
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
    """Return log p [N, T, A] of each token of `human` windows [N, T] that could stand there, after random tokens."""
    heard = np.concatenate([rng.integers(VOCABULARY_SIZE, size=(len(human), 1)), human[:, :-1]], axis=1)
    return prior.log_probs(heard)
