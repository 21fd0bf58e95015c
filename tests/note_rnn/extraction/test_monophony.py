"""Monophonic melodies from overlapping notes, checked note by note."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_rnn.extraction.monophony import monophonic


def melodies(notes, gap=16, keep_highest=False):
    """The notes (start, end, pitch) of each melody, and whether the search was ended."""
    starts, ends, pitches = np.array(notes, np.int64).reshape(-1, 3).T
    found, is_polyphonic = monophonic(starts, ends, pitches, gap, keep_highest)
    return [list(zip(*(column.tolist() for column in melody), strict=True)) for melody in found], is_polyphonic


@pytest.mark.parametrize(
    ("notes", "found"),
    [
        ([(0, 4, 60), (4, 8, 62)], [[(0, 4, 60), (4, 8, 62)]]),
        ([(0, 9, 60), (4, 8, 62)], [[(0, 4, 60), (4, 8, 62)]]),
        ([(4, 8, 62), (0, 4, 60)], [[(0, 4, 60), (4, 8, 62)]]),
        ([(0, 0, 60), (4, 4, 62)], [[(0, 1, 60), (4, 5, 62)]]),
        ([(0, 4, 60), (19, 20, 62)], [[(0, 4, 60), (19, 20, 62)]]),
        ([(0, 4, 60), (20, 21, 62)], [[(0, 4, 60)], [(20, 21, 62)]]),
        ([], []),
    ],
    ids=["in turn", "overlapping", "in any order", "of no length", "a rest", "a gap", "none"],
)
def test_one_voice(notes, found):
    assert melodies(notes) == (found, False)
    assert melodies(notes, keep_highest=True) == (found, False)


def test_notes_that_start_together():
    notes = [(0, 4, 60), (30, 34, 60), (34, 38, 62), (34, 35, 67), (60, 64, 60)]
    assert melodies(notes) == ([[(0, 4, 60)]], True)
    assert melodies(notes, keep_highest=True) == (
        [[(0, 4, 60)], [(30, 34, 60), (34, 35, 67)], [(60, 64, 60)]],
        False,
    )


NOTES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), st.integers(60, 64)), max_size=30)


@given(NOTES, st.integers(1, 8), st.booleans())
def test_all_at_once_is_note_by_note(notes, gap, keep_highest):
    """The field's procedure in words: search, add note by note, stop at a gap, search on."""
    notes = sorted(
        ((start, start + max(length, 1), pitch) for start, length, pitch in notes), key=lambda n: (n[0], -n[2])
    )
    expected, melody, is_polyphonic = [], [], False
    for start, end, pitch in notes:
        if melody and start == melody[-1][0]:
            if keep_highest:
                continue
            is_polyphonic = True
            break
        if melody and start - melody[-1][1] >= gap:
            expected.append(melody)
            melody = []
        melody.append((start, end, pitch))
    if melody and not is_polyphonic:
        expected.append(melody)
    expected = [
        [(s, min(e, after[0]), p) for (s, e, p), after in zip(m, [*m[1:], (10**6,)], strict=True)] for m in expected
    ]
    assert melodies(notes, gap, keep_highest) == (expected, is_polyphonic)
