"""Search methods step by step: temperatures, acceptance, survival, budgets, and allowed tokens."""

import copy

import numpy as np
import pytest

from melody_env import EnvironmentSpec, MelodyEngine, load_profile
from melody_env.reward.profile import NamedMask, RewardProfile, WeightedRule
from melody_env.reward_design import optimizers as searching
from melody_env.reward_design.optimizers import METHODS, Value
from melody_env.setting import Setting
from note_rnn import NO_EVENT

IN_G = Setting(key="G", length=8, pitch_range=(53, 79))


def in_key(points: float) -> RewardProfile:
    """A profile by which a note outside C major costs so many points."""
    return RewardProfile("in key", (WeightedRule("key", points),))


def search_for(method, value, budget, seed=0):
    return list(METHODS[method](value, budget, np.random.default_rng(seed)))


def watched(monkeypatch, move):
    """Let `move` be the only one; return the list that will hold the melodies it is given, step by step."""
    seen = []

    def watch(melodies, rng):
        seen.append(melodies.copy())
        return move(melodies, rng)

    monkeypatch.setattr(searching, "MOVES", [watch])
    return seen


def test_value_in_another_key_is_the_reward_of_the_environment(prior):
    profile = load_profile("paper").with_setting(key="G", length=8)
    melodies = np.random.default_rng(0).integers(38, size=(5, 8))
    engine = MelodyEngine(5, EnvironmentSpec.of(prior=prior, key="G", length=8, priming="none"))
    engine.reset()
    for tokens in melodies.T:
        _, finished = engine.step(tokens)
    value = Value(profile, 8, prior.transposed(profile.setting.transposition))
    np.testing.assert_allclose(value(melodies), finished.returns, rtol=1e-5)
    tonic = Value(RewardProfile("tonic", (WeightedRule("tonic"),)), 8)
    assert tonic(np.array([[14, 16, 18, 0]])).tolist() == [3.0]  # of the first token; the last beat is yet to come
    assert value.reward_scale == 2.0  # c is 0.5
    assert Value(profile, 8).reward_scale == 1.0


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_annealing_at_one_temperature_visits_melodies_as_boltzmann_says(temperature, monkeypatch):
    """Of melodies of one token, C or C sharp, the latter, which costs two points, is that much rarer."""
    monkeypatch.setattr(searching, "POPULATION", 4000)
    monkeypatch.setattr(searching, "_HOT", temperature)
    monkeypatch.setattr(searching, "_COLD", temperature)
    seen = watched(monkeypatch, lambda melodies, rng: rng.choice([14, 15], melodies.shape))
    search_for("anneal", Value(in_key(2.0), 1), 4000 * 42)
    shares = [(melodies == 15).mean() for melodies in seen[20:]]
    assert np.mean(shares) == pytest.approx(1 / (1 + np.exp(2 / temperature)), rel=0.04)


def test_better_melodies_multiply_as_it_gets_colder(monkeypatch):
    """Where nothing moves, the share of the better ones is what the last resampling, at its temperature, made of it."""
    monkeypatch.setattr(searching, "POPULATION", 8000)
    seen = watched(monkeypatch, lambda melodies, rng: melodies)
    found = search_for("anneal", Value(in_key(0.5), 1), 8000 * 42)
    assert [step.evaluations for step in found] == [8000 * number for number in range(2, 43)]
    outside = [(~Setting().in_scale[melodies]).mean() for melodies in seen]
    assert len(outside) == 41  # temperatures in equal ratios from 10 to 0.3
    assert outside[0] == pytest.approx(15 / 38, abs=0.02)
    for step, temperature in ((11, 10 * 0.03 ** (10 / 40)), (40, 0.3)):  # resampled at every tenth step
        rarer = outside[0] * np.exp(-0.5 * (1 / temperature - 1 / 10))
        assert outside[step] == pytest.approx(rarer / (rarer + 1 - outside[0]), rel=0.02)


def test_annealing_is_the_same_search_whatever_c_is(monkeypatch, small_prior):
    """The temperatures are in points of r_MT: a reward divided by c is searched at temperatures divided by c."""
    monkeypatch.setattr(searching, "POPULATION", 32)
    indifferent = copy.deepcopy(small_prior)
    indifferent.head.weight.zero_()
    indifferent.head.bias.zero_()
    found = []
    for c, prior in ((0.5, indifferent), (20.0, indifferent), (1.0, None)):
        value = Value(RewardProfile("mine", load_profile("paper").rules, c), 6, prior)
        found.append(search_for("anneal", value, 32 * 50)[-1])
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].melodies, other.melodies)
    assert found[1].values + 6 * np.log(38) == pytest.approx(found[2].values / 20, rel=1e-4, abs=1e-5)


