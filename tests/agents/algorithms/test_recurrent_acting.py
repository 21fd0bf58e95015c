"""Acting with memory: observations, open episodes, and what is handed on to SB3."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import PPOKL, RecurrentDQN
from agents.algorithms.objectives import MASKED_LOGIT
from agents.algorithms.recurrent_acting import clip_gradients, prior_arguments
from melody_env import MelodyVecEnv, NamedMask, RewardProfile, WeightedRule
from note_rnn import NoteRNN

KINDS = [RecurrentDQN, PPOKL]


class Count(gym.Env):
    """Show how many steps an episode has lasted; it ends after three."""

    observation_space = spaces.Discrete(4)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.number = 0
        return 0, {}

    def step(self, action):
        self.number += 1
        return self.number, 0.5, self.number == 3, False, {}

    def action_masks(self):
        return np.array([self.number != 1, True])


class CountVecEnv(DummyVecEnv):
    """Two of them; `forbids` says whether the masks count."""

    def __init__(self, forbids):
        super().__init__([Count, Count])
        self.forbids = forbids


class StopAt(BaseCallback):
    """End the training at a step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def _on_step(self):
        return self.n_calls < self.step


class Events(BaseCallback):
    """Write down when rounds begin and end, and the rewards of each step."""

    def _init_callback(self):
        self.seen = []

    def _on_rollout_start(self):
        self.seen.append("start")

    def _on_step(self):
        self.seen.append(self.locals["rewards"].tolist())
        return True

    def _on_rollout_end(self):
        self.seen.append("end")


def make_model(kind, env=None, **arguments):
    settings = {"n_steps": 1} if kind is PPOKL else {"learning_starts": 10_000}
    settings |= {"policy_kwargs": {"lstm_hidden_size": 6}, "seed": 0, "device": "cpu"}
    return kind("MlpLstmPolicy", env or make_vec_env(Count, 2, seed=0), **{**settings, **arguments})


