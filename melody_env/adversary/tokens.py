"""Discriminator of human and composed melodies by their tokens, which judges beginnings, too.

Shapes: B melodies, T steps, H hidden units.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.extraction.tunes import Bars
from note_rnn.network.lookback import Lookback, Past, begin, look_back
from note_rnn.network.recurrent_layers import RecurrentLayers, State
from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

LIMIT = 8.0
"""The largest log-odds, either way."""
_LOOKBACK = Lookback((0.5, 1, 2, 4, 8))
_UNITS = 64
_DROPOUT = 0.3
_NOISE = 0.1
"""Share of the tokens that are random in training, so that no tune is learned by heart."""
_LEARNING_RATE = 3e-3
_WEIGHT_DECAY = 0.1
_BATCH = 64
"""Melodies of each kind per update."""
_FIRST_EPOCHS, _EPOCHS = 6, 2
"""Passes over the melodies in the first fit, and in each after it."""


class _Judged(NamedTuple):
    """What is remembered of the beginnings of B melodies."""

    layers: State
    past: Past
    total: Tensor
    """[B, H]; the sum of the layers' outputs."""
    steps: int
    """Number of tokens."""


class _PrefixJudge(nn.Module):
    """A small LSTM with lookback features; the log-odds are linear in the mean of its outputs so far."""

    def __init__(self, setting: Setting):
        super().__init__()
        self.bars = Bars(setting.staff.meter, -1)
        """The bars of melodies without a priming token."""
        self.layers = RecurrentLayers(_LOOKBACK.num_inputs, (_UNITS,))
        self.layers.dropout = _DROPOUT
        self.head = nn.Linear(_UNITS, 1)

    def begin(self, size: int) -> _Judged:
        """Return what is remembered of `size` melodies before their first token."""
        past = begin(_LOOKBACK, [self.bars] * size, self.head.weight.device)
        return _Judged(self.layers.zero_state(size), past, torch.zeros(size, _UNITS), 0)

    def forward(self, tokens: Tensor, judged: _Judged) -> tuple[Tensor, _Judged]:
        """Return the log-odds [T, B] of "human" after each of `tokens` [T, B], which come after `judged`."""
        seen = look_back(_LOOKBACK, tokens, judged.past)
        outputs, layers = self.layers(seen.ones, judged.layers)
        totals = outputs.cumsum(0) + judged.total
        steps = torch.arange(judged.steps + 1, judged.steps + 1 + len(tokens))
        log_odds = self.head(totals / steps[:, None, None])[..., 0]
        return log_odds, _Judged(layers, seen.past, totals[-1], judged.steps + len(tokens))


class TokenDiscriminator:
    """Log-odds of "human" for every beginning of a melody, by a small recurrent network on the tokens alone.

    A fit continues the one before it. Longer beginnings count more. Log-odds are within -8..8.
    """

    interval = 640
    remembered = 1_280

    def __init__(self, setting: Setting, rng: np.random.Generator):
        self._rng = rng
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            self._judge = _PrefixJudge(setting)
        self._optimizer = torch.optim.AdamW(
            self._judge.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY, fused=True
        )
        self._epochs = _FIRST_EPOCHS

    def fit(self, human: Tokens, composed: Tokens) -> None:
        """Learn from `human` and `composed` melodies [B, T], equally many of each."""
        self._judge.train()
        size = min(len(human), len(composed))
        for _ in range(self._epochs):
            pairs = np.stack([self._rng.permutation(len(melodies))[:size] for melodies in (human, composed)])
            for first in range(0, size, _BATCH):
                chosen = pairs[:, first : first + _BATCH]
                self._update(human[chosen[0]], composed[chosen[1]])
        self._epochs = _EPOCHS
        self._judge.eval()

    def _update(self, human: Tokens, composed: Tokens) -> None:
        """Take one step of the optimizer on equally many melodies [B, T] of both kinds."""
        tokens = np.concatenate([human, composed]).T
        noise = self._rng.integers(VOCABULARY_SIZE, size=tokens.shape)
        tokens = np.where(self._rng.random(tokens.shape) < _NOISE, noise, tokens)
        is_human = torch.arange(tokens.shape[1]) < len(human)
        log_odds, _ = self._judge(torch.from_numpy(tokens), self._judge.begin(tokens.shape[1]))
        weights = torch.linspace(0, 1, len(log_odds))[:, None]
        losses = functional.binary_cross_entropy_with_logits(
            log_odds, is_human.expand_as(log_odds).float(), weights, reduction="sum"
        )
        self._optimizer.zero_grad()
        (losses / (weights.sum() * log_odds.shape[1])).backward()
        nn.utils.clip_grad_norm_(self._judge.parameters(), 1.0)
        self._optimizer.step()

    @torch.no_grad()
    def log_odds(self, melodies: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for each of `melodies` [B, T]."""
        log_odds, _ = self._judge(torch.from_numpy(melodies.T.copy()), self._judge.begin(len(melodies)))
        return _limited(log_odds[-1])

    def begin(self, size: int) -> None:
        """Start judging the beginnings of `size` melodies."""
        self._beginnings = self._judge.begin(size)

    @torch.no_grad()
    def advance(self, tokens: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for the beginnings that end with `tokens` [B]."""
        log_odds, self._beginnings = self._judge(torch.from_numpy(tokens)[None], self._beginnings)
        return _limited(log_odds[0])


def _limited(log_odds: Tensor) -> Floats:
    return log_odds.numpy().astype(np.float64).clip(-LIMIT, LIMIT)
