"""Statistics of held-out human tunes that the package ships, so that composers can be compared with them at once.

The file has no notes: figures and distributions over all tunes, in a few settings.
`benchmarks/corpora/human_statistics.py` writes it. Shapes: K bins.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.common.atomic_files import write_text

SHIPPED = Path(__file__).with_name("human_statistics.json")
_DIGITS = 6
_SETTING = ("key", "mode", "meter", "length")


@dataclass(frozen=True, eq=False)
class HumanStatistics:
    """Statistics of human tunes in a setting."""

    setting: Setting
    tunes: int
    """Number of tunes."""
    figures: Mapping[str, float]
    """Means and shares over the tunes, by their names in the table of metrics."""
    log_prob: Mapping[str, float]
    """By the checksum of a Note RNN's weights, the mean log p per step of the tunes, in nats."""
    distributions: Mapping[str, Floats]
    """The twelve of `features.distributions`, as the share of each bin [K]."""

    def column(self, checksum: str) -> dict[str, float]:
        """Return the figures, with log p by the Note RNN of this `checksum` if it is known."""
        known = {"log_prob": self.log_prob[checksum]} if checksum in self.log_prob else {}
        return {**self.figures, **known}

    def as_record(self) -> dict[str, Any]:
        """Return the statistics as JSON."""
        return {
            "setting": {name: getattr(self.setting, name) for name in _SETTING},
            "tunes": self.tunes,
            "figures": _rounded(self.figures),
            "log_prob": _rounded(self.log_prob),
            "distributions": {name: np.round(shares, _DIGITS).tolist() for name, shares in self.distributions.items()},
        }


def shipped_statistics(setting: Setting) -> HumanStatistics | None:
    """Return the shipped statistics for `setting`, at any tempo; None if there are none."""
    return next((each for each in all_shipped() if each.setting.differs_only_in_tempo(setting)), None)


@lru_cache(maxsize=1)
def all_shipped() -> list[HumanStatistics]:
    """Return all shipped statistics."""
    return read_statistics(SHIPPED)


def read_statistics(path: Path) -> list[HumanStatistics]:
    """Return the statistics in a file that `write_statistics` wrote."""
    return [
        HumanStatistics(
            Setting(**record["setting"]),
            record["tunes"],
            record["figures"],
            record["log_prob"],
            {name: np.array(shares) for name, shares in record["distributions"].items()},
        )
        for record in json.loads(path.read_text(encoding="utf-8"))["statistics"]
    ]


def write_statistics(path: Path, statistics: Sequence[HumanStatistics], provenance: Mapping[str, Any]) -> None:
    """Write `statistics` and their `provenance` to the file `path`; raises OSError if it cannot be written."""
    record = {"provenance": provenance, "statistics": [each.as_record() for each in statistics]}
    write_text(path, json.dumps(record) + "\n")


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in values.items()}
