"""Samples of composers: many melodies of one composer and their statistics, in one file.

Shapes: N melodies, T steps, A = 38 tokens, K statistics.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.composing.composers import Composer
from agents.composing.pieces import compose_pieces
from agents.evaluation.metrics import human_metrics, likeness, split_half_likeness
from melody_env import (
    HumanReference,
    Setting,
    largest_bar_share,
    mean_hamming_distance,
    melody_statistics,
    score_melodies,
)
from melody_env.measures.bootstrap import Sums, resampled_sums
from melody_env.measures.statistics import Column
from note_rnn import NO_EVENT, VOCABULARY_SIZE, InputError, NoteRNN, Tokens, check_tokens, replacing
from note_rnn.common.array_files import read_arrays
from note_rnn.common.csv_tables import provenance
from note_rnn.common.data_files import converted, parse_json

VERSION = 6
"""Increased when samples hold more figures, so that older ones are computed again."""
RESAMPLES = 1_000
_BLOCK = 2_048
"""Melodies in one batch of the Note RNN."""


@dataclass(frozen=True)
class Sample:
    """N melodies, metrics of all of them, and the sums from which intervals are computed."""

    melodies: Tokens
    """[N, T]."""
    probabilities: npt.NDArray[np.floating]
    """[T, A] while the first melody was composed; empty if not available."""
    metrics: dict[str, float]
    """Those of `table_metrics` that are not sums over melodies: diversity and likeness to human tunes."""
    names: tuple[str, ...]
    """Names of the K statistics with intervals."""
    sums: Sums
    request: dict[str, Any]
    """Parameters of the sample; one with other parameters is computed again."""
    provenance: dict[str, str] = field(default_factory=provenance)
    """Where and when it was computed."""

    def save(self, path: Path) -> None:
        """Write the sample to the file `path`; raises OSError if that fails."""
        record = {"metrics": self.metrics, "names": self.names, "request": self.request, "provenance": self.provenance}
        with replacing(path) as temporary:
            np.savez_compressed(
                temporary,
                melodies=self.melodies.astype(np.int8),
                probabilities=self.probabilities.astype(np.float32),
                whole=self.sums.whole,
                resampled=self.sums.resampled,
                record=np.array(json.dumps(record)),
            )

    @classmethod
    def load(cls, path: Path, request: Mapping[str, Any] | None = None) -> "Sample | None":
        """Return the sample in the file `path`; None if it is missing, damaged or of another `request`."""
        try:
            data = read_arrays(path)
            record: _Record = converted(parse_json(str(data["record"])), _Record)
            shape = (2, len(record.names))
            if data["whole"].shape != shape or data["resampled"].shape[1:] != shape:
                return None
            if request is not None and record.request != request:
                return None
            return cls(
                check_tokens(data["melodies"], ndim=2),
                data["probabilities"],
                record.metrics,
                tuple(record.names),
                Sums(data["whole"], data["resampled"]),
                record.request,
                record.provenance,
            )
        except (OSError, InputError, KeyError):
            return None


@dataclass(frozen=True)
class _Record:
    """The plain part of a sample's file."""

    metrics: dict[str, float]
    names: list[str]
    request: dict[str, Any]
    provenance: dict[str, str]


def composed_sample(
    composer: Composer, n: int, seed: int, human: HumanReference | None = None, request: Mapping[str, Any] | None = None
) -> Sample:
    """Return a sample of `n` pieces of a `composer` in its environment, compared with the `human` tunes."""
    pieces = compose_pieces(composer.player(), n, seed, composer.environment, retained=1)
    length, ones = np.full(n, pieces.melodies.shape[1]), np.ones(n)
    columns = {
        "log_prob": (pieces.finished.log_prob, length),
        "entropy": (pieces.entropy, ones),
        "kl": (pieces.kl, ones),
    }
    probabilities = pieces.steps.probabilities[0]
    return _sample(pieces.melodies, pieces.setting, columns, human, probabilities, seed, request or {})


def given_sample(
    melodies: Tokens,
    setting: Setting,
    prior: NoteRNN,
    human: HumanReference | None = None,
    seed: int = 0,
    request: Mapping[str, Any] | None = None,
) -> Sample:
    """Return a sample of given `melodies` [N, T], human or of a machine without probabilities.

    Their log p is that of `prior`, a Note RNN of C major, conditioned on nothing before them.
    """
    count, length = melodies.shape
    prior = setting.adapted(prior)
    blocks = [melodies[first : first + _BLOCK] for first in range(0, count, _BLOCK)]
    log_prob = np.concatenate([prior.log_prob(each, np.full(len(each), NO_EVENT)).sum(1).numpy() for each in blocks])
    columns = {"log_prob": (log_prob, np.full(count, length))}
    return _sample(melodies, setting, columns, human, np.zeros((0, VOCABULARY_SIZE)), seed, request or {})


def human_sample(
    human: HumanReference, prior: NoteRNN, seed: int = 0, request: Mapping[str, Any] | None = None
) -> Sample:
    """Return a sample of the `human` tunes; without the tunes, of no melodies, with the shipped figures as metrics."""
    if human.tunes is None:
        nothing = Sums(np.zeros((2, 0)), np.zeros((RESAMPLES, 2, 0)))
        column, no_tunes = human_metrics(human, prior), np.zeros((0, human.setting.steps), np.int64)
        return Sample(no_tunes, np.zeros((0, VOCABULARY_SIZE)), column, (), nothing, dict(request or {}))
    sample = given_sample(human.tunes, human.setting, prior, None, seed, request)
    sample.metrics.update(split_half_likeness(human))
    return sample


def _sample(
    melodies: Tokens,
    setting: Setting,
    columns: Mapping[str, Column],
    human: HumanReference | None,
    probabilities: npt.NDArray[np.floating],
    seed: int,
    request: Mapping[str, Any],
) -> Sample:
    statistics = melody_statistics(melodies, setting)
    music_theory = score_melodies(melodies, "paper", setting).music_theory.sum(1)
    steps = np.full(len(melodies), melodies.shape[1])
    columns = {**statistics.columns(), "paper_music_theory": (music_theory, steps), **columns}
    numerators, denominators = (np.stack(side, axis=1) for side in zip(*columns.values(), strict=True))
    metrics = {
        "distinct_compositions": statistics.distinct / len(melodies),
        "hamming_distance": mean_hamming_distance(melodies),
        "largest_bar_share": largest_bar_share(melodies, setting.steps_per_bar),
        **statistics.mean_absolute_autocorrelations(),
        **({} if human is None else likeness(melodies, statistics, human)),
    }
    sums = resampled_sums(numerators, denominators, RESAMPLES, np.random.default_rng(seed))
    return Sample(melodies, probabilities, metrics, tuple(columns), sums, dict(request))
