"""Training of the Note RNN by maximum likelihood, and its evaluation on held-out tunes.

Shapes: N tunes, B melodies, T steps, A = 38 tokens. A tune is a 1-D token array; the network's first input is NO_EVENT,
or, in a crop that starts inside the tune, the token before the crop.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from note_rnn.extraction.tunes import Bars
from note_rnn.network.model import NoteRNN
from note_rnn.pretraining.crops import IGNORED, Crops, TuneStream, crop_batches
from note_rnn.pretraining.ngram import UNSCORED
from note_rnn.pretraining.processes import ALONE, Processes
from note_rnn.vocabulary import NO_EVENT, VOCABULARY_SIZE, Tokens

_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of pretraining. The defaults are the strong recipe; `PAPER` is Jaques et al. 2017, section 4."""

    updates: int = 9000
    """Gradient updates."""
    batch_size: int = 32
    """Crops of tunes per update."""
    crop_length: int = 192
    """Maximum length of a crop in tokens."""
    learning_rate: float = 8e-3
    """Adam's peak learning rate."""
    warmup: int = 200
    """Updates over which the rate rises linearly from zero; 0 starts at the peak."""
    schedule: Literal["cosine", "exponential"] = "cosine"
    """Decay of the rate: half a cosine down to zero, or a factor `decay` every 1000 updates."""
    decay: float = 1.0
    """Factor per 1000 updates of the exponential schedule."""
    optimizer: Literal["adam", "adamw"] = "adam"
    """AdamW keeps weight decay apart from the gradient (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101)."""
    weight_decay: float = 0.0
    """Factor beta of the penalty beta/2 * |weights|^2 added to the loss; with AdamW, weights shrink by the factor
    1 - beta * learning rate in each update."""
    max_grad_norm: float = 1.0
    """Gradients are clipped to this L2 norm."""
    dropout: float = 0.0
    """Dropout probability of each layer's outputs."""
    noise: float = 0.0
    """Share of the inputs that are replaced by random tokens; targets are never replaced."""
    unscored: int = 0
    """Tokens at the start of each crop that are excluded from the loss."""


# "trained for 30,000 iterations with a batch size of 128 ... gradients were clipped to ensure the L2 norm was less
# than 5 ... learning rate was initially set to .5, and a momentum of 0.85 was used to exponentially decay the
# learning rate every 1000 steps ... a penalty of beta = 2.5e-5 was applied to the L2 norm ... the losses for the
# first 8 notes of each sequence were not used". The length of its sequences is not given; 32 is that of its
# compositions.
PAPER = Recipe(
    updates=30_000,
    batch_size=128,
    crop_length=32,
    learning_rate=0.5,
    warmup=0,
    schedule="exponential",
    decay=0.85,
    weight_decay=2.5e-5,
    max_grad_norm=5.0,
    unscored=8,
)

LOOKBACK = Recipe(
    updates=2200,
    crop_length=320,
    learning_rate=4e-3,
    dropout=0.3,
    noise=0.1,
    optimizer="adamw",
    weight_decay=0.05,
)
"""For a network with lookback, on whole tunes with their bars: it overfits where one without does not."""

FINE_TUNING = Recipe(updates=2000, crop_length=64, learning_rate=3e-3, warmup=50)
"""For a pretrained network."""


class Update(NamedTuple):
    """Result of an update: its number (from 1), the loss in nats per token, and the learning rate."""

    number: int
    loss: float
    learning_rate: float


class HeldOut(NamedTuple):
    """Score on held-out tunes without their first 8 tokens: nats per token, accuracy (0..1), number of tokens."""

    nats: float
    accuracy: float
    tokens: int

    @property
    def perplexity(self) -> float:
        """The number of equally likely tokens that would be as hard to predict: exp(nats)."""
        return float(np.exp(self.nats))


