"""Form of human tunes: how similar their sections are, where sections come to rest, and the commonest forms.

    python benchmarks/corpora/form_of_tunes.py --csv docs/results/human_form.csv
    python benchmarks/corpora/form_of_tunes.py --forms 4/4          # those of melody_env/reward/profiles/tune.yaml

Tunes are read with their repeats played out, but once through for the forms, which are those of sixteen bars cut in
four. They are in C major and its modes, so the tonic of a tune is taken to be its last note. Shapes: T steps, U
sections of a tune.
"""

import argparse
from collections import Counter
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import numpy as np

from melody_env.form import parse_forms, similarity
from melody_env.measures.form_recovery import EXACT, VARIED, recovered_forms
from melody_env.measures.populations import human_melodies
from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn import Tokens, run_command
from note_rnn.common.csv_tables import write_csv
from note_rnn.corpus import Corpus, Reading, load_corpus, split
from note_rnn.corpus.windows import from_first_bar
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

METERS = {"4/4": 16, "2/2": 16, "6/8": 12, "3/4": 12}
"""Meters and the steps of their bars."""
BARS = (2, 4, 8)
"""Lengths of the sections that are compared, in bars."""
COMMONEST = 8
"""Forms shown."""
NEW = ("ABBA", "AAAB", "ABBC", "ABB'A", "AAA'B", "AA'BC'")
"""Forms that `forms_of_agents.py` asks for as new ones."""
Row = dict[str, str | int | float]


def nearest_similarity(tune: Tokens, steps: int) -> Floats:
    """Return the similarities [3, U - 1] of each section of `steps` of a `tune` [T] but the first to the most similar
    earlier one: of the whole, and of its first and its second half."""
    sections = tune[: len(tune) // steps * steps].reshape(-1, steps)
    found = np.zeros((3, max(len(sections) - 1, 0)))
    for i, each in enumerate(sections[1:], start=1):
        whole = similarity(np.broadcast_to(each, (i, steps)), sections[:i])
        pair = np.stack([each, sections[whole.argmax()]]).reshape(2, 2, -1)
        found[:, i - 1] = whole.max(), *similarity(*pair)
    return found


def similarity_row(tunes: list[Tokens], meter: str, bars: int) -> Row:
    """Return how sections of `bars` bars of `tunes` repeat earlier ones."""
    found = [nearest_similarity(tune, bars * METERS[meter]) for tune in tunes]
    nearest, opening, ending = np.concatenate(found, axis=1)
    is_varied, is_new = (nearest >= VARIED) & (nearest < EXACT), nearest < VARIED
    quartiles = _percentiles("varied", nearest[is_varied], (25, 50, 75))
    halves = {"varied_opening": float(opening[is_varied].mean()), "varied_ending": float(ending[is_varied].mean())}
    new = _percentiles("new", nearest[is_new], (50, 75, 90))
    flags = {"exact": nearest >= EXACT, "varied": is_varied, "new": is_new}
    shares = {name: float(flag.mean()) for name, flag in flags.items()}
    return {"meter": meter, "bars": bars, "sections": len(nearest), **shares, **quartiles, **halves, **new}


def _percentiles(name: str, values: Floats, percents: tuple[int, ...]) -> Row:
    return {f"{name}_{percent}": float(np.percentile(values, percent)) for percent in percents}


class End(NamedTuple):
    """The last note of a section, as a token, and the steps that it and a rest after it last."""

    note: int
    steps: int


def ends(tune: Tokens, starts: tuple[int, ...]) -> list[End]:
    """Return the ends of the sections of a `tune` [T] that start at these steps, but of sections without a note."""
    bounds = [0, *(start for start in starts if start > 0), len(tune)]
    found = []
    for start, end in pairwise(bounds):
        onsets = np.flatnonzero(tune[start:end] >= FIRST_PITCH_TOKEN)
        if len(onsets):
            onset = start + int(onsets[-1])
            found.append(End(int(tune[onset]), end - onset))
    return found


def ends_row(tunes: list[Tokens], starts: list[tuple[int, ...]], meter: str) -> Row:
    """Return where the sections of `tunes`, which start at these steps, come to rest, and for how long."""
    all_ends = [ends(tune, begun) for tune, begun in zip(tunes, starts, strict=True)]
    last = [of_tune[-1] for of_tune in all_ends]
    above_tonic = [(end.note - of_tune[-1].note) % 12 for of_tune in all_ends for end in of_tune[:-1]]
    finals = [(end.note - FIRST_PITCH_TOKEN) % 12 for end in last]
    inner = [end.steps for of_tune in all_ends for end in of_tune[:-1]]
    return {
        "meter": meter,
        "tunes": len(tunes),
        "ends_on_c": float(np.isin(finals, 0).mean()),
        "ends_on_c_a_d_or_g": float(np.isin(finals, [0, 9, 2, 7]).mean()),
        "inner_sections": len(inner),
        "on_tonic": float(np.isin(above_tonic, 0).mean()),
        "on_triad": float(np.isin(above_tonic, [0, 3, 4, 7]).mean()),
        **_lasting("section", inner),
        **_lasting("tune", [end.steps for end in last]),
    }


def _lasting(name: str, steps: list[int]) -> Row:
    return {f"{name}_lasts_{least}": float((np.array(steps) >= least).mean()) for least in (2, 3, 4, 6)}


def form_rows(corpus: Corpus, meter: str) -> list[Row]:
    """Return the commonest forms of all windows of sixteen bars in `corpus`, cut in four, and their shares."""
    setting = Setting(meter=meter, length="16 bars")
    windows = human_melodies(corpus, setting)
    grid = parse_forms("ABCD", setting.steps, setting.steps_per_bar)[0].grid
    counts = Counter(recovered_forms(windows, grid)).most_common(COMMONEST)
    return [{"meter": meter, "form": form, "of_windows": count / len(windows)} for form, count in counts]


def profile_forms(corpus: Corpus, meter: str) -> list[str]:
    """Return the forms of the windows in `corpus` of sixteen bars cut in eight, and of every third one cut in four.

    Each stands there as often as it occurs, without the forms in `NEW`.
    """
    setting = Setting(meter=meter, length="16 bars")
    windows = human_melodies(corpus, setting)
    found = []
    for sections, every in (("ABCDEFGH", 1), ("ABCD", 3)):
        grid = parse_forms(sections, setting.steps, setting.steps_per_bar)[0].grid
        found += recovered_forms(windows, grid)[::every]
    return sorted(form for form in found if form not in NEW)


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
    parser.add_argument(
        "--forms", choices=METERS, help="only print the forms of training tunes in this meter, as for a reward profile"
    )
    arguments = parser.parse_args()
    if arguments.forms is not None:
        print(fill(" | ".join(profile_forms(split(load_corpus()).train, arguments.forms)), 114))
        return
    corpus, once = load_corpus(reading=Reading(repeats="unfold")), load_corpus()
    rows: list[Row] = []
    for meter in METERS:
        tunes, starts = in_meter(corpus, meter)
        rows += [similarity_row(tunes, meter, bars) for bars in BARS]
        rows.append(ends_row(tunes, starts, meter))
        if meter != "2/2":  # among the windows of 4/4
            rows += form_rows(once, meter)
    for row in rows:
        print(
            ", ".join(f"{name} {round(value, 2) if isinstance(value, float) else value}" for name, value in row.items())
        )
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    run_command(main)
