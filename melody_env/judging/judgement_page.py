"""The page of a judgement: one HTML file that needs no network, a picture of both intervals beside each figure."""

import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined

from melody_env.judging.judgement import Comparison, Judgement
from melody_env.judging.judgement_table import shown_sections
from note_rnn.common.atomic_files import write_text
from note_rnn.corpus.report import Report

_TEMPLATE = "judgement_page.html"
_WIDTH = 200.0
"""Of a picture, in its own units."""
_MARGIN = 6.0


class Bar(NamedTuple):
    """An interval in a picture: where it begins, how wide it is, and where its value is."""

    kind: str
    """"own" for pieces, "human"."""
    y: int
    x: float
    width: float
    value: float


def bars(comparison: Comparison) -> list[Bar]:
    """Return the bars of the pieces and of human tunes on one scale, from the least to the largest number of both."""
    numbers = [number for interval in comparison for number in interval if not math.isnan(number)]
    if not numbers:
        return []
    low, scale = min(numbers), (_WIDTH - 2 * _MARGIN) / ((max(numbers) - min(numbers)) or 1.0)
    found = []
    for kind, y, interval in (("own", 3, comparison.pieces), ("human", 16, comparison.human)):
        value, left, right = (_MARGIN + (number - low) * scale for number in interval)
        if math.isnan(left):
            left = right = value
        if not math.isnan(value):
            found.append(Bar(kind, y, round(left, 1), round(right - left, 1), round(value, 1)))
    return found


def judgement_page(judgement: Judgement, title: str, sentences: Sequence[str], left_out: Report) -> str:
    """Return the page, with `title`, `sentences` above the figures, and what was left out below; text is escaped."""
    source = (files("melody_env.judging") / _TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(
        title=title,
        sentences=sentences,
        sections=shown_sections(judgement),
        bars=bars,
        width=_WIDTH,
        reasons=left_out.reasons(),
    )


def write_judgement_page(
    path: Path, judgement: Judgement, title: str, sentences: Sequence[str], left_out: Report
) -> None:
    """Write the page to the file `path`; raises OSError if it cannot be written."""
    write_text(path, judgement_page(judgement, title, sentences, left_out))
