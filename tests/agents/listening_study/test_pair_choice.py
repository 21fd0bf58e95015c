"""The study's page fits votes with Python's numbers, in Node, and asks about the pair whose vote teaches most."""

from dataclasses import asdict
from importlib.resources import files
from itertools import permutations

import numpy as np
import pytest

from agents.listening_study.learning import CANDIDATES, rule_sums
from agents.listening_study.pair_choice import PENALTY, PairChoice, Prior, of_a_listener, pair_choice
from agents.report_page.rendering import CHOICE_SCRIPTS
from agents.votes.heard import HeardVotes
from melody_env import Setting
from melody_env.reward_design.bradley_terry import Fit, Votes, before_votes, fit
from note_rnn import InputError

SETTING = Setting(length=16)
RULES = 6


@pytest.fixture
def page(in_node):
    """Run a script after those of the page."""
    templates = files("agents.report_page") / "templates"
    sources = "".join((templates / name).read_text(encoding="utf-8") for name in CHOICE_SCRIPTS)
    return lambda script, data=None: in_node(f"{sources}\n{script}", data)


def planted(votes, seed=0, listener=0):
    rng = np.random.default_rng(seed)
    differences = rng.normal(size=(votes, RULES))
    differences[:, 2] = 0.0  # a rule of scale 0
    outcomes = rng.choice([0.0, 0.5, 1.0], votes, p=[0.4, 0.2, 0.4])
    return Votes(differences, outcomes, np.full(votes, listener))


FIT = """
const main = ({prior, rows, outcomes, candidates}) => {
  const fitted = fitVotes(prior, rows, outcomes);
  const covariance = fitted.covariance.map((row) => [...row]);
  return {mean: fitted.mean, covariance, information: candidates.map((row) => information(fitted, row))};
};"""


def rows(differences):
    return np.column_stack([differences, np.ones(len(differences))]).tolist()


def fitted_by_page(page, prior, votes, candidates=()):
    data = {"prior": asdict(prior), "rows": rows(votes.differences), "outcomes": votes.outcomes.tolist()}
    found = page(FIT, data | {"candidates": rows(candidates) if len(candidates) else []})
    return {name: np.array(value) for name, value in found.items()}


@pytest.mark.parametrize("number", [0, 1, 5, 200])
def test_the_page_fits_votes_with_the_numbers_of_python(page, number):
    votes = planted(number)
    prior = before_votes(RULES, PENALTY)
    expected = fit(votes, PENALTY) if number else prior
    found = fitted_by_page(page, of_a_listener(prior), votes)
    bias = expected.bias + (expected.listener_bias[0] if number else 0.0)
    np.testing.assert_allclose(found["mean"], [*expected.weights, bias], atol=1e-6)
    np.testing.assert_allclose(found["covariance"][:-1, :-1], expected.covariance[:-1, :-1], atol=1e-6)


def test_certain_votes_are_fitted_as_well(page):
    votes = planted(40)
    votes = votes._replace(outcomes=(votes.differences[:, 0] > 0).astype(float)).scaled(np.full(RULES, 0.02))
    found = fitted_by_page(page, of_a_listener(before_votes(RULES, PENALTY)), votes)
    expected = fit(votes, PENALTY)
    np.testing.assert_allclose(found["mean"][:-1], expected.weights, atol=1e-6)


def test_earlier_votes_count_as_if_they_were_given_on_the_page(page):
    earlier, own = planted(300, seed=1), planted(30, seed=2, listener=1)
    together = Votes(*(np.concatenate(both) for both in zip(earlier, own, strict=True)))
    expected = fit(together, PENALTY)
    found = fitted_by_page(page, of_a_listener(fit(earlier, PENALTY)), own)
    np.testing.assert_allclose(found["mean"][:-1], expected.weights, atol=0.01)
    assert found["mean"][-1] == pytest.approx(expected.bias + expected.listener_bias[1], abs=0.01)
    np.testing.assert_allclose(found["covariance"][:-1, :-1], expected.covariance[:-1, :-1], atol=5e-4)


