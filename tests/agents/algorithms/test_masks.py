"""Forbidden tokens are played by no agent, whatever it learns, and counted in no value."""

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN

from agents import PPOKL, RecurrentDQN, compose_pieces
from agents.algorithms.objectives import MASKED_LOGIT, DuelingScores, double_q_value, max_q_value, soft_value
from agents.composing.players import NoteRNNPlayer, agent_player
from melody_env import EnvironmentSpec, MelodyVecEnv, NamedMask, RewardProfile, WeightedRule
from note_rnn.common.categorical import draw

PROFILE = RewardProfile("masked", (WeightedRule("interval"),), masks=(NamedMask("in_scale"),)).with_setting(
    key="G", length=6, pitch_range=(55, 70)
)
ALLOWED = PROFILE.setting.in_range & PROFILE.setting.in_scale


@pytest.fixture
def env(small_prior) -> MelodyVecEnv:
    return MelodyVecEnv(8, prior=small_prior, reward=PROFILE)


def make(kind, env, **arguments):
    common = {"env": env, "prior": env.engine.prior, "seed": 0, "device": "cpu"}
    if kind == "ppo_kl":
        return PPOKL(**common, n_steps=6, **arguments)
    network = {"dueling": True, "value_scale": 200.0} if kind == "psi dueling" else {}
    settings = {"learning_starts": 0, "batch_size": 8, "train_freq": 6, "tau": 1.0, "return_lambda": 0.9}
    return RecurrentDQN(objective=kind.split()[0], policy_kwargs=network, **common, **{**settings, **arguments})


AGENTS = ("q", "psi", "psi dueling", "g", "ppo_kl")


@pytest.mark.parametrize("kind", AGENTS)
def test_an_agent_learns_and_composes_with_allowed_tokens_alone(kind, env, small_prior):
    model = make(kind, env)
    played = []
    step = env.step_async
    env.step_async = lambda actions: (played.append(actions.copy()), step(actions))[1]
    model.learn(8 * 60)
    assert ALLOWED[np.array(played)].all()
    assert all(torch.isfinite(weights).all() for weights in model.policy.parameters())
    environment = EnvironmentSpec.of(prior=small_prior, reward=PROFILE)
    pieces = compose_pieces(agent_player(model.policy), 50, 0, environment, retained=50)
    assert ALLOWED[pieces.melodies].all()
    assert (pieces.steps.probabilities[..., ~ALLOWED] == 0).all()
    assert np.isfinite(pieces.kl).all()
    assert np.isfinite(pieces.entropy).all()


@pytest.mark.parametrize("exploration", ["boltzmann", "epsilon_greedy"])
def test_exploring_stays_within_the_allowed(exploration, env):
    model = make("q", env, exploration=exploration, exploration_final_eps=1.0, temperature=50.0)
    played = []
    step = env.step_async
    env.step_async = lambda actions: (played.append(actions.copy()), step(actions))[1]
    model.learn(8 * 60)
    assert set(np.unique(played)) == set(np.flatnonzero(ALLOWED))


@pytest.mark.parametrize("kind", ["psi", "psi dueling", "g", "ppo_kl"])
def test_the_first_policy_is_the_note_rnn_among_the_allowed(kind, env, small_prior):
    environment = EnvironmentSpec.of(prior=small_prior, reward=PROFILE)
    pieces = compose_pieces(agent_player(make(kind, env).policy), 40, 3, environment)
    np.testing.assert_array_equal(pieces.melodies, compose_pieces(NoteRNNPlayer(), 40, 3, environment).melodies)


@pytest.mark.parametrize("kind", AGENTS)
def test_predict_takes_action_masks(kind, env):
    model = make(kind, env)
    masks = env.action_masks()
    for deterministic in (True, False):
        actions, _ = model.predict(env.reset(), action_masks=masks, deterministic=deterministic)
        assert masks[np.arange(8), actions].all()
    one, _ = model.predict(env.reset()[0], action_masks=np.arange(38) == 20)
    assert one == 20


def test_values_count_allowed_actions_alone():
    torch.manual_seed(0)
    scores, target = torch.randn(2, 5, 38) * 3
    allowed = torch.rand(5, 38) < 0.3
    penalty = torch.where(allowed, 0.0, MASKED_LOGIT)
    for row in range(5):
        among = allowed[row]
        assert soft_value(scores, penalty)[row] == pytest.approx(scores[row, among].logsumexp(-1).item(), rel=1e-5)
        assert max_q_value(scores + penalty)[row] == scores[row, among].max()
        best = scores[row].masked_fill(~among, -torch.inf).argmax()
        assert double_q_value(target, scores + penalty)[row] == target[row, best]
    value = torch.arange(5.0) * 100
    dueling = DuelingScores.apply(torch.cat([scores, value[..., None]], -1), 1.0, penalty)
    torch.testing.assert_close(soft_value(dueling, penalty), value)
    policy, expected = (dueling + penalty).softmax(-1), (scores + penalty).softmax(-1)
    torch.testing.assert_close(policy, expected)
    assert (policy[~allowed] == 0).all()
    actions = draw(np.repeat((dueling + penalty).numpy(), 200, axis=0), np.random.default_rng(0))
    assert allowed.numpy().repeat(200, axis=0)[np.arange(1000), actions].all()


def test_the_loss_has_a_finite_gradient(env):
    model = make("psi dueling", env, train_freq=6)
    model.learn(48)
    batch = model.episodes.sample_episodes(4, np.random.default_rng(0))
    assert (batch.log_base[:, :, torch.from_numpy(~ALLOWED)] == MASKED_LOGIT).all()
    model.loss(batch).backward()
    assert all(torch.isfinite(weights.grad).all() for weights in model.policy.network.parameters())


def test_an_environment_without_masks_costs_nothing(small_prior):
    model = make("psi", MelodyVecEnv(8, prior=small_prior, length=6))
    model.learn(48)
    assert not model.masked
    assert model.episodes.log_base is None


def test_sb3_and_sb3_contrib_play_in_it(env, small_prior):
    for model in (MaskablePPO("MlpPolicy", env, n_steps=6, batch_size=8, device="cpu"), DQN("MlpPolicy", env)):
        model.learn(96)
        environment = EnvironmentSpec.of(prior=small_prior, reward=PROFILE)
        pieces = compose_pieces(agent_player(model.policy), 10, 0, environment)
        assert ALLOWED[pieces.melodies].all()
    assert ALLOWED[env.engine.finished.melodies].all()
