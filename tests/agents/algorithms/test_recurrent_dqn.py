"""RecurrentDQN is a Stable-Baselines3 citizen that learns what needs memory."""

import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import CheckpointCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnvWrapper

from agents import RecurrentDQN
from melody_env import MelodyVecEnv
from note_rnn import NoteRNN


class RememberFirst(gym.Env):
    """Show a bit, then a blank for two steps; reward 1 for naming the bit at the last. Needs memory: else 1/2."""

    observation_space = spaces.Discrete(3)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.bit, self.step_number = int(self.np_random.integers(2)), 0
        return self.bit, {}

    def step(self, action):
        self.step_number += 1
        last = self.step_number == 3
        return 2, float(last and action == self.bit), last, False, {}


class RewardTimes(VecEnvWrapper):
    """Multiply the reward: what matters is its size beside that of the entropy."""

    def __init__(self, venv, factor):
        super().__init__(venv)
        self.factor = factor

    def reset(self):
        return self.venv.reset()

    def step_wait(self):
        observation, reward, done, info = self.venv.step_wait()
        return observation, self.factor * reward, done, info


class Token(gym.Env):
    """One step of an environment that speaks the Note RNN's tokens."""

    observation_space = spaces.MultiDiscrete([38, 3])
    action_space = spaces.Discrete(38)

    def reset(self, *, seed=None, options=None):
        return np.array([14, 0]), {}

    def step(self, action):
        return np.array([14, 1]), 1.0, True, False, {}


def make_model(env=None, **arguments) -> RecurrentDQN:
    settings = {
        "learning_rate": 5e-3,
        "learning_starts": 100,
        "batch_size": 16,
        "tau": 0.05,
        "exploration_fraction": 0.7,
        "policy_kwargs": {"lstm_hidden_size": 16},
        "seed": 0,
        "device": "cpu",
    }
    return RecurrentDQN("MlpLstmPolicy", env or make_vec_env(RememberFirst, 8, seed=0), **(settings | arguments))


def weights(model: RecurrentDQN) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in model.policy.parameters()])


def test_learns_what_needs_memory():
    model = make_model().learn(12_000)
    mean, _ = evaluate_policy(model, model.get_env(), n_eval_episodes=40)
    assert mean == 1.0


@pytest.mark.slow
def test_boltzmann_exploration_learns_too():
    model = make_model(exploration="boltzmann", temperature=0.1).learn(12_000)
    assert evaluate_policy(model, model.get_env(), n_eval_episodes=40)[0] == 1.0


def test_same_seed_same_weights():
    first, second = (weights(make_model().learn(1_000)) for _ in range(2))
    assert first.equal(second)
    assert not first.equal(weights(make_model(seed=1).learn(1_000)))


def test_one_environment_and_episode_frequency():
    model = make_model(RememberFirst(), train_freq=(2, "episode")).learn(300)
    assert model._n_updates > 0


