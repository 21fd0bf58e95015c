"""Discriminator of human and composed melodies by what is played at each step of a piece.

Shapes: B melodies, T steps, A = 38 tokens.
"""

import numpy as np

from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

STEP = 0.1
"""Share of the log-odds of each fit that is added to what a token is worth."""
DECAY = 0.02
"""Share of it that each fit takes back."""
PRIOR_COUNT = 20.0
"""Melodies of either kind, as both are in the mean, that are counted beside those seen: few say little."""


class PositionDiscriminator:
    """Log-odds that add up token by token, each worth what the step tells: so ends of phrases come where they do.

    As in `MomentMatching`, they are summed up from one fit to the next, until human and composed melodies have each
    token equally often at each step.
    """

    interval = 128
    remembered = 512

    def __init__(self, setting: Setting):
        self.worth = np.zeros((setting.steps, VOCABULARY_SIZE))
        """[T, A]"""

    def fit(self, human: Tokens, composed: Tokens) -> None:
        """Learn from `human` and the latest `composed` melodies [B, T], both kinds weighted equally."""
        shares = [_shares(human), _shares(composed)]
        pooled = sum(shares) / 2
        smoothed = [
            (len(melodies) * share + PRIOR_COUNT * pooled) / (len(melodies) + PRIOR_COUNT)
            for melodies, share in zip((human, composed), shares, strict=True)
        ]
        log_odds = np.log((smoothed[0] + 1e-6) / (smoothed[1] + 1e-6)).clip(-1, 1)
        self.worth = (1 - DECAY) * self.worth + STEP * log_odds

    def log_odds(self, melodies: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for each of `melodies` [B, T]."""
        return self.worth[np.arange(melodies.shape[1]), melodies].sum(axis=1)

    def begin(self, size: int) -> None:
        """Start judging the beginnings of `size` melodies."""
        self._total, self._steps = np.zeros(size), 0

    def advance(self, tokens: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for the beginnings that end with `tokens` [B]."""
        self._total = self._total + self.worth[self._steps, tokens]
        self._steps += 1
        return self._total


def _shares(melodies: Tokens) -> Floats:
    """Return the share of `melodies` [B, T] that have each token at each step [T, A]."""
    steps = melodies.shape[1]
    places = melodies + VOCABULARY_SIZE * np.arange(steps)
    counts = np.bincount(places.ravel(), minlength=steps * VOCABULARY_SIZE)
    return counts.reshape(steps, VOCABULARY_SIZE) / len(melodies)
