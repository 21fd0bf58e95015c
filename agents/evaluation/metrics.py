"""Metrics of composed pieces: those logged during training, and all those in the table.

Shapes: N pieces, M human tunes, T steps.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.composing.pieces import Pieces
from melody_env import (
    HumanReference,
    Setting,
    largest_bar_share,
    mean_hamming_distance,
    melody_statistics,
    score_melodies,
)
from melody_env.form import SECTIONS_AT_REST, VARIED_KEPT
from melody_env.measures.chord_tones import chord_tone_counts
from melody_env.measures.discriminator import discriminator_auc
from melody_env.measures.features import overlaps
from melody_env.measures.form_recovery import notes_of_rest, recovered_forms, varied_kept
from melody_env.measures.statistics import MelodyStatistics, count_distinct
from melody_env.reward.scoring import progression_numbers
from note_rnn import NO_EVENT, NoteRNN, Tokens, transposed, weights_checksum
from note_rnn.corpus.copying import longest_shared_runs

RULE, PIECE_RULE, PIECE_RULE_SHARE = "rule/", "piece_rule/", "piece_rule_share/"
"""What the names of metrics of rules begin with."""
MAX_CLASSIFIED = 2_000
"""Pieces given to the classifier; more change nothing."""
MAX_COMPARED = 200
"""Pieces searched for runs shared with training tunes."""
RECOVERED, KEPT = "form_recovered", "varied_kept"
SECTIONS, ENDS = "sections_at_rest", "pieces_ending_on_tonic"
CHORD_TONES = "chord_tones"
"""A metric of pieces with chords."""
OF_FORM = (RECOVERED, KEPT, SECTIONS, ENDS)
"""Metrics of pieces with form."""
MIN_COMPARED = 10
"""Melodies of each side required for a classifier."""


def learning_metrics(pieces: Pieces) -> dict[str, float]:
    """Return the means of `pieces` to log during training.

    Per step: total reward, r_MT, log p, entropy and each rule ("rule/<name>"). Per piece: KL from the Note RNN, and
    each rule that values a piece as a whole ("piece_rule/<name>"), with the share of pieces in which its value is not 0
    ("piece_rule_share/<name>"). And the diversity of the pieces, and if they have a form or
    chords the `form_metrics` or `chord_metrics`.
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
        **_rule_metrics(pieces),
        **form_metrics(pieces),
        **chord_metrics(pieces),
    }


def form_metrics(pieces: Pieces) -> dict[str, float]:
    """Return how far `pieces` have the forms asked for, judged by their tokens alone; nothing without form.

    The share of pieces whose form is recovered, the median share of their events that varied repeats keep, and the
    shares of sections and of pieces that end on a note of rest; without what the forms have none of.
    """
    of_piece = np.array(pieces.finished.forms)
    found: dict[str, list[npt.NDArray[Any]]] = {}
    for form in {form.name: form for form in pieces.setting.forms}.values():
        melodies = pieces.melodies[of_piece == form.name]
        if len(melodies):
            inner, last = notes_of_rest(melodies, form, pieces.setting)
            recovered = np.array(recovered_forms(melodies, form.grid)) == form.pattern
            of_form = recovered, varied_kept(melodies, form), inner.ravel(), last
            for name, values in zip(OF_FORM, of_form, strict=True):
                found.setdefault(name, []).append(values)
    joined = {name: np.concatenate(values) for name, values in found.items()}
    means = {name: np.median if name == KEPT else np.mean for name in joined}
    return {name: float(means[name](values)) for name, values in joined.items() if len(values)}


def chord_metrics(pieces: Pieces) -> dict[str, float]:
    """Return the share of notes that are tones of the chord on the strong beats of `pieces`; nothing without chords."""
    chords, setting = pieces.finished.chords, pieces.setting
    if not chords:
        return {}
    numbers = progression_numbers(chords, len(chords), setting)
    tones, notes = chord_tone_counts(pieces.melodies, setting.harmony_steps.of(numbers))
    return {CHORD_TONES: float(tones.sum() / max(notes.sum(), 1))}


