"""The moves of a search by what each of them may do to a melody, looked at on many rows."""

import numpy as np
import pytest

from melody_env.reward_design.mutations import MOVES, change, cross, loop, shift, substitute, swap, transpose

T = 12
COUNTING = np.tile(np.arange(2, 2 + T), (4000, 1))
"""Every step has a token of its own, so that it can be followed."""


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_change_puts_one_token_at_one_step_or_at_every_nth_from_there(rng):
    nothing = np.full((4000, T), -1)
    changed = change(nothing, rng)
    at = [np.flatnonzero(row >= 0) for row in changed]
    assert {int(row[steps[0]]) for row, steps in zip(changed, at, strict=True)} == set(range(38))
    assert all(len(set(row[steps])) == 1 for row, steps in zip(changed, at, strict=True))
    assert all(len(set(np.diff(steps))) <= 1 for steps in at)  # evenly spaced
    single = np.array([len(steps) == 1 for steps in at])
    assert 0.5 < single.mean() < 0.8
    assert {int(steps[0]) for steps in at if len(steps) == 1} == set(range(T))
    assert {int(steps[1] - steps[0]) for steps in at if len(steps) > 1} == set(range(1, T))


def test_a_substitution_replaces_every_note_of_one_kind(rng):
    melodies = np.tile([5, 9, 5, 9, 7, 5], (3000, 1))
    replaced = substitute(melodies, rng)
    old_at = {5: [0, 2, 5], 9: [1, 3], 7: [4]}
    counts = dict.fromkeys(old_at, 0)
    for row in replaced[(replaced != melodies).any(1)]:
        steps = np.flatnonzero(row != melodies[0]).tolist()
        assert steps in old_at.values()
        assert len(set(row[steps])) == 1
        counts[int(melodies[0, steps[0]])] += 1
    assert counts[5] > counts[9] > counts[7] > 0  # as often as it stands there
    assert set(replaced.ravel()) == set(range(38))


def test_a_swap_lets_two_steps_change_places_or_as_many_pairs_as_far_apart(rng):
    moved = swap(COUNTING, rng)
    exchanged = set()
    for row in moved - 2:
        differing = np.flatnonzero(row != np.arange(T)).tolist()
        assert len({abs(int(row[t]) - t) for t in differing}) <= 1
        if len(differing) == 2 and row[differing].tolist() == differing[::-1]:
            exchanged.add(tuple(differing))
    assert len(exchanged) == T * (T - 1) // 2
    assert 0.5 < np.mean([sorted(row) == sorted(COUNTING[0]) for row in moved]) < 1
    assert ((moved != COUNTING).sum(1) > 2).any()


def test_a_transposition_moves_a_run_of_notes_by_up_to_an_octave_within_range(rng):
    melodies = np.tile([20, 20, 0, 20, 1, 20, 20, 3, 36, 20, 20, 20], (4000, 1))
    moved = transpose(melodies, rng)
    by = moved - melodies
    assert (by[:, [2, 4]] == 0).all()
    assert set(by[:, 0]) == set(range(-12, 13))
    assert by[:, 7].min() == -1  # the lowest note is 2, the highest 37
    assert by[:, 8].max() == 1
    for row in by:
        assert len(set(row[row != 0])) <= 1
    run = (transpose(np.full((4000, T), 20), rng) != 20).sum(1)
    assert set(run) == set(range(T + 1))  # one note or all of them; none where the interval is 0
    assert 0.02 < (run == 0).mean() < 0.07


def test_a_loop_repeats_a_run_to_the_end_or_over_all(rng):
    looped = {tuple((row - 2).tolist()) for row in loop(COUNTING, rng)}
    runs = [(first, width) for width in range(1, T) for first in range(T - width + 1)]
    to_the_end = {tuple([*range(first), *[*range(first, first + width)] * T][:T]) for first, width in runs}
    over_all = {tuple(first + (t - first) % width for t in range(T)) for first, width in runs}
    assert looped <= to_the_end | over_all
    assert len(looped & (to_the_end - over_all)) > 0.9 * len(to_the_end - over_all)
    assert len(looped & (over_all - to_the_end)) > 0.9 * len(over_all - to_the_end)


def test_a_shift_moves_what_follows_a_step_by_up_to_four(rng):
    shifted = {tuple((row - 2).tolist()) for row in shift(COUNTING, rng)}
    expected = {
        tuple(t if t < first else min(max(t + by, 0), T - 1) for t in range(T))
        for first in range(T)
        for by in range(-4, 5)
    }
    assert shifted == expected


def test_a_cross_may_take_all_of_either(rng):
    children = cross(np.zeros((2000, 4), int), np.ones((2000, 4), int), rng)
    counts = np.bincount(children.sum(1), minlength=5)
    assert (counts > 300).all()
    assert (np.diff(children, axis=1) >= 0).all()


def test_the_change_of_a_step_counts_twice():
    assert sorted(move.__name__ for move in MOVES) == sorted(
        ["change", "change", "substitute", "swap", "transpose", "loop", "shift"]
    )
