"""Progress of a long job and its remaining time: a bar in a terminal, else a plain line every few seconds."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from note_rnn.common.plain_text import Printable

_SECONDS_BETWEEN_LINES = 15.0
_SCALED_FROM = 10_000
"""Totals from which a bar abbreviates counts, as in 30.0k."""


class Progress:
    """Context manager that shows the progress of a job of `total` units on stderr; `advance` moves it on.

    :param description: the job in a few words.
    :param unit: the name of a unit, in the plural.
    :param done: units done before, as when a run is resumed.
    """

    def __init__(self, total: int, description: str, unit: str, done: int = 0):
        self.total = total
        self.description = description
        self.unit = unit
        self.done = self._first = min(done, total)  # the last round before may have been longer than what was left
        self._start = self._last_printed = time.monotonic()
        self._note = ""
        self._bar: Any = None
        if sys.stderr.isatty():
            scaled = total >= _SCALED_FROM
            self._bar = tqdm(total=total, initial=self.done, desc=description, unit=f" {unit}", unit_scale=scaled)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def advance(self, units: int = 1) -> None:
        """Count `units` more as done, up to the total: the last round of a training may be longer than what is left."""
        units = max(min(units, self.total - self.done), 0)
        self.done += units
        if self._bar is not None:
            self._bar.update(units)
        elif time.monotonic() - self._last_printed > _SECONDS_BETWEEN_LINES:
            self._print()

    def skip(self, units: int = 1) -> None:
        """Count `units` more as done before, which says nothing about the speed."""
        self.done += units
        self._first += units
        if self._bar is not None:
            self._bar.initial += units
            self._bar.last_print_n += units
            self._bar.n += units
            self._bar.refresh()

    def note(self, text: str) -> None:
        """Show `text` beside the figures from now on."""
        self._note = text
        if self._bar is not None:
            self._bar.set_postfix_str(text)

    def write(self, sentence: str) -> None:
        """Print `sentence` on a line of its own."""
        tqdm.write(sentence, file=sys.stderr)

    def close(self) -> None:
        """Show the final figures."""
        if self._bar is not None:
            self._bar.close()
        else:
            self._print()

    def _print(self) -> None:
        self._last_printed = time.monotonic()
        seconds = self._last_printed - self._start
        rate = (self.done - self._first) / max(seconds, 1e-9)
        left = f", {_clock((self.total - self.done) / rate)} left" if rate and self.done < self.total else ""
        speed = f", {_speed(rate, self.unit)}" if rate else ""
        print(
            f"{self.description}: {self.done:,} of {self.total:,} {self.unit} ({self.done / max(self.total, 1):.0%}), "
            f"{_clock(seconds)} elapsed{left}{speed} {self._note}".rstrip(),
            file=Printable(sys.stderr),
            flush=True,
        )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _speed(rate: float, unit: str) -> str:
    """Return `rate`, in units a second, per second, minute or hour: the first in which it is at least 1."""
    for name, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if rate * seconds >= 1 or name == "h":
            break
    number = rate * seconds
    return f"{number:,.0f} {unit}/{name}" if number >= 10 else f"{number:.2g} {unit}/{name}"
