"""How far a long job is and when it will end: a bar in a terminal, else a plain line every few seconds."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Context manager that shows a job of `total` units on stderr; tell it with `advance`.

    :param description: what is going on, in a few words.
    :param unit: what is counted.
    :param done: units done before, as when a run is resumed.
    """

    def __init__(self, total: int, description: str, unit: str, done: int = 0):
        self.total = total
        self.description = description
        self.unit = unit
        self.done = self._first = done
        self._start = self._told = time.monotonic()
        self._note = ""
        self._bar: Any = None
        if sys.stderr.isatty():
            self._bar = tqdm(total=total, initial=done, desc=description, unit=f" {unit}", unit_scale=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def advance(self, units: int = 1) -> None:
        """Count `units` more as done."""
        self.done += units
        if self._bar is not None:
            self._bar.update(units)
        elif time.monotonic() - self._told > _SECONDS_BETWEEN_LINES:
            self._tell()

    def note(self, text: str) -> None:
        """Show `text` beside the figures from now on."""
        self._note = text
        if self._bar is not None:
            self._bar.set_postfix_str(text)

    def say(self, sentence: str) -> None:
        """Print `sentence` on a line of its own."""
        tqdm.write(sentence, file=sys.stderr)

    def close(self) -> None:
        """Show the last figures."""
        if self._bar is not None:
            self._bar.close()
        else:
            self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        seconds = self._told - self._start
        rate = (self.done - self._first) / max(seconds, 1e-9)
        left = f"{_clock((self.total - self.done) / rate)} left, " if 0 < self.done < self.total and rate else ""
        print(
            f"{self.description}: {self.done:,} of {self.total:,} {self.unit} ({self.done / max(self.total, 1):.0%}), "
            f"{_clock(seconds)} gone, {left}{rate:,.0f} {self.unit}/s {self._note}".rstrip(),
            file=sys.stderr,
            flush=True,
        )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
