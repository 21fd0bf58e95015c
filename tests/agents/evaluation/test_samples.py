"""Samples have the statistics of the tables, and are loaded only for the request that they were made for."""

from math import isclose

import numpy as np
import pytest

from agents import compose_pieces
from agents.composing.composers import NoteRNNComposer
from agents.composing.players import NoteRNNPlayer
from agents.evaluation import samples
from agents.evaluation.metrics import table_metrics
from agents.evaluation.samples import Sample, composed_sample, given_sample
from melody_env import EnvironmentSpec, HumanReference, Setting, largest_bar_share
from melody_env.measures.bootstrap import estimates
from melody_env.setting import PAPER_SETTING
from note_rnn import transposed

WALTZ_IN_D = Setting(key="D", meter="3/4", length=24)


@pytest.fixture(scope="module")
def environment(small_prior) -> EnvironmentSpec:
    return EnvironmentSpec.of(prior=small_prior, **WALTZ_IN_D.as_dict())


@pytest.fixture(scope="module")
def sample(environment) -> Sample:
    return composed_sample(NoteRNNComposer(environment), 60, 3, request={"compositions": 60})


def values(sample: Sample) -> dict[str, float]:
    return {name: estimate.value for name, estimate in zip(sample.names, estimates(sample.sums), strict=True)}


def test_its_statistics_are_those_of_the_table(sample, environment):
    expected = table_metrics(compose_pieces(NoteRNNPlayer(), 60, 3, environment))
    found = values(sample) | sample.metrics
    assert {"notes_not_in_key", "leaps_resolved", "autocorrelation_lag3", "log_prob", "kl", "range"} <= found.keys()
    assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-5, abs=1e-6)


def test_it_is_counted_in_the_key_and_meter_of_its_pieces(sample, environment):
    pieces = compose_pieces(NoteRNNPlayer(), 60, 3, environment, retained=1)
    np.testing.assert_array_equal(sample.melodies, pieces.melodies)
    np.testing.assert_array_equal(sample.probabilities, pieces.steps.probabilities[0])
    pitch_classes = (sample.melodies - 2) % 12
    is_outside = (sample.melodies >= 2) & ~np.isin(pitch_classes, [2, 4, 6, 7, 9, 11, 1])
    assert values(sample)["notes_not_in_key"] == pytest.approx(is_outside.mean())
    assert values(sample)["paper_music_theory"] == pytest.approx(pieces.finished.music_theory.mean() / 24)
    assert values(sample)["entropy"] == pytest.approx(pieces.entropy.mean())
    assert sample.metrics["largest_bar_share"] == largest_bar_share(sample.melodies, 12)


def test_its_resamples_are_drawn_by_its_seed(sample, small_prior):
    assert sample.sums.resampled.shape == (1_000, 2, len(sample.names))
    one, again, other = (given_sample(sample.melodies, WALTZ_IN_D, small_prior, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.sums.resampled, again.sums.resampled)
    assert (one.sums.resampled != other.sums.resampled).any()
    np.testing.assert_array_equal(one.sums.whole, other.sums.whole)


def test_intervals_hold_the_values(sample):
    for name, estimate in zip(sample.names, estimates(sample.sums), strict=True):
        assert estimate.low <= estimate.value <= estimate.high or name == "kl"


def test_given_melodies_are_as_likely_as_in_their_meter(sample, lookback_prior):
    in_c, primers = transposed(sample.melodies, -2), np.ones(60, int)
    expected = lookback_prior.in_meter("3/4").log_prob(in_c, primers).mean().item()
    assert values(given_sample(sample.melodies, WALTZ_IN_D, lookback_prior))["log_prob"] == pytest.approx(expected)


def test_given_melodies_are_counted_in_the_same_way(sample, small_prior, monkeypatch):
    """Their log p is that of the Note RNN in their key, conditioned on nothing before, block by block."""
    monkeypatch.setattr(samples, "_BLOCK", 25)
    given = given_sample(sample.melodies, WALTZ_IN_D, small_prior)
    composed = values(sample)
    for name, value in values(given).items():
        if name != "log_prob":
            assert value == pytest.approx(composed[name])
    inputs = np.concatenate([np.ones((60, 1), int), transposed(sample.melodies[:, :-1], -2)], axis=1)
    tokens = transposed(sample.melodies, -2)[..., None]
    log_probs = np.take_along_axis(small_prior.log_probs(inputs).numpy(), tokens, -1)
    assert values(given)["log_prob"] == pytest.approx(log_probs.mean(), rel=1e-5)
    assert "kl" not in given.names


def test_a_melody_without_autocorrelation_is_left_out_of_its_mean(sample, small_prior):
    """That of one note repeated is 0 divided by 0."""
    melodies = np.concatenate([sample.melodies, np.full((40, 24), 14)])
    given = values(given_sample(melodies, WALTZ_IN_D, small_prior))
    assert given["autocorrelation_lag1"] == pytest.approx(values(sample)["autocorrelation_lag1"])


def test_likeness_to_human_tunes_is_reported_if_there_are_any(small_prior):
    human = np.random.default_rng(0).integers(2, 38, size=(30, 32))
    reference = HumanReference.of(human, PAPER_SETTING)
    found = given_sample(human[:20], PAPER_SETTING, small_prior, reference).metrics
    assert found["human_overlap"] > 0.8
    assert {"human_auc", "distinct_compositions"} <= found.keys()


def test_likeness_is_measured_in_the_key_of_the_melodies(small_prior):
    """Tunes in C major are as like others in C as both are in D, a tone higher."""
    rng = np.random.default_rng(0)
    in_c = np.array([2, 4, 6, 7, 9, 11, 13, 14, 16, 18, 19, 21, 23, 25, 26, 28])
    human, melodies = in_c[rng.integers(16, size=(30, 32))], in_c[rng.integers(12, size=(20, 32))]

    def likeness(setting):
        tunes, given = (transposed(tokens, setting.transposition) for tokens in (human, melodies))
        return given_sample(given, setting, small_prior, HumanReference.of(tunes, setting)).metrics

    one, other = likeness(PAPER_SETTING), likeness(Setting(key="D"))
    for name in ("human_overlap", "human_auc"):
        assert isclose(one[name], other[name], abs_tol=0.005)


def test_it_is_loaded_if_it_is_what_is_requested(sample, tmp_path):
    path = tmp_path / "pieces.npz"
    assert Sample.load(path) is None
    sample.save(path)
    again = Sample.load(path, {"compositions": 60})
    np.testing.assert_array_equal(again.melodies, sample.melodies)
    np.testing.assert_array_equal(again.sums.resampled, sample.sums.resampled)
    np.testing.assert_allclose(again.probabilities, sample.probabilities, rtol=1e-6)
    assert (again.names, again.metrics) == (sample.names, sample.metrics)
    assert Sample.load(path, {"compositions": 61}) is None
    path.write_bytes(path.read_bytes()[:500])
    assert Sample.load(path) is None