class Training:
    """Training of `model` on crops of `tunes` by `recipe`; each step of an iteration over it is an update.

    A training can be interrupted after any update and resumed, also in another process, with the same result. Several
    `processes` with the same arguments train together, each on its share of every batch; their models stay the same.
    """

    def __init__(
        self,
        model: NoteRNN,
        tunes: TuneStream,
        recipe: Recipe,
        rng: np.random.Generator,
        processes: Processes = ALONE,
    ):
        self.model = model
        self.tunes = tunes
        self.recipe = recipe
        self.rng = rng
        self.processes = processes
        self.number = 0
        self.optimizer = _OPTIMIZERS[recipe.optimizer](model.parameters(), weight_decay=recipe.weight_decay)
        self._torch_seed = torch.initial_seed()
        model.layers.dropout = recipe.dropout

    def __iter__(self) -> Iterator[Update]:
        size, length = self.recipe.batch_size, self.recipe.crop_length
        for tunes, updates in self.tunes.turns(self.number + 1, size * length):
            for crops in islice(crop_batches(tunes, size, length, self.rng), updates):
                if self.number == self.recipe.updates:
                    return
                yield self._update(self._with_noise(crops))

    def _with_noise(self, crops: Crops) -> Crops:
        if not self.recipe.noise:
            return crops
        shape = tuple(crops.inputs.shape)
        is_noise = torch.from_numpy(self.rng.random(shape) < self.recipe.noise)
        noise = torch.from_numpy(self.rng.integers(VOCABULARY_SIZE, size=shape))
        return crops._replace(inputs=torch.where(is_noise, noise, crops.inputs))

    def state_dict(self) -> dict[str, Any]:
        """Return the complete state, including the random number generators."""
        return {
            "number": self.number,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.bit_generator.state,
            "torch_rng": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from the `state` of a training with the same model, tunes and recipe."""
        self.number = state["number"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch_rng"])

    def _update(self, crops: Crops) -> Update:
        """Take a gradient step on the loss of a batch of crops."""
        self.number += 1
        rate = learning_rate(self.recipe, self.number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        crops.targets[: self.recipe.unscored] = IGNORED
        own, scored = crops.part(self.processes.share), (crops.targets != IGNORED).sum().item()
        device = self.model.head.weight.device
        if self.processes.number > 1:  # each its own dropout
            torch.manual_seed(self._torch_seed + self.number * self.processes.number + self.processes.rank)
        self.model.train()
        logits, _ = self.model(own.inputs.to(device), self.model.zero_state(own.inputs.shape[1], own.bars))
        targets = own.targets.to(device).flatten()
        loss = functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=IGNORED, reduction="sum") / scored
        self.optimizer.zero_grad()
        loss.backward()
        total = loss.detach()
        self.processes.add([total, *(each.grad for each in self.model.parameters() if each.grad is not None)])
        clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
        self.optimizer.step()
        return Update(self.number, total.item(), rate)


def learning_rate(recipe: Recipe, update: int) -> float:
    """Return the learning rate of update number `update` (from 1)."""
    if update <= recipe.warmup:
        return recipe.learning_rate * update / recipe.warmup
    if recipe.schedule == "exponential":
        return recipe.learning_rate * recipe.decay ** (update / 1000)
    progress = (update - recipe.warmup) / max(recipe.updates - recipe.warmup, 1)
    return float(recipe.learning_rate * 0.5 * (1 + np.cos(np.pi * progress)))


def evaluate(
    model: NoteRNN, tunes: Sequence[Tokens], bars: Sequence[Bars] | None = None, batch_size: int = 64
) -> HeldOut:
    """Return the score of `model` on whole `tunes` [N], each from the zero state; leaves `model` in evaluation mode.

    `bars` [N] are those of the tunes, on which only a network with lookback depends.
    """
    scored = [scores[UNSCORED:] for scores in token_scores(model, tunes, bars, batch_size)]
    nats, correct = np.concatenate(scored, dtype=np.float64).T
    return HeldOut(float(nats.mean()), float(correct.mean()), len(nats))


@torch.no_grad()
def token_scores(
    model: NoteRNN, tunes: Sequence[Tokens], bars: Sequence[Bars] | None = None, batch_size: int = 64
) -> list[npt.NDArray[np.float32]]:
    """Return for each of `tunes` [N] the nats of its tokens and whether each was the likeliest (0 or 1), [T, 2].

    Each tune is scored from the zero state; leaves `model` in evaluation mode. `bars` as in `evaluate`.
    """
    model.eval()
    order = np.argsort([len(tune) for tune in tunes], kind="stable")
    scores: dict[int, npt.NDArray[np.float32]] = {}
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        inputs, targets = (array.to(model.head.weight.device) for array in _padded([tunes[i] for i in batch]))
        logits, _ = model(inputs, model.zero_state(len(batch), [bars[i] for i in batch] if bars else None))
        nats = functional.cross_entropy(logits.permute(0, 2, 1), targets, reduction="none")
        both = torch.stack([nats, (logits.argmax(-1) == targets).float()], -1).cpu().numpy()
        scores.update({i: both[: len(tunes[i]), column] for column, i in enumerate(batch)})
    return [scores[i] for i in range(len(tunes))]


def _padded(tunes: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
    """Return inputs and targets [T, B] of whole tunes; those after the end of a tune are NO_EVENT."""
    longest = max(len(tune) for tune in tunes)
    tokens = np.full((longest + 1, len(tunes)), NO_EVENT)
    for column, tune in enumerate(tunes):
        tokens[1 : len(tune) + 1, column] = tune
    return torch.from_numpy(tokens[:-1]), torch.from_numpy(tokens[1:])