def information(fitted: Fit, candidates):
    """Return what a vote on each of the differences `candidates` [P, R] would teach: the variance of its outcome times
    that of its log-odds."""
    chances = 1 / (1 + np.exp(-fitted.log_odds(candidates)))
    return chances * (1 - chances) * (candidates @ fitted.covariance[:-1, :-1] * candidates).sum(axis=1)


def test_what_a_vote_teaches_is_what_python_says(page):
    votes = planted(60)
    candidates = np.random.default_rng(3).normal(size=(50, RULES))
    found = fitted_by_page(page, of_a_listener(before_votes(RULES, PENALTY)), votes, candidates)["information"]
    expected = fit(votes, PENALTY)
    expected = expected._replace(bias=expected.bias + expected.listener_bias[0])
    np.testing.assert_allclose(found, information(expected, candidates), atol=1e-9)


def test_the_bias_of_a_new_listener_is_less_certain_than_the_common_one():
    prior = of_a_listener(before_votes(2, 4.0))
    assert prior == Prior([0.0, 0.0, 0.0], [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, pytest.approx(1 / 101)]])


def melodies(number, seed=0):
    """Random walks with rests."""
    rng = np.random.default_rng(seed)
    notes = np.clip(14 + rng.integers(-3, 4, (number, SETTING.steps)).cumsum(1), 2, 37)
    return np.where(rng.random((number, SETTING.steps)) < 0.4, 1, notes)


ASK = """
const main = ({choice, seeds, outcome}) => seeds.map((seed) => {
  const asked = [], outcomes = [];
  while (asked.length < choice.pairs + choice.hidden_repeats) {
    asked.push(nextPair(choice, seed, asked, outcomes));
    outcomes.push(outcome);
  }
  return asked;
});"""


def asked_by_page(page, choice, seeds=(0,), outcome=1):
    return page(ASK, {"choice": asdict(choice), "seeds": list(seeds), "outcome": outcome})


def test_the_first_pairs_come_back_at_the_end_with_sides_swapped(page):
    (asked,) = asked_by_page(page, pair_choice(melodies(20), SETTING, None, 6, 4))
    assert asked[6:] == [pair[::-1] for pair in asked[:4]]
    assert len({frozenset(pair) for pair in asked}) == 6
    assert all(left != right for left, right in asked)


def test_all_pairs_are_asked_once_before_any_is_asked_again(page):
    choice = pair_choice(melodies(4), SETTING, None, 50, 50)
    assert (choice.pairs, choice.hidden_repeats, choice.comparisons) == (6, 6, 12)
    for asked in asked_by_page(page, choice, seeds=range(5)):
        assert sorted(sorted(pair) for pair in asked[:6]) == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]


def test_each_turn_draws_candidates_of_its_own(page):
    script = """
    const main = ({choice}) => {
      const drawn = uniformNumbers, seeds = [];
      uniformNumbers = (seed) => (seeds.push(seed), drawn(seed));
      nextPair(choice, 7, [], []);
      nextPair(choice, 7, [[0, 1]], [1]);
      nextPair(choice, 8, [[0, 1]], [1]);
      return seeds;
    };"""
    seeds = page(script, {"choice": asdict(pair_choice(melodies(30), SETTING, None, 6, 4))})
    assert len({*seeds}) == 3


def test_a_melody_rests_for_ten_pairs(page):
    (asked,) = asked_by_page(page, pair_choice(melodies(40), SETTING, None, 60, 0))
    for turn in range(60):
        recent = {melody for pair in asked[max(turn - 10, 0) : turn] for melody in pair}
        assert recent.isdisjoint(asked[turn])
    assert len({melody for pair in asked for melody in pair}) < 40  # and some come again after that


def test_the_same_seed_and_votes_ask_the_same_pairs(page):
    choice = pair_choice(melodies(40), SETTING, None, 8, 0)
    some, same, other = asked_by_page(page, choice, seeds=(5, 5, 6))
    assert some == same != other
    (by_other_votes,) = asked_by_page(page, choice, seeds=(5,), outcome=0.5)
    assert by_other_votes[0] == some[0]
    assert by_other_votes != some


