"""A MIDI file of any number of tracks as notes in ticks, whatever is odd about it.

The reader is our own because no library is both quick and right here: `pretty_midi` takes 60 ms for a pop song, and
`symusic`, 0.3 ms, pairs a note off with the oldest note on of its pitch, so that one note on too many, as in every
third song of a good collection, shifts all later ends of that pitch and loses its last note. Here a note off ends all
notes of its pitch, as in `pretty_midi` and in synthesizers. Source of the format: Standard MIDI Files 1.0,
https://midi.org/standard-midi-files.

N notes, C changes. All times are ticks, `resolution` to the quarter note: exact, and the same whatever the tempo is.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.tunes import TuneError

Integers = npt.NDArray[np.int64]

LONGEST_QUARTERS = 250_000
"""A piece that ends later is taken for damaged: at 120 quarters a minute it would last 35 hours."""

_DRUM_CHANNEL = 9
_NOTE_OFF, _NOTE_ON, _PRESSURE, _PROGRAM, _BEND, _SYSTEM = 0x80, 0x90, 0xA0, 0xC0, 0xE0, 0xF0
_META, _SYSEX, _SYSEX_CONTINUED = 0xFF, 0xF0, 0xF7
_TRACK_NAME, _END_OF_TRACK, _TEMPO, _METER, _KEY = 0x03, 0x2F, 0x51, 0x58, 0x59
_MISPLACED = "damaged MIDI: data where an event should be"


class Track(NamedTuple):
    """The notes [N] of one instrument in order of their starts; they may overlap, and each lasts at least a tick."""

    name: str
    is_drum: bool
    starts: Integers
    ends: Integers
    pitches: Integers


class Changes(NamedTuple):
    """What is in force from `times` [C] on: `values` [C, ...]. Of several at one tick the last counts."""

    times: Integers
    values: Integers


class Score(NamedTuple):
    """The tracks of a file, and its changes of meter (numerator, denominator), tempo (us a quarter) and key (sharps).

    Meters and keys that cannot be (4/0, 99 sharps) are left out. One track here is one program on one channel of a
    track in the file.
    """

    resolution: int
    tracks: list[Track]
    meters: Changes
    tempos: Changes
    keys: Changes


def parse_midi(data: bytes) -> Score:
    """Return the score in `data`, the bytes of a Standard MIDI File or of one wrapped in RIFF.

    Raises TuneError with the reason for what is no MIDI, damaged, truncated, timed by frames, or longer than
    `LONGEST_QUARTERS`.
    """
    if data[:4] == b"RIFF":
        data = data[max(data.find(b"MThd"), 0) :]
    if data[:4] != b"MThd":
        raise TuneError("not a MIDI file")
    if len(data) < 14:
        raise TuneError("truncated")
    resolution = int.from_bytes(data[12:14], "big")
    if resolution & 0x8000:
        raise TuneError("timed by film frames (SMPTE), not by beats")
    if resolution == 0:
        raise TuneError("damaged MIDI: a quarter note of no ticks")
    reader = _Reader(data, LONGEST_QUARTERS * resolution)
    reader.read_chunks(8 + int.from_bytes(data[4:8], "big"))
    return Score(
        resolution,
        reader.tracks,
        _changes(reader.meters, (0, 2)),
        _changes(reader.tempos, (0,)),
        _changes(reader.keys, (0,)),
    )


class _Reader:
    """Reads the chunks of a file: events into tracks and changes. `last` is the latest tick that is believed."""

    def __init__(self, data: bytes, last: int):
        self.data = data
        self.last = last
        self.tracks: list[Track] = []
        self.meters: list[tuple[int, tuple[int, int]]] = []
        self.tempos: list[tuple[int, int]] = []
        self.keys: list[tuple[int, int]] = []

    def read_chunks(self, position: int) -> None:
        """Read all tracks from `position` on; chunks of other kinds are passed over, as the format asks."""
        while position + 8 <= len(self.data):
            kind = self.data[position : position + 4]
            start = position + 8
            position = start + int.from_bytes(self.data[position + 4 : start], "big")
            if kind == b"MTrk":
                if position > len(self.data):
                    raise TuneError("truncated")
                try:
                    self._read_track(start, position)
                except IndexError as error:
                    raise TuneError("truncated") from error

    def _read_track(self, position: int, end: int) -> None:
        """Read the events of a track; nearly all of the time that a file takes goes by in this loop."""
        data = self.data
        now = status = 0
        name = ""
        notes = _Notes()
        sounding = notes.sounding
        while position < end:
            delta = data[position]
            position += 1
            if delta > 0x7F:
                delta, position = self._number(position - 1)
            now += delta
            event = data[position]
            if event < 0x80:  # the status of the event before goes on
                position -= 1
            elif event < _SYSTEM:
                status = event
            else:
                position, name, ended = self._read_system(position, now, name)
                if ended:
                    break
                continue
            first = data[position + 1]
            if status < _NOTE_OFF or first > 0x7F:
                raise TuneError(_MISPLACED)
            position += 3
            if status < _PRESSURE:
                key = (status & 0xF) << 7 | first
                if status < _NOTE_ON or not data[position - 1]:
                    if sounding[key] is not None:
                        notes.end(key, now)
                elif sounding[key] is None:
                    sounding[key] = now
                else:
                    notes.strike_again(key, now)
            elif _PROGRAM <= status < _BEND:
                position -= 1
                if status < _PROGRAM + 0x10:
                    notes.programs[status & 0xF] = first
        if now > self.last:
            raise TuneError(f"damaged MIDI: it would last more than {LONGEST_QUARTERS:,} quarter notes")
        self.tracks += notes.tracks(name)

    def _read_system(self, position: int, now: int, name: str) -> tuple[int, str, bool]:
        """Return what follows a meta or system event: the position, the track's name, whether the track has ended."""
        event = self.data[position]
        if event == _META:
            kind = self.data[position + 1]
            length, position = self._number(position + 2)
            content = self.data[position : position + length]
            if kind == _TRACK_NAME:
                name = _text(content)
            else:
                self._add_change(kind, content, now)
            return position + length, name, kind == _END_OF_TRACK
        if event in (_SYSEX, _SYSEX_CONTINUED):
            length, position = self._number(position + 1)
            return position + length, name, False
        raise TuneError(_MISPLACED)

    def _add_change(self, kind: int, content: bytes, now: int) -> None:
        if kind == _TEMPO and len(content) == 3:
            self.tempos.append((now, int.from_bytes(content, "big")))
        elif kind == _METER and len(content) >= 2 and content[0] and content[1] <= 6:
            self.meters.append((now, (content[0], 1 << content[1])))
        elif kind == _KEY and content:
            sharps = int.from_bytes(content[:1], "big", signed=True)
            if abs(sharps) <= 7:
                self.keys.append((now, sharps))

    def _number(self, position: int) -> tuple[int, int]:
        """Return the number of variable length at `position`, at most four bytes, and the position after it."""
        number = 0
        for after in range(position + 1, position + 5):
            byte = self.data[after - 1]
            number = number << 7 | byte & 0x7F
            if byte < 0x80:
                return number, after
        raise TuneError(_MISPLACED)


