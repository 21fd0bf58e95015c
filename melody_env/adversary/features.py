"""Discriminator of human and composed melodies by their features, also those of beginnings.

Shapes: B melodies, T steps, K kinds of notes, F features.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from melody_env.adversary.moments import MomentMatching
from melody_env.measures.features import LEAP, MelodyFeatures, feature_rows, melody_features
from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.vocabulary import Tokens

PARTS = 16
"""Times that a melody is judged, at least; one of more than eight bars is judged after every half bar."""
LARGE_LEAP = 10
"""Semitones."""


class FeatureDiscriminator:
    """Moments of the features of melodies and of their beginnings, after every half bar and at least `PARTS` times.

    The more often a melody is judged, the sooner is paid what a token brings, which discounting would else take away.

    The features are those of `melody_features` and their squares, and how many melodies have no note of a kind, or a
    single one: a lone sixteenth off the beat, or a lone note out of key, is what a Note RNN plays and people do not.
    """

    interval = 128
    remembered = 512

    def __init__(self, setting: Setting):
        self.setting = setting
        parts = max(PARTS, 2 * setting.steps // setting.steps_per_bar)
        self._lengths = sorted({setting.steps * part // parts for part in range(1, parts + 1)} - {0})
        self._moments: dict[int, MomentMatching] = {}
        self._known: dict[int, dict[bytes, Floats]] = defaultdict(dict)
        """Features [F] of beginnings by their length and tokens: what was judged is fitted to later, and again."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": defaultdict(dict)}

    def fit(self, human: Tokens, composed: Tokens) -> None:
        """Learn from `human` and the latest `composed` melodies [B, T], both kinds weighted equally."""
        for length in self._lengths:
            beginnings = composed[:, :length]
            rows = self._features(beginnings)
            if length not in self._moments:
                squared = feature_rows(melody_features(beginnings[:1], self.setting)).shape[1]
                self._moments[length] = MomentMatching(moment_features(human[:, :length], self.setting), rows, squared)
            self._moments[length].learn(rows)
            self._known[length] = {tokens.tobytes(): row for tokens, row in zip(beginnings, rows, strict=True)}

    def log_odds(self, melodies: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for each of `melodies` [B, T]."""
        return self._moments[melodies.shape[1]].log_odds(self._features(melodies))

    def begin(self, size: int) -> None:
        """Start judging the beginnings of `size` melodies."""
        self._so_far = np.zeros((size, self.setting.steps), np.int64)
        self._steps = 0
        self._latest = np.zeros(size)

    def advance(self, tokens: Tokens) -> Floats:
        """Return the log-odds [B] of "human" for the latest beginnings that are judged, after `tokens` [B]."""
        self._so_far[:, self._steps] = tokens
        self._steps += 1
        if self._steps in self._moments:
            self._latest = self.log_odds(self._so_far[:, : self._steps])
        return self._latest

    def _features(self, melodies: Tokens) -> Floats:
        """Return the features [B, F] of `melodies`, computed once for each."""
        known, keys = self._known[melodies.shape[1]], [tokens.tobytes() for tokens in melodies]
        new = [row for row, key in enumerate(keys) if key not in known]
        if new:
            known.update(zip((keys[row] for row in new), moment_features(melodies[new], self.setting), strict=True))
        return np.array([known[key] for key in keys])


def moment_features(melodies: Tokens, setting: Setting) -> Floats:
    """Return the features [B, F] of `melodies`, first those whose squares count, too."""
    features = melody_features(melodies, setting)
    return np.concatenate([feature_rows(features), few_notes(features)], axis=1)


def few_notes(features: MelodyFeatures) -> Floats:
    """Return whether each of B melodies has no note of a kind, or a single one [B, F], 1 or 0.

    Kinds are the bins of the histograms and some that are wider; of these two, three or four, and five to eight notes
    are counted, too.
    """
    counts = np.concatenate(list(features.histograms.values()), axis=1)
    wide = _wide_kinds(features)
    few = [counts == 0, counts == 1, wide == 0, wide == 1, wide == 2, (wide > 2) & (wide < 5), (wide > 4) & (wide < 9)]
    return np.concatenate(few, axis=1).astype(np.float64)


def _wide_kinds(features: MelodyFeatures) -> Floats:
    """Return how many notes of each kind B melodies have [B, K].

    The kinds: those between the eighths, those that last an odd number of sixteenths, a quarter or more, that follow a
    leap of a fourth or more, a large leap or the same note, and those out of the scale.
    """
    histograms = features.histograms
    positions, durations, degrees = (histograms[name] for name in ("onset_position", "duration", "scale_degree"))
    intervals = histograms["pitch_interval"]
    distance = np.abs(np.arange(intervals.shape[1]) - intervals.shape[1] // 2)
    kinds = [
        positions[:, 1::2],
        durations[:, 1::2],
        durations[:, 4:],
        intervals[:, (distance >= LEAP) & (distance < LARGE_LEAP)],
        intervals[:, distance >= LARGE_LEAP],
        intervals[:, distance == 0],
        degrees[:, :1],
    ]
    return np.stack([each.sum(axis=1) for each in kinds], axis=1)
