"""Weights that rank as asked, and the profile that they make: from a corpus whose secret is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melody_env import calibrate as calibrating
from melody_env import load_profile, score_melodies
from melody_env import match as matching
from melody_env.calibrate import PAIRS, SIGNS, CalibrateConfig, calibrate, profile_text
from melody_env.calibration import fit_means, fit_ranking, log_odds_scale
from melody_env.match import MatchConfig, counts, match
from melody_env.populations import human_melodies, loops, machine_melodies, prior_melodies
from melody_env.ranking import auc, auc_interval
from melody_env.rules import HUMAN_RULES
from melody_env.setting import Setting
from note_rnn import InputError
from note_rnn.corpus import Corpus
from note_rnn.tunes import Bars


def riff_tunes(number, rng):
    """Tunes of four bars, the same bar four times: eighths of C major, after a pickup of two steps."""
    notes = rng.choice([9, 11, 13, 14, 16, 18, 19, 21, 23, 25, 26], (number, 8))
    bars = np.kron(notes, [1, 0]) + np.kron(np.ones_like(notes), [0, 1])
    segments = [np.concatenate([[21, 1], *[bar] * 4]) for bar in bars]
    names = [""] * number
    return Corpus(segments, np.arange(number), names, names, bars=[Bars("4/4", 2)] * number)


def test_auc_is_the_chance_to_be_higher_with_half_for_ties():
    assert auc(np.array([3.0, 1.0]), np.array([2.0, 1.0])) == (2 + 0.5) / 4
    assert auc(np.array([1.0]), np.array([2.0])) == 0


def test_the_interval_of_an_auc_holds_it_and_narrows():
    rng = np.random.default_rng(0)
    few = auc_interval(rng.normal(1, 1, 50), rng.normal(size=50), rng)
    many = auc_interval(rng.normal(1, 1, 2000), rng.normal(size=2000), rng)
    truth = 0.760  # the normal distribution at 1 / sqrt(2)
    assert few[0] < truth < few[1]
    assert many[0] < truth < many[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 3


@given(st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_weights_rank_as_asked_with_the_signs_allowed(seed):
    rng = np.random.default_rng(seed)
    high, low = rng.normal([1, 1, -1], size=(500, 3)), rng.normal(size=(500, 3))
    weights = fit_ranking([{"a": high, "b": low}], {("a", "b"): 4000}, [1, -1, -1], rng)
    assert weights[0] > 0.5
    assert weights[1] == 0  # it would have to be positive
    assert weights[2] < -0.5
    scaled = fit_ranking([{"a": high * [10, 1, 1], "b": low * [10, 1, 1]}], {("a", "b"): 4000}, [1, -1, -1], rng)
    assert scaled[0] == pytest.approx(weights[0] / 10, rel=0.2)  # but for the draw of pairs


def test_scale_of_log_odds():
    rng = np.random.default_rng(0)
    # normal(1, 1) against normal(0, 1): log-odds x - 1/2; the scores are three times too large
    groups = [(3 * rng.normal(1, 1, 20_000) + shift, 3 * rng.normal(0, 1, 20_000) + shift) for shift in (0, 5)]
    assert log_odds_scale([high for high, _ in groups], [low for _, low in groups]) == pytest.approx(1 / 3, rel=0.05)


def test_people_and_machines_are_in_the_key_of_the_setting(small_prior):
    rng = np.random.default_rng(0)
    setting = Setting(key="G", pitch_range=(53, 79))
    tunes = riff_tunes(200, rng)
    human = human_melodies(tunes, setting)
    everyone = {"human": human, **machine_melodies(tunes, human, small_prior, setting, 30, rng)}
    for name, melodies in everyone.items():
        assert melodies.shape[1] == 32
        assert len(melodies) == (30 if name != "human" else len(human))
        if name != "prior":
            assert setting.in_scale[melodies].all(), name
    in_c = human_melodies(tunes, Setting())
    assert {tuple(row) for row in human} <= {tuple(np.where(row > 1, row - 5, row)) for row in in_c}
    rhythms = everyone["random pitches"] >= 2
    np.testing.assert_array_equal(rhythms, np.tile(np.arange(32) % 2 == 0, (30, 1)))


def test_the_prior_composes_as_it_predicts(small_prior):
    melodies = prior_melodies(small_prior, 4000, 1, np.random.default_rng(0))
    expected = np.exp(small_prior.log_probs(np.arange(38)[:, None]).numpy())[:, 0].mean(axis=0)
    found = np.bincount(melodies[:, 0], minlength=38) / 4000
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(expected.max() / 4000))


@pytest.fixture
def riffs(monkeypatch, small_prior):
    for module in (calibrating, matching):
        monkeypatch.setattr(module, "load_corpus", lambda names: riff_tunes(400, np.random.default_rng(0)))
        monkeypatch.setattr(module, "load_note_rnn", lambda name: small_prior)


def test_a_profile_pays_for_what_the_tunes_of_a_corpus_do(riffs, tmp_path):
    config = CalibrateConfig(melodies=300)
    profile = calibrate(config)
    weights = dict(zip(profile.rule_names, profile.weights, strict=True))
    assert weights["bar_repeat"] > 0
    assert all(np.sign(weight) == SIGNS[name] for name, weight in weights.items())
    assert profile.c == 1
    path = tmp_path / "riffs.yaml"
    path.write_text(profile_text(profile, ["of riffs"]))
    read = load_profile(path)
    assert (read.rules, read.c, read.setting) == (profile.rules, profile.c, profile.setting)
    again = calibrate(config)
    assert again.rules == profile.rules


def test_a_profile_keeps_the_setting_that_it_was_fitted_in(riffs, tmp_path):
    profile = calibrate(CalibrateConfig(melodies=50, key="Bb", length="2 bars", pitch_range=(50, 80)))
    path = tmp_path / "mine.yaml"
    path.write_text(profile_text(profile, []))
    assert load_profile(path).setting == profile.setting == Setting(key="Bb", length="2 bars", pitch_range=(50, 80))


def test_too_few_tunes_are_told(riffs):
    with pytest.raises(InputError, match=r"Only 0 tunes have .* in a meter like 3/4: choose other collections"):
        calibrate(CalibrateConfig(melodies=50, meter="3/4"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"melodies": 0}, "--melodies must be a whole number above 0, not 0"),
        ({"bars": (2, 0)}, "--bars must be a whole number above 0, not 0"),
        ({"penalty": -1.0}, "--penalty must be a number of at least 0, not -1.0"),
        ({"meter": "4/0"}, "meter"),
    ],
)
def test_bad_settings_are_told(riffs, change, told):
    with pytest.raises(InputError, match=told):
        calibrate(CalibrateConfig(**change))


def test_a_profile_of_single_bars_has_nothing_to_say_of_phrases(riffs):
    assert not {"long_end", "stable_end", "bar_repeat"} & {
        *calibrate(CalibrateConfig(melodies=50, bars=(1,))).rule_names
    }


def test_loops_go_round():
    tunes = np.random.default_rng(1).integers(2, 38, (300, 32))
    made = loops(tunes, 300, 4, np.random.default_rng(0))
    periods = [next(p for p in (1, 2, 4) if (row[p:] == row[:-p]).all()) for row in made]
    assert set(periods) == {1, 2, 4}
    held = loops(np.array([[14] + [1] * 15]), 500, 4, np.random.default_rng(0))
    assert {tuple(row) for row in held} >= {(14,) * 16, (14, *[1] * 15), (14, 1) * 8}


def test_what_people_have_most_of_is_enough(riffs):
    limits = {
        rule.name: rule.parameters["most"] for rule in calibrate(CalibrateConfig(melodies=50)).rules if rule.parameters
    }
    assert (
        5 < limits["bar_repeat"] <= 6
    )  # eight notes a bar, but those that repeat the one before, in three of four bars


def test_matched_weights_give_the_prior_peoples_means():
    rng = np.random.default_rng(0)
    prior = np.column_stack([rng.integers(0, 2, 4000), rng.normal(0, 2, 4000), np.zeros(4000)])
    human = np.column_stack([rng.random(4000) < 0.8, rng.normal(1, 2, 4000), np.zeros(4000)])
    weights = fit_means(human, prior, penalty=0)
    chances = np.exp(prior @ weights)
    np.testing.assert_allclose(chances @ prior / chances.sum(), human.mean(axis=0), atol=1e-3)
    assert weights == pytest.approx([np.log(0.8 / 0.2), 1 / 2**2, 0], abs=0.15)  # log-odds; mean difference / variance
    assert np.abs(fit_means(human, prior, penalty=1)[:2]).max() < np.abs(weights[:2]).max() / 2


def test_a_matched_profile_pays_for_what_the_note_rnn_has_too_little_of(riffs):
    profile = match(MatchConfig(melodies=500))
    weights = {rule.name: rule.weight for rule in profile.rules}
    assert weights["bar_repeat"] > 0 > weights["tritone_or_seventh"]
    onset = profile.rules[-1]
    assert onset.name == "onset"
    assert len(onset.parameters["worth"]) == 16
    melodies = np.random.default_rng(0).integers(0, 38, (5, 32))
    unweighted = [replace(rule, weight=1.0) for rule in profile.rules[:-1]]
    counted = counts(melodies, unweighted, profile.setting)
    every = [*(rule.weight for rule in profile.rules[:-1]), *onset.parameters["worth"]]
    np.testing.assert_allclose(score_melodies(melodies, profile).music_theory.sum(axis=1), counted @ every)
    for change, told in (({"melodies": 0}, "melodies"), ({"penalty": 0.0}, "--penalty must be a number above 0")):
        with pytest.raises(InputError, match=told):
            match(replace(MatchConfig(), **change))


def test_every_rule_has_a_sign_and_every_pair_two_populations():
    assert set(SIGNS) <= {*HUMAN_RULES, "key"}
    assert all(higher != lower for higher, lower in PAIRS)


def test_the_shipped_profile_follows_the_signs():
    profile = load_profile("calibrated")
    assert profile.c == 1
    assert all(np.sign(rule.weight) == SIGNS[rule.name] for rule in profile.rules)
