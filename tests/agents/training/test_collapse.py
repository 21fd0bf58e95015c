"""A collapse is seen, said once, and ended as was asked for."""

import pytest
import torch

from agents import PPOKL, compose_pieces
from agents.composing.players import NoteRNNPlayer
from agents.evaluation.metrics import learning_metrics
from agents.training.collapse import CollapseMonitor, collapse
from melody_env import EnvironmentSpec, MelodyVecEnv
from note_rnn import load_note_rnn

HEALTHY = {"distinct_compositions": 1.0, "largest_bar_share": 0.004, "hamming_distance": 0.71}


@pytest.mark.parametrize(
    ("metric", "value", "symptom"),
    [
        ("distinct_compositions", 0.5, "repeat each other: only 50% of them are distinct"),
        ("largest_bar_share", 0.3, "have one bar in common: it is 30% of all their bars"),
        ("hamming_distance", 0.2, "are nearly alike: on average two differ at only 20% of the steps"),
        ("largest_bar_share", float("nan"), None),  # pieces shorter than a bar
        ("distinct_compositions", 0.949, "repeat each other: only 95% of them are distinct"),
        ("distinct_compositions", 0.95, None),
        ("largest_bar_share", 0.1, None),
        ("largest_bar_share", 0.101, "have one bar in common: it is 10% of all their bars"),
        ("hamming_distance", 0.399, "are nearly alike: on average two differ at only 40% of the steps"),
        ("hamming_distance", 0.4, None),
    ],
)
def test_symptoms(metric, value, symptom):
    assert collapse({**HEALTHY, metric: value}) == symptom


def test_the_note_rnn_is_healthy():
    metrics = learning_metrics(compose_pieces(NoteRNNPlayer(), 256, 0, EnvironmentSpec.of(prior=load_note_rnn())))
    assert collapse(metrics) is None


@pytest.fixture
def model(small_prior) -> PPOKL:
    return PPOKL(env=MelodyVecEnv(2, prior=small_prior), prior=small_prior, seed=0, device="cpu")


def weights(model) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.policy.parameters()]).clone()


def learned(model, steps) -> torch.Tensor:
    """Let the policy change until step `steps`; return its weights."""
    with torch.no_grad():
        model.policy.network.head.logits.bias += 3.0
    model.num_timesteps = steps
    return weights(model)


def make_monitor(action):
    reported = []
    return CollapseMonitor(action, reported.append), reported


COLLAPSED = {**HEALTHY, "distinct_compositions": 0.1}


def test_warn_reports_it_once_and_continues(model):
    monitor, reported = make_monitor("warn")
    assert monitor.message is None
    assert all(monitor.should_continue(model, metrics) for metrics in (HEALTHY, COLLAPSED, COLLAPSED))
    assert len(reported) == 1
    assert reported[0].startswith("Collapse at step 0: the pieces repeat each other: only 10% of them are distinct. ")


def test_stop_ends_with_the_policy_as_it_is(model):
    monitor, reported = make_monitor("stop")
    good = learned(model, 32)
    assert monitor.should_continue(model, HEALTHY)
    collapsed = learned(model, 64)
    assert not monitor.should_continue(model, COLLAPSED)
    assert weights(model).equal(collapsed)
    assert not collapsed.equal(good)
    assert reported == [monitor.message]
    assert "Collapse at step 64: " in reported[0]
    assert "The training has ended. Give the rules less weight" in reported[0]


def test_restore_ends_with_the_last_good_policy(model):
    monitor, reported = make_monitor("restore")
    policies = []
    for steps, metrics in ((32, HEALTHY), (64, HEALTHY), (96, COLLAPSED)):
        policies.append(learned(model, steps))
        assert monitor.should_continue(model, metrics) == (metrics is HEALTHY)
    assert weights(model).equal(policies[1])
    assert reported == [monitor.message]
    assert "Collapse at step 96: " in reported[0]
    assert "The training has ended with the policy of step 64. Give the rules less weight" in reported[0]


def test_restore_of_an_agent_that_was_never_good_just_stops(model):
    monitor, reported = make_monitor("restore")
    at_first = weights(model)
    collapsed = learned(model, 32)
    assert not monitor.should_continue(model, COLLAPSED)
    assert weights(model).equal(collapsed)  # not the policy that it began with, which was never judged
    assert not collapsed.equal(at_first)
    assert reported == [monitor.message]
    assert reported[0].startswith("Collapse at step 32: the pieces repeat each other: only 10% of them are distinct. ")
    assert "The training has ended. Give the rules less weight" in reported[0]
