"""Statistics of melodies: Table 1 of Jaques et al. 2017 (https://arxiv.org/abs/1611.02796) and the counts behind it.

Shapes: B melodies, T steps.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from melody_env.measures.features import MelodyFeatures, distributions, melody_features, overlaps
from melody_env.reward.composition import Composition, Floats, in_c
from melody_env.reward.profile import RewardProfile
from melody_env.reward.profile_yaml import load_profile
from melody_env.reward.rules.paper.autocorrelation import autocorrelations
from melody_env.reward.rules.paper.extremes import has_unique_highest, has_unique_lowest
from melody_env.reward.rules.paper.intervals import Interval, interval_kinds
from melody_env.reward.rules.paper.leaps import leap
from melody_env.reward.rules.paper.motifs import motif, repeated_motif
from melody_env.reward.rules.paper.repetition import repetition
from melody_env.reward.rules.paper.tonality import key
from melody_env.reward.scoring import check_melodies, replay, score_melodies
from melody_env.setting import PAPER_SETTING, Setting
from note_rnn.vocabulary import Tokens

LAGS = (1, 2, 3)

Column = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""What each of B melodies adds to the numerator and to the denominator of a statistic."""

_COUNTED_STEPS: dict[str, Callable[[Composition], npt.NDArray[np.bool_]]] = {
    "notes_not_in_key": lambda composition: key(composition) < 0,
    "notes_excessively_repeated": lambda composition: repetition(composition) < 0,
    "notes_in_motif": lambda composition: motif(composition) > 0,
    "notes_in_repeated_motif": lambda composition: repeated_motif(composition) > 0,
    "leaps_resolved": lambda composition: leap(composition) > 0,
    "leaps_doubled": lambda composition: leap(composition) < 0,
}


@dataclass(frozen=True)
class MelodyStatistics:
    """Statistics of B melodies of T steps, counted melody by melody as in the original's evaluation."""

    length: int
    """T."""
    counts: dict[str, npt.NDArray[np.int64]]
    """Per melody [B]. Steps: notes_not_in_key, notes_excessively_repeated, notes_in_motif, notes_in_repeated_motif,
    leaps_resolved, leaps_doubled (a leap that is neither is not counted). 1 or 0: compositions_starting_with_tonic,
    compositions_with_unique_max_note, compositions_with_unique_min_note. Steps again: interval_second and so
    on, one for each `Interval`."""
    autocorrelations: Floats
    """[3, B]; of the token numbers at lags 1, 2 and 3; nan for a constant melody."""
    distinct: int
    """Number of different melodies."""
    features: MelodyFeatures
    """Intervals, durations, onsets, leap rate, range ..., in which machine melodies differ from human ones."""
    rules: dict[str, Floats] = field(default_factory=dict)
    """The sum [B] of each rule of the reward profile, if one was given."""
    piece_rules: frozenset[str] = frozenset()
    """The rules among them that value a piece as a whole."""

    def as_dict(self) -> dict[str, float]:
        """Return the statistics of the paper's Table 1 by name, and `distinct_compositions`.

        Counts of notes are fractions of all steps, those of compositions of all melodies; leaps_resolved = resolved /
        (resolved + doubled), nan without leaps; autocorrelations are means, constant melodies left out (nan if all are
        constant). The rules of a profile (`rule_<name>`) are means per step, of those that value a piece per piece.
        """
        total = {name: int(count.sum()) for name, count in self.counts.items()}
        melodies = self.autocorrelations.shape[1]
        leaps = total["leaps_resolved"] + total["leaps_doubled"]
        return {
            **{name: total[name] / (melodies * self.length) for name in total if name.startswith("notes_")},
            **{name: total[name] / melodies for name in total if name.startswith("compositions_")},
            "leaps_resolved": total["leaps_resolved"] / leaps if leaps else float("nan"),
            **_by_lag("autocorrelation", self.autocorrelations),
            "distinct_compositions": self.distinct / melodies,
            **{
                f"rule_{name}": float(sums.mean()) / (1 if name in self.piece_rules else self.length)
                for name, sums in self.rules.items()
            },
        }

    def means(self) -> dict[str, float]:
        """Return the mean over the melodies of each number of `features`, by name."""
        return {name: float(values.mean()) for name, values in self.features.numbers.items()}

    def columns(self) -> dict[str, Column]:
        """Return, by name, what each melody [B] adds to the statistics that are ratios of sums.

        These are those of the paper's Table 1, and the means of the numbers of `features`.
        """
        counts, ones = self.counts, np.ones(self.autocorrelations.shape[1])
        steps = ones * self.length
        columns: dict[str, Column] = {
            name: (count, steps) for name, count in counts.items() if name.startswith("notes_")
        }
        columns |= {name: (count, ones) for name, count in counts.items() if name.startswith("compositions_")}
        columns["leaps_resolved"] = (counts["leaps_resolved"], counts["leaps_resolved"] + counts["leaps_doubled"])
        for lag, coefficients in zip(LAGS, self.autocorrelations, strict=True):
            columns[f"autocorrelation_lag{lag}"] = (np.nan_to_num(coefficients), ~np.isnan(coefficients))
        return columns | {name: (values, ones) for name, values in self.features.numbers.items()}

    def overlaps(self, human: "MelodyStatistics") -> dict[str, float]:
        """Return the overlap, 0..1, of each of twelve distributions with that of `human` tunes, and their "mean".

        They are the same twelve at every length, so that overlaps compare: bars that come back are not among them.
        """
        return overlaps(self.distributions(), human.distributions())

    def distributions(self) -> dict[str, Floats]:
        """Return the twelve distributions of the features by name, as the share of each bin."""
        return distributions(self.features)

    def mean_absolute_autocorrelations(self) -> dict[str, float]:
        """Return the means of the absolute coefficients, which unlike those of `as_dict` do not cancel out."""
        return _by_lag("absolute_autocorrelation", np.abs(self.autocorrelations))


