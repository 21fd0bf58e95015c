"""Tune files, in ABC, MusicXML or kern: titles and melodies, or why a tune has none."""

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from note_rnn.extraction.contents import read_content
from note_rnn.extraction.scores.abc_book import abc_text, abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.kern import kern_part
from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.scores.mxl import unpacked
from note_rnn.extraction.scores.parts import Part, once_through
from note_rnn.extraction.tunes import MIN_SEGMENT_STEPS, Bars, TuneError, barred_segments
from note_rnn.vocabulary import Tokens


class Tune(NamedTuple):
    """A tune's title, its source (`file#number`), its segments and their bars, and, if none, why it was `dropped`."""

    title: str
    source: str
    segments: list[Tokens]
    dropped: str
    bars: list[Bars]


def read_tunes(path: Path, min_steps: int = MIN_SEGMENT_STEPS, seconds: float = math.inf) -> list[Tune]:
    """Return all tunes of a file, with segments of at least `min_steps`; one that cannot be used has a reason instead.

    The suffix names the format: .abc, .mxl, .krn, and MusicXML otherwise. Once reading takes more than `seconds`, the
    remaining tunes are dropped, in any thread; the time of a single tune is bounded by its length. A file that is
    empty, too large, or no text is one dropped tune. Raises OSError if the file cannot be read.
    """
    deadline = time.monotonic() + seconds
    result = []
    for number, (title, read) in enumerate(_readings(path), 1):
        source = f"{path.name}#{number}"
        late = time.monotonic() > deadline
        tune = Tune(title, source, [], _LATE.format(seconds), []) if late else _tune(title, source, read, min_steps)
        result.append(tune)
    return result


def _readings(path: Path) -> list[tuple[str, Callable[[], Part]]]:
    """Return the title of each tune in a file, where it is at hand, and what reads the tune."""
    suffix = path.suffix.lower()
    try:
        content = read_content(path)
        if suffix != ".abc":
            return [("", partial(_READERS.get(suffix, musicxml_part), content))]
        return [(abc.title, partial(abc_part, abc)) for abc in abc_tunes(abc_text(content))]
    except TuneError as error:
        return [("", partial(_refuse, str(error)))]


def _refuse(reason: str) -> Part:
    raise TuneError(reason)


def _compressed_part(content: bytes) -> Part:
    return musicxml_part(unpacked(content))


_LATE = "the file takes more than {:g} seconds to read"
_READERS = {".mxl": _compressed_part, ".krn": kern_part}


def _tune(title: str, source: str, read: Callable[[], Part], min_steps: int) -> Tune:
    try:
        part = read()
        title = part.title or source
        notes, bar_lines = once_through(part)
        segments, bars = zip(*barred_segments(notes, bar_lines, part.meters, min_steps), strict=True)
        return Tune(title, source, list(segments), "", list(bars))
    except TuneError as error:
        return Tune(title or source, source, [], str(error), [])
