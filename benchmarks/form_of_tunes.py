"""Form of human tunes: how similar their sections are, and where sections come to rest.

    python benchmarks/form_of_tunes.py --csv docs/results/human_form.csv

Tunes are read with their repeats played out. They are in C major and its modes, so the tonic of a tune is taken to be
its last note. Shapes: T steps, U sections of a tune.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from melody_env.form import similarity
from melody_env.measures.form_recovery import EXACT, VARIED
from melody_env.reward.composition import Floats
from note_rnn import Tokens, run_command
from note_rnn.common.csv_tables import write_csv
from note_rnn.corpus import Corpus, Reading, load_corpus
from note_rnn.corpus.windows import from_first_bar
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

METERS = {"4/4": 16, "2/2": 16, "6/8": 12, "3/4": 12}
"""Meters and the steps of their bars."""
BARS = (2, 4, 8)
"""Lengths of the sections that are compared, in bars."""
Row = dict[str, str | int | float]


def nearest_similarity(tune: Tokens, steps: int) -> tuple[Floats, Floats]:
    """Return for each section of `steps` of a `tune` [T] but the first its similarity to the most similar earlier one
    [U - 1], and to the one just before [U - 1]."""
    sections = tune[: len(tune) // steps * steps].reshape(-1, steps)
    alike = [similarity(np.broadcast_to(each, (i, steps)), sections[:i]) for i, each in enumerate(sections) if i]
    return np.array([each.max() for each in alike]), np.array([each[-1] for each in alike])


def similarity_row(tunes: list[Tokens], meter: str, bars: int) -> Row:
    """Return how sections of `bars` bars of `tunes` repeat earlier ones."""
    nearest = np.concatenate([np.zeros(0), *(nearest_similarity(tune, bars * METERS[meter])[0] for tune in tunes)])
    is_varied, is_new = (nearest >= VARIED) & (nearest < EXACT), nearest < VARIED
    quartiles = _percentiles("varied", nearest[is_varied], (25, 50, 75))
    new = _percentiles("new", nearest[is_new], (50, 75, 90))
    shares = {"exact": (nearest >= EXACT).mean(), "varied": is_varied.mean(), "new": is_new.mean()}
    return {"meter": meter, "bars": bars, "sections": len(nearest), **shares, **quartiles, **new}


def _percentiles(name: str, values: Floats, percents: tuple[int, ...]) -> Row:
    return {f"{name}_{percent}": float(np.percentile(values, percent)) for percent in percents}


def ends(tune: Tokens, starts: tuple[int, ...]) -> Iterator[tuple[int, int, bool]]:
    """Yield the last note of each section of a `tune` [T] and the steps that it and a rest after it last, and whether
    the section is the last."""
    bounds = [*(start for start in starts if start > 0), len(tune)]
    for start, end in zip([0, *bounds[:-1]], bounds, strict=True):
        onsets = np.flatnonzero(tune[start:end] >= FIRST_PITCH_TOKEN)
        if len(onsets):
            onset = start + int(onsets[-1])
            yield int(tune[onset]), end - onset, end == len(tune)


def ends_row(tunes: list[Tokens], starts: list[tuple[int, ...]], meter: str) -> Row:
    """Return where the sections of `tunes`, which start at these steps, come to rest, and for how long."""
    lasting: dict[bool, list[int]] = {False: [], True: []}
    above_tonic, finals = [], []
    for tune, begun in zip(tunes, starts, strict=True):
        *inner, last = ends(tune, begun)
        tonic = last[0]
        finals.append((tonic - FIRST_PITCH_TOKEN) % 12)
        above_tonic += [(note - tonic) % 12 for note, _, _ in inner]
        for _, steps, is_last in (*inner, last):
            lasting[is_last].append(steps)
    inner_steps, last_steps = (np.array(lasting[is_last]) for is_last in (False, True))
    final = np.bincount(finals, minlength=12) / len(finals)
    return {
        "meter": meter,
        "tunes": len(tunes),
        "ends_on_c": final[0],
        "ends_on_c_a_d_or_g": final[[0, 9, 2, 7]].sum(),
        "inner_sections": len(above_tonic),
        "on_tonic": np.isin(above_tonic, [0]).mean(),
        "on_triad": np.isin(above_tonic, [0, 3, 4, 7]).mean(),
        **{f"section_lasts_{steps}": (inner_steps >= steps).mean() for steps in (2, 3, 4, 6)},
        **{f"tune_lasts_{steps}": (last_steps >= steps).mean() for steps in (2, 3, 4, 6)},
    }


def in_meter(corpus: Corpus, meter: str) -> tuple[list[Tokens], list[tuple[int, ...]]]:
    """Return the whole tunes of `corpus` in exactly this meter from their first bar line on, and their sections."""
    whole = np.bincount(corpus.tune_of_segment)[corpus.tune_of_segment] == 1
    exact = np.array([bars.meter == meter for bars in corpus.all_bars]) & whole
    tunes = np.zeros(len(corpus.titles), np.bool_)
    tunes[corpus.tune_of_segment[exact]] = True
    barred = from_first_bar(corpus.of_tunes(tunes), meter)
    return barred.segments, barred.sections


def main() -> None:
    """Print the figures, and write them to a CSV file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, help="CSV file of all figures")
    arguments = parser.parse_args()
    corpus = load_corpus(reading=Reading(repeats="unfold"))
    rows: list[Row] = []
    for meter in METERS:
        tunes, starts = in_meter(corpus, meter)
        rows += [similarity_row(tunes, meter, bars) for bars in BARS]
        rows.append(ends_row(tunes, starts, meter))
    for row in rows:
        print(
            ", ".join(
                f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()
            )
        )
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    run_command(main)
