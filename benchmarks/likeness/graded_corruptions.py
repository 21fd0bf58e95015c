"""Graded corruptions of human tunes, judged: more corrupted tunes should be easier to tell from human ones.

    python benchmarks/likeness/graded_corruptions.py --csv corruptions.csv

Half of the training tunes are the pieces, their other half is what the classifiers are fitted to.
Shapes: N melodies, T steps, K bars of S steps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melody_env.judging.judgement import use_one_thread
from melody_env.measures.likeness import CLASSIFIERS, HumanTunes
from melody_env.setting import Setting
from note_rnn import Progress
from note_rnn.common.command_line import parse
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.errors import run_command
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE, Tokens

LARGEST_JITTER = 3
"""Semitones."""


@dataclass(frozen=True)
class CorruptionsConfig:
    """Judge human tunes of which a share of the notes or bars was corrupted, and print the AUC of each classifier."""

    meter: str = "4/4"
    """Meter of the tunes."""
    length: int | str = "8 bars"
    """Length of the tunes."""
    shares: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
    """Shares of notes or bars to corrupt."""
    classifiers: tuple[str, ...] = ("logistic", "trees")
    """Classifiers to ask: logistic, trees, gru."""
    seed: int = 0
    """Random seed."""
    csv: Path | None = None
    """CSV file of the figures."""


def shuffled_notes(melodies: Tokens, share: float, bar: int, rng: np.random.Generator) -> Tokens:
    """Return `melodies` [N, T] in each of which a `share` of the notes have changed places, in the same rhythm."""
    shuffled = melodies.copy()
    for row in shuffled:
        places = chosen(np.flatnonzero(row >= FIRST_PITCH_TOKEN), share, rng)
        row[places] = row[rng.permutation(places)]
    return shuffled


def shuffled_bars(melodies: Tokens, share: float, bar: int, rng: np.random.Generator) -> Tokens:
    """Return `melodies` [N, T] in each of which a `share` of the bars of `bar` steps have changed places."""
    shuffled = melodies.reshape(len(melodies), -1, bar).copy()
    for row in shuffled:
        places = chosen(np.arange(len(row)), share, rng)
        row[places] = row[rng.permutation(places)]
    return shuffled.reshape(melodies.shape)


def jittered_pitches(melodies: Tokens, share: float, bar: int, rng: np.random.Generator) -> Tokens:
    """Return `melodies` [N, T] in each of which a `share` of the notes are up to three semitones higher or lower."""
    jittered = melodies.copy()
    for row in jittered:
        places = chosen(np.flatnonzero(row >= FIRST_PITCH_TOKEN), share, rng)
        moves = rng.integers(1, LARGEST_JITTER, size=len(places), endpoint=True) * rng.choice([-1, 1], len(places))
        row[places] = np.clip(row[places] + moves, FIRST_PITCH_TOKEN, VOCABULARY_SIZE - 1)
    return jittered


def chosen(places: Tokens, share: float, rng: np.random.Generator) -> Tokens:
    """Return a `share` of `places`, by lot, in order."""
    return np.sort(rng.permutation(places)[: round(share * len(places))])


CORRUPTIONS: Mapping[str, Callable[[Tokens, float, int, np.random.Generator], Tokens]] = {
    "notes shuffled": shuffled_notes,
    "bars shuffled": shuffled_bars,
    "pitches jittered": jittered_pitches,
}


def judged(human: HumanTunes, config: CorruptionsConfig) -> list[dict[str, Any]]:
    """Return a row for each corruption and share: AUC and interval of each classifier, and overlap."""
    pieces, training = human.halves(config.seed)
    rows = []
    with Progress(len(CORRUPTIONS) * len(config.shares), "judging", "corruptions") as progress:
        for name, corrupt in CORRUPTIONS.items():
            for share in config.shares:
                rng = np.random.default_rng(config.seed)
                corrupted = corrupt(pieces, share, human.setting.steps_per_bar, rng)
                row: dict[str, Any] = {"corruption": name, "share": share, "overlap": human.overlap(corrupted)}
                for classifier in config.classifiers:
                    value, low, high = human.auc(CLASSIFIERS[classifier], corrupted, config.seed, training)
                    row |= {classifier: value, f"{classifier}_low": low, f"{classifier}_high": high}
                rows.append(row)
                progress.advance()
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    use_one_thread()
    config = parse(CorruptionsConfig, arguments)
    human = HumanTunes.of(Setting(meter=config.meter, length=config.length))
    rows = judged(human, config)
    print(f"| corruption | share | {' | '.join(config.classifiers)} | overlap |")
    print("|" + " --- |" * (3 + len(config.classifiers)))
    for row in rows:
        aucs = [
            f"{row[name]:.3f} ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})" for name in config.classifiers
        ]
        print(f"| {row['corruption']} | {row['share']:.0%} | {' | '.join(aucs)} | {row['overlap']:.3f} |")
    if config.csv is not None:
        write_csv(config.csv, rows)


if __name__ == "__main__":
    run_command(main)
