"""How well two hidden bars of held-out tunes are filled in: by what follows, by their seams, and in time.

Two bars in the middle of each tune are hidden, and what fills them in is drawn by a Note RNN: with `--fixed`, which
does not look ahead, and by `--around ... --fill`. For both and the true bars: nats per token of all that follows under
the Note RNN, and of the next four bars. A classifier sees the eight tokens around each seam, four on either side, and
one the sixteen, and tells them from the true ones: its AUC, 0.5 if it cannot, cross-validated by tune.

    python benchmarks/composing/infilling.py --csv infilling.csv

Shapes: N tunes, T steps, S tokens around a seam, A = 38 tokens.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from held_out_tunes import tunes_of
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from agents.composing.around import Drawing, fill_gaps
from agents.composing.composers import Composer, load_composer
from agents.composing.pieces import compose_pieces, pieces_of
from agents.composing.tunes import Tune
from melody_env.measures.auc import auc, auc_interval
from melody_env.reward.composition import Floats
from note_rnn import NO_EVENT, Progress, Tokens, run_command
from note_rnn.common.csv_tables import write_csv
from note_rnn.corpus import Corpus, load_corpus, split
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

HIDDEN, NEXT = 2, 4
"""Bars hidden, and bars after them of which the likelihood is reported beside that of all."""
TRUE, FIXED = "true bars", "--fixed"
Row = dict[str, str | int | float]


class Case(NamedTuple):
    """A tune, and the steps hidden."""

    tune: Tune
    hidden: slice


class Filled(NamedTuple):
    """What one way of filling made of all tunes."""

    following: Floats
    """Nats per token [N] of all that follows the hidden bars."""
    next_bars: Floats
    """Nats per token [N] of the bars after the hidden ones."""
    seams: dict[int, Tokens]
    """S tokens [2 N, S] around each seam, by S."""
    effective: float
    """The mean effective sample size of candidates."""
    seconds: float
    """The mean time of a tune."""


def cases(corpora: Sequence[Corpus], composer: Composer) -> Iterator[Case]:
    """Yield the tunes of at least eight bars in a known meter, in C major, with their middle bars hidden."""
    for tune in tunes_of(corpora, composer):
        bar = tune.environment.setting.steps_per_bar
        first = (len(tune.melody) // bar // 2 - 1) * bar
        yield Case(tune, slice(first, first + HIDDEN * bar))


def fixed(composer: Composer, case: Case, seed: int) -> Tokens:
    """Return the tune [T] with the hidden steps drawn without regard to what follows."""
    melody = case.tune.melody
    kept = {step: int(token) for step, token in enumerate(melody) if not case.hidden.start <= step < case.hidden.stop}
    environment = case.tune.environment.changed(fixed=kept)
    return compose_pieces(composer.player(environment), 1, seed, environment).melodies[0]


def infilled(composer: Composer, case: Case, seed: int, candidates: int) -> tuple[Tokens, float]:
    """Return the tune [T] with the hidden steps filled in, and the effective sample size."""
    is_open = np.zeros(len(case.tune.melody), np.bool_)
    is_open[case.hidden] = True
    environment = case.tune.environment
    drawing = Drawing(candidates, seed=seed)
    results = fill_gaps(composer.player(environment), environment, case.tune.melody, is_open, 1, drawing)
    return results.tunes[0], float(results.effective[0])


def measured(composer: Composer, chosen: Sequence[Case], way: str, candidates: int, seed: int) -> Filled:
    """Return the figures of one `way`: TRUE, FIXED, or filled in from so many `candidates`."""
    following, next_bars, effective, seconds = [], [], [], []
    seams: dict[int, list[Tokens]] = {8: [], 16: []}
    with Progress(len(chosen), way, "tunes") as progress:
        for case in chosen:
            start, size = time.perf_counter(), 1.0
            if way == TRUE:
                tokens = case.tune.melody
            elif way == FIXED:
                tokens = fixed(composer, case, seed)
            else:
                tokens, size = infilled(composer, case, seed, candidates)
            seconds.append(time.perf_counter() - start)
            effective.append(size)
            environment, end = case.tune.environment, case.hidden.stop
            steps = pieces_of(composer.player(environment), tokens[None], environment, retained=1).steps
            following.append(-steps.log_prob[0, end:].mean())
            next_bars.append(-steps.log_prob[0, end : end + NEXT * environment.setting.steps_per_bar].mean())
            for width, found in seams.items():
                found += [tokens[seam - width // 2 : seam + width // 2] for seam in (case.hidden.start, end)]
            progress.advance()
    around = {width: np.stack(rows) for width, rows in seams.items()}
    return Filled(np.array(following), np.array(next_bars), around, float(np.mean(effective)), float(np.mean(seconds)))


def seam_features(seams: Tokens) -> Floats:
    """Return what the classifier sees of the tokens [M, S] around seams.

    The tokens, whether each is a note, a hold or a note off, the pitch before each, and the interval of each note from
    the note before.
    """
    is_note = seams >= FIRST_PITCH_TOKEN
    last = np.maximum.accumulate(np.where(is_note, np.arange(seams.shape[1]), -1), axis=1)
    pitches = np.where(last >= 0, np.take_along_axis(seams, np.maximum(last, 0), axis=1), np.nan)
    intervals = np.where(is_note[:, 1:], pitches[:, 1:] - pitches[:, :-1], np.nan)
    kinds = np.where(is_note, 2, seams == NO_EVENT)
    return np.concatenate([seams, kinds, pitches, intervals], axis=1)


def seam_scores(true: Tokens, filled: Tokens, seed: int) -> tuple[Floats, Floats]:
    """Return the scores of `true` and `filled` seams [M, S] by boosted trees fitted to those of other tunes."""
    rows = seam_features(np.concatenate([true, filled]))
    is_true = np.repeat([True, False], len(true))
    tunes = np.tile(np.arange(len(true)) // 2, 2)
    trees = HistGradientBoostingClassifier(max_iter=60, min_samples_leaf=10, random_state=seed)
    folds = GroupKFold(5, shuffle=True, random_state=seed)
    scores = cross_val_predict(trees, rows, is_true, groups=tunes, cv=folds, method="decision_function")
    return scores[is_true], scores[~is_true]


def rows_of(found: dict[str, Filled], seed: int) -> Iterator[Row]:
    """Yield the figures of each way, beside the true bars."""
    true = found[TRUE]
    for way, each in found.items():
        difference = each.following - true.following
        row: Row = {
            "way": way,
            "tunes": len(each.following),
            "following_nats": float(each.following.mean()),
            "above_true": float(difference.mean()),
            "above_true_standard_error": float(difference.std() / np.sqrt(len(difference))),
            "next_bars_nats": float(each.next_bars.mean()),
            "effective_sample_size": each.effective,
            "seconds": each.seconds,
        }
        for width in each.seams:
            scores = (
                (np.zeros(2), np.zeros(2)) if way == TRUE else seam_scores(true.seams[width], each.seams[width], seed)
            )
            low, high = auc_interval(*scores, np.random.default_rng(seed))
            row |= {f"auc_{width}": auc(*scores), f"auc_{width}_low": low, f"auc_{width}_high": high}
        yield row


def main() -> None:
    """Print the figures of each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lookback", help="Note RNN or folder of a run (default: lookback)")
    parser.add_argument("--candidates", nargs="+", type=int, default=[100, 256, 512], metavar="C", help="of each tune")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="use one of N held-out tunes (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = split(load_corpus())
    composer = load_composer(arguments.model)
    chosen = list(cases((parts.validation, parts.test), composer))[:: arguments.every]
    ways = {TRUE: 0, FIXED: 0} | {f"--fill, {count} candidates": count for count in arguments.candidates}
    found = {way: measured(composer, chosen, way, count, arguments.seed) for way, count in ways.items()}
    rows = list(rows_of(found, arguments.seed))
    for row in rows:
        numbers = (f"{name} {value:.3f}" for name, value in row.items() if isinstance(value, float))
        print(f"{row['way']:24}{row['tunes']:5}  {'  '.join(numbers)}", flush=True)
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    run_command(main)
