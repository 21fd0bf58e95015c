"""Metrics of composed pieces: a handful to watch while learning, and all of those in the table.

Shapes: N pieces, M human tunes, T steps.
"""

from dataclasses import replace

import numpy as np

from agents.composing.pieces import Pieces
from melody_env import (
    HumanReference,
    Setting,
    largest_bar_share,
    mean_hamming_distance,
    melody_statistics,
    score_melodies,
)
from melody_env.measures.copying import longest_shared_runs
from melody_env.measures.discriminator import discriminator_auc
from melody_env.measures.statistics import MelodyStatistics, count_distinct
from note_rnn import NO_EVENT, NoteRNN, Tokens

MOST_JUDGED = 2_000
"""Pieces that the classifier sees; more change nothing."""
MOST_COMPARED = 200
"""Pieces that are looked for in the tunes that were learned from."""
MIN_JUDGED = 10
"""Human tunes that a comparison with them takes."""


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


def table_metrics(pieces: Pieces, human: HumanReference | None = None) -> dict[str, float]:
    """Return all figures of `pieces`: `melody_metrics` and `learning_metrics`."""
    return {**melody_metrics(pieces.melodies, pieces.setting, human), **learning_metrics(pieces)}


def melody_metrics(melodies: Tokens, setting: Setting, human: HumanReference | None = None) -> dict[str, float]:
    """Return the figures of `melodies` [N, T], whoever composed them: the paper's Table 1, r_MT by its rules, and more.

    With a `human` reference in the same setting also how like its tunes they are.
    """
    statistics = melody_statistics(melodies, setting)
    metrics = {
        **statistics.as_dict(),
        **statistics.mean_absolute_autocorrelations(),
        **statistics.means(),
        "hamming_distance": mean_hamming_distance(melodies),
        "largest_bar_share": largest_bar_share(melodies, setting.steps_per_bar),
        "paper_music_theory": float(score_melodies(melodies, "paper", setting).music_theory.mean()),
    }
    return metrics if human is None else {**metrics, **likeness(melodies, statistics, human)}


def likeness(melodies: Tokens, statistics: MelodyStatistics, human: HumanReference) -> dict[str, float]:
    """Return how like the `human` tunes `melodies` [N, T] with these `statistics` are, and how far they copy."""
    overlap = statistics.overlaps(human.statistics)
    copied = {}
    if human.learned is not None:
        copied["longest_shared_run"] = float(np.median(longest_shared_runs(melodies[:MOST_COMPARED], human.learned)))
    rng = np.random.default_rng(0)
    return {
        **copied,
        **{f"overlap_{name}": value for name, value in overlap.items() if name != "mean"},
        "human_overlap": overlap["mean"],
        "human_auc": discriminator_auc(human.tunes, melodies[:MOST_JUDGED], rng, human.setting),
    }


def human_metrics(human: HumanReference, prior: NoteRNN) -> dict[str, float]:
    """Return the column of the `human` tunes, with log p of `prior`, a Note RNN of C major."""
    nothing = np.full(len(human.tunes), NO_EVENT)
    log_prob = prior.transposed(human.setting.transposition).log_prob(human.tunes, nothing).mean().item()
    return {**melody_metrics(human.tunes, human.setting), **likeness_of_halves(human), "log_prob": log_prob}


def likeness_of_halves(human: HumanReference) -> dict[str, float]:
    """Return the `likeness` of one half of the `human` tunes to the other: what human tunes themselves come to.

    Nothing where they are too few to compare with.
    """
    order = np.random.default_rng(0).permutation(len(human.tunes))
    one, other = human.tunes[order[::2]], human.tunes[order[1::2]]
    if len(other) < MIN_JUDGED:
        return {}
    judges = replace(human, tunes=other, statistics=melody_statistics(other, human.setting))
    return likeness(one, melody_statistics(one, human.setting), judges)
