"""MIDI files of any number of tracks as notes in ticks, robust to irregular files.

A reader of our own, because no library is both fast and correct here: `pretty_midi` takes 50 ms for a pop song, and
`symusic`, 0.3 ms, pairs a note off with the oldest note on of its pitch, so that a surplus note on shifts all later
ends of that pitch and loses its last note. Here a note off ends all notes of its pitch, as in `pretty_midi` and in
synthesizers.

N notes, C changes. All times are ticks, `resolution` per quarter note: exact, and independent of the tempo.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from note_rnn.extraction.midi_events import PROGRAM, Integers, Messages, OtherEvent, midi_events
from note_rnn.extraction.note_pairs import paired
from note_rnn.extraction.tunes import TuneError

MAX_QUARTERS = 250_000
"""A longer piece counts as damaged: at 120 quarter notes per minute it would last 35 hours."""

_DRUM_CHANNEL = 9
_NOTE_OFF, _NOTE_ON = 8, 9
_TEXT, _TRACK_NAME, _TEMPO, _METER, _KEY = 0x01, 0x03, 0x51, 0x58, 0x59


class Track(NamedTuple):
    """The notes [N] of one instrument in order of their starts; they may overlap; each lasts at least a tick."""

    name: str
    is_drum: bool
    starts: Integers
    ends: Integers
    pitches: Integers


class Changes(NamedTuple):
    """Values [C, 1 or 2] that apply from `times` [C] on; of several at one tick the last counts."""

    times: Integers
    values: Integers


class Score(NamedTuple):
    """The tracks of a file, and its changes of meter (numerator, denominator), tempo (us per quarter) and key (sharps).

    Invalid meters and keys (0/4, 99 sharps) are left out. A track here is one program on one channel of a track in the
    file.
    """

    resolution: int
    tracks: list[Track]
    meters: Changes
    tempos: Changes
    keys: Changes
    texts: list[tuple[int, str]]
    """Time and content of each text event."""


def parse_midi(data: bytes) -> Score:
    """Return the score in `data`, the bytes of a Standard MIDI File, possibly wrapped in RIFF.

    Raises TuneError with the reason if it is not MIDI, damaged, truncated, timed by frames, or longer than
    `MAX_QUARTERS`.
    """
    if data[:4] == b"RIFF":
        data = data[max(data.find(b"MThd"), 0) :]
    if data[:4] != b"MThd":
        raise TuneError("not a MIDI file" if data else "empty file")
    if len(data) < 14:
        raise TuneError("truncated")
    resolution = int.from_bytes(data[12:14], "big")
    if resolution & 0x8000:
        raise TuneError("timed by film frames (SMPTE), not by beats")
    if resolution == 0:
        raise TuneError("damaged MIDI: zero ticks per quarter note")
    messages, others = midi_events(_track_chunks(data))
    if max(messages.times.max(initial=0), max((event.time for event in others), default=0)) > MAX_QUARTERS * resolution:
        raise TuneError(f"damaged MIDI: it would last more than {MAX_QUARTERS:,} quarter notes")
    return Score(
        resolution,
        _tracks(messages, others),
        _changes(others, _METER, 2, _meter),
        _changes(others, _TEMPO, 1, _tempo),
        _changes(others, _KEY, 1, _key),
        [(event.time, _text(event.content)) for event in others if event.kind == _TEXT],
    )


def _track_chunks(data: bytes) -> Iterable[bytes]:
    """Yield the content of each track; chunks of other kinds are skipped, as the format demands."""
    position = 8 + int.from_bytes(data[4:8], "big")
    while position + 8 <= len(data):
        start = position + 8
        kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : start], "big")
        position = start + length
        if kind == b"MTrk":
            if position > len(data):
                raise TuneError("truncated")
            yield data[start:position]


def _tracks(messages: Messages, others: list[OtherEvent]) -> list[Track]:
    """Return a track per program on each channel of each file track, in order of file track and first note end."""
    kinds = messages.statuses >> 4
    of_notes = np.flatnonzero((kinds == _NOTE_OFF) | (kinds == _NOTE_ON))
    track, times, statuses, pitches, velocities = (column[of_notes] for column in messages)
    channels = track << 4 | statuses & 0xF
    ons, offs = paired(times, channels << 7 | pitches, (statuses >> 4 == _NOTE_ON) & (velocities > 0))
    voices = channels[offs] << 7 | _programs(of_notes[offs], channels[offs], others)
    names = {event.track: _text(event.content) for event in others if event.kind == _TRACK_NAME}
    different, first = np.unique(voices, return_index=True)
    tracks = []
    for voice in different[np.lexsort([first, different >> 11])]:
        own = np.flatnonzero(voices == voice)
        own = own[np.argsort(times[ons[own]], kind="stable")]
        is_drum = bool(voice >> 7 & 0xF == _DRUM_CHANNEL)
        name = names.get(int(voice >> 11), "")
        tracks.append(Track(name, is_drum, times[ons[own]], times[offs[own]], pitches[ons[own]]))
    return tracks


def _programs(numbers: Integers, channels: Integers, others: list[OtherEvent]) -> Integers:
    """Return the current program of its channel at each of the messages `numbers`; 0 before any change."""
    changes = [
        (event.track << 4 | event.kind - PROGRAM, event.before, event.content[0])
        for event in others
        if PROGRAM <= event.kind < PROGRAM + 16
    ]
    channel, before, program = np.array([(-1, 0, 0), *sorted(changes, key=lambda change: change[:2])], np.int64).T
    newest = np.searchsorted(channel << 32 | before, channels << 32 | numbers, side="right") - 1
    return np.where(channel[newest] == channels, program[newest], 0)


def _changes(
    others: list[OtherEvent], kind: int, width: int, value: Callable[[bytes], tuple[int, ...] | None]
) -> Changes:
    """Return the times and values of the events of a `kind` whose content has a `value`.

    They should be in the first track. If several tracks have them, those of the first are used.
    """
    values = [(event.track, event.time, value(event.content)) for event in others if event.kind == kind]
    first = min((track for track, _, _ in values), default=0)
    valid = [(time, value) for track, time, value in values if track == first and value is not None]
    times = np.array([time for time, _ in valid], np.int64)
    return Changes(times, np.array([value for _, value in valid], np.int64).reshape(-1, width))


def _meter(content: bytes) -> tuple[int, int] | None:
    return (content[0], 1 << content[1]) if len(content) >= 2 and content[0] and content[1] <= 6 else None


def _tempo(content: bytes) -> tuple[int] | None:
    return (int.from_bytes(content, "big"),) if len(content) == 3 else None


def _key(content: bytes) -> tuple[int] | None:
    sharps = int.from_bytes(content[:1], "big", signed=True)
    return (sharps,) if content and abs(sharps) <= 7 else None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8").strip("\0 ")
    except UnicodeDecodeError:
        return content.decode("latin-1").strip("\0 ")
