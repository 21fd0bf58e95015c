"""PPOKL is a Stable-Baselines3 citizen that learns what needs memory, and what a reward with KL asks for."""

import copy
import itertools
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import IdentityEnv, IdentityEnvBox
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.utils import LinearSchedule

from agents import PPOKL
from agents.algorithms.policy_gradient import kl_cost
from melody_env import MelodyVecEnv, RewardProfile
from note_rnn import InputError, NoteRNN


class RememberFirst(gym.Env):
    """Show a bit, then blanks, one or two of them; reward 1 for naming the bit at the last. Needs memory: else 1/2."""

    observation_space = spaces.Discrete(3)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.bit, self.length = (int(number) for number in self.np_random.integers(2, size=2))
        self.left = self.length + 2
        return self.bit, {}

    def step(self, action):
        self.left -= 1
        return 2, float(self.left == 0 and action == self.bit), self.left == 0, False, {}


class ThreeSteps(IdentityEnv):
    """Episodes of three steps."""

    def __init__(self):
        super().__init__(2, ep_length=3)


class LateReward(gym.Env):
    """Three steps; a reward of 1 at the last for action 1 at the first."""

    observation_space = spaces.Discrete(3)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.actions = []
        return 0, {}

    def step(self, action):
        self.actions.append(action)
        count = len(self.actions)
        return count % 3, float(count == 3 and self.actions[0] == 1), count == 3, False, {}


PRIOR = np.log([0.7, 0.2, 0.1])


class PriorChoice(gym.Env):
    """Two steps, each with log p(a) for its reward, and at the second log 3 for having chosen 2 at the first."""

    observation_space = spaces.Discrete(3)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        self.actions = []
        return 0, {}

    def step(self, action):
        self.actions.append(action)
        is_last = len(self.actions) == 2
        reward = PRIOR[action] + np.log(3) * (is_last and self.actions[0] == 2)
        return 0 if is_last else 1, float(reward), is_last, False, {}


def prior_choice(size: int):
    """Return an environment with `PRIOR` as that of each of `size` copies."""
    env = make_vec_env(PriorChoice, size, seed=0)
    env.prior_log_probs = np.tile(PRIOR.astype(np.float32), (size, 1))
    return env


class Choice(gym.Env):
    """One step; a reward of log 3 for action 1, nothing for the others."""

    observation_space = spaces.Discrete(1)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        return 0, {}

    def step(self, action):
        return 0, float(np.log(3) * (action == 1)), True, False, {}


def make_model(env=None, **arguments) -> PPOKL:
    settings = {
        "learning_rate": 1e-2,
        "n_steps": 12,
        "kl_weight": 0.0,
        "policy_kwargs": {"lstm_hidden_size": 16},
        "seed": 0,
        "device": "cpu",
    }
    return PPOKL("MlpLstmPolicy", env or make_vec_env(RememberFirst, 16, seed=0), **(settings | arguments))


def weights(model: PPOKL) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in model.policy.parameters()])


def test_learns_what_needs_memory():
    model = make_model(learning_rate=2e-2, batch_size=64).learn(5_000)
    assert evaluate_policy(model, model.get_env(), n_eval_episodes=40)[0] == 1.0


def test_learns_identity():
    model = make_model(make_vec_env(lambda: IdentityEnv(3, ep_length=10), 8), n_steps=10).learn(4_000)
    assert evaluate_policy(model, model.get_env(), n_eval_episodes=8)[0] == 10


def test_continuous_actions_are_refused():
    with pytest.raises(AssertionError, match="only supports"):
        make_model(Monitor(IdentityEnvBox()))


def test_with_a_kl_weight_the_policy_ends_where_reward_and_entropy_balance():
    # The optimum of E[r - log policy] is softmax(r): probabilities 1/5, 3/5, 1/5.
    settings = {"kl_weight": 1.0, "n_steps": 8, "batch_size": 512, "learning_rate": LinearSchedule(2e-2, 0, 1)}
    model = make_model(make_vec_env(Choice, 64, seed=0), **settings).learn(16_000)
    logits, _, _ = model.policy.step(torch.zeros(1), model.policy.zero_state(1), torch.tensor([True]))
    np.testing.assert_allclose(logits.softmax(-1)[0], [0.2, 0.6, 0.2], atol=0.04)


@torch.no_grad()
def policy_after(model: PPOKL, *observations: int) -> np.ndarray:
    """Return the probabilities [A] after an episode's first `observations`."""
    state = model.policy.zero_state(1)
    for number, observation in enumerate(observations):
        logits, _, state = model.policy.step(torch.tensor([observation]), state, torch.tensor([number == 0]))
    return logits.softmax(-1)[0].numpy()


