"""Gaps written as text: what they open, and each way of getting them wrong in a sentence."""

import numpy as np
import pytest

from agents.infilling.gaps import GapError, parse_gaps

BAR, STEPS = 4, 18  # four bars, and half of one


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bars 3-4", range(8, 16)),
        ("bar 1", range(4)),
        ("3", range(8, 12)),
        ("2-3", range(4, 12)),
        ("Bars 1, 4", [*range(4), *range(12, 16)]),
        ("bars 5", range(16, 18)),
        ("steps 0-2", range(3)),
        ("step 17", [17]),
        ("steps 1, 3-4; bar 3", [1, 3, 4, *range(8, 12)]),
        ("bars 1\N{EN DASH}2", range(8)),
        ("bars 1 to 2", range(8)),
    ],
)
def test_gaps_open_their_steps(text, expected):
    np.testing.assert_array_equal(np.flatnonzero(parse_gaps(text, STEPS, BAR)), [*expected])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "The gap '' cannot be read: write bars"),
        ("bars three", "The gap 'bars three' cannot be read"),
        ("bars 1,", "The gap '' cannot be read"),
        ("bars -1", "cannot be read"),
        ("bars 0-1", "The gap bars 0-1 is not in the piece, which has the bars 1 to 5."),
        ("bar 6", "The gap bar 6 is not in the piece, which has the bars 1 to 5."),
        ("bars 4-3", "The gap bars 4-3 is not in the piece"),
        ("steps 17-18", "The gap steps 17-18 is not in the piece, which has the steps 0 to 17."),
        ("bars 1-2, 2-3", "The gap '2-3' overlaps with one before it: join them."),
        ("bar 1, steps 3-5", "The gap 'steps 3-5' overlaps"),
        ("bars 1-5", "The gaps leave nothing of the tune to keep"),
        ("bars 999999999", "is not in the piece"),
    ],
)
def test_what_is_no_gap_is_reported(text, told):
    with pytest.raises(GapError) as error:
        parse_gaps(text, STEPS, BAR)
    assert told in str(error.value)
