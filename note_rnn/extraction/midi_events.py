"""The events of a MIDI file's tracks and their times: a regular expression finds the messages, NumPy decodes them.

Written for speed, since a pop song has 3,500 messages and a collection 100,000 songs: no Python code runs per message.
Source of the format: Standard MIDI Files 1.0, https://midi.org/standard-midi-files. E messages of all tracks, one
track after the other. Times are ticks from the start.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.extraction.tunes import TuneError

Integers = npt.NDArray[np.int64]

PROGRAM = 0xC0

_END_OF_TRACK = 0x2F
_TWO_BYTES = 0x80  # represents all statuses of messages with two data bytes
_BEND, _META, _SYSEX = 0xE0, 0xFF, (0xF0, 0xF7)
_DELTA, _STATUS, _DATA = rb"[\x80-\xff]{0,3}[\x00-\x7f]", rb"[\x80-\xbf\xe0-\xef]", rb"[\x00-\x7f]{2}"
_MESSAGE = re.compile(_DELTA + _STATUS + rb"?" + _DATA)
"""A delta time, the status unless the running status applies, and two data bytes."""
_RUN = re.compile(rb"(?:" + _MESSAGE.pattern + rb"){1,65536}+")
_NEW_RUN = re.compile(_DELTA + _STATUS + _DATA + rb"(?:" + _MESSAGE.pattern + rb"){0,65536}+")
"""A run of messages of which the first must have its status."""


class Messages(NamedTuple):
    """The messages with two data bytes, `first` and `second`: notes on and off, controls, pitch bends; [E] each."""

    tracks: Integers
    times: Integers
    statuses: Integers
    first: Integers
    second: Integers


class OtherEvent(NamedTuple):
    """A meta event, `kind` its type 0..127, or a message with one data byte, `kind` its status.

    It precedes the message with index `before`.
    """

    track: int
    time: int
    before: int
    kind: int
    content: bytes


def midi_events(tracks: Iterable[bytes]) -> tuple[Messages, list[OtherEvent]]:
    """Return the messages and the other events in the contents of the track chunks `tracks`.

    Raises TuneError for data that are not events, or that end within one.
    """
    scanner = _Scanner()
    first_message, first_other = [], []
    for number, content in enumerate(tracks):
        first_message.append(len(scanner.messages))
        first_other.append(len(scanner.others))
        scanner.scan(content, number)
    others = scanner.others
    deltas, messages = _decoded(scanner.messages)
    elapsed = np.append(0, np.cumsum(deltas))
    elapsed_in_others = np.cumsum([0, *(event.time for event in others)])
    starts = elapsed[first_message] + elapsed_in_others[first_other]
    before = np.array([event.before for event in others], np.int64)
    track = np.repeat(np.arange(len(starts)), np.diff([*first_message, len(deltas)]))
    others_before = np.searchsorted(before, np.arange(len(deltas)), side="right")
    times = elapsed[1:] + elapsed_in_others[others_before] - starts[track]
    other_times = elapsed[before] + elapsed_in_others[1:] - starts[[event.track for event in others]]
    return messages._replace(tracks=track, times=times), [
        event._replace(time=time) for event, time in zip(others, other_times.tolist(), strict=True)
    ]


class _Scanner:
    """Scanner that cuts track contents into messages, as bytes, and other events, with delta times as their times."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.others: list[OtherEvent] = []

    def scan(self, data: bytes, track: int) -> None:
        """Add the events in `data`, the content of a track."""
        position = status = 0
        try:
            while 0 <= position < len(data):
                run = (_RUN if status == _TWO_BYTES else _NEW_RUN).match(data, position)
                if run:
                    self.messages += _MESSAGE.findall(data, position, run.end())
                    position, status = run.end(), _TWO_BYTES
                else:
                    position, status = self._add_other(data, position, status, track)
        except IndexError as error:
            raise TuneError("truncated") from error

    def _add_other(self, data: bytes, position: int, status: int, track: int) -> tuple[int, int]:
        """Add the event at `position`; return its end, or -1 at the end of the track, and the running status."""
        delta, position = _number(data, position)
        kind, position = data[position], position + 1
        if kind == _META:
            kind = min(data[position], 0x7F)  # an invalid type becomes 0x7F, which nothing reads
            content, position = _content(data, position + 1)
        elif kind in _SYSEX:
            content, position = _content(data, position)
        else:
            if kind < 0x80:  # running status
                kind, position = status, position - 1
            status = kind
            length = 1 if PROGRAM <= kind < _BEND else 2
            content = data[position : position + 1]
            if position + length > len(data):
                raise TuneError("truncated")
            if length == 2 or content > b"\x7f":  # valid messages with two data bytes never reach this method
                raise TuneError("damaged MIDI: data where an event should be")
            position += 1
        self.others.append(OtherEvent(track, delta, len(self.messages), kind, content))
        return (-1 if kind == _END_OF_TRACK else position), status


def _content(data: bytes, position: int) -> tuple[bytes, int]:
    """Return the bytes whose length is at `position`, and the position after them."""
    length, position = _number(data, position)
    if position + length > len(data):
        raise TuneError("truncated")
    return data[position : position + length], position + length


def _number(data: bytes, position: int) -> tuple[int, int]:
    """Return the variable-length quantity at `position`, of at most four bytes, and the position after it."""
    number = 0
    for after in range(position + 1, position + 5):
        byte = data[after - 1]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, after
    raise TuneError("damaged MIDI: a time that does not end")


def _decoded(messages: list[bytes]) -> tuple[Integers, Messages]:
    """Return the delta times [E] of `messages`, and the messages, with placeholders for their tracks and times."""
    data = np.frombuffer(b"".join(messages), np.uint8)
    ends = np.cumsum(np.fromiter(map(len, messages), np.int64, len(messages)))
    starts = np.append(0, ends)[:-1]
    maybe_status = data[ends - 3]
    has_status = maybe_status >= 0x80
    newest = np.maximum.accumulate(np.where(has_status, np.arange(len(ends)), 0))
    last = ends - 3 - has_status
    deltas = data[last].astype(np.int64)
    for byte in range(1, 4):
        longer = np.flatnonzero(last - starts >= byte)
        deltas[longer] |= (data[last[longer] - byte].astype(np.int64) & 0x7F) << 7 * byte
    statuses, first, second = (
        column.astype(np.int64) for column in (maybe_status[newest], data[ends - 2], data[ends - 1])
    )
    return deltas, Messages(deltas, deltas, statuses, first, second)
