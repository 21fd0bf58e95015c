"""MIDI files built byte by byte, including irregular ones."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace

import pytest

END = b"\xff\x2f\x00"


def variable(number: int) -> bytes:
    """A number of variable length."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.insert(0, number & 0x7F | 0x80)
    return bytes(digits)


def chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "big") + content


def track(*events: tuple[int, bytes], end: bytes = b"\x00" + END) -> bytes:
    """The content of a track of events (tick, bytes) in order, and its end."""
    ticks = [0, *(tick for tick, _ in events)]
    return b"".join(variable(events[n][0] - ticks[n]) + events[n][1] for n in range(len(events))) + end


def notes(*notes: tuple[int, int, int], channel: int = 0) -> list[tuple[int, bytes]]:
    """The events of notes (start, end, pitch) in ticks; those that end come before those that start."""
    ons = [(start, 1, bytes([0x90 | channel, pitch, 80])) for start, _, pitch in notes]
    offs = [(end, 0, bytes([0x80 | channel, pitch, 0])) for _, end, pitch in notes]
    return [(tick, event) for tick, _, event in sorted(ons + offs, key=lambda event: event[:2])]


def meta(kind: int, content: bytes | Iterable[int]) -> bytes:
    return b"\xff" + bytes([kind]) + variable(len(bytes(content))) + bytes(content)


def file(*tracks: bytes, resolution: int = 96, kind: int = 1) -> bytes:
    """A MIDI file of the contents of its tracks."""
    header = kind.to_bytes(2, "big") + len(tracks).to_bytes(2, "big") + resolution.to_bytes(2, "big")
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", content) for content in tracks)


def scale(steps: int = 1, number: int = 128, channel: int = 0, first: int = 60) -> list[tuple[int, bytes]]:
    """Notes of so many sixteenths, 24 ticks each, up and down a major scale."""
    pitches = [first + interval for interval in (0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2)]
    ticks = 24 * steps
    return notes(*((n * ticks, (n + 1) * ticks, pitches[n % 14]) for n in range(number)), channel=channel)


@pytest.fixture(scope="session")
def midi() -> SimpleNamespace:
    """Functions that make MIDI files."""
    functions: list[Callable[..., object]] = [variable, chunk, track, notes, meta, file, scale]
    return SimpleNamespace(END=END, **{function.__name__: function for function in functions})
