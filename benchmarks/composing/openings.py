"""How pieces begin, by what precedes them: Note RNNs and agents beside held-out human tunes.

For each meter and priming: the share of pieces with most onsets off the grid of eighths, the share that open in silence
(with no note on the first step), and the overlap of their first tokens with those of human tunes. Besides the primings
of the environment, `before the bar`: the token that human tunes have before their first bar line.

    python benchmarks/composing/openings.py default runs/psi0 --csv openings.csv

Shapes: N pieces, T steps, A = 38 tokens.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from agents.composing.composers import Composer, load_composer
from agents.composing.pieces import compose_pieces
from melody_env import EnvironmentSpec, Setting
from melody_env.reward.composition import Floats
from note_rnn import NO_EVENT, VOCABULARY_SIZE, Tokens, run_command, transposed
from note_rnn.common.csv_tables import write_csv
from note_rnn.corpus import Corpus, load_corpus, split
from note_rnn.corpus.windows import like_bars
from note_rnn.network.generation import Priming
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

BEFORE_THE_BAR = "before the bar"
Row = dict[str, str | int | float]


def openings(melodies: Tokens, human: Tokens) -> Row:
    """Return the figures of `melodies` [N, T], in C major, beside `human` tunes [M, T]."""
    onsets = melodies >= FIRST_PITCH_TOKEN
    off_grid = onsets[:, 1::2].sum(1) > onsets[:, ::2].sum(1)
    overlap = np.minimum(first_tokens(melodies), first_tokens(human)).sum()
    silent = ~onsets[:, 0]
    return {
        "pieces": len(melodies),
        "off_grid": float(off_grid.mean()),
        "silent": float(silent.mean()),
        "first_token_overlap": float(overlap),
    }


def first_tokens(melodies: Tokens) -> Floats:
    """Return the shares [A] of the first tokens of `melodies` [N, T]."""
    return np.bincount(melodies[:, 0], minlength=VOCABULARY_SIZE) / len(melodies)


def human_openings(corpus: Corpus, setting: Setting) -> Tokens:
    """Return the first T tokens [N, T] from the first bar line on of tunes with bars like the setting's, in C major.

    However they begin: with a note on the bar line, or with one that is held, or silent.
    """
    windows = [
        segment[bars.pickup : bars.pickup + setting.steps]
        for segment, bars in zip(corpus.segments, corpus.bars, strict=True)
        if like_bars(bars.meter, setting.meter) and len(segment) >= bars.pickup + setting.steps
    ]
    return np.stack(windows) if windows else np.zeros((0, setting.steps), np.int64)


def before_the_bar(corpus: Corpus, meter: str) -> Floats:
    """Return the shares [A] of tokens before the first bar line of tunes with bars like these; NO_EVENT without any."""
    tokens = [
        segment[bars.pickup - 1] if 0 < bars.pickup < len(segment) else NO_EVENT
        for segment, bars in zip(corpus.segments, corpus.bars, strict=True)
        if like_bars(bars.meter, meter)
    ]
    return np.bincount(tokens, minlength=VOCABULARY_SIZE) / len(tokens)


def composed(composer: Composer, environment: EnvironmentSpec, shares: Floats | None, n: int, seed: int) -> Tokens:
    """Return `n` pieces in C major; with `shares` [A], each after a token drawn with these, in C major."""
    player, up = composer.player(environment), environment.setting.transposition
    if shares is None:
        return transposed(compose_pieces(player, n, seed, environment).melodies, -up)
    counts = np.random.default_rng(seed).multinomial(n, shares)
    parts = [
        compose_pieces(player, int(count), seed, environment.changed(primer=transposed(np.array([token]), up))).melodies
        for token, count in enumerate(counts)
        if count
    ]
    return transposed(np.concatenate(parts), -up)


def rows_of(
    name: str, composer: Composer, meter: str, length: str, n: int, seed: int, train: Corpus, human: Tokens
) -> Iterator[Row]:
    """Yield the figures of a composer in a meter, for each priming."""
    for priming in (*get_args(Priming), BEFORE_THE_BAR):
        shares = before_the_bar(train, meter) if priming == BEFORE_THE_BAR else None
        changes = {} if shares is not None else {"priming": priming}
        environment = composer.environment.changed(meter=meter, length=length, **changes)
        profile = replace(environment.profile, rules=())  # not needed
        melodies = composed(composer, environment.changed(reward=profile), shares, n, seed)
        yield {"composer": name, "meter": meter, "priming": priming, **openings(melodies, human)}


def main() -> None:
    """Print the figures of each composer, meter and priming."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="Note RNNs, or folders of runs")
    parser.add_argument("--meters", nargs="+", default=["4/4", "3/4", "6/8", "9/8"], metavar="METER")
    parser.add_argument("--length", default="8 bars", help="of each piece (default: 8 bars)")
    parser.add_argument("--pieces", type=int, default=1000, metavar="N", help="pieces of each (default 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = split(load_corpus())
    composers = {model: load_composer(model) for model in arguments.models}
    rows = []
    for meter in arguments.meters:
        setting = Setting(meter=meter, length=arguments.length)
        human = np.concatenate([human_openings(part, setting) for part in (parts.validation, parts.test)])
        found: list[Row] = [{"composer": "human", "meter": meter, "priming": "", **openings(human, human)}]
        for name, composer in composers.items():
            sizes = meter, arguments.length, arguments.pieces, arguments.seed
            found += rows_of(name, composer, *sizes, parts.train, human)
        for row in found:
            print(row_text(row), flush=True)
        rows += found
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


def row_text(row: Row) -> str:
    """Return a row as text."""
    words = f"{row['meter']:5}{Path(str(row['composer'])).name:24}{row['priming']:16}{row['pieces']:6}"
    return words + "".join(f"  {name} {row[name]:5.3f}" for name in ("off_grid", "silent", "first_token_overlap"))


if __name__ == "__main__":
    run_command(main)
