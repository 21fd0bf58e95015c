"""The human reference: held-out human tunes in a musical setting, and their statistics.

Shapes: M human tunes, T steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from melody_env.measures.populations import held_out_melodies, training_tunes
from melody_env.measures.statistics import MelodyStatistics, melody_statistics
from melody_env.setting import Setting
from note_rnn.vocabulary import Tokens


@dataclass(frozen=True, eq=False)
class HumanReference:
    """M human tunes to compare composers with; their statistics are computed once."""

    setting: Setting
    tunes: Tokens
    """[M, T], in the key and range of the setting."""
    statistics: MelodyStatistics
    """Of these tunes."""
    training_tunes: Sequence[Tokens] | None
    """The tunes that the shipped Note RNNs were trained on, in the same key; None if not available."""

    @classmethod
    def of(cls, tunes: Tokens, setting: Setting) -> Self:
        """Return the reference of given `tunes` [M, T] in a `setting`."""
        return cls(setting, tunes, melody_statistics(tunes, setting), training_tunes(setting))

    @classmethod
    def held_out(cls, setting: Setting) -> Self | None:
        """Return the held-out tunes of the default collections in a `setting`; None if there are none."""
        tunes = held_out_melodies(setting)
        return None if tunes is None else cls.of(tunes, setting)
