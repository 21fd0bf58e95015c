"""A sample counts what the tables count, and is what was asked for or made anew."""

import numpy as np
import pytest

from agents import compose_pieces
from agents.bootstrap import estimates
from agents.evaluation import table_metrics
from agents.samples import Sample, composed_sample, given_sample
from melody_env.setting import PAPER_SETTING


@pytest.fixture(scope="module")
def sample(small_prior) -> Sample:
    return composed_sample(None, 60, 3, {"prior": small_prior}, asked={"compositions": 60})


def values(sample: Sample) -> dict[str, float]:
    return {name: told.value for name, told in zip(sample.names, estimates(sample.sums), strict=True)}


def test_its_statistics_are_those_of_the_table(sample, small_prior):
    expected = table_metrics(compose_pieces(None, 60, 3, {"prior": small_prior}))
    told = values(sample) | sample.metrics
    assert {"notes_not_in_key", "leaps_resolved", "autocorrelation_lag3", "log_prob", "kl", "range"} <= told.keys()
    assert told == pytest.approx({name: expected[name] for name in told}, rel=1e-5, abs=1e-6)


def test_intervals_hold_the_values(sample):
    for name, told in zip(sample.names, estimates(sample.sums), strict=True):
        assert told.low <= told.value <= told.high or name == "kl"


def test_given_melodies_are_counted_in_the_same_way(sample, small_prior):
    given = given_sample(sample.melodies, PAPER_SETTING, small_prior)
    composed = values(sample)
    for name, value in values(given).items():
        if name != "log_prob":
            assert value == pytest.approx(composed[name])
    heard = np.concatenate([np.ones((60, 1), int), sample.melodies[:, :-1]], axis=1)
    log_probs = np.take_along_axis(small_prior.log_probs(heard).numpy(), sample.melodies[..., None], -1)
    assert values(given)["log_prob"] == pytest.approx(log_probs.mean(), rel=1e-5)
    assert "kl" not in given.names


def test_likeness_to_people_is_told_if_there_are_any(small_prior):
    human = np.random.default_rng(0).integers(2, 38, size=(30, 32))
    told = given_sample(human[:20], PAPER_SETTING, small_prior, human).metrics
    assert told["human_overlap"] > 0.8
    assert {"human_auc", "distinct_compositions"} <= told.keys()


def test_it_is_read_back_if_it_is_what_is_asked_for(sample, tmp_path):
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
