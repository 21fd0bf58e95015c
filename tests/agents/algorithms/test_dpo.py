"""DPO explains votes by how far a policy has moved from its prior, and is a citizen of Stable-Baselines3."""

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

from agents import DPO, PPOKL, PreferencePairs
from agents.algorithms.preference_loss import preference_log_odds, preference_loss, sequence_log_prob
from agents.composing.composers import Agent
from agents.composing.pieces import compose_pieces
from melody_env import EnvironmentSpec, MelodyVecEnv
from note_rnn import CheckpointError, InputError

LENGTH = 8


@pytest.fixture(scope="module")
def environment(small_prior):
    return EnvironmentSpec.of(prior=small_prior, length=LENGTH, observation="lookback")


@pytest.fixture(scope="module")
def pairs():
    """Votes for the melody with more notes off."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(38, size=(2, 60, LENGTH)) * (rng.random((2, 60, LENGTH)) < 0.6)
    return PreferencePairs(first, second, np.sign((first == 0).sum(1) - (second == 0).sum(1)) / 2 + 0.5)


def model_of(environment, pairs, **changes):
    env = MelodyVecEnv(4, **environment.arguments)
    arguments = {"learning_rate": 3e-2, "batch_size": 20, "seed": 1, "device": "cpu", **changes}
    return DPO("MlpLstmPolicy", env, pairs, prior=environment.prior_in_key, **arguments)


def test_log_probabilities_of_melodies_by_hand():
    logits = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]]).log_softmax(-1)
    expected = np.log(1 / (1 + np.exp(-1))) + np.log(0.5)
    assert sequence_log_prob(logits, torch.tensor([[0], [1]])).tolist() == pytest.approx([expected])


def test_the_loss_by_hand():
    log_odds = preference_log_odds(torch.tensor([3.0, 1.0, 0.0]), torch.tensor([1.0, 2.0, 0.0]), 0.5)
    assert log_odds.tolist() == [1.0, -0.5, 0.0]
    expected = [np.log(1 + np.exp(-1)), np.log(1 + np.exp(-0.5)), np.log(2)]
    found = preference_loss(log_odds, torch.tensor([1.0, 0.0, 0.5]))
    assert found.tolist() == pytest.approx(expected)


def test_the_first_policy_is_the_prior_and_prefers_nothing(environment, pairs):
    log_odds = model_of(environment, pairs).log_odds(torch.arange(60))
    assert log_odds.detach().numpy() == pytest.approx(np.zeros(60), abs=1e-4)


def test_it_learns_what_was_preferred(environment, pairs):
    model = model_of(environment, pairs)
    model.learn(60 * 2 * 20 * LENGTH)
    log_odds = model.log_odds(torch.arange(60)).detach().numpy()
    decided = pairs.outcomes != 0.5
    assert ((log_odds > 0) == (pairs.outcomes > 0.5))[decided].mean() > 0.9
    before, after = (
        (compose_pieces(Agent(each.policy, environment).player(), 300, 0, environment).melodies == 0).mean()
        for each in (model_of(environment, pairs), model)
    )
    assert after > before + 0.1


def test_a_larger_beta_stays_nearer_to_the_prior(environment, pairs):
    kl = []
    for beta in (0.1, 3.0):
        model = model_of(environment, pairs, beta=beta).learn(40 * 2 * 20 * LENGTH)
        kl.append(compose_pieces(Agent(model.policy, environment).player(), 100, 0, environment).kl.mean())
    assert kl[0] > 2 * kl[1] > 0


def test_a_step_is_a_token_learned_from(environment, pairs):
    seen = []

    class Watch(BaseCallback):
        def _on_step(self):
            seen.append(self.num_timesteps)
            return len(seen) < 3

    model = model_of(environment, pairs)
    model.learn(10_000, Watch())
    assert seen == [320, 640, 960]
    assert model._n_updates == 2  # the third round was ended before its update
    assert model_of(environment, pairs).learn(321).num_timesteps == 640


def test_the_same_seed_learns_the_same(environment, pairs):
    some, same, other = (model_of(environment, pairs, seed=seed).learn(2_000) for seed in (1, 1, 2))
    weights = [model.policy.network.head.logits.weight for model in (some, same, other)]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_a_saved_agent_goes_on_as_if_it_had_not_been(environment, pairs, tmp_path):
    model = model_of(environment, pairs)
    model.learn(640)
    model.save(tmp_path / "agent")
    loaded = DPO.load(tmp_path / "agent", env=MelodyVecEnv(4, **environment.arguments), device="cpu")
    for each in (model, loaded):
        torch.manual_seed(0)
        each.learn(640, reset_num_timesteps=False)
    assert loaded.num_timesteps == model.num_timesteps == 1280
    assert loaded.policy.network.head.logits.weight.equal(model.policy.network.head.logits.weight)
    observation = loaded.get_env().reset()
    actions, _ = loaded.predict(observation, deterministic=True)
    assert actions.tolist() == model.predict(observation, deterministic=True)[0].tolist()
    assert len(actions) == 4
    with pytest.raises(CheckpointError, match="was not saved by PPOKL"):
        PPOKL.load(tmp_path / "agent")


def test_what_it_cannot_learn_from_is_refused(environment, pairs):
    with pytest.raises(InputError, match="no votes to learn from"):
        model_of(environment, None).learn(100)
    longer = PreferencePairs(*(np.tile(side, 2) for side in pairs[:2]), pairs.outcomes)
    with pytest.raises(InputError, match="have 16 steps, and the environment's 8: train at their length"):
        model_of(environment, longer)
    with pytest.raises(InputError, match="give it a MelodyVecEnv"):
        DPO("MlpLstmPolicy", "CartPole-v1", pairs, device="cpu")
    with pytest.raises(InputError, match="beta must be a number above 0"):
        model_of(environment, pairs, beta=0.0)
