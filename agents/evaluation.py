"""What composed pieces are like: a handful of numbers to watch while learning, and the table of the paper.

Shapes: N pieces, T steps.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from rich.table import Table

from agents.composing import Pieces
from agents.paper import published
from melody_env import Setting, largest_bar_share, mean_hamming_distance, melody_statistics, score_melodies
from melody_env.copying import longest_shared_runs
from melody_env.discriminator import discriminator_auc
from melody_env.populations import learned_tunes
from melody_env.rules import RULES
from melody_env.statistics import MelodyStatistics, count_distinct
from note_rnn import NO_EVENT, NoteRNN, Tokens

MOST_JUDGED = 2_000
"""Pieces that the classifier sees; more change nothing."""
MOST_COMPARED = 200
"""Pieces that are looked for in the tunes that were learned from."""
MIN_JUDGED = 10
"""Tunes of people that it takes to judge others by them."""


class Row(NamedTuple):
    """A line of the table: the metric's name, what it is called, how it is written."""

    metric: str
    label: str
    form: str


ROWS = (
    Row("notes_excessively_repeated", "Notes excessively repeated", ".2%"),
    Row("autocorrelation_lag1", "Mean autocorrelation, lag 1", ".2f"),
    Row("autocorrelation_lag2", "Mean autocorrelation, lag 2", ".2f"),
    Row("autocorrelation_lag3", "Mean autocorrelation, lag 3", ".2f"),
    Row("notes_not_in_key", "Notes not in key", ".2%"),
    Row("compositions_starting_with_tonic", "Compositions starting with tonic", ".1%"),
    Row("leaps_resolved", "Leaps resolved", ".1%"),
    Row("compositions_with_unique_max_note", "Compositions with unique max note", ".1%"),
    Row("compositions_with_unique_min_note", "Compositions with unique min note", ".1%"),
    Row("notes_in_motif", "Notes in motif", ".1%"),
    Row("notes_in_repeated_motif", "Notes in repeated motif", ".2%"),
    Row("paper_music_theory", "r_MT per step (the nine rules)", ".2f"),
    Row("notes_per_bar", "Notes per bar", ".1f"),
    Row("range", "Range, semitones", ".1f"),
    Row("leap_rate", "Intervals of a fourth or more", ".1%"),
    Row("rest_share", "Rests", ".1%"),
    Row("repeated_motifs", "Motifs heard before", ".1%"),
    Row("human_overlap", "Overlap with people (12 statistics)", ".3f"),
    Row("human_auc", "Classifier's AUC against people", ".3f"),
    Row("longest_shared_run", "Longest run shared with its tunes, median", ".0f"),
    Row("log_prob", "log p per step, nats", ".2f"),
    Row("entropy", "Policy entropy per step, nats", ".2f"),
    Row("kl", "KL from the Note RNN per piece, nats", ".1f"),
    Row("distinct_compositions", "Distinct compositions", ".1%"),
    Row("hamming_distance", "Steps at which two compositions differ", ".1%"),
    Row("largest_bar_share", "Share of the commonest bar", ".2%"),
)


def learning_metrics(pieces: Pieces) -> dict[str, float]:
    """Return the means of `pieces` to watch while learning.

    Per step: total reward, r_MT, log p, entropy and each rule ("rule/<name>"). Per piece: KL from the Note RNN. And
    how different the pieces are from each other.
    """
    finished, length = pieces.finished, pieces.melodies.shape[1]
    return {
        "reward": float(finished.returns.mean()) / length,
        "music_theory": float(finished.music_theory.mean()) / length,
        "log_prob": float(finished.log_prob.mean()) / length,
        "entropy": float(pieces.entropy.mean()),
        "kl": float(pieces.kl.mean()),
        "distinct_compositions": count_distinct(pieces.melodies) / len(pieces.melodies),
        "hamming_distance": mean_hamming_distance(pieces.melodies),
        "largest_bar_share": largest_bar_share(pieces.melodies, pieces.setting.steps_per_bar),
        **{f"rule/{name}": float(sums.mean()) / length for name, sums in finished.rules.items()},
    }


