"""What each part of the Note RNN with lookback gives: nats on held-out tunes, repeated bars, likeness to human tunes.

Each variant is trained by the recipe `lookback` but for one change, and appended to a CSV file; one that is already
there is not trained again. Five to ten CPU-minutes each; half of them with half of the recipe's updates.

    OMP_NUM_THREADS=1 python benchmarks/likeness/lookback_ablation.py --updates 1100 --out ablation.csv

Shapes: T steps.
"""

import argparse
import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from likeness import Likeness

from agents.composing.players import NoteRNNPlayer
from melody_env import EnvironmentSpec, Setting
from melody_env.measures.likeness import HumanTunes
from note_rnn import Lookback, NoteRNN, load_note_rnn, save_note_rnn
from note_rnn.common.atomic_files import write_text
from note_rnn.common.csv_tables import csv_text, provenance
from note_rnn.common.progress import Progress
from note_rnn.corpus import DEFAULT_COLLECTIONS, Reading, Split, load_corpus, split
from note_rnn.corpus.windows import from_first_bar
from note_rnn.pretraining import trainer
from note_rnn.pretraining.config import RECIPES
from note_rnn.pretraining.crops import TuneStream
from note_rnn.pretraining.early_stopping import ScoredTraining
from note_rnn.pretraining.held_out_scores import report_prior
from note_rnn.pretraining.sample_report import report_samples

STEPS = 128
COMPOSITIONS = 1_000
SCORES = 20
FULL = Lookback()


@dataclass(frozen=True)
class Variant:
    """One change to the recipe, or a Note RNN as it is."""

    lookback: Lookback | None = FULL
    hidden_size: tuple[int, ...] = RECIPES["lookback"].hidden_size
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the hyperparameters of training."""
    reading: Reading = field(default_factory=Reading)
    collections: tuple[str, ...] = DEFAULT_COLLECTIONS
    meter: str | None = None
    """The only kind of meter of the training tunes."""
    source: str | None = None
    """A Note RNN that is not trained."""


VARIANTS: Mapping[str, Variant] = {
    "default": Variant(source="default"),
    "recipe": Variant(),
    "nothing but the token": Variant(Lookback((), match_lengths=False, position=False, copying=False)),
    "position alone": Variant(Lookback((), match_lengths=False, copying=False)),
    "no copying": Variant(Lookback(copying=False)),
    "no match lengths": Variant(Lookback(match_lengths=False)),
    "no position": Variant(Lookback(position=False)),
    "lags of 1/2, 1, 2, 4, 8 bars": Variant(Lookback((0.5, 1, 2, 4, 8))),
    "4/4 and its like alone": Variant(meter="4/4"),
    "tunes cut at triplets": Variant(reading=Reading(off_grid="cut")),
    "more tunes: airdsAirs, miscFolk": Variant(collections=(*DEFAULT_COLLECTIONS, "airdsAirs", "miscFolk")),
    "no weight decay": Variant(recipe={"weight_decay": 0.0}),
    "no dropout": Variant(recipe={"dropout": 0.0}),
    "256 units": Variant(hidden_size=(256,)),
    "two layers of 128": Variant(hidden_size=(128, 128)),
}


def trained(variant: Variant, updates: int, seed: int) -> tuple[NoteRNN, float]:
    """Return the Note RNN of a variant after a number of updates, and the CPU seconds of its training."""
    if variant.source is not None:
        return load_note_rnn(variant.source), 0.0
    torch.manual_seed(seed)
    parts = split(load_corpus(variant.collections, reading=variant.reading))
    if variant.meter is not None:
        parts = Split(*(from_first_bar(part, variant.meter) for part in parts))
    recipe = replace(RECIPES["lookback"].training, updates=updates, **variant.recipe)
    model = NoteRNN(variant.hidden_size, lookback=variant.lookback)
    tunes = TuneStream.of(parts.train.segments, parts.train.all_bars)
    training = trainer.Training(model, tunes, recipe, np.random.default_rng(seed))
    scored = ScoredTraining(training, parts.validation, recipe.updates // SCORES, SCORES)
    seconds = -time.process_time()
    with Progress(recipe.updates, "training", "updates") as progress:
        for _, score in scored:
            if score is not None:
                progress.note(f"validation {score.nats:.3f} nats")
            progress.advance()
    scored.restore_best()
    return model.eval(), seconds + time.process_time()


def figures(model: NoteRNN, parts: Split, human: HumanTunes, seed: int) -> dict[str, float]:
    """Return nats on the test tunes of `parts`, repeated bars of samples, and their likeness to `human` tunes."""
    report, samples = report_prior(model, parts), report_samples(model, parts, seed)
    assert samples is not None
    from_bar = {meter: from_first_bar(parts.test, meter) for meter in ("4/4", "6/8")}
    environment = EnvironmentSpec.of(prior=model, **human.setting.as_dict())
    likeness = Likeness(human, {}, COMPOSITIONS, COMPOSITIONS, seed).of_player(NoteRNNPlayer(), environment)
    return {
        **{f"nats_{name}": score.nats for name, score in report.by_meter.items()},
        **{
            f"nats_from_first_bar_{meter}": trainer.evaluate(model, tunes.segments, tunes.all_bars).nats
            for meter, tunes in from_bar.items()
        },
        **{f"bars_equal_to_{lag}_before": share for lag, share in samples.samples.repeated_bars.items()},
        "shared_run_of_64": samples.samples.shared_run,
        **{name: likeness[name] for name in ("logistic", "trees", "gru", "overlap", "distinct")},
    }


def main() -> None:
    """Train and measure the variants that are not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("lookback_note_rnn.csv"))
    parser.add_argument("--weights", type=Path, default=Path("runs/lookback_ablation"), help="folder for the networks")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--updates", type=int, default=RECIPES["lookback"].training.updates)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = list(csv.DictReader(arguments.out.open(encoding="utf-8"))) if arguments.out.exists() else []
    parts, human = split(load_corpus()), HumanTunes.of(Setting(length=STEPS))
    for name in arguments.only:
        row = {"variant": name, "updates": str(arguments.updates), "seed": str(arguments.seed)}
        if any(row.items() <= each.items() for each in rows):
            continue
        model, seconds = trained(VARIANTS[name], arguments.updates, arguments.seed)
        save_note_rnn(model, arguments.weights / f"{name.replace('/', '_')}-{arguments.updates}-{arguments.seed}")
        found = {key: f"{value:.4f}" for key, value in figures(model, parts, human, arguments.seed).items()}
        rows.append({**row, "cpu_seconds": f"{seconds:.0f}", **found, **provenance()})
        write_text(arguments.out, csv_text(rows))
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
