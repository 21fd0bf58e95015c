"""Tune files, in ABC or another format that music21 reads: titles and melodies, or why a tune has none."""

import io
import re
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from note_rnn.extraction.tunes import MIN_SEGMENT_STEPS, Bars, TuneError, barred_segments
from note_rnn.vocabulary import Tokens

if TYPE_CHECKING:
    from music21.stream import Stream


_ACCIDENTALS_LAST_A_BAR = "%abc-2.1\n%%propagate-accidentals octave\n"


class Tune(NamedTuple):
    """A tune's title, its source (`file#number`), its segments and their bars, and, if none, why it was `dropped`."""

    title: str
    source: str
    segments: list[Tokens]
    dropped: str
    bars: list[Bars]


def read_tunes(path: Path, min_steps: int = MIN_SEGMENT_STEPS) -> list[Tune]:
    """Return all tunes of a file; one without a segment of at least `min_steps` has none but a reason.

    Suppresses music21's warnings.
    """
    from music21 import converter

    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        if path.suffix.lower() != ".abc":
            return [_tune(f"{path.name}#1", partial(converter.parse, path), min_steps)]
        return [
            _tune(f"{path.name}#{number}", partial(converter.parse, abc, format="abc"), min_steps)
            for number, abc in enumerate(split_abc(_text(path)), 1)
        ]


def _tune(source: str, parse: "Callable[[], Stream[Any]]", min_steps: int) -> Tune:
    title = source
    try:
        stream = parse()
        title = (stream.metadata and stream.metadata.bestTitle) or source
        segments, bars = zip(*barred_segments(stream, min_steps), strict=True)
        return Tune(title, source, list(segments), "", list(bars))
    except TuneError as error:
        return Tune(title, source, [], str(error), [])
    except Exception as error:  # music21 fails in many ways, and no tune may stop the others
        return Tune(title, source, [], f"not readable ({type(error).__name__})", [])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return path.read_text(encoding="latin-1")


def split_abc(text: str) -> list[str]:
    """Return the ABC of each tune in `text` (each starts at a line `X:`), preceded by the text before the first.

    A directive makes music21 read accidentals as the books print them: they last to the end of the bar.
    """
    preamble, *tunes = re.split(r"(?m)^(?=X:)", text)
    return [_ACCIDENTALS_LAST_A_BAR + preamble + _with_visible_key_changes(tune) for tune in tunes]


def _with_visible_key_changes(abc: str) -> str:
    """Return `abc` with each key change on its own line before a bar line: music21 overlooks others."""
    first_key = re.search(r"(?m)^K:.*$", abc)
    if first_key is None:
        return abc
    header, body = abc[: first_key.end()], abc[first_key.end() :]
    body = re.sub(r"\[(K:[^\]]*)\]", r"\n\1\n", body)
    return header + re.sub(r"(?m)^(K:.*)$", r"\1\n|", body)