@pytest.mark.parametrize("end_gamma", [None, 1.0])
@pytest.mark.parametrize("exact_kl", [False, True])
def test_with_a_prior_the_policy_ends_at_the_prior_times_what_rewards_are_worth(exact_kl, end_gamma):
    """At the first step .7, .2, 3 x .1 of 1.2, at the second the prior itself."""
    gammas = {"gamma": 1.0, "end_gamma": end_gamma}
    settings = {"kl_weight": 1.0, "n_steps": 16, "batch_size": 1_024, "learning_rate": LinearSchedule(2e-2, 0, 1)}
    model = make_model(prior_choice(128), exact_kl=exact_kl, **gammas, **settings).learn(60_000)
    np.testing.assert_allclose(policy_after(model, 0), np.array([0.7, 0.2, 0.3]) / 1.2, atol=0.05)
    np.testing.assert_allclose(policy_after(model, 0, 1), [0.7, 0.2, 0.1], atol=0.05)


def test_exact_kl_has_no_noise_of_its_own(small_prior):
    """With nothing to gain an agent stays its Note RNN; estimated by the tokens taken, KL drives it away."""
    gains = {}
    for exact_kl in (False, True):
        env = MelodyVecEnv(16, prior=small_prior, length=8, reward=RewardProfile("nothing", (), c=1.0))
        model = PPOKL(env=env, prior=small_prior, n_steps=8, exact_kl=exact_kl, seed=0, device="cpu").learn(16 * 8 * 10)
        tokens = torch.randint(38, (8, 50), generator=torch.Generator().manual_seed(0))
        observations = torch.stack([tokens, torch.arange(8)[:, None].expand_as(tokens)], dim=-1)
        scores, _ = model.policy.network(observations, torch.zeros(()))
        log_prior = small_prior(tokens)[0].log_softmax(-1)
        gains[exact_kl] = kl_cost(scores.log_softmax(-1), log_prior, 1.0).mean().item()
    assert abs(gains[True]) < 1e-5
    assert gains[False] > 1e-4


def test_with_exact_kl_an_action_answers_for_its_reward_and_the_costs_that_follow_it():
    """Two episodes of two steps, by hand: neither log p of what was taken nor its own step's cost is in a return."""
    log_prior = torch.tensor([[[-1.0, -2.0], [-1.0, -2.0]], [[-3.0, -4.0], [-3.0, -4.0]]])
    batch = SimpleNamespace(
        rewards=torch.tensor([[5.0, 1.0], [2.0, 8.0]]),
        actions=torch.tensor([[0, 1], [1, 0]]),
        mask=torch.ones(2, 2),
        log_prior=log_prior,
        kl_cost=torch.tensor([[10.0, 20.0], [0.5, 1.5]]),
    )
    model = SimpleNamespace(exact_kl=True, gamma=0.5, end_gamma=None)
    first = [5 + 1 + 0.5 * (2 + 4 - 0.5), 1 + 2 + 0.5 * (8 + 3 - 1.5)]
    last = [2 + 4, 8 + 3]
    expected = [[one - other, other - one] for one, other in (first, last)]
    assert PPOKL._advantages(model, batch).tolist() == expected


@torch.no_grad()
def test_the_weight_of_kl_counts_in_what_is_expected_of_later_steps(monkeypatch):
    monkeypatch.setattr(PPOKL, "train", lambda self: None)
    model = make_model(prior_choice(16), exact_kl=True, kl_weight=3.0, n_steps=8).learn(16 * 8)
    batch = model.episodes.take_all()
    scores, _ = model.policy.network(batch.observations[:-1], torch.zeros(()))
    expected = kl_cost(scores.log_softmax(-1), batch.log_prior, 3.0)
    torch.testing.assert_close(batch.kl_cost * batch.mask, expected * batch.mask)
    assert (expected * batch.mask).abs().max() > 0.1


def test_exact_kl_needs_the_priors_probabilities():
    with pytest.raises(InputError, match="exact_kl needs an environment that evaluates a Note RNN"):
        make_model(exact_kl=True).learn(100)


def test_with_exact_kl_it_goes_on_bit_for_bit(tmp_path):
    model = make_model(prior_choice(16), exact_kl=True, kl_weight=1.0, n_steps=7).learn(500)
    model.save(tmp_path / "model", include=["rollout_buffer"])
    loaded = PPOKL.load(tmp_path / "model", env=copy.deepcopy(model.get_env()), device="cpu", force_reset=False)
    for each in (model, loaded):
        each.learn(500, reset_num_timesteps=False)
    assert weights(loaded).equal(weights(model))


