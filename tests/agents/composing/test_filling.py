"""Filling of gaps: exact in the limit, for the Note RNN and every agent, and what is kept is kept to the token."""

import itertools

import numpy as np
import pytest
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import DQN, PPO

from agents import PPOKL, RecurrentDQN, compose, infill, vary
from agents.algorithms.networks import Flatten
from agents.composing import around
from agents.composing.around import Drawing, fill_gaps, vary_notes
from agents.composing.composers import Agent, NoteRNNComposer
from agents.composing.filling import Candidates, draw_candidates
from agents.composing.pieces import pieces_of
from agents.composing.tunes import tune_in
from agents.infilling.choices import note_distance
from agents.infilling.constraints import gaps_filled
from agents.infilling.gaps import GapError
from agents.infilling.particles import shares
from melody_env import EnvironmentSpec, MelodyVecEnv, load_profile
from note_rnn import InputError, NoteRNN

T = 8
TUNE = np.array([14, 1, 16, 1, 18, 0, 21, 1])


@pytest.fixture(scope="module")
def sharp_prior() -> NoteRNN:
    """A Note RNN of 12 units whose next token depends on those before."""
    torch.manual_seed(3)
    model = NoteRNN(hidden_size=12).eval().requires_grad_(False)
    for weights in model.parameters():
        weights.normal_(0, 0.8)
    return model


def make(kind, prior):
    env = MelodyVecEnv(2, prior=prior, length=T)
    ours = {"env": env, "prior": prior, "seed": 0, "device": "cpu"}
    if kind in ("q", "psi", "g"):
        return RecurrentDQN(objective=kind, **ours)
    if kind == "ppo_kl":
        return PPOKL(**ours)
    if kind == "recurrent_ppo":
        return RecurrentPPO("MlpLstmPolicy", env, policy_kwargs={"features_extractor_class": Flatten}, device="cpu")
    return {"ppo": PPO, "dqn": DQN}[kind]("MlpPolicy", env, device="cpu")


def open_at(*steps):
    return np.isin(np.arange(T), steps)


def exact(player, environment, steps, tokens):
    """Return the probability of each of the `tokens` at each combination of `steps`, by the policy of whole tunes."""
    fillings = list(itertools.product(tokens, repeat=len(steps)))
    tunes = np.tile(TUNE, (len(fillings), 1))
    tunes[:, steps] = fillings
    pieces = pieces_of(player, tunes, environment, retained=len(tunes))
    played = np.take_along_axis(pieces.steps.probabilities, tunes[..., None], -1)[..., 0]
    likelihood = np.log(played).sum(1)
    return tunes, np.exp(likelihood - likelihood.max())


@pytest.mark.parametrize("agent", [False, True], ids=["Note RNN", "agent"])
@pytest.mark.parametrize("steps", [[3], [2, 5]], ids=str)
def test_weighted_candidates_have_the_exact_distribution_given_all_that_is_kept(agent, steps, sharp_prior):
    spec = EnvironmentSpec.of(prior=sharp_prior, length=T, priming="none")
    composer = NoteRNNComposer(spec)
    if agent:
        model = make("ppo_kl", sharp_prior)
        with torch.no_grad():
            model.policy.network.head.logits.weight *= 1.5
        composer = Agent(model.policy, spec)
    player = composer.player(spec)
    tunes, likelihood = exact(player, spec, steps, range(38))
    allowed = gaps_filled(TUNE[None], open_at(*steps)[None])
    found = draw_candidates(player, spec, allowed, 3000, np.random.default_rng(0))
    weights = shares(found.log_weights)[0]
    for step in steps:
        expected = np.bincount(tunes[:, step], likelihood / likelihood.sum(), minlength=38)
        measured = np.bincount(found.tokens[0, :, step], weights, minlength=38)
        assert np.abs(expected - measured).sum() / 2 < 0.07
    assert found.effective[0] > 100


@pytest.mark.parametrize("kind", ["note_rnn", "q", "psi", "g", "ppo_kl", "recurrent_ppo", "ppo", "dqn"])
def test_the_note_rnn_and_every_agent_keep_what_is_kept_and_fill_in_different_ways(kind, small_prior):
    model = small_prior if kind == "note_rnn" else make(kind, small_prior)
    filled = infill(model, TUNE, "steps 2-5", n=4, seed=1, candidates=8, key="D", pitch_range=(50, 80))
    kept = ~open_at(2, 3, 4, 5)
    np.testing.assert_array_equal(filled[:, kept], np.tile(TUNE[kept], (4, 1)))
    assert len(np.unique(filled, axis=0)) == 4
    np.testing.assert_array_equal(
        filled, infill(model, TUNE, open_at(2, 3, 4, 5), n=4, seed=1, candidates=8, key="D", pitch_range=(50, 80))
    )
    assert (filled != infill(model, TUNE, "steps 2-5", n=4, seed=2, candidates=8, key="D", pitch_range=(50, 80))).any()


