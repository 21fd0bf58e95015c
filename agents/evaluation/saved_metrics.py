"""The metrics of a finished run, read from `metrics.json` or `evaluation.json`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from agents.evaluation.published import TABLE_1
from agents.runs.labels import AGENT, HUMAN, NOTE_RNN
from agents.runs.run_directory import RunError
from note_rnn.common.data_files import DataError, converted, read_json
from note_rnn.common.errors import reason

_NAMES_OF_0_1 = {"people": HUMAN}
_COMPARED = (*TABLE_1, *(f"absolute_{name}" for name in TABLE_1), "paper_music_theory")
"""Metrics that the claims of a report always compare."""
_COLUMNS = (NOTE_RNN, AGENT, HUMAN)


@dataclass(frozen=True)
class SavedMetrics:
    """Metrics of the Note RNN, of the agent and, if there were any, of human tunes."""

    compositions: int
    """Number of pieces that they are of."""
    columns: dict[str, dict[str, float]]
    """`table_metrics` by name of the composer, as far as they are known; nan where one is missing that is always
    compared."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the metrics in the file `path`; raises RunError if it is missing or damaged."""
        try:
            content = {_NAMES_OF_0_1.get(name, name): value for name, value in read_json(path, dict[str, Any]).items()}
            compositions: int = converted(content.get("compositions"), int)
            given = {name: value for name, value in content.items() if name in _COLUMNS}
            columns: dict[str, dict[str, float | None]] = converted(given, dict[str, dict[str, float | None]])
        except (OSError, DataError) as error:
            raise RunError(f"{path} cannot be read: {reason(error)}.") from error
        if not {NOTE_RNN, AGENT} <= columns.keys():
            raise RunError(f"{path} lacks the metrics of {NOTE_RNN} and {AGENT}: evaluate the run again.")
        return cls(compositions, {name: _complete(column) for name, column in columns.items()})


def _complete(column: dict[str, float | None]) -> dict[str, float]:
    known = {name: value for name, value in column.items() if value is not None}
    return {**dict.fromkeys(_COMPARED, math.nan), **known}