@pytest.mark.parametrize(("end_gamma", "learns"), [(None, False), (1.0, True)])
def test_the_last_reward_has_a_discount_factor_of_its_own(end_gamma, learns):
    env = make_vec_env(LateReward, 16, seed=0)
    model = make_model(env, gamma=0.0, end_gamma=end_gamma, n_steps=6, learning_rate=2e-2).learn(2_000)
    logits, _, _ = model.policy.step(torch.zeros(1), model.policy.zero_state(1), torch.tensor([True]))
    assert (logits.softmax(-1)[0, 1] > 0.9) == learns


def test_one_epoch_with_one_minibatch_is_rloo():
    def learned(n_epochs, clip_range):
        model = make_model(n_epochs=n_epochs, clip_range=clip_range, batch_size=10_000, n_steps=4).learn(16 * 4)
        assert model._n_updates == n_epochs
        return weights(model)

    assert learned(1, 1e-3).equal(learned(1, 10.0))  # a ratio of 1 everywhere: there is nothing to clip
    assert not learned(2, 1e-3).equal(learned(2, 10.0))


@pytest.mark.parametrize(
    ("arguments", "updates"),
    [
        ({}, 4),  # two rounds of two epochs, all episodes at once
        ({"n_epochs": 5}, 10),
        ({"n_steps": 24}, 2),
        ({"batch_size": 16}, 2 * 2 * 4),  # 62 and 64 episodes
        ({"history": 2}, 0),  # in which no episode fits
        ({"history": 3}, 4),
    ],
)
def test_it_is_trained_as_often_as_its_arguments_say(arguments, updates):
    settings = {"n_steps": 12, "n_epochs": 2, "batch_size": 1_000, **arguments}
    model = make_model(make_vec_env(ThreeSteps, 16, seed=0), **settings).learn(16 * 24)
    assert model._n_updates == updates
    assert updates == 0 or model.logger.name_to_value["train/n_updates"] == updates


def test_the_history_is_that_of_every_environment():
    assert make_model(history=20).episodes.observations.shape[:2] == (20, 16)


def test_actions_are_drawn_from_the_policy():
    model = make_model(make_vec_env(Choice, 100, seed=0), n_steps=40)
    with torch.no_grad():
        for parameter in model.policy.network.head.parameters():
            parameter.zero_()
        model.policy.network.head.logits.bias.copy_(torch.tensor([0.1, 0.3, 0.6]).log())
    model.train = lambda: None
    model.learn(100 * 40)
    shares = model.episodes.take_all().actions.flatten().bincount() / 4_000
    np.testing.assert_allclose(shares, [0.1, 0.3, 0.6], atol=0.03)


def test_same_seed_same_weights():
    first, second = (weights(make_model().learn(1_000)) for _ in range(2))
    assert first.equal(second)
    assert not first.equal(weights(make_model(seed=1).learn(1_000)))


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_saved_with_its_episodes_it_goes_on_bit_for_bit(compiled, tmp_path):
    model = make_model(n_steps=7)
    if compiled:
        model.policy = torch.compile(model.policy, backend="eager")
    model.learn(500)  # rounds of 7 steps: amid the episodes
    model.save(tmp_path / "model", include=["rollout_buffer"])
    env = copy.deepcopy(model.get_env())
    loaded = PPOKL.load(tmp_path / "model", env=env, device="cpu", force_reset=False)
    for each in (model, loaded):
        each.learn(500, reset_num_timesteps=False)
    assert model.num_timesteps == loaded.num_timesteps > 1_000
    assert weights(loaded).equal(weights(model))


def test_saved_amid_its_averaging_it_goes_on_bit_for_bit(tmp_path):
    model = averaged().learn(500)
    model.save(tmp_path / "model", include=["rollout_buffer"])
    loaded = PPOKL.load(tmp_path / "model", env=copy.deepcopy(model.get_env()), device="cpu", force_reset=False)
    assert loaded.num_averaged == model.num_averaged > 2
    for each in (model, loaded):
        each.learn(500, reset_num_timesteps=False)
    assert weights(loaded).equal(weights(model))
    assert first_weights(loaded.learner).equal(first_weights(model.learner))
    assert not weights(model).equal(torch.cat([each.flatten() for each in model.learner.parameters()]))


def averaged(**arguments):
    return make_model(averaging=0.5, n_steps=4, learning_rate=0.1, **arguments)


class Weights(BaseCallback):
    """Keep the learner's weights of the input at the start of each round, and the policy's."""

    def _on_step(self):
        return True

    def _on_rollout_start(self):
        self.of_learner = [*getattr(self, "of_learner", []), first_weights(self.model.learner)]
        self.of_policy = [*getattr(self, "of_policy", []), first_weights(self.model.policy)]


def first_weights(policy):
    return next(policy.parameters()).detach().clone()


