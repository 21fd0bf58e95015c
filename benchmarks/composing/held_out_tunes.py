"""Human tunes that are long enough to compose around, as `infilling.py` and `variations.py` take them."""

from collections.abc import Iterator, Sequence

from agents.composing.composers import Composer
from agents.composing.tunes import Tune, tune_in
from note_rnn.corpus import Corpus
from note_rnn.extraction.tunes import bar_steps

MIN_BARS = 8


def tunes_of(corpora: Sequence[Corpus], composer: Composer) -> Iterator[Tune]:
    """Yield the tunes of at least eight bars in a known meter, in C major."""
    for corpus in corpora:
        for segment, bars in zip(corpus.segments, corpus.all_bars, strict=True):
            bar = bar_steps(bars.meter)
            if bar is not None and len(segment) - bars.pickup >= MIN_BARS * bar:
                yield tune_in(segment, composer.environment, bars.meter, bars.pickup)
