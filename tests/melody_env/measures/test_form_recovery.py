"""The form of a piece is recovered from its tokens, by how similar its sections are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melody_env import Setting
from melody_env.form import parse_forms
from melody_env.measures.form_recovery import notes_of_rest, recovered_forms, similar, varied_kept

A = [14, 16, 18, 19, 21, 23, 25, 26]
"""Eight events."""


def changed(section: list[int], events: int) -> list[int]:
    """The section with its last events moved up an octave."""
    return section[: len(section) - events] + [note + 12 for note in section[len(section) - events :]]


GRID = parse_forms("ABC", 24, 8)[0].grid


@pytest.mark.parametrize(
    ("second", "third", "form"),
    [
        (A, A, "AAA"),
        (changed(A, 8), A, "ABA"),
        (changed(A, 8), changed(A, 8), "ABB"),
        (A, changed(A, 2), "AAA'"),  # 6 of 8 events
        (changed(A, 2), A, "AA'A"),
        (changed(A, 2), changed(A, 2), "AA'A'"),
        (changed(A, 2), changed(A, 1), "AA'A''"),
        (changed(A, 4), changed(A, 5), "AA'A''"),  # 4 of 8 of the first, 7 of 8 of the second
        (changed(A, 5), changed(A, 5)[::-1], "ABC"),  # 3 of 8 events, and none
        ([1] * 8, [1] * 8, "ABB"),
    ],
)
def test_sections_alike_have_one_letter_and_others_a_dash(second, third, form):
    assert recovered_forms(np.array([A + second + third]), GRID) == [form]


def test_each_piece_has_its_own_form():
    pieces = np.array([A + A + A, A + changed(A, 2) + A, A + A + A])
    assert recovered_forms(pieces, GRID) == ["AAA", "AA'A", "AAA"]


def test_sections_of_different_lengths_are_compared_as_far_as_both_go():
    grid = parse_forms("A8 A4 A12", 24, 1)[0].grid
    assert recovered_forms(np.array([A + A[:4] + A + A[:4]]), grid) == ["AAA"]
    assert recovered_forms(np.array([A + A[4:] + A + A[:4]]), grid) == ["ABA"]


@settings(max_examples=60, deadline=None)
@given(st.text("ABC", min_size=1, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6), st.integers(0, 99))
def test_any_form_that_is_composed_is_recovered(letters, dashes, seed):
    rng = np.random.default_rng(seed)
    name = "".join(letter + "'" * dash for letter, dash in zip(letters, dashes, strict=False))
    form = parse_forms(name, 64 * len(letters), 64)[0]
    parts: list[np.ndarray] = []
    for section in form.sections:
        if section.source is None:
            part = rng.choice(range(2, 38), 64)
        else:
            part = parts[section.source].copy()
            if section.is_varied:
                places = rng.permutation(64)[:10]
                part[places] = (part[places] - 2 + rng.integers(1, 36, 10)) % 36 + 2
        parts.append(part)
    piece = np.concatenate(parts)[None]
    assert recovered_forms(piece, form.grid) == [form.pattern]
    kept = varied_kept(piece, form)
    assert kept.tolist() == [54 / 64] * sum(section.is_varied for section in form.sections)


def test_what_varied_repeats_keep_is_counted_for_each_of_them():
    form = parse_forms("AA'A'A''", 32, 8)[0]
    pieces = np.array([A + changed(A, 2) * 2 + changed(A, 8), A * 4])
    keeps = varied_kept(pieces, form)
    assert keeps.tolist() == [6 / 8, 1, 0, 1]  # the second A' repeats the first exactly
    assert varied_kept(pieces, parse_forms("ABAB", 32, 8)[0]).tolist() == []


def test_similarity_of_two_places():
    assert similar(np.array([A + A, A + changed(A, 8)]), slice(0, 4), slice(8, 16)).tolist() == [1, 0]


def test_sections_and_pieces_come_to_rest_on_notes_of_the_triad_and_the_tonic():
    form = parse_forms("ABC", 12, 4)[0]
    pieces = np.array(
        [
            [14, 1, 1, 1, 16, 1, 18, 0, 16, 1, 14, 1],  # C, E, C
            [1, 1, 1, 1, 21, 1, 1, 1, 1, 1, 1, 1],  # nothing, G, G held
            [16, 1, 1, 1, 1, 14, 19, 1, 26, 1, 1, 0],  # D, F, high C
        ]
    )
    inner, last = notes_of_rest(pieces, form, Setting())
    assert inner.tolist() == [[True, True], [False, True], [False, False]]
    assert last.tolist() == [True, False, True]
    inner, last = notes_of_rest(pieces, form, Setting("G"))
    assert inner.tolist() == [[False, False], [False, True], [True, False]]
    assert last.tolist() == [False, True, False]