def test_loaded_model_acts_the_same_and_trains_on(tmp_path):
    model = make_model(exploration_final_eps=0.2).learn(1_000)
    model.save(tmp_path / "model")
    model.save_replay_buffer(tmp_path / "buffer")
    loaded = RecurrentDQN.load(tmp_path / "model", env=make_vec_env(RememberFirst, 8, seed=1), device="cpu")
    loaded.load_replay_buffer(tmp_path / "buffer")
    observation = np.array([0, 1, 2, 2])
    state = tuple(np.random.default_rng(0).normal(size=(1, 4, 16)).astype(np.float32) for _ in range(2))
    for one, other in zip(
        *(m.predict(observation, state, deterministic=True)[1] for m in (model, loaded)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert weights(loaded).equal(weights(model))
    loaded.learn(1_000, reset_num_timesteps=False)
    assert loaded.num_timesteps == 2_000
    assert loaded.exploration_rate == pytest.approx(0.2)
    assert RecurrentDQN.load(tmp_path / "model").predict(0)[0] in (0, 1)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("objective", ["q", "psi"])
def test_saved_with_its_buffer_it_goes_on_bit_for_bit(objective, compiled, tmp_path):
    model = make_model(objective=objective, learning_starts=50)
    if compiled:
        model.policy = torch.compile(model.policy, backend="eager")
    model.learn(500)  # 62 steps of 8 environments: amid their episodes
    model.save(tmp_path / "model", include=["replay_buffer"])
    env = copy.deepcopy(model.get_env())
    loaded = RecurrentDQN.load(tmp_path / "model", env=env, device="cpu", force_reset=False)
    for each in (model, loaded):
        each.learn(500, reset_num_timesteps=False)
    assert model.num_timesteps == loaded.num_timesteps == 1_008
    assert weights(loaded).equal(weights(model))
    for key, value in model.policy.optimizer.state_dict()["state"][0].items():
        assert loaded.policy.optimizer.state_dict()["state"][0][key].equal(value)


def test_state_carries_over_and_episode_start_clears_it():
    model = make_model()
    observation = np.array([0, 1])
    _, first = model.predict(observation, None, np.array([True, True]))
    _, kept = model.predict(observation, first, np.array([False, False]))
    _, cleared = model.predict(observation, first, np.array([True, True]))
    for before, after, again in zip(first, kept, cleared, strict=True):
        assert not np.array_equal(before, after)
        np.testing.assert_allclose(before, again)


def test_unvectorised_observation_gives_one_action():
    action, state = make_model().predict(1)
    assert np.shape(action) == ()
    assert state is not None
    assert state[0].shape == (1, 1, 16)


def test_stochastic_actions_follow_the_softmax_of_the_scores():
    model = make_model()
    observation = np.zeros(4_000, dtype=int)
    with torch.no_grad():
        scores, _ = model.policy.network(torch.zeros(1, 1, dtype=torch.long), torch.zeros(()))
    actions, _ = model.predict(observation)
    assert actions.mean() == pytest.approx(scores.softmax(-1)[0, 0, 1].item(), abs=0.03)


def test_works_with_sb3_callbacks(tmp_path):
    callbacks = [
        EvalCallback(make_vec_env(RememberFirst, 2, seed=9), eval_freq=50, n_eval_episodes=4, verbose=0),
        CheckpointCallback(save_freq=50, save_path=str(tmp_path)),
    ]
    make_model().learn(800, callback=callbacks)
    assert len(list(tmp_path.glob("*.zip"))) == 2


def test_lockstep_environments_log_once_a_step(monkeypatch):
    model = make_model()
    dumps = []
    logger = Logger(folder=None, output_formats=[])
    monkeypatch.setattr(logger, "dump", lambda step: dumps.append(step))
    model.set_logger(logger)
    model.learn(8 * 9, log_interval=1)
    assert dumps == [24, 48, 72]


SIZES = [(12,), (16, 2), ((20, 7),), ((9, 5), 1, "gru")]
"""Layers, widths and cells that a prior may have."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("objective", ["q", "psi", "g"])
def test_first_policy_is_the_prior_whatever_the_position(objective, dueling, size):
    torch.manual_seed(0)
    prior = NoteRNN(*size)
    model = RecurrentDQN(
        "MlpLstmPolicy", Token(), objective, prior=prior, policy_kwargs={"dueling": dueling}, device="cpu"
    )
    tokens = torch.randint(38, (5, 3))
    positions = torch.randint(3, (5, 3))
    expected = prior(tokens)[0].log_softmax(-1)
    log_base = expected if objective == "g" else torch.zeros(())
    for network in (model.policy.network, model.policy.target_network):
        scores, _ = network(torch.stack([tokens, positions], dim=-1), log_base)
        torch.testing.assert_close((scores + log_base).log_softmax(-1), expected)
        if objective == "g":
            assert scores.abs().max() < 1e-5  # G itself starts at zero, not at the logits


@pytest.mark.parametrize("size", SIZES)
def test_g_evaluates_its_own_prior_where_the_environment_has_none(size):
    torch.manual_seed(0)
    prior = NoteRNN(*size)
    model = RecurrentDQN("MlpLstmPolicy", Token(), "g", prior=prior, device="cpu")
    log_probs = prior.log_probs([[14, 20, 3]])[0]
    state = model.policy.zero_state(1)
    for token, expected in zip((14, 20, 3), log_probs, strict=True):
        logits, _, state = model.policy.step(torch.tensor([[token, 0]]), state, torch.tensor([False]))
        torch.testing.assert_close(logits[0].log_softmax(-1), expected)


@pytest.mark.parametrize("objective", ["psi", "g"])
def test_soft_objectives_learn_what_needs_memory(objective):
    model = make_model(RewardTimes(make_vec_env(RememberFirst, 8, seed=0), 10), objective=objective).learn(8_000)
    assert evaluate_policy(model, make_vec_env(RememberFirst, 2, seed=3), n_eval_episodes=40)[0] == 1.0


@pytest.mark.slow
def test_gru_and_dueling_learn_what_needs_memory():
    policy = {"lstm_hidden_size": 16, "cell": "gru", "dueling": True, "net_arch": [16]}
    model = make_model(policy_kwargs=policy, return_lambda=0.5, huber_delta=1.0).learn(12_000)
    assert evaluate_policy(model, model.get_env(), n_eval_episodes=40)[0] == 1.0


@pytest.mark.parametrize("size", SIZES)
def test_saved_g_keeps_its_prior(size, tmp_path):
    prior = NoteRNN(*size)
    env = MelodyVecEnv(2, prior=prior, length=6)
    model = RecurrentDQN(env=env, objective="g", prior=prior, seed=0, device="cpu", learning_starts=10).learn(60)
    model.save(tmp_path / "g")
    loaded = RecurrentDQN.load(tmp_path / "g", device="cpu")
    assert weights(loaded).equal(weights(model))
    for one, other in zip(loaded.policy.prior.parameters(), prior.parameters(), strict=True):
        assert one.equal(other)  # the prior is never trained


def test_a_prior_that_does_not_fit_is_refused():
    prior = NoteRNN(hidden_size=12)
    with pytest.raises(ValueError, match="leave out the prior"):
        make_model(RememberFirst(), prior=prior)
    with pytest.raises(ValueError, match=r"set lstm_hidden_size to \(12,\)"):
        RecurrentDQN("MlpLstmPolicy", Token(), prior=prior, policy_kwargs={"lstm_hidden_size": 13})


@pytest.mark.parametrize("argument", ["objective", "exploration"])
def test_unknown_choice_names_the_known_ones(argument):
    with pytest.raises(ValueError, match=rf"{argument} must be one of '.*', not 'psy'\."):
        make_model(**{argument: "psy"})


def test_a_buffer_in_which_no_episode_fits_is_refused():
    with pytest.raises(ValueError, match="holds 2 steps of each of 8 environments: raise buffer_size"):
        make_model(buffer_size=16).learn(200)