def melody_statistics(
    tokens: npt.ArrayLike, setting: Setting | None = None, profile: str | Path | RewardProfile | None = None
) -> MelodyStatistics:
    """Return the statistics of `tokens` [B, T], and the sums of a `profile`'s rules, if one is given.

    The musical `setting` defaults to that of the profile, or else to C major in 4/4.

    Raises VocabularyError for tokens outside 0..37, another shape, or no melody.
    """
    melodies = check_melodies(tokens)
    rules: dict[str, Floats] = {}
    piece_rules: frozenset[str] = frozenset()
    if profile is not None:
        profile = load_profile(profile)
        piece_rules = profile.piece_rules
        rules = {name: values.sum(1) for name, values in score_melodies(melodies, profile, setting).rules.items()}
        setting = setting or profile.setting
    setting = setting or PAPER_SETTING
    counts = {name: np.zeros(len(melodies), np.int64) for name in _COUNTED_STEPS}
    whole_pieces = []
    for rows, composition in replay(melodies, setting):
        for name, is_counted in _COUNTED_STEPS.items():
            counts[name][rows] += is_counted(composition)
        if composition.is_complete:
            whole_pieces.append(_count_whole(composition))
    for name in whole_pieces[0]:
        counts[name] = np.concatenate([block[name] for block in whole_pieces])
    coefficients = np.stack([autocorrelations(in_c(melodies, setting), lag) for lag in LAGS])
    features = melody_features(melodies, setting)
    distinct = count_distinct(melodies)
    return MelodyStatistics(melodies.shape[1], counts, coefficients, distinct, features, rules, piece_rules)


def count_distinct(melodies: Tokens) -> int:
    """Return the number of different rows of `melodies` [B, T]."""
    rows = np.ascontiguousarray(melodies.astype(np.int8))
    return len(np.unique(rows.view(np.dtype((np.void, rows.shape[1])))))


def _count_whole(composition: Composition) -> dict[str, npt.NDArray[np.int64]]:
    tokens = composition.tokens
    kinds = interval_kinds(composition)
    flags = {
        "compositions_starting_with_tonic": tokens[0] == composition.setting.tonic_token,
        "compositions_with_unique_max_note": has_unique_highest(tokens),
        "compositions_with_unique_min_note": has_unique_lowest(tokens),
    }
    intervals = {f"interval_{kind.name.lower()}": np.count_nonzero(kinds == kind, axis=0) for kind in Interval}
    return {**{name: flag.astype(np.int64) for name, flag in flags.items()}, **intervals}


def _by_lag(name: str, coefficients: Floats) -> dict[str, float]:
    """Return the mean of each row [B] of `coefficients` over the melodies that are not constant."""
    defined = coefficients[:, ~np.isnan(coefficients[0])]
    means = defined.mean(axis=1) if defined.size else np.full(len(LAGS), np.nan)
    return {f"{name}_lag{lag}": float(mean) for lag, mean in zip(LAGS, means, strict=True)}