def _rule_metrics(pieces: Pieces) -> dict[str, float]:
    length = pieces.melodies.shape[1]
    metrics = {}
    for name, sums in pieces.finished.rules.items():
        if name in pieces.piece_rules:
            metrics[f"{PIECE_RULE}{name}"] = float(sums.mean())
            metrics[f"{PIECE_RULE_SHARE}{name}"] = float((sums != 0).mean())
        else:
            metrics[f"{RULE}{name}"] = float(sums.mean()) / length
    return metrics


def table_metrics(pieces: Pieces, human: HumanReference | None = None) -> dict[str, float]:
    """Return all metrics of `pieces`: `melody_metrics` and `learning_metrics`."""
    return {**melody_metrics(pieces.melodies, pieces.setting, human), **learning_metrics(pieces)}


def melody_metrics(melodies: Tokens, setting: Setting, human: HumanReference | None = None) -> dict[str, float]:
    """Return the metrics of any `melodies` [N, T]: the paper's Table 1, r_MT by its rules, and more.

    With a `human` reference in the same setting also their `likeness` to its tunes.
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
    """Return the likeness of `melodies` [N, T] with these `statistics` to `human` tunes, and their longest copy.

    Without the tunes themselves, only how far the distributions overlap; a classifier needs ten of both.
    """
    overlap = overlaps(statistics.distributions(), human.distributions)
    figures = {f"overlap_{name}": value for name, value in overlap.items() if name != "mean"}
    figures["human_overlap"] = overlap["mean"]
    if human.training_tunes is not None:
        in_c = transposed(melodies[:MAX_COMPARED], -human.setting.transposition)
        runs = longest_shared_runs(in_c, human.training_tunes)
        figures["longest_shared_run"] = float(np.median(runs))
    if human.tunes is not None and min(len(human.tunes), len(melodies)) >= MIN_COMPARED:
        rng = np.random.default_rng(0)
        figures["human_auc"] = discriminator_auc(human.tunes, melodies[:MAX_CLASSIFIED], rng, human.setting)
    return figures


def human_metrics(human: HumanReference, prior: NoteRNN) -> dict[str, float]:
    """Return the column of the `human` tunes, with log p of `prior`, a Note RNN of C major.

    If the setting has a form, also what varied repeats keep and where sections end in human tunes of any length.
    """
    return {**_column(human, prior), **_human_forms(human.setting)}


def _human_forms(setting: Setting) -> dict[str, float]:
    if not setting.forms:
        return {}
    has_varied = any(section.is_varied for form in setting.forms for section in form.sections)
    return {SECTIONS: SECTIONS_AT_REST, **({KEPT: VARIED_KEPT} if has_varied else {})}


def _column(human: HumanReference, prior: NoteRNN) -> dict[str, float]:
    if human.shipped is not None:
        return human.shipped.column(weights_checksum(prior.state_dict()))
    assert human.tunes is not None
    log_prob = human_log_prob(human.tunes, human.setting, prior)
    return {**melody_metrics(human.tunes, human.setting), **split_half_likeness(human), "log_prob": log_prob}


def human_log_prob(tunes: Tokens, setting: Setting, prior: NoteRNN) -> float:
    """Return the mean log p per step of human `tunes` [M, T] by `prior`, a Note RNN of C major, in nats."""
    primers = np.full(len(tunes), NO_EVENT)
    return setting.adapted(prior).log_prob(tunes, primers).mean().item()


def split_half_likeness(human: HumanReference) -> dict[str, float]:
    """Return the `likeness` of one half of the `human` tunes to the other, as the value of human tunes themselves.

    Empty if there are too few.
    """
    if human.tunes is None or len(human.tunes) < 2 * MIN_COMPARED:
        return {}
    order = np.random.default_rng(0).permutation(len(human.tunes))
    one, other = human.tunes[order[::2]], human.tunes[order[1::2]]
    reference = replace(human, tunes=other, distributions=melody_statistics(other, human.setting).distributions())
    return likeness(one, melody_statistics(one, human.setting), reference)
