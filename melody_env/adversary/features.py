"""Discriminator of human and composed melodies by their features.

Shapes: B melodies, T steps, F features.
"""

from typing import Any

import numpy as np

from melody_env.measures.features import feature_rows, melody_features
from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.vocabulary import Tokens


class FeatureDiscriminator:
    """Logistic regression on the features of whole melodies and their squares, all standardised.

    It is linear in them, so with a KL cost the reward moves the means and the spreads of the features to the human
    ones, and little else.
    """

    def __init__(self, setting: Setting):
        self.setting = setting
        self._center: Any = 0.0
        self._scale: Any = 1.0
        self._regression: Any = None

    def fit(self, human: Tokens, composed: Tokens) -> None:
        """Fit anew to `human` and `composed` melodies [B, T], both kinds weighted equally."""
        from sklearn.linear_model import LogisticRegression  # takes a second, so imported only where needed

        rows = self._rows(np.concatenate([human, composed]))
        self._center, self._scale = rows.mean(axis=0), rows.std(axis=0)
        self._scale[self._scale == 0] = 1
        is_human = np.repeat([True, False], [len(human), len(composed)])
        regression = LogisticRegression(class_weight="balanced", solver="newton-cholesky")
        self._regression = regression.fit(self._standardised(rows), is_human)

    def log_odds(self, melodies: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for each of `melodies` [B, T]."""
        rows = self._standardised(self._rows(melodies))
        return np.asarray(self._regression.decision_function(rows))

    def _rows(self, melodies: Tokens) -> Floats:
        return feature_rows(melody_features(melodies, self.setting))

    def _standardised(self, rows: Floats) -> Floats:
        """Return standardised features and their squares [B, 2 F]."""
        standard = (rows - self._center) / self._scale
        return np.concatenate([standard, np.square(standard)], axis=1)
