"""Suggestions of a search: within their domains, by the results of the trials before alone."""

import pytest

from agents.sweeps.ranking import Score
from agents.sweeps.settings import Choices, Interval
from agents.sweeps.spec import Search

pytest.importorskip("optuna", reason="Optuna is not installed")
from agents.sweeps.search import Tried, suggestions

DOMAINS = {
    "algo": Choices(("psi", "ppo_kl")),
    "c": Interval(0.5, 2.0, is_log=True, is_whole=False),
    "batch_size": Interval(8, 64, is_log=False, is_whole=True),
}


def tried(number, loss=lambda settings: (settings["c"] - 0.7) ** 2, seed=0):
    """`number` trials, in rounds of four, whose loss is least at c = .7."""
    found: list[Tried] = []
    while len(found) < number:
        chosen = suggestions(DOMAINS, Search(number, 4, seed), 1, found, 4)
        found += [Tried(each, Score((loss(each),), 0.0)) for each in chosen]
    return found


def test_suggestions_are_within_their_domains():
    for settings, _ in tried(24):
        assert settings["algo"] in ("psi", "ppo_kl")
        assert 0.5 <= settings["c"] <= 2.0
        assert isinstance(settings["batch_size"], int)
        assert 8 <= settings["batch_size"] <= 64


def test_the_same_trials_give_the_same_suggestions_and_another_seed_others():
    assert tried(12) == tried(12)
    assert tried(12)[:4] != tried(12, seed=1)[:4]


def test_the_search_finds_where_the_loss_is_least():
    late = [settings["c"] for settings, _ in tried(40)][-12:]
    assert sum(abs(c - 0.7) < 0.15 for c in late) >= 6


def test_results_decide_what_is_tried_next_and_failures_are_not_results():
    before = tried(12)
    chosen = suggestions(DOMAINS, Search(16, 4), 1, before, 4)
    flipped = [Tried(each.settings, Score((-each.score.losses[0],), 0.0)) for each in before]
    assert suggestions(DOMAINS, Search(16, 4), 1, flipped, 4) != chosen
    failed = [Tried(each.settings, None) for each in before]
    assert len(suggestions(DOMAINS, Search(16, 4), 1, failed, 4)) == 4


def test_several_objectives_and_constraints_are_taken():
    several = [Tried(each.settings, Score((1.0, each.settings["c"]), each.settings["c"] - 0.5)) for each in tried(12)]
    assert len(suggestions(DOMAINS, Search(16, 4), 2, several, 3)) == 3
