"""The human reference: held-out human tunes in a musical setting, or the shipped statistics of them.

Shapes: M human tunes, T steps, K bins.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from melody_env.measures.features import distributions, melody_features
from melody_env.measures.human_statistics import HumanStatistics, all_shipped, shipped_statistics
from melody_env.measures.populations import held_out_melodies, training_tunes
from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.corpus import cached_corpus, tune_books_command
from note_rnn.vocabulary import Tokens

WHOSE_TUNES = "Human tunes: held-out ones of the default collections, whatever the Note RNN was trained on."
"""What is said of human tunes where none are missing."""


@dataclass(frozen=True, eq=False)
class HumanReference:
    """Held-out human tunes to compare composers with; without the tune books, statistics of them alone."""

    setting: Setting
    distributions: Mapping[str, Floats]
    """The twelve of `features.distributions`, as the share of each bin [K]."""
    tunes: Tokens | None = None
    """[M, T], in the key and range of the setting; None without the tune books."""
    training_tunes: Sequence[Tokens] | None = None
    """The tunes that the shipped Note RNNs were trained on, in C major or its modes; None if not available."""
    shipped: HumanStatistics | None = None
    """The shipped statistics, in place of the tunes."""

    @classmethod
    def of(cls, tunes: Tokens, setting: Setting) -> Self:
        """Return the reference of given `tunes` [M, T] in a `setting`."""
        return cls(setting, distributions(melody_features(tunes, setting)), tunes, training_tunes())

    @classmethod
    def held_out(cls, setting: Setting) -> Self | None:
        """Return the held-out tunes of the default collections in a `setting`, or else their shipped statistics.

        None if the tune books are not available and no statistics are shipped for the setting, or if no tune fits.
        """
        tunes = held_out_melodies(setting)
        if tunes is not None:
            return cls.of(tunes, setting)
        shipped = shipped_statistics(setting)
        return None if shipped is None else cls(setting, shipped.distributions, shipped=shipped)


def missing_tunes(setting: Setting) -> str:
    """Return a sentence on what cannot be compared with human tunes in a `setting` here, and how to change that.

    Empty if the tunes are available.
    """
    if held_out_melodies(setting) is not None:
        return ""
    named = f"{setting.key} {setting.mode}, {setting.meter}, {setting.steps} sixteenths"
    if cached_corpus() is not None:
        return f"No held-out human tune can be compared with pieces in {named}."
    shipped = shipped_statistics(setting)
    if shipped is not None:
        return (
            f"Human tunes: the shipped statistics of {shipped.tunes} held-out ones of the default collections. For the "
            "tunes themselves (to hear, to look for copies and for differences with a classifier): "
            f"{tune_books_command()}"
        )
    settings = [each.setting for each in all_shipped()]
    bars = sorted({each.steps // each.steps_per_bar for each in settings})
    return (
        f"Statistics of human tunes are shipped for C major, {_alternatives(bars)} bars of "
        f"{_alternatives(each.meter for each in settings)}, not for {named}. To compare with the tunes that fit it: "
        f"{tune_books_command()}"
    )


def _alternatives(values: Iterable[object]) -> str:
    """Return at least two different `values` as words: "2, 4 or 8"."""
    *others, last = dict.fromkeys(map(str, values))
    return f"{', '.join(others)} or {last}"
