"""Tokens of a part: the monophonic melody of a tune on a grid of sixteenths.

Ties are merged, grace notes left out, of a chord the top note is used, and of voices on a staff the upper one. A tune
is transposed by its key signature to the notes of C major (A minor, D dorian ... stay what they are), then by octaves
into the vocabulary. Key changes, long rests, and notes that do not last a whole number of sixteenths cut it into
segments, each a token array [T]; by default there are no such notes, since `grid` moves them first. Times and durations
are in sixteenths.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from note_rnn.notes import Notes, notes_to_tokens
from note_rnn.vocabulary import MAX_PITCH, MIN_PITCH, Tokens

MIN_SEGMENT_STEPS = 32
MAX_REST_STEPS = 16
"""A longer rest cuts the tune."""


class TuneError(ValueError):
    """A tune without a usable melody; the message is the reason, without the tune's name."""


class Event(NamedTuple):
    """A note (MIDI `pitch`) or a rest (None) under a key signature of `sharps` (negative: flats)."""

    start: Fraction
    duration: Fraction
    pitch: int | None
    sharps: int
    tied: bool = False
    """Tied to the next note."""


class Melody(NamedTuple):
    """The notes of one voice, and the times of bar lines and of the beginnings of sections, each in order."""

    notes: list[Event]
    bar_lines: list[Fraction]
    sections: list[Fraction]


class Bars(NamedTuple):
    """The bar lines of a segment: its `meter`, "" if unknown, and the steps before the first bar line, `pickup`.

    They may be estimated from the notes, where the file does not say them or says what the notes contradict.
    """

    meter: str
    pickup: int
    is_estimated: bool = False


UNKNOWN_BARS = Bars("", 0)


class Segment(NamedTuple):
    """A melody as tokens [T], its bars, and the steps at which sections start, in order."""

    tokens: Tokens
    bars: Bars
    sections: tuple[int, ...]


def segments_of(melody: Melody, meters: frozenset[str], min_steps: int = MIN_SEGMENT_STEPS) -> list[Segment]:
    """Return the segments of a `melody`, those of at least `min_steps`, each starting with a note.

    :param meters: all meters of the tune, "" for an unknown one.

    A note that lasts beyond the next is cut. Raises TuneError, with the reason, if no segment is left.
    """
    if not melody.notes:
        raise TuneError("no notes")
    runs = aligned_runs(transposed(without_gaps(melody.notes)))
    segments = [
        Segment(tokens, bars_of(run, melody.bar_lines, meters), sections_of(run[0].start, len(tokens), melody.sections))
        for run in runs
        if len(tokens := run_tokens(run)) >= min_steps
    ]
    if not segments:
        raise TuneError(f"no run of {min_steps} sixteenths on the grid")
    return segments


def is_meter(meter: object) -> bool:
    """Return whether `meter` is a time signature such as "6/8", or "" for an unknown one."""
    return isinstance(meter, str) and bool(re.fullmatch(r"([1-9]\d{0,2}/(1|2|4|8|16|32|64))?", meter, re.ASCII))


def bar_length(meter: str) -> Fraction:
    """Return the sixteenths in a bar of `meter`, a name that is not empty."""
    count, unit = map(int, meter.split("/"))
    return Fraction(16 * count, unit)


def bar_steps(meter: str) -> int | None:
    """Return the sixteenths in a bar of `meter`; None if it is unknown or they are not a whole number, as in 3/32."""
    length = bar_length(meter) if meter else Fraction(1, 2)
    return int(length) if length.denominator == 1 else None


def bars_of(run: Sequence[Event], bar_lines: Sequence[Fraction], meters: frozenset[str]) -> Bars:
    """Return the bars of a `run`, by the place that most of its bar lines have; unknown if there are several meters."""
    if len(meters) != 1 or "" in meters:
        return UNKNOWN_BARS
    (meter,) = meters
    start, end = run[0].start, run[-1].start + run[-1].duration
    within = bar_lines[bisect_right(bar_lines, start) : bisect_right(bar_lines, end)]
    places = Counter((line - start) % bar_length(meter) for line in within)
    pickup = places.most_common(1)[0][0] if places else Fraction(1, 2)
    return Bars(meter, int(pickup)) if pickup.denominator == 1 else UNKNOWN_BARS


def sections_of(start: Fraction, length: int, sections: Sequence[Fraction]) -> tuple[int, ...]:
    """Return the steps at which `sections` start in `length` steps from `start` on, without those beside the grid."""
    places = [time - start for time in sections]
    return tuple(int(place) for place in places if 0 <= place < length and place.denominator == 1)


def without_gaps(notes: Sequence[Event]) -> list[Event]:
    """Return `notes` in order of their starts, each cut where the next one starts, with rests in the gaps.

    Of notes that start together the last stays.
    """
    events: list[Event] = []
    notes = sorted(notes, key=lambda event: event.start)
    for current, following in pairwise(notes):
        gap = following.start - current.start
        if not gap:
            continue
        events.append(current._replace(duration=min(current.duration, gap)))
        if current.duration < gap:
            rest = current.start + current.duration
            events.append(Event(rest, following.start - rest, None, current.sharps))
    return events + list(notes[-1:])


def transposed(events: Sequence[Event]) -> list[Event]:
    """Return `events` transposed to a key signature without sharps, then by octaves to the middle of the vocabulary.

    A section under another key signature moves by the interval nearest to that of the first section.
    Raises TuneError if the tune is wider than the vocabulary.
    """
    first = shift_to_no_sharps(events[0].sharps)
    shifts = [first + (shift_to_no_sharps(event.sharps) - first + 6) % 12 - 6 for event in events]
    pitches = [event.pitch + shift for event, shift in zip(events, shifts, strict=True) if event.pitch is not None]
    low, high = min(pitches), max(pitches)
    octaves = [octave for octave in range(-120, 121, 12) if low + octave >= MIN_PITCH and high + octave <= MAX_PITCH]
    if not octaves:
        raise TuneError("wider than the vocabulary")
    octave = min(octaves, key=lambda octave: abs(low + high + 2 * octave - MIN_PITCH - MAX_PITCH))
    return [
        event if event.pitch is None else event._replace(pitch=event.pitch + shift + octave)
        for event, shift in zip(events, shifts, strict=True)
    ]


def shift_to_no_sharps(sharps: int) -> int:
    """Return the semitones (-6..5) from the major tonic of a key signature of `sharps` to C."""
    return (6 - 7 * sharps) % 12 - 6


def aligned_runs(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the maximal runs of `events` in whole sixteenths under one key signature; each starts with a note."""
    run: list[Event] = []
    for event in events:
        usable = event.duration.denominator == 1 and (event.pitch is not None or event.duration <= MAX_REST_STEPS)
        if run and (not usable or event.sharps != run[0].sharps):
            yield run
            run = []
        if usable and (run or event.pitch is not None):
            run.append(event)
    if run:
        yield run


def run_tokens(run: Sequence[Event]) -> Tokens:
    """Return the tokens of a `run` of whole-sixteenth events from its first note to the end of its last."""
    notes = [(event.start - run[0].start, event.duration, event.pitch) for event in run if event.pitch is not None]
    starts, durations, pitches = np.array(notes, np.int64).T
    ends = starts + durations
    return notes_to_tokens(Notes(starts, ends, pitches), int(ends[-1]))