def test_nothing_that_was_kept_has_changed_over_a_thousand_random_gaps(lookback_prior):
    rng = np.random.default_rng(0)
    tunes = rng.integers(38, size=(1000, 24))
    is_open = np.zeros(tunes.shape, bool)
    for row in is_open:
        for _ in range(rng.integers(1, 4)):
            first = rng.integers(24)
            row[first : first + rng.integers(1, 9)] = True
    is_open[:, rng.integers(24)] = False
    profile = load_profile("paper").with_setting(meter="6/8", length=24, pitch_range=(55, 70))
    spec = EnvironmentSpec.of(prior=lookback_prior, reward=profile, priming="none")
    found = draw_candidates(NoteRNNComposer(spec).player(), spec, gaps_filled(tunes, is_open), 4, rng)
    kept = np.broadcast_to(~is_open[:, None], found.tokens.shape)
    np.testing.assert_array_equal(found.tokens[kept], np.broadcast_to(tunes[:, None], kept.shape)[kept])
    pitches = found.tokens[~kept]
    assert pitches[pitches >= 2].min() >= 55 - 46  # the range counts in gaps, though kept notes are beyond it
    assert pitches.max() <= 70 - 46


class Upward:
    """A player that goes on one, two or three tokens higher, mostly one, and remembers the sum of what it has seen."""

    def begin(self, num_pieces, pickup=0):
        self.sums = np.zeros(num_pieces, np.int64)

    def scores(self, observations, prior_log_probs):
        self.sums = self.sums + observations[:, 0]
        above = np.arange(38) - observations[:, :1]
        return np.where((above >= 1) & (above <= 3), np.where(above == 1, np.log(8.0), 0.0), -30.0)

    def select(self, rows):
        self.sums = self.sums[rows]


def test_what_is_filled_in_leads_to_what_follows(small_prior):
    spec = EnvironmentSpec.of(prior=small_prior, length=6, priming="none")
    tune = np.array([2, 0, 5, 6, 0, 11])
    is_open = np.array([False, True, False, False, True, False])
    player = Upward()
    found = draw_candidates(player, spec, gaps_filled(tune[None], is_open[None]), 800, np.random.default_rng(0))
    weights = shares(found.log_weights)[0]
    for step, expected in ((1, {3: 0.5, 4: 0.5}), (4, {8: 0.5, 9: 0.5})):  # 3 is likelier, and then 5 less likely
        measured = np.bincount(found.tokens[0, :, step], weights, minlength=38)
        np.testing.assert_allclose(measured[[*expected]], [*expected.values()], atol=0.1)
    assert {*found.tokens[0, :, 1]} == {3, 4}  # the others were not gone on with
    np.testing.assert_array_equal(player.sums, 1 + found.tokens[0, :, :5].sum(axis=1))
    results = fill_gaps(Upward(), spec, tune, is_open, 4, Drawing(64))
    assert {(3, 8), (3, 9), (4, 8), (4, 9)} == {(row[1], row[4]) for row in results.tunes.tolist()}


def test_kept_notes_beyond_the_range_are_seen_as_they_are(small_prior):
    spec = EnvironmentSpec.of(prior=small_prior, length=4, priming="none", pitch_range=(60, 83))
    tune, player = np.array([2, 3, 14, 15]), Upward()
    draw_candidates(player, spec, gaps_filled(tune[None], np.zeros((1, 4), bool)), 2, np.random.default_rng(0))
    assert player.sums.tolist() == [1 + 2 + 3 + 14] * 2


def test_several_gaps_and_a_form_are_filled(small_prior):
    spec = EnvironmentSpec.of(prior=small_prior, form="AB", length=T, meter="1/4", priming="none")
    results = fill_gaps(NoteRNNComposer(spec).player(), spec, TUNE, open_at(0, 3, 6, 7), 3, Drawing(16))
    np.testing.assert_array_equal(results.tunes[:, [1, 2, 4, 5]], np.tile(TUNE[[1, 2, 4, 5]], (3, 1)))
    several = EnvironmentSpec.of(prior=small_prior, form="AB | BA", length=T, meter="1/4")
    with pytest.raises(InputError, match="A tune has one form"):
        tune_in(TUNE, several, None, None)


def test_nothing_is_played_before_a_tune(small_prior):
    """A random note before it would be no part of it, and would count in what is likely."""
    spec = EnvironmentSpec.of(prior=small_prior, length=2 * T, meter="1/4", priming="random_note")
    tune = tune_in(TUNE, spec, None, None)
    assert (tune.environment.priming, tune.environment.primer, tune.environment.setting.steps) == ("none", None, T)


def test_the_rules_of_the_whole_piece_count_for_given_melodies_as_for_composed_ones(small_prior):
    spec = EnvironmentSpec.of(prior=small_prior, length=T, priming="none", reward="varied")
    player = NoteRNNComposer(spec).player()
    pieces = pieces_of(player, TUNE[None], spec)
    again = compose(small_prior, 1, length=T, priming="none", fixed=dict(enumerate(TUNE.tolist())))
    np.testing.assert_array_equal(again, pieces.melodies)
    expected = small_prior.log_prob([TUNE], [1]).sum().item()
    assert pieces.finished.log_prob[0] == pytest.approx(expected, rel=1e-5)
    music = pieces.finished.music_theory / spec.profile.c
    np.testing.assert_allclose(pieces.finished.returns, pieces.finished.log_prob + music, rtol=1e-5)


