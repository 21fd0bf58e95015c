"""A collapse is seen, said once, and ended as was asked for."""

import numpy as np
import pytest
import torch

from agents import PPOKL, compose_pieces
from agents.collapse import CollapseWatch, collapse
from agents.evaluation import learning_metrics
from melody_env import MelodyVecEnv
from note_rnn import load_note_rnn

HEALTHY = {"distinct_compositions": 1.0, "largest_bar_share": 0.004, "hamming_distance": 0.71}


@pytest.mark.parametrize(
    ("metric", "value", "symptom"),
    [
        ("distinct_compositions", 0.5, "repeat each other: only 50% of them are distinct"),
        ("largest_bar_share", 0.3, "have one bar in common: it is 30% of all their bars"),
        ("hamming_distance", 0.2, "are nearly alike: two of them differ at only 20% of the steps"),
        ("largest_bar_share", float("nan"), None),  # pieces shorter than a bar
        ("distinct_compositions", 0.96, None),
    ],
)
def test_symptoms(metric, value, symptom):
    assert collapse({**HEALTHY, metric: value}) == symptom


def test_the_note_rnn_is_healthy():
    metrics = learning_metrics(compose_pieces(None, 256, 0, {"prior": load_note_rnn()}))
    assert collapse(metrics) is None


@pytest.fixture
def model(small_prior) -> PPOKL:
    return PPOKL(env=MelodyVecEnv(2, prior=small_prior), prior=small_prior, seed=0, device="cpu")


def watch(action):
    told = []
    return CollapseWatch(action, told.append), told


COLLAPSED = {**HEALTHY, "distinct_compositions": 0.1}


def test_warn_says_it_once_and_goes_on(model):
    judge, told = watch("warn")
    assert [judge.go_on(model, metrics) for metrics in (HEALTHY, COLLAPSED, COLLAPSED)] == [True, True, True]
    assert len(told) == 1
    assert told[0].startswith("Collapse at step 0: the pieces repeat each other: only 10% of them are distinct. Let")


def test_stop_ends_with_the_policy_as_it_is(model):
    judge, told = watch("stop")
    assert not judge.go_on(model, COLLAPSED)
    assert "The training has ended. Let the rules count less" in told[0]


def test_restore_ends_with_the_last_good_policy(model):
    judge, told = watch("restore")
    assert judge.go_on(model, HEALTHY)
    good = torch.cat([parameter.flatten() for parameter in model.policy.parameters()]).clone()
    with torch.no_grad():
        model.policy.network.head.logits.bias += 3.0
    model.num_timesteps = 64
    assert not judge.go_on(model, COLLAPSED)
    assert torch.cat([parameter.flatten() for parameter in model.policy.parameters()]).equal(good)
    assert "ended with the policy of step 0" in told[0]
    assert np.isfinite(judge._good_at)
