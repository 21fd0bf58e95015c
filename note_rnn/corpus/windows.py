"""Windows of tunes from a bar line on, in one meter, to compare with composed pieces and to train on."""

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from note_rnn.corpus import Corpus
from note_rnn.extraction.tunes import Bars, bar_steps
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, Tokens


def from_first_bar(corpus: Corpus, meter: str) -> Corpus:
    """Return the segments of `corpus` in a meter of the kind of `meter`, each from its first bar line on."""
    fitting = _fitting(corpus, meter)
    tunes, tune_of_segment = np.unique(corpus.tune_of_segment[fitting], return_inverse=True)
    return replace(
        corpus,
        segments=[corpus.segments[i][corpus.bars[i].pickup :] for i in fitting],
        tune_of_segment=tune_of_segment,
        titles=[corpus.titles[i] for i in tunes],
        sources=[corpus.sources[i] for i in tunes],
        bars=[corpus.bars[i]._replace(pickup=0) for i in fitting],
        sections=[_later(corpus.sections[i], corpus.bars[i].pickup) for i in fitting] if corpus.sections else [],
        origins=[corpus.origins[i] for i in tunes] if corpus.origins else [],
    )


def tunes_in_meter(corpus: Corpus, meter: str) -> npt.NDArray[np.bool_]:
    """Return the mask [N] of the tunes of `corpus` of which `from_first_bar` has a segment."""
    return np.isin(np.arange(len(corpus.titles)), corpus.tune_of_segment[_fitting(corpus, meter)])


def _fitting(corpus: Corpus, meter: str) -> list[int]:
    return [
        i
        for i, (segment, bars) in enumerate(zip(corpus.segments, corpus.all_bars, strict=True))
        if meter_kind(bars.meter) == meter_kind(meter) and len(segment) > bars.pickup
    ]


def _later(sections: tuple[int, ...], steps: int) -> tuple[int, ...]:
    """Return the starts of `sections` counted from `steps` on, without those before."""
    return tuple(step - steps for step in sections if step >= steps)


def bar_windows(corpus: Corpus, steps: int, meter: str = "4/4") -> Tokens:
    """Return the `steps` tokens [N, steps] from the first bar line on of each segment of `corpus` that is long enough.

    Only segments in a meter with `like_bars`, and with a note that begins on the bar line.
    """
    segments = zip(corpus.segments, corpus.all_bars, strict=True)
    windows = [
        segment[bars.pickup : bars.pickup + steps]
        for segment, bars in segments
        if not why_no_window(segment, bars, steps, meter)
    ]
    return np.stack(windows) if windows else np.zeros((0, steps), np.int64)


def why_no_window(segment: Tokens, bars: Bars, steps: int, meter: str) -> str:
    """Return why `bar_windows` has no window of a `segment` [T] with these `bars`; empty if it has one."""
    if not like_bars(bars.meter, meter):
        estimated = ", estimated" if bars.is_estimated else ""
        return f"in another meter ({bars.meter or 'unknown'}{estimated})"
    if len(segment) < bars.pickup + steps:
        return f"shorter than {steps} sixteenths from its first bar line on"
    if segment[bars.pickup] < FIRST_PITCH_TOKEN:
        return "no note begins on its first bar line"
    return ""


def first_steps(corpus: Corpus, steps: int) -> Tokens:
    """Return the first `steps` tokens [N, steps] of each segment of `corpus` that is long enough, in any meter."""
    complete = [segment[:steps] for segment in corpus.segments if len(segment) >= steps]
    return np.stack(complete) if complete else np.zeros((0, steps), np.int64)


def meter_kind(meter: str) -> str:
    """Return the kind of a time signature, shared by those whose bars can be read as one another's.

    "duple" for 2/4, 4/4, 2/2 ...; "compound" for 6/8, 12/8 ...; "triple" for 3/4, 3/2; any other is its own kind.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", meter)
    if not match:
        return meter
    count, unit = map(int, match.groups())
    if unit >= 8 and count in (6, 12):
        return "compound"
    if unit <= 4 and count == 3:
        return "triple"
    return "duple" if count in (2, 4, 8) else meter


def like_bars(meter: str, other: str) -> bool:
    """Return whether two time signatures have bars that are alike: of the same kind and length, as 4/4 and 2/2.

    Tunes in 2/4 are of the same kind, too, but with twice as many notes in as many beats.
    """
    return meter_kind(meter) == meter_kind(other) and bar_steps(meter) == bar_steps(other)
