"""The melody of a part as text."""

import pytest

from note_rnn.extraction.scores.playing import once_through

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@pytest.fixture(scope="session")
def melody():
    """A function from a part to its notes, once through, as pitch@onset:duration in sixteenths."""

    def melody(part):
        notes = once_through(part).notes
        return " ".join(f"{NAMES[e.pitch % 12]}{e.pitch // 12 - 1}@{e.start}:{e.duration}" for e in notes)

    return melody