def table_metrics(pieces: Pieces, human: Tokens | None = None) -> dict[str, float]:
    """Return all that is known of `pieces`: `learning_metrics`, the paper's Table 1, r_MT by the paper's rules ...

    With `human` tunes [M, T] in the same setting also how like them the pieces are.
    """
    return {**melody_metrics(pieces.melodies, pieces.setting, human), **learning_metrics(pieces)}


def melody_metrics(melodies: Tokens, setting: Setting, human: Tokens | None = None) -> dict[str, float]:
    """Return what is known of `melodies` [N, T] whoever composed them, and how like `human` tunes [M, T] they are."""
    statistics = melody_statistics(melodies, setting)
    metrics = {
        **statistics.as_dict(),
        **statistics.mean_absolute_autocorrelations(),
        **statistics.means(),
        "hamming_distance": mean_hamming_distance(melodies),
        "largest_bar_share": largest_bar_share(melodies, setting.steps_per_bar),
        "paper_music_theory": float(score_melodies(melodies, "paper", setting).music_theory.mean()),
    }
    return metrics if human is None else {**metrics, **likeness(melodies, statistics, setting, human)}


def likeness(melodies: Tokens, statistics: MelodyStatistics, setting: Setting, human: Tokens) -> dict[str, float]:
    """Return how like `human` tunes [M, T] `melodies` [N, T] with these `statistics` are, and how far they copy."""
    overlap = statistics.overlaps(melody_statistics(human, setting))
    learned = learned_tunes(setting)
    copied = {}
    if learned is not None:
        copied["longest_shared_run"] = float(np.median(longest_shared_runs(melodies[:MOST_COMPARED], learned)))
    return {
        **copied,
        **{f"overlap_{name}": value for name, value in overlap.items() if name != "mean"},
        "human_overlap": overlap["mean"],
        "human_auc": discriminator_auc(human, melodies[:MOST_JUDGED], np.random.default_rng(0), setting),
    }


def human_metrics(human: Tokens, setting: Setting, prior: NoteRNN) -> dict[str, float]:
    """Return the column of people's tunes [M, T] in the `setting`, with log p of `prior`, which knows C major."""
    heard = np.full(len(human), NO_EVENT)
    log_prob = prior.transposed(setting.transposition).log_prob(human, heard).mean().item()
    return {**melody_metrics(human, setting), **likeness_of_halves(human, setting), "log_prob": log_prob}


def likeness_of_halves(human: Tokens, setting: Setting) -> dict[str, float]:
    """Return the `likeness` of one half of `human` tunes [M, T] to the other: what people themselves come to.

    Nothing where they are too few to be judged by.
    """
    order = np.random.default_rng(0).permutation(len(human))
    one, other = human[order[::2]], human[order[1::2]]
    return likeness(one, melody_statistics(one, setting), setting, other) if len(other) >= MIN_JUDGED else {}


def metrics_table(columns: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """Return the table of `columns` (composer -> `table_metrics`), the published Note RNN and Q beside them.

    The paper's rules are seen in the statistics; any others have rows of their own.
    """
    table = Table("", *columns, "paper: Note RNN", "paper: Q", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in ROWS:
        values = [metrics.get(row.metric) for metrics in columns.values()]
        values += [published(row.metric, "note_rnn"), published(row.metric, "q")]
        table.add_row(row.label, *(written(value, row.form) for value in values))
    for name in dict.fromkeys(name for metrics in columns.values() for name in metrics):
        if name.startswith("rule/") and name.removeprefix("rule/") not in RULES:
            own = [written(metrics.get(name), ".3f") for metrics in columns.values()]
            table.add_row(f"Rule {name.removeprefix('rule/')} per step", *own, "-", "-")
    return table


def written(value: float | None, form: str) -> str:
    """Return `value` as the table writes it; a dash for what is not known or no number."""
    return "-" if value is None or math.isnan(value) else format(value, form)
