"""A sample of a composer: many of its melodies, and what is counted of them, in one file.

Shapes: N melodies, T steps, A = 38 tokens, K statistics.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.composing.composers import Composer
from agents.composing.pieces import compose_pieces
from agents.evaluation.bootstrap import Floats, Sums, resampled_sums
from agents.evaluation.metrics import likeness
from melody_env import (
    HumanReference,
    Setting,
    largest_bar_share,
    mean_hamming_distance,
    melody_statistics,
    score_melodies,
)
from melody_env.measures.statistics import LAGS, MelodyStatistics
from note_rnn import NO_EVENT, VOCABULARY_SIZE, NoteRNN, Tokens, replacing

Column = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""What each of N melodies adds to a numerator and a denominator."""

VERSION = 3
"""Raised when samples tell more than before, so that older ones are made again."""
RESAMPLES = 1_000
_AT_ONCE = 2_048
"""Melodies that the Note RNN reads side by side."""


@dataclass(frozen=True)
class Sample:
    """N melodies, figures of them all, and the sums from which intervals are computed."""

    melodies: Tokens
    """[N, T]."""
    probabilities: npt.NDArray[np.floating]
    """[T, A] of the first melody while it was composed; empty if that is not known."""
    metrics: dict[str, float]
    """Of `table_metrics` those that are no sums over melodies: how different they are, how like people's."""
    names: tuple[str, ...]
    """Of the K statistics that have intervals."""
    sums: Sums
    request: dict[str, Any]
    """What the sample was made for: a sample of another request is made again."""

    def save(self, path: Path) -> None:
        """Write the sample to the file `path`; raises OSError where that cannot be."""
        record = {"metrics": self.metrics, "names": self.names, "request": self.request}
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
            with path.open("rb") as file, np.load(file) as data:
                record = json.loads(str(data["record"]))
                if request is not None and record["request"] != request:
                    return None
                return cls(
                    data["melodies"].astype(np.int64),
                    data["probabilities"],
                    record["metrics"],
                    tuple(record["names"]),
                    Sums(data["whole"], data["resampled"]),
                    record["request"],
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None


def composed_sample(
    composer: Composer, n: int, seed: int, human: HumanReference | None = None, request: Mapping[str, Any] | None = None
) -> Sample:
    """Return a sample of `n` pieces that a `composer` composes in its environment, compared with the `human` tunes."""
    pieces = compose_pieces(composer.player(), n, seed, composer.environment, retained=1)
    length, each = np.full(n, pieces.melodies.shape[1]), np.ones(n)
    columns = {
        "log_prob": (pieces.finished.log_prob, length),
        "entropy": (pieces.entropy, each),
        "kl": (pieces.kl, each),
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
    """Return a sample of given `melodies` [N, T]: human, or of a machine without probabilities.

    Their log p is that of `prior`, a Note RNN of C major, with nothing before them.
    """
    count, length = melodies.shape
    prior = prior.transposed(setting.transposition)
    blocks = [melodies[first : first + _AT_ONCE] for first in range(0, count, _AT_ONCE)]
    log_prob = np.concatenate([prior.log_prob(each, np.full(len(each), NO_EVENT)).sum(1).numpy() for each in blocks])
    columns = {"log_prob": (log_prob, np.full(count, length))}
    return _sample(melodies, setting, columns, human, np.zeros((0, VOCABULARY_SIZE)), seed, request or {})


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
    columns = {**counted(statistics, score_melodies(melodies, "paper", setting).music_theory.sum(1)), **columns}
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


def counted(statistics: MelodyStatistics, music_theory: Floats) -> dict[str, Column]:
    """Return, by name, what each melody adds [N] to the numerators and denominators of its statistics.

    Those of the paper's Table 1, r_MT per step from its sums `music_theory` [N], and the numbers that people's
    melodies are compared by.
    """
    counts = statistics.counts
    each = np.ones(len(music_theory))
    steps = each * statistics.length
    columns: dict[str, Column] = {name: (count, steps) for name, count in counts.items() if name.startswith("notes_")}
    columns |= {name: (count, each) for name, count in counts.items() if name.startswith("compositions_")}
    columns["leaps_resolved"] = (counts["leaps_resolved"], counts["leaps_resolved"] + counts["leaps_doubled"])
    for lag, coefficients in zip(LAGS, statistics.autocorrelations, strict=True):
        columns[f"autocorrelation_lag{lag}"] = (np.nan_to_num(coefficients), ~np.isnan(coefficients))
    columns |= {name: (values, each) for name, values in statistics.features.numbers.items()}
    return columns | {"paper_music_theory": (music_theory, steps)}
