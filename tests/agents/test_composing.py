"""Composing draws from softmax(scores), whoever composes, and counts what the environment counts."""

import numpy as np
import pytest
import torch

from agents import PPOKL, RecurrentDQN, compose, compose_pieces
from agents.composing import composer, load_agent, log_likelihood
from agents.evaluation import learning_metrics, metrics_table, table_metrics
from melody_env import MelodyVecEnv, score_melodies
from note_rnn import NO_EVENT, CheckpointError, transposed


@pytest.fixture(scope="module")
def agent(small_prior) -> RecurrentDQN:
    env = MelodyVecEnv(2, prior=small_prior, length=12)
    return RecurrentDQN(env=env, prior=small_prior, seed=0, device="cpu")


def test_untrained_agent_composes_as_its_prior(agent, small_prior):
    environment = {"prior": small_prior, "length": 12}
    by_agent = compose_pieces(agent.policy, 50, 7, environment)
    by_prior = compose_pieces(None, 50, 7, environment)
    np.testing.assert_array_equal(by_agent.melodies, by_prior.melodies)
    np.testing.assert_allclose(by_agent.kl, 0, atol=1e-5)


def test_sums_are_those_of_the_scored_melodies(small_prior):
    pieces = compose_pieces(None, 30, 0, {"prior": small_prior})
    scores = score_melodies(pieces.melodies)
    np.testing.assert_allclose(pieces.finished.music_theory, scores.music_theory.sum(1), atol=1e-9)
    for name, values in scores.rules.items():
        np.testing.assert_allclose(pieces.finished.rules[name], values.sum(1), atol=1e-9)
    heard = np.concatenate([pieces.primers[:, None], pieces.melodies], axis=1)
    log_probs = small_prior.log_probs(heard[:, :-1]).gather(-1, torch.from_numpy(heard[:, 1:, None]))
    np.testing.assert_allclose(pieces.finished.log_prob, log_probs.sum((1, 2)), rtol=1e-5)


