"""Extraction pipeline: monophonic melodies, as tokens for training, from scores of any number of tracks.

A melody is a monophonic passage of one instrument between two gaps. It is quantised to sixteenths, begins on a bar line
with NO_EVENT until its first note, and is moved to C major or A minor and into the vocabulary. T steps.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from note_rnn.common.data_files import is_file
from note_rnn.common.errors import check_above_zero, check_count
from note_rnn.extraction.contents import read_content
from note_rnn.extraction.keys import folded, transposition
from note_rnn.extraction.meter import find_bars
from note_rnn.extraction.midi_score import Score, Track, parse_midi
from note_rnn.extraction.monophony import monophonic
from note_rnn.extraction.sections import Section, grid_shift, sections, to_steps
from note_rnn.extraction.tunes import Bars, TuneError, bar_steps
from note_rnn.formats.midi import MelodyFileError
from note_rnn.notes import Notes, notes_to_tokens
from note_rnn.vocabulary import MAX_PITCH, MIN_PITCH, Tokens

MAX_STEPS_PER_FILE = 1 << 20
"""Only a damaged or generated file would have more."""


@dataclass(frozen=True)
class Extraction:
    """Which passages of a MIDI file are melodies. The defaults are those of Magenta's melody_rnn, where it has any."""

    bar_steps: int | None = None
    """Steps per bar, such as 16, if the files' time signatures cannot be trusted; by default they are used, where the
    notes agree with them. Meters and bar lines are else estimated."""
    declared_meter: Literal["check", "trust"] = "check"
    """A meter that a file declares: use it where the notes agree, or always."""
    min_bars: int = 7
    """Minimum length of a melody in bars."""
    min_pitches: int = 5
    """Minimum number of different pitch classes in a melody."""
    gap_bars: float = 1.0
    """Bars of silence that end a melody."""
    max_steps: int | None = None
    """Steps at which a melody is cut."""
    polyphony: Literal["skip", "top"] = "skip"
    """Where notes start together: skip the rest of the track, or use the highest."""
    melody_track: str | None = None
    """Only tracks of this name, ignoring case."""
    key: Literal["signature", "estimate"] = "signature"
    """Transpose by the key signature, or where there is none by the notes; or always by the notes."""
    wide: Literal["drop", "fold"] = "drop"
    """A melody wider than the vocabulary: drop it, or move the notes outside by octaves."""
    align: bool = True
    """Shift a song onto the grid if its notes are consistently beside the file's beats."""
    cut_at_tempo: bool = False
    """Cut where the tempo changes, as Magenta does."""

    def __post_init__(self) -> None:
        for name in ("bar_steps", "min_bars", "min_pitches", "max_steps"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        check_above_zero("gap_bars", self.gap_bars)


class ExtractedMelody(NamedTuple):
    """A melody on the grid: `notes` at the file's pitches and its length, `num_steps`, both from a bar line on.

    The bar line is `start` steps into the section of that index; `track` is the index of the instrument; `meter` is
    the time signature in force, "" if the file has none or bars have `bar_steps` by request.
    """

    track: int
    section: int
    start: int
    bar_steps: int
    meter: str
    sharps: int | None
    notes: Notes
    num_steps: int


class BarredMelody(NamedTuple):
    """A melody as tokens [T], and its bars."""

    tokens: Tokens
    bars: Bars


class ExtractedMelodies(NamedTuple):
    """The melodies of a file, and how often something was dropped or cut, by reason."""

    melodies: list[ExtractedMelody]
    reasons: Counter[str]


def extract_melodies(path: str | Path, extraction: Extraction | None = None) -> list[Tokens]:
    """Return the melodies in the MIDI file `path` as token arrays [T]; `extraction` defines them.

    Raises MelodyFileError, with the reason, for a file that is missing or cannot be read.
    """
    if not is_file(Path(path)):
        raise MelodyFileError(f"There is no file {path}.")
    try:
        return [melody.tokens for melody in read_melodies(read_content(path), extraction or Extraction())[0]]
    except TuneError as error:
        raise MelodyFileError(f"{path} has no readable melody: {error}.") from error


def read_melodies(data: bytes, extraction: Extraction) -> tuple[list[BarredMelody], Counter[str]]:
    """Return the melodies in `data`, the bytes of a MIDI file, and counts of what was dropped or cut, by reason.

    Raises TuneError if nothing can be read.
    """
    melodies, reasons = melodies_of(parse_midi(data), extraction)
    accepted: list[BarredMelody] = []
    steps = 0
    for melody in melodies:
        if steps + melody.num_steps > MAX_STEPS_PER_FILE:
            reasons[f"beyond {MAX_STEPS_PER_FILE:,} sixteenths in one file"] += 1
        elif (tokens := melody_tokens(melody, extraction.wide == "fold")) is None:
            reasons["wider than the vocabulary"] += 1
        else:
            steps += melody.num_steps
            trusted = extraction.declared_meter == "trust"
            bars = find_bars(melody.notes, melody.num_steps, melody.meter, extraction.bar_steps, trusted)
            accepted.append(BarredMelody(tokens, bars))
    return accepted, reasons


def melodies_of(score: Score, extraction: Extraction) -> ExtractedMelodies:
    """Return the melodies in `score`, ordered by section, then by track.

    Raises TuneError if no track can have one: no notes, only drums, no track of the name.
    """
    reasons: Counter[str] = Counter()
    tracks = _melodic(score.tracks, extraction.melody_track, reasons)
    if extraction.align:
        shift = grid_shift(np.concatenate([track.starts for _, track in tracks]), score.resolution)
        tracks = [(number, _moved(track, shift)) for number, track in tracks]
    found: list[ExtractedMelody] = []
    by_key = extraction.key == "signature"
    score = score._replace(tracks=[track for _, track in tracks])
    parts = sections(score, extraction.bar_steps is None, by_key, extraction.cut_at_tempo)
    for section, part in enumerate(parts):
        meter = "{}/{}".format(*part.meter)
        bar = extraction.bar_steps or bar_steps(meter)
        if bar is None:
            reasons["a bar is not a whole number of sixteenths"] += 1
            continue
        declared = meter if part.is_declared and extraction.bar_steps is None else ""
        for number, track in tracks:
            for start, notes, num_steps in _tunes(track, part, score.resolution, bar, extraction, reasons):
                sharps = part.sharps if by_key else None
                found.append(ExtractedMelody(number, section, start, bar, declared, sharps, notes, num_steps))
    return ExtractedMelodies(found, reasons)


def melody_tokens(melody: ExtractedMelody, fold: bool = False) -> Tokens | None:
    """Return `melody` as tokens [T], transposed; None if it is wider than the vocabulary and `fold` is false."""
    pitches = melody.notes.pitches + transposition(melody.notes.pitches, melody.sharps)
    if fold:
        pitches = folded(pitches)
    if pitches.min() < MIN_PITCH or pitches.max() > MAX_PITCH:
        return None
    return notes_to_tokens(melody.notes._replace(pitches=pitches), melody.num_steps)


def _melodic(tracks: list[Track], name: str | None, reasons: Counter[str]) -> list[tuple[int, Track]]:
    """Return the tracks that can have melodies, with their indices."""
    if not tracks:
        raise TuneError("no notes")
    melodic = [(number, track) for number, track in enumerate(tracks) if not track.is_drum]
    if not melodic:
        raise TuneError("only drums")
    reasons["drums"] += len(tracks) - len(melodic)
    if name is None:
        return melodic
    named = [(number, track) for number, track in melodic if track.name.casefold() == name.casefold()]
    if not named:
        raise TuneError(f"no track named {name}")
    return named


def _moved(track: Track, shift: int) -> Track:
    """Return `track` moved `shift` ticks earlier, but not before 0."""
    return track._replace(starts=np.maximum(track.starts - shift, 0), ends=np.maximum(track.ends - shift, 1))


def _tunes(
    track: Track, part: Section, resolution: int, bar: int, extraction: Extraction, reasons: Counter[str]
) -> Iterator[tuple[int, Notes, int]]:
    """Yield each long and varied enough melody of `track` in `part`: its bar line, notes from there, and steps."""
    first, last = np.searchsorted(track.starts, [part.start, part.end])
    if first == last:
        return
    inside = slice(first, last)
    starts = to_steps(track.starts[inside] - part.start, resolution)
    ends = to_steps(np.minimum(track.ends[inside], part.end) - part.start, resolution)
    gap, highest = extraction.gap_bars * bar, extraction.polyphony == "top"
    melodies, is_polyphonic = monophonic(starts, ends, track.pitches[inside], gap, highest)
    reasons["notes that start together"] += is_polyphonic
    for melody in melodies:
        start = int(melody.starts[0]) // bar * bar
        notes = Notes(melody.starts - start, melody.ends - start, melody.pitches)
        if notes.ends[-1] < extraction.min_bars * bar:
            reasons[f"shorter than {extraction.min_bars} bars"] += 1
            continue
        num_steps = int(notes.ends[-1])
        if extraction.max_steps is not None and num_steps > extraction.max_steps:
            reasons[f"cut at {extraction.max_steps} sixteenths"] += 1
            num_steps = extraction.max_steps
            notes = _until(notes, num_steps)
        if np.count_nonzero(np.bincount(notes.pitches % 12)) < extraction.min_pitches:
            reasons[f"fewer than {extraction.min_pitches} different notes"] += 1
            continue
        yield start, notes, num_steps


def _until(notes: Notes, steps: int) -> Notes:
    """Return the first `steps` of `notes`."""
    first = slice(0, int(np.searchsorted(notes.starts, steps)))
    return Notes(notes.starts[first], np.minimum(notes.ends[first], steps), notes.pitches[first])