def collecting(kind, env=None, **arguments):
    """Return a model that collects experience and learns nothing from it."""
    model = make_model(kind, env, **arguments)
    model.train = lambda **arguments: None
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_that_learning_anew_cuts_off_is_not_joined_to_the_next(kind):
    model = collecting(kind).learn(2 * 2)  # two steps of three
    model.learn(2 * 4)
    assert model.episodes.take_all().observations[:-1].T.tolist() == [[0, 1, 2]] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_goes_on_where_learning_goes_on(kind):
    model = collecting(kind).learn(2 * 2)
    model.learn(2 * 1, reset_num_timesteps=False)
    assert model.num_timesteps == 6
    assert model.episodes.take_all().observations[:-1].T.tolist() == [[0, 1, 2]] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_memory_goes_on_within_an_episode_and_starts_from_zero_at_its_beginning(kind):
    model = collecting(kind).learn(2 * 7)
    batch = model.episodes.take_all()
    with torch.no_grad():
        scores, _ = model.policy.network(batch.observations, batch.log_base)
    expected = (scores + batch.log_base)[:-1].log_softmax(-1).gather(-1, batch.actions[..., None])[..., 0]
    assert batch.log_policy.shape == (3, 4)
    torch.testing.assert_close(batch.log_policy, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("forbids", [True, False, None], ids=["forbids", "does not", "does not say"])
def test_masks_count_unless_the_environment_says_that_it_forbids_nothing(kind, forbids):
    env = make_vec_env(Count, 2, seed=0) if forbids is None else CountVecEnv(forbids)
    masked = forbids is not False
    exploring = {"exploration_final_eps": 1.0} if kind is RecurrentDQN else {}
    model = collecting(kind, env, **exploring).learn(2 * 60)
    batch = model.episodes.take_all()
    assert model.masked == masked
    assert set(batch.actions[1].tolist()) == ({1} if masked else {0, 1})
    assert set(batch.actions[2].tolist()) == {0, 1}
    if masked:
        assert batch.log_base[:3, 0].tolist() == [[0, 0], [MASKED_LOGIT, 0], [0, 0]]
        assert batch.log_policy[1].tolist() == [0.0] * 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_ends_the_training(kind):
    model = make_model(kind).learn(2 * 50, callback=StopAt(5))
    assert model.num_timesteps == 2 * 5


@pytest.mark.parametrize("kind", KINDS)
def test_callbacks_follow_the_rounds_and_see_what_happens(kind):
    model = collecting(kind, **({"n_steps": 2} if kind is PPOKL else {"train_freq": 2}))
    events = Events()
    model.learn(2 * 4, callback=events)
    assert events.seen == ["start", [0.5, 0.5], [0.5, 0.5], "end"] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_finished_episodes_are_reported(kind):
    model = collecting(kind, stats_window_size=3).learn(2 * 15)
    assert [(one["l"], one["r"]) for one in model.ep_info_buffer] == [(3, 1.5)] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_setting_of_the_pieces_is_remembered(kind, small_prior):
    env = MelodyVecEnv(2, prior=small_prior, key="G", length=6)
    model = collecting(kind, env, policy_kwargs=None)
    assert model.setting is None
    model.learn(2)
    assert model.setting == env.setting
    assert not model.masked


def test_log_p_of_the_environment_serves_g_and_nobody_else(small_prior):
    env = MelodyVecEnv(4, prior=small_prior, length=6)
    agents = [RecurrentDQN(env=env, objective=objective, prior=small_prior, device="cpu") for objective in "gq"]
    for model in agents:
        model.train = lambda **arguments: None
        model.learning_starts = 0
        model.learn(4 * 6)
    batch = agents[0].episodes.take_all()
    expected = small_prior(batch.observations[..., 0].long())[0].log_softmax(-1)
    torch.testing.assert_close(batch.log_base[:-1], expected[:-1])
    assert agents[0]._acting_state[2].abs().max() == 0  # of its own prior, which is not evaluated
    assert agents[1].episodes.log_base is None


@pytest.mark.parametrize("kind", KINDS)
def test_everyday_arguments_reach_sb3(kind, tmp_path):
    schedule = {"tensorboard_log": str(tmp_path), "verbose": 1, "learning_rate": lambda remaining: 0.25}
    model = make_model(kind, max_grad_norm=0.75, gamma=0.625, stats_window_size=17, **schedule)
    assert (model.tensorboard_log, model.verbose, model.seed) == (str(tmp_path), 1, 0)
    assert (model.max_grad_norm, model.gamma, model.device.type) == (0.75, 0.625, "cpu")
    assert model._stats_window_size == 17
    assert model.policy.optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_weights_and_actions(kind):
    runs = []
    for seed in (0, 0, 1):
        model = collecting(kind, seed=seed)
        weights = torch.cat([parameter.flatten() for parameter in model.policy.network.parameters()])
        with torch.no_grad():
            for parameter in model.policy.network.head.parameters():
                parameter.zero_()  # one policy for all seeds: what still differs is the draw
        runs.append((weights, model.learn(2 * 30).episodes.take_all().actions))
    assert all(one.equal(other) for one, other in zip(runs[0], runs[1], strict=True))
    assert not any(one.equal(other) for one, other in zip(runs[0], runs[2], strict=True))


def test_a_model_takes_the_size_of_its_prior_unless_it_is_given_another():
    prior = NoteRNN((9, 5), 1, "gru")
    size = {"lstm_hidden_size": (9, 5), "n_lstm_layers": 1, "cell": "gru"}
    assert prior_arguments(prior, False, {"dueling": True}) == {**size, "dueling": True}
    assert prior_arguments(prior, True, None) == {**size, "prior_size": ((9, 5), 1, "gru")}
    assert prior_arguments(prior, False, {"lstm_hidden_size": 3})["lstm_hidden_size"] == 3
    assert prior_arguments(None, True, None) == {}
    assert prior_arguments(None, True, {"dueling": True}) == {"dueling": True}


@pytest.mark.parametrize("kind", KINDS)
def test_predict_takes_state_starts_and_masks(kind):
    model = make_model(kind)
    observation, masks = np.array([0, 3]), np.array([[True, False], [False, True]])
    actions, state = model.predict(observation, action_masks=masks)
    assert actions.tolist() == [0, 1]
    one = model.predict(observation, state, np.array([False, True]), True)
    other = model.policy.predict(observation, state, np.array([False, True]), True)
    np.testing.assert_array_equal(one[0], other[0])
    for part, expected in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(part, expected)


def test_masked_environments_with_a_profile_forbid(small_prior):
    masked = RewardProfile("masked", (WeightedRule("interval"),), masks=(NamedMask("in_scale"),))
    for profile, expected in ((masked, True), ("paper", False)):
        model = collecting(PPOKL, MelodyVecEnv(2, prior=small_prior, reward=profile, length=6))
        model.learn(2)
        assert model.masked == expected


@pytest.mark.parametrize("max_norm", [0.5, 5.0, 1e6])
def test_gradients_are_clipped_as_in_pytorch(max_norm: float) -> None:
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(size)) for size in [(4, 3), (7,), (2,)]]
    for weights in parameters[:2]:  # the last one has no gradient
        weights.grad = torch.randn(weights.shape)
    copies = [torch.nn.Parameter(torch.zeros_like(weights)) for weights in parameters]
    for copy, weights in zip(copies, parameters[:2], strict=False):
        copy.grad = None if weights.grad is None else weights.grad.clone()
    clip_gradients(parameters, max_norm)
    torch.nn.utils.clip_grad_norm_(copies, max_norm)
    for weights, copy in zip(parameters[:2], copies, strict=False):
        torch.testing.assert_close(weights.grad, copy.grad)
