"""Tunes whole and cut, once through and with repeats: what each reading of the tune books gives.

python benchmarks/corpora/whole_tunes.py
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from note_rnn import run_command
from note_rnn.corpus import Corpus, Reading, load_corpus, split

READINGS = (Reading(), Reading("cut"), Reading(repeats="unfold"))


def row_of(corpus: Corpus) -> str:
    """Return the figures of a corpus, a row of a table in Markdown."""
    segments = np.bincount(corpus.tune_of_segment)
    origins = [origin for origin in corpus.origins if origin]
    figures = [
        len(corpus.titles),
        (segments == 1).sum(),
        len(corpus.segments),
        corpus.num_tokens,
        sum(origin.moved + origin.dropped > 0 for origin in origins),
        sum(origin.moved for origin in origins),
        sum(origin.dropped for origin in origins),
    ]
    return " | ".join(f"{figure:,}" for figure in figures)


def lengths(once: Corpus, unfolded: Corpus) -> str:
    """Return how many tunes are longer with their repeats, and how much."""
    steps = [
        np.bincount(each.tune_of_segment, [len(segment) for segment in each.segments]) for each in (once, unfolded)
    ]
    ratio = (steps[1] / steps[0])[steps[1] > steps[0]]
    quartiles = ", ".join(f"{share:.2f}" for share in np.percentile(ratio, (25, 50, 75)))
    return f"{len(ratio):,} tunes are longer with repeats, {quartiles} times (quartiles)"


def part_of_each(corpus: Corpus) -> dict[str, int]:
    """Return the part of the split that each tune is in, 0 training, 1 validation, 2 test, by its source."""
    return {source: number for number, part in enumerate(split(corpus)) for source in part.sources}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of the readings, and what differs between them."""
    corpora = [load_corpus(reading=reading) for reading in READINGS]
    print("| off grid | repeats | tunes | whole | segments | tokens | tunes rounded | notes moved | dropped |")
    print("|" + " --- |" * 9)
    for reading, corpus in zip(READINGS, corpora, strict=True):
        print(f"| {reading.off_grid} | {reading.repeats} | {row_of(corpus)} |")
    once, _, unfolded = corpora
    print(lengths(once, unfolded))
    folded = Counter(origin.folded for origin in unfolded.origins if origin and origin.folded)
    for reason, tunes in folded.most_common():
        print(f"{tunes:,} tunes: {reason}")
    first, *others = map(part_of_each, corpora)
    for reading, parts in zip(READINGS[1:], others, strict=True):
        moved = sum(first[source] != part for source, part in parts.items())
        print(f"{moved} of {len(parts):,} tunes of {reading} are in another part of the split")


if __name__ == "__main__":
    run_command(main)
