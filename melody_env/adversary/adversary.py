"""An adversary: discriminators of human and composed melodies that are fitted again and again while an agent trains.

Shapes: B melodies, T steps, N human tunes.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from melody_env.adversary.features import FeatureDiscriminator
from melody_env.adversary.positions import PositionDiscriminator
from melody_env.adversary.tokens import TokenDiscriminator
from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.common.errors import InputError
from note_rnn.vocabulary import Tokens

FIRST = 128
"""Melodies before the first fit."""
MIN_TUNES = 50


class Discriminator(Protocol):
    """What tells human from composed melodies."""

    interval: int
    """Melodies from one fit to the next."""
    remembered: int
    """Melodies that a fit is to, the latest ones."""

    def fit(self, human: Tokens, composed: Tokens) -> None:
        """Learn from `human` and the latest `composed` melodies [B, T]."""

    def log_odds(self, melodies: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for each of `melodies` [B, T]."""

    def begin(self, size: int) -> None:
        """Start judging the beginnings of `size` melodies."""

    def advance(self, tokens: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for the beginnings that end with `tokens` [B]."""


class Adversary:
    """Discriminators of `human` tunes [N, T] and of the melodies given to `judge`, fitted to the latest of these.

    `weights` has a number above 0 for each discriminator: "features" (of the whole melody, and of parts), "positions"
    (which token at which step) and "tokens" (a small recurrent network). All judge beginnings, too. Raises InputError
    for fewer than 50 tunes.
    """

    def __init__(self, weights: Mapping[str, float], human: Tokens, setting: Setting, seed: int = 0):
        if len(human) < MIN_TUNES:
            raise InputError(
                f"An adversary needs at least {MIN_TUNES} human tunes to compare with, and {len(human)} fit the "
                "setting: choose shorter pieces or another meter."
            )
        self.weights = weights
        self.human = human
        makers: Mapping[str, Callable[[], Discriminator]] = {
            "features": lambda: FeatureDiscriminator(setting),
            "positions": lambda: PositionDiscriminator(setting),
            "tokens": lambda: TokenDiscriminator(setting, np.random.default_rng(seed)),
        }
        self._discriminators = {name: makers[name]() for name in weights}
        self._since_fit = dict.fromkeys(weights, 0)
        self._recent = human[:0]
        self._is_fitted = False

    def judge(self, melodies: Tokens) -> dict[str, Floats]:
        """Return the log-odds [B] that each of `melodies` [B, T] is human, by each discriminator.

        They are 0 before the first fit. Then learn from the melodies, where a fit is due; only the first are judged by
        what was fitted to them.
        """
        most = max(each.remembered for each in self._discriminators.values())
        self._recent = np.concatenate([self._recent, melodies])[-most:]
        self._since_fit = {name: count + len(melodies) for name, count in self._since_fit.items()}
        if not self._is_fitted:
            self._fit_where_due(FIRST)
        log_odds = dict.fromkeys(self.weights, np.zeros(len(melodies)))
        if self._is_fitted:
            log_odds = {name: each.log_odds(melodies) for name, each in self._discriminators.items()}
        self._fit_where_due()
        return log_odds

    def begin(self, size: int) -> None:
        """Start judging the beginnings of `size` melodies."""
        for discriminator in self._discriminators.values():
            discriminator.begin(size)

    def potential(self, tokens: Tokens) -> Floats:
        """Return the weighted log-odds [B] of the beginnings that end with `tokens` [B]; 0 before the first fit."""
        if not self._is_fitted:
            return np.zeros(len(tokens))
        return np.sum(
            [self.weights[name] * each.advance(tokens) for name, each in self._discriminators.items()], axis=0
        )

    def _fit_where_due(self, interval: int | None = None) -> None:
        """Fit each discriminator that has not been fitted for `interval` melodies, by default its own."""
        for name, discriminator in self._discriminators.items():
            if self._since_fit[name] >= (interval or discriminator.interval):
                discriminator.fit(self.human, self._recent[-discriminator.remembered :])
                self._since_fit[name] = 0
                self._is_fitted = True
