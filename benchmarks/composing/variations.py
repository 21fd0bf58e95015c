"""Variations of held-out tunes: how far from the tune they are, and how likely beside it.

For each way of changing notes and each share: the edit distance in notes as a share of those asked for, how often it is
within a tenth of that, and log p per token under the Note RNN, of the variation less that of the tune.

    python benchmarks/composing/variations.py --csv variations.csv
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from held_out_tunes import tunes_of

from agents.composing.around import Drawing, Part, vary_notes
from agents.composing.composers import Composer, load_composer
from agents.composing.pieces import pieces_of
from agents.composing.tunes import Tune
from agents.infilling.choices import note_distance
from note_rnn import Progress, run_command
from note_rnn.common.csv_tables import write_csv
from note_rnn.corpus import load_corpus, split
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

Row = dict[str, str | int | float]


def figures(composer: Composer, tunes: Sequence[Tune], by: Part, change: float, candidates: int, seed: int) -> Row:
    """Return the figures of one variation of each of `tunes`."""
    distances, gains, seconds = [], [], []
    with Progress(len(tunes), f"{by} {change:g}", "tunes") as progress:
        for tune in tunes:
            player = composer.player(tune.environment)
            start = time.perf_counter()
            drawing = Drawing(candidates, seed=seed)
            varied = vary_notes(player, tune.environment, tune.melody, change, by, 1, drawing).tunes
            seconds.append(time.perf_counter() - start)
            both = pieces_of(player, np.concatenate([tune.melody[None], varied]), tune.environment)
            gains.append(np.diff(both.finished.log_prob)[0] / len(tune.melody))
            least = 1 / (tune.melody >= FIRST_PITCH_TOKEN).sum()
            distances.append(note_distance(tune.melody, varied)[0] / max(change, least))
            progress.advance()
    distance, gain = np.array(distances), np.array(gains)
    return {
        "by": by,
        "change": change,
        "tunes": len(tunes),
        "distance_of_asked": float(distance.mean()),
        "distance_within_a_tenth": float((np.abs(distance - 1) <= 0.1).mean()),
        "log_p_difference": float(gain.mean()),
        "log_p_difference_5_percent": float(np.quantile(gain, 0.05)),
        "log_p_not_below_by_a_tenth": float((gain >= -0.1).mean()),
        "seconds": float(np.mean(seconds)),
    }


def main() -> None:
    """Print the figures of each way of changing notes, and each share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lookback", help="Note RNN or folder of a run (default: lookback)")
    parser.add_argument("--changes", nargs="+", type=float, default=[0.1, 0.3, 0.5], metavar="SHARE", help="of notes")
    parser.add_argument("--candidates", type=int, default=512, metavar="C", help="of each variation (default 512)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="use one of N held-out tunes (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = split(load_corpus())
    composer = load_composer(arguments.model)
    tunes = list(tunes_of((parts.validation, parts.test), composer))[:: arguments.every]
    rows = []
    for by in get_args(Part):
        for change in arguments.changes:
            rows.append(figures(composer, tunes, by, change, arguments.candidates, arguments.seed))
            numbers = (f"{name} {value:.3g}" for name, value in rows[-1].items() if isinstance(value, float))
            print(f"{by:12}{len(tunes):5}  {'  '.join(numbers)}", flush=True)
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    run_command(main)
