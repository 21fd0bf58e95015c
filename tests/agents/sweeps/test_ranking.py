"""Ranking of trials worked out by hand: layers, survivors of halving, the Pareto front under constraints."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agents.sweeps.ranking import Score, dominates, front, layers, survivors

SCORES = {
    0: Score((1.0, 4.0), 0.0),
    1: Score((2.0, 2.0), 0.0),
    2: Score((3.0, 3.0), 0.0),  # 1 is better in both
    3: Score((4.0, 1.0), 0.0),
    4: Score((0.0, 0.0), 0.2),  # violates a constraint
    5: Score((5.0, 5.0), 0.0),
}


def test_layers_by_hand():
    assert layers(SCORES) == [[0, 1, 3], [2], [5], [4]]
    assert front(SCORES) == [0, 1, 3]


def test_the_front_has_only_those_that_keep_all_constraints():
    assert front({4: SCORES[4]}) == []
    assert front({}) == []


def test_survivors_are_whole_layers_and_then_by_the_first_objective():
    assert survivors(SCORES, 2) == [0, 1]
    assert survivors(SCORES, 4) == [0, 1, 2, 3]
    assert survivors(SCORES, 9) == [0, 1, 2, 3, 4, 5]


def test_of_equals_the_first_goes_on():
    assert survivors({2: Score((1.0,), 0.0), 1: Score((1.0,), 0.0)}, 1) == [1]


def test_to_be_better_in_one_objective_is_enough():
    assert dominates(Score((1.0, 2.0), 0.0), Score((1.0, 3.0), 0.0))
    assert not dominates(Score((1.0, 3.0), 0.0), Score((1.0, 2.0), 0.0))


def test_equal_trials_do_not_dominate_each_other():
    assert not dominates(SCORES[0], SCORES[0])
    assert layers({0: SCORES[0], 1: SCORES[0]}) == [[0, 1]]


@given(
    st.dictionaries(st.integers(0, 99), st.builds(Score, st.tuples(st.integers(0, 4), st.integers(0, 4)), st.just(0.0)))
)
def test_a_layer_dominates_the_next_and_nobody_is_lost(scores):
    found = layers(scores)
    assert sorted(trial for layer in found for trial in layer) == sorted(scores)
    for upper, lower in pairwise(found):
        for trial in lower:
            assert any(dominates(scores[other], scores[trial]) for other in upper)