def test_probabilities_entropy_and_kl_belong_together(small_prior, agent):
    with torch.no_grad():
        agent.policy.network.head.logits.bias[14] += 2.0
    pieces = compose_pieces(agent.policy, 40, 0, {"prior": small_prior, "length": 12}, num_probabilities=40)
    chances = pieces.probabilities
    assert chances.shape == (40, 12, 38)
    np.testing.assert_allclose(chances.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(pieces.entropy, -(chances * np.log(chances)).sum(-1).mean(1), rtol=1e-6)
    heard = np.concatenate([pieces.primers[:, None], pieces.melodies[:, :-1]], axis=1)
    prior = small_prior.log_probs(heard).numpy()
    np.testing.assert_allclose(pieces.kl, (chances * (np.log(chances) - prior)).sum((1, 2)), rtol=1e-4)
    with torch.no_grad():
        agent.policy.network.head.logits.bias[14] -= 2.0


def test_a_saved_policy_gradient_composes_from_its_file(small_prior, tmp_path):
    env = MelodyVecEnv(2, prior=small_prior, length=12)
    PPOKL(env=env, prior=small_prior, seed=0, device="cpu").save(tmp_path / "agent.zip")
    assert type(load_agent(tmp_path / "agent.zip")) is PPOKL
    melodies = compose(tmp_path / "agent.zip", 4, seed=1, prior=small_prior)
    np.testing.assert_array_equal(melodies, compose(small_prior, 4, seed=1, length=12))


def test_log_likelihood_of_given_melodies_is_the_networks(small_prior, agent):
    melodies = np.random.default_rng(0).integers(38, size=(7, 12))
    heard = np.concatenate([np.full((7, 1), NO_EVENT), melodies[:, :-1]], axis=1)
    expected = np.take_along_axis(small_prior.log_probs(heard).numpy(), melodies[..., None], -1).mean()
    for policy in (None, agent.policy):
        assert log_likelihood(policy, melodies, {"prior": small_prior}) == pytest.approx(expected, rel=1e-5)


def test_temperature_sharpens(small_prior):
    cold, warm = (
        compose_pieces(None, 20, 0, {"prior": small_prior}, temperature).entropy for temperature in (0.1, 1.0)
    )
    assert cold.mean() < warm.mean()


def test_batches_are_joined_in_order_and_counted(small_prior):
    told: list[int] = []
    pieces = compose_pieces(None, 520, 0, {"prior": small_prior, "length": 4}, 1.0, 515, told.append)
    assert told == [512, 8]
    assert pieces.melodies.shape == (520, 4)
    assert pieces.probabilities.shape == (515, 4, 38)


def test_primers_are_random_notes_or_nothing(small_prior):
    random = compose_pieces(None, 400, 0, {"prior": small_prior, "length": 2}).primers
    assert set(random.tolist()) == set(range(38))
    nothing = compose_pieces(None, 5, 0, {"prior": small_prior, "length": 2, "priming": "none"}).primers
    assert nothing.tolist() == [1] * 5


def test_compose_takes_a_note_rnn_an_agent_and_their_files(agent, small_prior, small_prior_file, tmp_path):
    agent.save(tmp_path / "agent.zip")
    by_network = compose(small_prior, 4, seed=1, length=12)
    np.testing.assert_array_equal(compose(small_prior_file, 4, seed=1, length=12), by_network)
    by_agent = compose(agent, 4, seed=1)
    assert by_agent.shape == (4, 12)
    np.testing.assert_array_equal(compose(tmp_path / "agent.zip", 4, seed=1), by_agent)


def test_g_composes_with_the_prior_that_it_was_tuned_from(small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=12)
    model = RecurrentDQN(env=env, objective="g", prior=small_prior, seed=0, device="cpu")
    np.testing.assert_array_equal(compose(model, 20, seed=5), compose(small_prior, 20, seed=5, length=12))


def test_nothing_to_load_is_told():
    with pytest.raises(CheckpointError, match="nowhere is no run's folder, no saved agent"):
        compose("nowhere", 1)


def test_metrics_are_means_per_step(small_prior):
    pieces = compose_pieces(None, 30, 0, {"prior": small_prior})
    metrics = learning_metrics(pieces)
    assert metrics["reward"] == pytest.approx(metrics["log_prob"] + metrics["music_theory"] / 0.5, rel=1e-5)
    assert metrics["music_theory"] == pytest.approx(sum(v for name, v in metrics.items() if name.startswith("rule/")))
    assert metrics["log_prob"] == pytest.approx(pieces.finished.log_prob.mean() / 32)


def test_table_shows_each_composer_beside_the_paper(small_prior):
    metrics = table_metrics(compose_pieces(None, 30, 0, {"prior": small_prior}))
    table = metrics_table({"mine": {**metrics, "leaps_resolved": float("nan"), "notes_in_motif": 0.5}}, "title")
    columns = {str(column.header): list(column.cells) for column in table.columns}
    row = {label: position for position, label in enumerate(columns[""])}
    assert columns["mine"][row["Notes in motif"]] == "50.0%"
    assert columns["mine"][row["Leaps resolved"]] == "-"
    assert columns["paper: Q"][row["Notes in motif"]] == "75.7%"


@pytest.mark.parametrize("objective", ["psi", "g"])
def test_an_agent_learned_in_one_key_composes_in_any(small_prior, tmp_path, objective):
    env = MelodyVecEnv(2, prior=small_prior, length=12, key="D")
    model = RecurrentDQN(env=env, objective=objective, prior=env.engine.prior, learning_starts=0, seed=0, device="cpu")
    model.learn(24)
    model.save(tmp_path / "agent.zip")
    saved = load_agent(tmp_path / "agent.zip")
    assert saved.setting == env.setting
    _, environment = composer(saved)
    environment["prior"] = small_prior
    melodies = np.random.default_rng(0).integers(38, size=(9, 12))
    expected = log_likelihood(saved.policy, transposed(melodies, 2), environment)
    in_g = {**environment, "key": "G"}
    assert log_likelihood(saved.policy, transposed(melodies, -5), in_g, saved.setting) == pytest.approx(expected)
    assert log_likelihood(saved.policy, melodies, environment) != pytest.approx(expected)
    assert compose(saved, 3, key="G").shape == (3, 12)


def test_an_untrained_agent_of_another_key_is_the_transposed_note_rnn(small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=12, key="Eb", mode="minor")
    model = RecurrentDQN(env=env, prior=env.engine.prior, seed=0, device="cpu")
    environment = {"prior": small_prior, "length": 12, "key": "Eb", "mode": "minor"}
    pieces = compose_pieces(model.policy, 50, 7, environment)
    np.testing.assert_allclose(pieces.kl, 0, atol=1e-5)
    assert pieces.setting.transposition == 6 - 12
