"""The benchmarks with simulated listeners, at small size."""

import csv
import shutil

import numpy as np
import pytest

from agents.listening_study.pair_choice import pair_choice
from melody_env import Setting


def test_statistics_outside_of_the_rules_by_hand():
    import simulated_tastes

    melodies = np.array([[14, 1, 16, 0], [0, 1, 20, 20]])
    assert simulated_tastes.register(melodies).tolist() == [15, 20]
    assert simulated_tastes.rise(melodies).tolist() == [2, 20]
    assert simulated_tastes.variety(melodies).tolist() == [2, 1]


def test_a_hidden_network_prefers_the_same_melodies_whatever_else_is_drawn():
    import simulated_tastes

    pool = np.random.default_rng(0).choice([0, 1, 14, 16, 18], (60, 8))
    world = simulated_tastes.World(None, pool, None)
    values = simulated_tastes.network_taste(world, 0)(pool)
    assert (values.mean(), values.std()) == pytest.approx((0, simulated_tastes.STRENGTH), abs=1e-6)
    assert simulated_tastes.network_taste(world, 0)(pool[:5]) == pytest.approx(values[:5], abs=1e-4)
    assert abs(np.corrcoef(values, simulated_tastes.network_taste(world, 1)(pool))[0, 1]) < 0.99


def test_simulated_listeners_vote_by_their_taste_their_bias_and_a_coin():
    import simulated_votes

    first = np.tile([[14, 1]], (8_000, 1))
    second = np.tile([[16, 1]], (8_000, 1))
    certain = simulated_votes.voted(
        lambda melodies: -100.0 * melodies[:, 0], first, second, 7, np.random.default_rng(0)
    )
    assert certain.outcomes.mean() == pytest.approx(0.9, abs=0.02)  # a fifth are by a coin
    assert certain.listener.tolist() == (7 + np.arange(8_000) // 20).tolist()
    alike = simulated_votes.voted(lambda melodies: np.zeros(len(melodies)), first, second, 0, np.random.default_rng(0))
    # a quarter of the listeners is biased by 1 log-odds, in four of five votes
    assert alike.outcomes.mean() == pytest.approx(0.5 + 0.8 * 0.25 * (1 / (1 + np.exp(-1)) - 0.5), abs=0.02)


@pytest.mark.skipif(shutil.which("node") is None, reason="There is no Node on this machine")
def test_simulated_listeners_vote_on_the_pairs_that_the_page_chooses():
    from page_votes import page_votes

    rng = np.random.default_rng(0)
    choice = pair_choice(rng.integers(2, 38, (30, 32)), Setting(), None, 200, 0)
    utility = rng.permutation(30) * 100.0
    (left, right), outcomes = (lambda votes: (votes.pairs.T, votes.outcomes))(page_votes(choice, utility, 0, 0, rng))
    assert len({frozenset(pair) for pair in zip(left, right, strict=True)}) == 200
    assert outcomes.tolist() == (utility[left] > utility[right]).tolist()
    biased = page_votes(choice, 0 * utility, 100.0, 0.2, rng).outcomes
    assert biased.mean() == pytest.approx(0.9, abs=0.06)  # a fifth are by a coin


@pytest.mark.skipif(shutil.which("node") is None, reason="There is no Node on this machine")
def test_ways_to_ask_are_compared_for_planted_tastes(output_of, monkeypatch, tmp_path):
    import chosen_pairs

    ways = {name: (ask, (40,)) for name, (ask, _) in chosen_pairs.WAYS.items()}
    monkeypatch.setattr(chosen_pairs, "WAYS", ways)
    out = tmp_path / "pairs.csv"
    told = output_of(chosen_pairs, ["--tastes", 1, "--pool", 60, "--out", out])
    assert [line.partition(", 40 votes: correlation ")[0] for line in told.splitlines()] == list(ways)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["listeners"] for row in rows] == ["2", "1", "2"]
    assert all(-1 <= float(row["correlation"]) <= 1 for row in rows)


def test_the_loop_of_votes_is_measured_for_each_seed_with_and_without_rules():
    import taste

    cases = list(taste.cases([4]))
    assert len(cases) == 14
    assert {case.seed for case in cases} == {4}
    with_tokens = {(case.taste, case.votes) for case in cases if case.method == "reward with tokens"}
    assert with_tokens == {(taste, 500) for taste in taste.TASTES}
    linear = [case.votes for case in cases if (case.taste, case.method) == ("linear in the rules", "reward")]
    assert sorted(linear) == [50, 120, 200, 1_000]
    assert set(taste.TASTES) == {case.taste for case in cases}
