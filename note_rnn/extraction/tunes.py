"""Tokens of music21 streams: the monophonic melody of a tune on a grid of sixteenths.

A tune is read once through as written, without repeats; of a first and a second ending, the second is used. Ties are
merged, grace notes left out, and of a chord the top note is used. It is transposed by its key signature to the notes of
C major (A minor, D dorian ... stay what they are), then by octaves into the vocabulary. Notes that do not last a whole
number of sixteenths (triplets, thirty-seconds) and key changes cut the tune into segments, each a token array [T].
Times and durations are in sixteenths.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from note_rnn.notes import Notes, notes_to_tokens
from note_rnn.vocabulary import MAX_PITCH, MIN_PITCH, STEPS_PER_QUARTER, Tokens

if TYPE_CHECKING:
    from music21.stream import Stream

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


class Bars(NamedTuple):
    """The bar lines of a segment: its `meter`, "" if unknown, and the steps before the first bar line, `pickup`.

    They may be estimated from the notes, where the file does not say them or says what the notes contradict.
    """

    meter: str
    pickup: int
    is_estimated: bool = False


UNKNOWN_BARS = Bars("", 0)


def tune_segments(tune: "Stream[Any]", min_steps: int = MIN_SEGMENT_STEPS) -> list[Tokens]:
    """Return the melody of a music21 `tune` as token arrays of at least `min_steps`, each starting with a note.

    The melody is the tune's first part. Raises TuneError, with the reason, if no segment is left.
    """
    return [segment for segment, _ in barred_segments(tune, min_steps)]


def barred_segments(tune: "Stream[Any]", min_steps: int = MIN_SEGMENT_STEPS) -> list[tuple[Tokens, Bars]]:
    """Return the segments of `tune_segments` with their bars; raises TuneError as it does."""
    events = tune_events(tune)
    if all(event.pitch is None for event in events):
        raise TuneError("no notes")
    bars_from = _bars_of(tune)
    runs = [(run_tokens(run), bars_from(run[0].start)) for run in aligned_runs(transposed(events))]
    segments = [(segment, bars) for segment, bars in runs if len(segment) >= min_steps]
    if not segments:
        raise TuneError(f"no run of {min_steps} sixteenths on the grid")
    return segments


def _bars_of(tune: "Stream[Any]") -> Callable[[Fraction], Bars]:
    """Return a function from a segment's start to its bars; they are unknown if music21 finds several meters.

    Bars are counted from the second measure, since the first may be a pickup.
    """
    from music21 import meter, stream

    part = next(iter(tune[stream.Part]), tune)
    signatures = {signature.ratioString for signature in part[meter.TimeSignature]}
    measures = [_sixteenths(measure.getOffsetInHierarchy(part)) for measure in part[stream.Measure]]
    if len(signatures) != 1 or len(measures) < 2:
        return lambda start: UNKNOWN_BARS
    (signature,) = signatures
    length = _sixteenths(meter.TimeSignature(signature).barDuration.quarterLength)

    def bars_from(start: Fraction) -> Bars:
        pickup = (measures[1] - start) % length
        return Bars(signature, int(pickup)) if pickup.denominator == 1 else UNKNOWN_BARS

    return bars_from


def tune_events(tune: "Stream[Any]") -> list[Event]:
    """Return the notes and rests of a music21 `tune`'s first part in order, without gaps or overlaps."""
    from music21 import stream

    part = next(iter(tune[stream.Part]), tune)
    return without_gaps(_top_line(part, _first_endings(part)))


def _top_line(part: "Stream[Any]", skipped: Sequence[tuple[Fraction, Fraction]]) -> list[Event]:
    """Return the highest note at each onset of `part`, tied notes as one, without the `skipped` spans."""
    from music21 import chord, harmony, key, note

    events: list[Event] = []
    sharps, tied = 0, False
    for element in part.flatten():
        if isinstance(element, key.KeySignature):
            sharps = element.sharps
        if not isinstance(element, note.Note | chord.Chord) or isinstance(element, harmony.Harmony):
            continue
        start, duration = _sixteenths(element.offset), _sixteenths(element.quarterLength)
        if duration <= 0 or any(lo <= start < hi for lo, hi in skipped):
            continue
        start -= sum(hi - lo for lo, hi in skipped if hi <= start)
        pitch = max(p.midi for p in element.pitches)
        last = events[-1] if events else None
        continues = element.tie is not None and element.tie.type in ("stop", "continue")
        if last and tied and continues and last.pitch == pitch and last.start + last.duration == start:
            events[-1] = last._replace(duration=last.duration + duration)
        elif last and last.start == start:
            events[-1] = max(last, Event(start, duration, pitch, sharps), key=lambda event: event.pitch or 0)
        else:
            events.append(Event(start, duration, pitch, sharps))
        tied = element.tie is not None and element.tie.type in ("start", "continue")
    return events


def _first_endings(part: "Stream[Any]") -> list[tuple[Fraction, Fraction]]:
    """Return the spans (start, end) of those first endings of `part` that a second ending follows immediately."""
    from music21 import spanner

    spans: dict[str, list[tuple[Fraction, Fraction]]] = {"1": [], "2": []}
    for bracket in part[spanner.RepeatBracket]:
        first, last = bracket.getFirst(), bracket.getLast()
        span = _sixteenths(first.offset), _sixteenths(last.offset + last.quarterLength)
        spans.setdefault(str(bracket.number), []).append(span)
    second_starts = {start for start, _ in spans["2"]}
    return [span for span in spans["1"] if span[1] in second_starts]


def _sixteenths(quarters: float | Fraction) -> Fraction:
    """Return music21's `quarters` (fractions, or floats where these are exact) in sixteenths."""
    return Fraction(quarters).limit_denominator(1 << 10) * STEPS_PER_QUARTER


def without_gaps(notes: Sequence[Event]) -> list[Event]:
    """Return `notes` in order of their starts, each cut where the next one starts, with rests in the gaps."""
    events: list[Event] = []
    notes = sorted(notes, key=lambda event: event.start)
    for current, following in pairwise(notes):
        gap = following.start - current.start
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
