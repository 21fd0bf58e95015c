"""Pairing of notes on and off, as a synthesizer plays them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.extraction.note_pairs import paired


def pairs(*messages):
    """Return (key, start, end) of the notes of messages (time, key, is a note on)."""
    times, keys, is_note_on = (np.array(column) for column in zip(*messages, strict=True))
    ons, offs = paired(times.astype(np.int64), keys.astype(np.int64), is_note_on.astype(bool))
    assert (keys[ons] == keys[offs]).all()
    return [(int(keys[on]), int(times[on]), int(times[off])) for on, off in zip(ons, offs, strict=True)]


@pytest.mark.parametrize(
    ("messages", "notes"),
    [
        ([(0, 60, 1), (4, 60, 0)], [(60, 0, 4)]),
        ([(0, 60, 1), (2, 64, 1), (4, 60, 0), (5, 64, 0)], [(60, 0, 4), (64, 2, 5)]),
        ([(0, 60, 1), (2, 60, 1), (4, 60, 0), (6, 60, 1), (8, 60, 0)], [(60, 0, 4), (60, 2, 4), (60, 6, 8)]),
        ([(0, 60, 1), (4, 60, 1), (4, 60, 0), (8, 60, 0)], [(60, 0, 4), (60, 4, 8)]),
        (
            [(0, 60, 1), (4, 60, 1), (4, 60, 0), (8, 60, 1), (8, 60, 0), (9, 60, 0)],
            [(60, 0, 4), (60, 4, 8), (60, 8, 9)],
        ),
        ([(0, 60, 1), (0, 60, 0), (4, 60, 0)], []),
        ([(0, 60, 1), (4, 60, 1), (4, 60, 0), (4, 60, 0), (8, 60, 0)], [(60, 0, 4)]),
        ([(0, 60, 1), (4, 64, 0), (5, 60, 1)], []),
        ([(0, 64, 0), (1, 60, 0), (2, 60, 1), (3, 60, 0)], [(60, 2, 3)]),
        (
            [(0, 4, 1), (1, 260, 1), (2, 4, 0), (3, 260, 0), (4, 65540, 1), (5, 65540, 0)],
            [(4, 0, 2), (260, 1, 3), (65540, 4, 5)],
        ),
    ],
    ids=[
        "one",
        "two",
        "one on too many",
        "on before off",
        "a chain of these",
        "no length",
        "off twice",
        "dangling",
        "off",
        "keys of many tracks",
    ],
)
def test_pairs(messages, notes):
    assert pairs(*messages) == notes


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=60))
def test_all_at_once_is_one_after_the_other(messages):
    """The rule in words, message by message."""
    messages = [
        (int(time), key, strike)
        for time, (_, key, strike) in zip(np.cumsum([m[0] for m in messages]), messages, strict=True)
    ]
    sounding, notes = {}, []
    for now, key, strike in messages:
        if strike:
            sounding.setdefault(key, []).append(now)
            continue
        begun = sounding.pop(key, [])
        ended = [start for start in begun if start < now]
        notes += [(key, start, now) for start in ended]
        if ended:
            sounding[key] = [start for start in begun if start == now]
    assert pairs(*messages) == notes