def test_the_policy_is_the_learners_or_from_the_share_for_averaging_on_its_mean():
    """Of four rounds: the mean of those after which half of the training or less is left."""
    model, seen = averaged(), Weights()
    model.learn(4 * 4 * model.n_envs, seen)
    rounds = [*seen.of_learner[1:], first_weights(model.learner)]
    assert not any(torch.equal(one, other) for one, other in itertools.pairwise(rounds))
    torch.testing.assert_close(seen.of_policy, [seen.of_learner[0], rounds[0], rounds[1], (rounds[1] + rounds[2]) / 2])
    torch.testing.assert_close(first_weights(model.policy), (rounds[1] + rounds[2] + rounds[3]) / 3)
    assert model.learner.training
    assert not model.policy.training


def test_with_averaging_policy_and_learner_start_as_the_prior(small_prior):
    env = MelodyVecEnv(4, prior=small_prior)
    model = PPOKL(env=env, prior=small_prior, averaging=0.5, device="cpu", seed=0)
    alone = PPOKL(env=env, prior=small_prior, device="cpu", seed=0)
    for policy in (model.policy, model.learner):
        for name, value in alone.policy.state_dict().items():
            assert value.equal(policy.state_dict()[name]), name


def test_averaging_begins_anew_with_each_training():
    model, seen = averaged().learn(4 * 4 * 16), Weights()
    model.learn(4 * 4 * model.n_envs, seen)
    torch.testing.assert_close(seen.of_policy[1], seen.of_learner[1])


def test_the_learner_acts_and_learns_as_without_averaging():
    """The mean has no part in it, and starts as it does."""
    model, alone = averaged(seed=3), make_model(n_steps=4, learning_rate=0.1, seed=3)
    model.learner.load_state_dict(alone.policy.state_dict())
    for each in (model, alone):
        each.set_random_seed(5)
        each.rng = np.random.default_rng(5)
        each.learn(4 * 4 * each.n_envs)
    torch.testing.assert_close(first_weights(model.learner), first_weights(alone.policy), rtol=0, atol=0)
    assert model.episodes.num_episodes == alone.episodes.num_episodes


def test_remembers_after_loading(tmp_path):
    model = make_model().learn(500)
    model.save(tmp_path / "model")
    loaded = PPOKL.load(tmp_path / "model", device="cpu")
    _, state = model.predict(np.array([0, 1]))
    for one, other in zip(*(each.predict(np.array([2, 2]), state)[1] for each in (model, loaded)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_starts_as_its_prior_and_moves_away_from_it(small_prior):
    env = MelodyVecEnv(8, prior=small_prior, length=6)
    model = PPOKL(env=env, prior=small_prior, n_steps=6, seed=0, device="cpu")
    tokens = torch.randint(38, (5, 3))
    positions = torch.randint(6, (5, 3))
    observations = torch.stack([tokens, positions], dim=-1)
    expected = small_prior(tokens)[0].log_softmax(-1)
    scores, _ = model.policy.network(observations, torch.zeros(()))
    torch.testing.assert_close(scores.log_softmax(-1), expected)
    model.learn(8 * 6 * 4)
    moved, _ = model.policy.network(observations, torch.zeros(()))
    assert not torch.allclose(moved.log_softmax(-1), expected, atol=1e-3)


def test_episodes_that_last_longer_than_a_round_are_learned_from_when_they_end():
    model = make_model(n_steps=1, n_epochs=1)
    model.learn(16)
    assert model._n_updates == 0
    model.learn(16 * 3, reset_num_timesteps=False)
    assert model._n_updates > 0


def test_works_with_sb3_callbacks_and_one_environment(tmp_path):
    callbacks = [
        EvalCallback(make_vec_env(RememberFirst, 2, seed=9), eval_freq=50, n_eval_episodes=4, verbose=0),
        CheckpointCallback(save_freq=50, save_path=str(tmp_path)),
    ]
    make_model(Monitor(RememberFirst())).learn(120, callback=callbacks)
    assert len(list(tmp_path.glob("*.zip"))) == 2


def test_a_prior_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="leave out the prior"):
        make_model(prior=NoteRNN(hidden_size=12), policy_kwargs=None)


@pytest.mark.parametrize("size", [((20, 7),), ((9, 5), 1, "gru")])
def test_it_starts_from_priors_of_any_layers_and_goes_on_learning(size, tmp_path):
    prior = NoteRNN(*size)
    env = MelodyVecEnv(4, prior=prior, length=6)
    model = PPOKL(env=env, prior=prior, seed=0, device="cpu")
    assert (model.policy.network.cell.kind, model.policy.network.cell.widths) == (prior.cell, prior.widths)
    model.learn(100)
    model.save(tmp_path / "agent")
    assert weights(PPOKL.load(tmp_path / "agent", device="cpu")).equal(weights(model))
