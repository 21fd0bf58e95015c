"""Tune files, in ABC, MusicXML or kern: titles and melodies, or why a tune has none."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from note_rnn.common.errors import check_choice
from note_rnn.extraction.contents import read_content
from note_rnn.extraction.grid import on_grid
from note_rnn.extraction.scores.abc_book import abc_text, abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.kern import kern_part
from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.scores.mxl import unpacked
from note_rnn.extraction.scores.parts import Part
from note_rnn.extraction.scores.playing import once_through, unfolded
from note_rnn.extraction.scores.repeats import UnclearRepeats
from note_rnn.extraction.tunes import (
    MIN_SEGMENT_STEPS,
    Bars,
    Melody,
    Segment,
    TuneError,
    segments_of,
    transposed,
    without_gaps,
)
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, Tokens


@dataclass(frozen=True)
class Reading:
    """What becomes of a tune in ABC, MusicXML or kern."""

    off_grid: Literal["round", "cut"] = "round"
    """Triplets, thirty-seconds and the like, in scores: put them on the grid of sixteenths, or cut the tune there."""
    repeats: Literal["once", "unfold"] = "once"
    """Repeats, endings, D.C. and D.S. of scores: read once through with the last endings, or play them as written."""

    def __post_init__(self) -> None:
        check_choice("off_grid", self.off_grid, ("round", "cut"))
        check_choice("repeats", self.repeats, ("once", "unfold"))


DEFAULT_READING = Reading()


class Origin(NamedTuple):
    """A tune of a score before it became tokens, which no `Reading` changes, and what the reading changed.

    Two numbers identify a tune for the split of a corpus, so that it is the same for every reading.
    """

    notes: tuple[int, ...]
    """The tokens of all its notes, once through as written, without their lengths."""
    code: int
    """A hash 0..2^64 - 1 of its tokens once through, cut where they leave the grid, or else of its notes."""
    moved: int = 0
    """Notes that were moved onto the grid."""
    dropped: int = 0
    """Notes that were dropped, since there is no room for them on the grid."""
    folded: str = ""
    """Why its repeats were not played out although that was asked for."""


class Tune(NamedTuple):
    """A tune's title, its source (`file#number`), its segments and, if there are none, why it was `dropped`."""

    title: str
    source: str
    segments: list[Tokens]
    dropped: str
    bars: list[Bars]
    """The bars of each segment."""
    sections: Sequence[tuple[int, ...]] = ()
    """The steps of each segment at which sections start."""
    origin: Origin | None = None


def read_tunes(
    path: Path, min_steps: int = MIN_SEGMENT_STEPS, seconds: float = math.inf, reading: Reading = DEFAULT_READING
) -> list[Tune]:
    """Return all tunes of a file, with segments of at least `min_steps`; one that cannot be used has a reason instead.

    The suffix names the format: .abc, .mxl, .krn, and MusicXML otherwise. Once reading takes more than `seconds`, the
    remaining tunes are dropped, in any thread; the time of a single tune is bounded by its length. A file that is
    empty, too large, or no text is one dropped tune. Raises OSError if the file cannot be read.
    """
    deadline = time.monotonic() + seconds
    result = []
    for number, (title, read) in enumerate(_readings(path), 1):
        source = f"{path.name}#{number}"
        if time.monotonic() > deadline:
            result.append(Tune(title, source, [], _LATE.format(seconds), []))
        else:
            result.append(_tune(title, source, read, min_steps, reading))
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


def _tune(title: str, source: str, read: Callable[[], Part], min_steps: int, reading: Reading) -> Tune:
    try:
        part = read()
        title = part.title or source
        segments, origin = _read_part(part, min_steps, reading)
    except TuneError as error:
        return Tune(title or source, source, [], str(error), [])
    tokens, bars, sections = (list(column) for column in zip(*segments, strict=True))
    return Tune(title, source, tokens, "", bars, sections, origin)


def _read_part(part: Part, min_steps: int, reading: Reading) -> tuple[list[Segment], Origin]:
    """Return the segments and the origin of a part; raises TuneError if none is left."""
    written = once_through(part)
    melody, folded, moved, dropped = written, "", 0, 0
    if reading.repeats == "unfold":
        try:
            melody = unfolded(part)
        except UnclearRepeats as error:
            folded = str(error)
    if reading.off_grid == "round":
        melody, moved, dropped = on_grid(melody)
    segments = segments_of(melody, part.meters, min_steps)
    notes = tuple(
        event.pitch - MIN_PITCH + FIRST_PITCH_TOKEN
        for event in transposed(without_gaps(written.notes))
        if event.pitch is not None
    )
    return segments, Origin(notes, _code(written, part.meters, notes), moved, dropped, folded)


def _code(written: Melody, meters: frozenset[str], notes: Sequence[int]) -> int:
    """Return the hash that the tokens of a melody had before notes were moved onto the grid, else one of its notes."""
    try:
        return melody_hash([segment.tokens for segment in segments_of(written, meters)])
    except TuneError:
        return melody_hash([np.array(notes, np.int64)])


def melody_hash(segments: Sequence[Tokens]) -> int:
    """Return a hash 0..2^64 - 1 of the melody in `segments`."""
    digest = hashlib.sha256()
    for segment in segments:
        digest.update(segment.astype(np.int8).tobytes() + b"\xff")
    return int.from_bytes(digest.digest()[:8], "big")