def test_sides_are_random(page):
    choice = pair_choice(melodies(10), SETTING, None, 30, 0)
    swapped = [left > right for asked in asked_by_page(page, choice, seeds=range(10)) for left, right in asked]
    assert 0.4 < np.mean(swapped) < 0.6


@pytest.mark.parametrize("outcome", [1, 0.5, None])
def test_each_pair_is_the_one_that_teaches_most_of_all_there_are(page, outcome):
    """So few melodies that all pairs are among the candidates; None: no vote was given."""
    choice = pair_choice(melodies(14), SETTING, None, 6, 0)
    values = np.array(choice.values)
    (asked,) = asked_by_page(page, choice, outcome=outcome)
    for turn in range(6):
        fitted = before_votes(len(CANDIDATES), PENALTY)
        if turn and outcome is not None:
            left, right = np.array(asked[:turn]).T
            fitted = fit(Votes(values[left] - values[right], np.full(turn, outcome), np.zeros(turn, int)), PENALTY)
            fitted = fitted._replace(bias=fitted.bias + fitted.listener_bias[0])
        heard = {melody for pair in asked[:turn] for melody in pair}
        rest = [pair for pair in permutations(range(14), 2) if heard.isdisjoint(pair)]
        left, right = np.array(rest).T
        best = information(fitted, values[left] - values[right]).argmax()
        assert set(rest[best]) == set(asked[turn])


def test_a_pair_without_a_vote_teaches_nothing(page):
    """Of one rule that nothing is known of, the widest pair teaches most; once it is known, wide pairs are certain."""
    values = [[number / 3] for number in range(30)]
    choice = PairChoice(values, Prior([0.0, 0.0], [[0.01, 0.0], [0.0, 1.0]]), 9, 0)
    script = "const main = ({choice, outcomes}) => outcomes.map((outcome) => nextPair(choice, 0, [[0, 1]], [outcome]));"
    without, voted = page(script, {"choice": asdict(choice), "outcomes": [None, 0]})
    assert sorted(without) == [2, 29]
    assert abs(voted[0] - voted[1]) < 20


def test_votes_for_a_side_are_outcomes_for_the_first(page):
    script = "const main = () => [null, ...[1, 2, 3, 4, 5].map((preference) => ({preference}))].map(outcomeOf);"
    assert page(script) == [None, 1, 1, 0.5, 0, 0]


def test_values_are_rules_in_units_of_their_deviation():
    pool = melodies(30)
    choice = pair_choice(pool, SETTING, None, 5, 2)
    sums = rule_sums(pool, SETTING)
    scale = sums.std(axis=0)
    expected = sums[:, scale > 0] / scale[scale > 0]
    np.testing.assert_allclose(np.array(choice.values)[:, scale > 0], expected, atol=1e-4)
    assert (np.array(choice.values)[:, scale == 0] == 0).all()


def test_a_rare_melody_does_not_decide_the_scale_of_a_rule():
    """One of 60: a rule's deviation is .128 of its range, and its scale a sixth."""
    common, rare = melodies(2)
    choice = pair_choice(np.array([common] * 59 + [rare]), SETTING, None, 5, 2)
    ranges = np.ptp(choice.values, axis=0)
    assert {*ranges.round(3)} == {0.0, 6.0}


def test_earlier_votes_are_what_the_page_begins_with():
    first, second = melodies(60, 1), melodies(60, 2)
    heard = HeardVotes(first, second, np.ones(60), np.arange(60) // 20, SETTING, {})
    pool = melodies(30)
    choice = pair_choice(pool, SETTING, heard, 5, 2)
    scale = rule_sums(pool, SETTING).std(axis=0)
    votes = Votes(rule_sums(first, SETTING) - rule_sums(second, SETTING), heard.outcomes, heard.listener)
    fitted = fit(votes.scaled(scale), PENALTY)
    assert choice.prior == of_a_listener(fitted)
    assert choice.prior.mean[-1] == fitted.bias > 1  # all were for side A


def test_a_single_melody_has_no_pairs():
    with pytest.raises(InputError, match="All melodies are the same, so there is no pair to choose between"):
        pair_choice(melodies(1), SETTING, None, 5, 2)