@pytest.mark.parametrize("by", ["everywhere", "section", "pitch", "rhythm"])
def test_variations_are_as_far_as_asked_and_all_different(by, lookback_prior):
    tune = np.tile([14, 1, 16, 1, 18, 1, 19, 1, 21, 1, 1, 1, 19, 1, 18, 1], 3)  # 21 notes
    varied = vary(lookback_prior, tune, 0.25, by, n=3, seed=2, candidates=64)
    assert len(np.unique(varied, axis=0)) == 3
    assert varied.shape == (3, 48)
    is_note = tune >= 2
    assert ((varied != tune) & is_note).sum(axis=1).tolist() == [5, 5, 5]
    if by in ("pitch", "rhythm"):
        np.testing.assert_allclose(note_distance(tune, varied), 5 / 21, atol=0.1)
    if by == "pitch":
        np.testing.assert_array_equal(varied >= 2, np.tile(tune >= 2, (3, 1)))
    if by == "rhythm":
        for each in varied:
            pitches = each[each >= 2]
            changes = pitches[np.append(True, np.diff(pitches) != 0)]
            rest = iter(tune[tune >= 2])
            assert all(pitch in rest for pitch in changes)  # in their order


def test_likely_variations_are_chosen(sharp_prior):
    spec = EnvironmentSpec.of(prior=sharp_prior, length=T, priming="none")
    player = NoteRNNComposer(spec).player()
    many = [vary_notes(player, spec, TUNE, 0.5, "pitch", 1, Drawing(64, seed=seed)).tunes[0] for seed in range(8)]
    rng = np.random.default_rng(0)
    others = np.tile(TUNE, (200, 1))
    for row in others:
        chosen = rng.choice([0, 2, 4, 6], 2, replace=False)
        row[chosen] = rng.integers(2, 38, 2)
    scores = [pieces_of(player, np.stack([*tunes]), spec).finished.log_prob.mean() for tunes in (many, others)]
    assert scores[0] > scores[1] + 1


@pytest.mark.parametrize(("loss", "rounds"), [(1e6, 1), (-1e6, 4)])
def test_notes_are_chosen_again_for_a_variation_that_is_less_likely(loss, rounds, sharp_prior, monkeypatch):
    spec = EnvironmentSpec.of(prior=sharp_prior, length=len(TUNE), priming="none")
    monkeypatch.setattr(around, "_LOSS", loss)
    for seed in range(4):
        candidates: list[Candidates] = []

        def recorded(*given, to=candidates):
            to.append(draw_candidates(*given))
            return to[-1]

        monkeypatch.setattr(around, "draw_candidates", recorded)
        player = NoteRNNComposer(spec).player()
        found = vary_notes(player, spec, TUNE, 0.5, "everywhere", 1, Drawing(128, seed=seed)).tunes[0]
        assert len(candidates) == rounds
        if rounds > 1:  # and of all, the likeliest that is what was asked for: within a note
            tunes = np.concatenate([each.tokens.reshape(-1, len(TUNE)) for each in candidates])
            values = np.concatenate([each.log_policy.ravel() for each in candidates])
            changed, notes = note_distance(TUNE, tunes) * 4, (tunes >= 2).sum(axis=1)
            values[(abs(changed - 2) > 1) | (abs(notes - 4) > 1)] = -np.inf
            assert found.tolist() == tunes[values.argmax()].tolist()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda prior: infill(prior, TUNE, "steps 3", n=39, candidates=200), "different tunes among the candidates"),
        (lambda prior: infill(prior, TUNE, np.ones(3, bool)), "gaps must be text or flags of the 8 steps"),
        (lambda prior: infill(prior, TUNE, "bar 1", pickup=8), "The tune has 8 steps, so its pickup cannot have 8"),
        (lambda prior: infill(prior, [14, 99], "step 1"), "Token 99 at position (1,) is outside the vocabulary"),
        (lambda prior: infill(prior, [], "step 1"), "is empty"),
        (lambda prior: infill(prior, TUNE, "step 1", candidates=0), "candidates must be at least 1"),
        (lambda prior: vary(prior, TUNE, 0.0), "change must be a share"),
        (lambda prior: vary(prior, TUNE, 1.5), "change must be a share"),
        (lambda prior: vary(prior, [1, 1, 0, 1]), "no notes to change"),
        (lambda prior: vary(prior, TUNE, by="chords"), "by must be"),
        (lambda prior: infill(prior, TUNE, "step 1", form="AB"), "form is for agents that were trained with one"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(call, told, small_prior):
    with pytest.raises(InputError) as error:
        call(small_prior)
    assert told in str(error.value)
    assert isinstance(GapError("x"), InputError)
