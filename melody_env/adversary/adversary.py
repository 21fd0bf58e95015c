"""An adversary: discriminators of human and composed melodies that are fitted again and again while an agent trains.

Shapes: B melodies, T steps, N human tunes.
"""

from collections.abc import Mapping

import numpy as np

from melody_env.adversary.features import FeatureDiscriminator
from melody_env.adversary.tokens import TokenDiscriminator
from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.common.errors import InputError
from note_rnn.vocabulary import Tokens

LIMIT = 4.0
"""The largest log-odds that count, either way."""
FIRST = 128
"""Melodies before the first fit."""
REFIT = 640
"""Melodies from one fit to the next."""
REMEMBERED = 1_280
"""Melodies that a fit is to, the latest ones."""
MIN_TUNES = 50


class Adversary:
    """Discriminators of `human` tunes [N, T] and of the melodies given to `judge`, fitted to the latest of these.

    `weights` has a number above 0 for each discriminator: "features" (logistic regression on the features of whole
    melodies) and "tokens" (a small recurrent network, which also judges beginnings). Raises InputError for fewer than
    50 tunes.
    """

    def __init__(self, weights: Mapping[str, float], human: Tokens, setting: Setting, seed: int = 0):
        if len(human) < MIN_TUNES:
            raise InputError(
                f"An adversary needs at least {MIN_TUNES} human tunes to compare with, and {len(human)} fit the "
                "setting: choose shorter pieces or another meter."
            )
        self.weights = weights
        self.human = human
        self._discriminators: dict[str, FeatureDiscriminator | TokenDiscriminator] = {}
        self._tokens: TokenDiscriminator | None = None
        if "features" in weights:
            self._discriminators["features"] = FeatureDiscriminator(setting)
        if "tokens" in weights:
            self._discriminators["tokens"] = self._tokens = TokenDiscriminator(setting, np.random.default_rng(seed))
        self._recent = human[:0]
        self._since_fit = 0
        self._is_fitted = False

    def judge(self, melodies: Tokens) -> dict[str, Floats]:
        """Return the log-odds [B] that each of `melodies` [B, T] is human, by each discriminator, within -4..4.

        They are 0 before the first fit. Then learn from the melodies, if a fit is due; only the first are judged by
        what was fitted to them.
        """
        self._recent = np.concatenate([self._recent, melodies])[-REMEMBERED:]
        self._since_fit += len(melodies)
        if not self._is_fitted:
            self._fit_if_due(FIRST)
        log_odds = {name: self._log_odds(name, melodies) for name in self.weights}
        self._fit_if_due(REFIT)
        return log_odds

    def begin(self, size: int) -> None:
        """Start judging the beginnings of `size` melodies."""
        if self._tokens is not None:
            self._tokens.begin(size)

    def potential(self, tokens: Tokens) -> Floats:
        """Return the weighted log-odds [B] of the beginnings that end with `tokens` [B]; 0 before the first fit."""
        if self._tokens is None or not self._is_fitted:
            return np.zeros(len(tokens))
        return self.weights["tokens"] * self._tokens.advance(tokens).clip(-LIMIT, LIMIT)

    def _log_odds(self, name: str, melodies: Tokens) -> Floats:
        if not self._is_fitted:
            return np.zeros(len(melodies))
        return self._discriminators[name].log_odds(melodies).clip(-LIMIT, LIMIT)

    def _fit_if_due(self, interval: int) -> None:
        if self._since_fit < interval:
            return
        for discriminator in self._discriminators.values():
            discriminator.fit(self.human, self._recent)
        self._since_fit = 0
        self._is_fitted = True