def test_evolution_keeps_the_better_half_and_replaces_the_rest_by_its_children(monkeypatch):
    monkeypatch.setattr(searching, "POPULATION", 64)
    children = watched(monkeypatch, lambda melodies, rng: melodies)
    value = Value(load_profile("paper"), 8)
    found = search_for("evolve", value, 64 + 3 * 32)
    assert [step.evaluations for step in found] == [96, 128, 160]
    assert len(found) == len(children) == 3
    for before, after, made in zip(found, found[1:], children[1:], strict=False):
        parents = before.melodies[:32]
        assert made.shape == (32, 8)
        for child in made:  # begins as one parent and ends as another
            begins, ends = (parents == child).cumprod(axis=1), (parents == child)[:, ::-1].cumprod(axis=1)
            assert begins.sum(axis=1).max() + ends.sum(axis=1).max() >= 8
        assert not {tuple(row) for row in made} <= {tuple(row) for row in parents}
        assert {tuple(row) for row in after.melodies} == {tuple(row) for row in [*parents, *made]}


@pytest.mark.parametrize("given_prior", [True, False])
def test_random_search_is_of_what_the_note_rnn_composes_or_of_random_tokens(given_prior, prior, monkeypatch):
    """A Note RNN that is sure of each next token composes one melody, from silence."""
    monkeypatch.setattr(searching, "POPULATION", 300)
    sure = copy.deepcopy(prior)
    sure.head.weight.mul_(1e6)
    piece = [NO_EVENT]
    for _ in range(6):
        piece.append(int(sure.log_probs([piece])[0, -1].argmax()))
    (found,) = search_for("random", Value(in_key(1.0), 6, sure if given_prior else None), 300)
    assert found.evaluations == 300
    if given_prior:
        assert found.melodies.tolist() == [piece[1:]]
    else:
        assert len(found.melodies) == 300
        assert len(np.unique(found.melodies)) == 38


def test_random_search_draws_from_the_note_rnns_distribution(prior, monkeypatch):
    monkeypatch.setattr(searching, "POPULATION", 4000)
    composed = searching._composed(Value(in_key(1.0), 1, prior), prior, np.random.default_rng(0))
    expected = np.exp(prior.log_probs([[NO_EVENT]])[0, 0].numpy())
    found = np.bincount(composed[:, 0], minlength=38) / 4000
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(expected.max() / 4000))


@pytest.mark.parametrize(("budget", "width"), [(1, 1), (38 * 5 * 3, 3), (38 * 5 * 4 - 1, 3)])
def test_a_beam_is_as_wide_as_its_budget_allows(budget, width):
    found = search_for("beam", Value(load_profile("paper"), 5), budget)
    assert [step.evaluations for step in found] == [38 + 38 * width * t for t in range(5)]
    assert [step.melodies.shape for step in found] == [(width, t + 1) for t in range(5)]
    greedy = search_for("greedy", Value(load_profile("paper"), 5), budget)
    assert greedy[-1].evaluations == 38 * 5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("masks", [(), (NamedMask("in_scale"),)], ids=["range", "scale"])
def test_every_method_finds_only_what_is_allowed(method, masks, small_prior, monkeypatch):
    monkeypatch.setattr(searching, "POPULATION", 64)
    profile = RewardProfile("mine", (WeightedRule("key", -1.0),), setting=IN_G, masks=masks)  # rewards notes outside
    found = search_for(method, Value(profile, 8, small_prior.transposed(-5)), 1500)[-1]
    assert IN_G.in_range[found.melodies].all()
    assert IN_G.in_scale[found.melodies].all() == bool(masks)


def test_what_is_forbidden_is_played_as_its_nearest_neighbour():
    profile = RewardProfile("mine", (), setting=IN_G, masks=(NamedMask("in_scale"),))
    value = Value(profile, 8)
    melodies = np.array([[0, 1, 2, 7, 8, 33, 37, 14]])  # pitches 48, 53, 54, 79, 83, 60; G major has F#, no F
    assert value.playable(melodies).tolist() == [[0, 1, 8, 8, 8, 33, 33, 14]]
    assert value.playable(melodies[:, :3]).shape == (1, 3)
    free = Value(in_key(1.0), 8)
    assert free.playable(melodies) is melodies