class _Notes:
    """The notes of a track while it is read. A key is channel * 128 + pitch; `programs` is the one of each channel."""

    def __init__(self) -> None:
        self.programs = [0] * 16
        self.sounding: list[int | None] = [None] * (16 << 7)
        """The first start of the notes that sound, by key."""
        self._later: dict[int, list[int]] = {}
        self._ended: list[tuple[int, int, int]] = []

    def strike_again(self, key: int, now: int) -> None:
        """Start one more note of a key that sounds."""
        self._later.setdefault(key, []).append(now)

    def end(self, key: int, now: int) -> None:
        """End all notes of `key` that started before `now`; one that starts now goes on if there were any, else goes."""
        first = self.sounding[key]
        self.sounding[key] = None
        code = self.programs[key >> 7] << 11 | key
        if first is not None and first < now:
            self._ended.append((first, now, code))
            for start in self._later.pop(key, ()):
                if start < now:
                    self._ended.append((start, now, code))
                else:
                    self.sounding[key] = now
        else:
            self._later.pop(key, None)

    def tracks(self, name: str) -> list[Track]:
        """Return the ended notes, one track for each program of each channel, in order of their first ends."""
        starts, ends, codes = np.array(self._ended, np.int64).reshape(-1, 3).T
        voices, first = np.unique(codes >> 7, return_index=True)
        tracks = []
        for voice in voices[np.argsort(first)]:
            own = np.flatnonzero(codes >> 7 == voice)
            own = own[np.argsort(starts[own], kind="stable")]
            tracks.append(Track(name, bool(voice & 0xF == _DRUM_CHANNEL), starts[own], ends[own], codes[own] & 0x7F))
        return tracks


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8").strip("\0 ")
    except UnicodeDecodeError:
        return content.decode("latin-1").strip("\0 ")


def _changes(entries: list[tuple[int, int]] | list[tuple[int, tuple[int, int]]], shape: tuple[int, ...]) -> Changes:
    """Return `entries` (time, value) in order of time; `shape` is that of their values where there are none."""
    if not entries:
        return Changes(np.zeros(0, np.int64), np.zeros(shape, np.int64))
    times, values = (np.array(column, np.int64) for column in zip(*entries, strict=True))
    order = np.argsort(times, kind="stable")
    return Changes(times[order], values[order])
