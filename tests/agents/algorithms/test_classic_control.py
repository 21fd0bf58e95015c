"""RecurrentDQN solves what any SB3 algorithm should, and, as PPOKL does, CartPole without velocities: with memory."""

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import IdentityEnv, IdentityEnvBox, IdentityEnvMultiDiscrete, SimpleMultiObsEnv
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from agents import PPOKL, RecurrentDQN

EPISODE_LENGTH = 10


class NameWhatYouSee(gym.Env):
    """Show one of four things, as `observation_space` has it; reward 1 for its number."""

    action_space = spaces.Discrete(4)

    def __init__(self, observation_space):
        self.observation_space = observation_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.step_number = 0
        return self.show(), {}

    def step(self, action):
        reward = float(action == self.number)
        self.step_number += 1
        return self.show(), reward, False, self.step_number == EPISODE_LENGTH, {}

    def show(self):
        self.number = int(self.np_random.integers(4))
        match self.observation_space:
            case spaces.Discrete():
                return self.number
            case spaces.MultiDiscrete():
                return np.array(divmod(self.number, 2))
            case spaces.Box():
                return np.eye(4, dtype=np.float32)[self.number]


class Forever(gym.Env):
    """Reward 1 at each step, whatever is done."""

    observation_space = spaces.Discrete(1)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return 0, {}

    def step(self, action):
        return 0, 1.0, False, False, {}


class CartPoleNoVelocity(gym.ObservationWrapper):
    """CartPole that shows the cart's position and the pole's angle alone, as in sb3_contrib's tests; 500 steps."""

    def __init__(self):
        super().__init__(gym.make("CartPole-v1"))
        whole = self.env.observation_space
        self.observation_space = spaces.Box(whole.low[[0, 2]], whole.high[[0, 2]])

    def observation(self, observation):
        return observation[[0, 2]]


def learn(env, total_timesteps: int = 1_000, **arguments) -> RecurrentDQN:
    settings = {
        "learning_rate": 1e-2,
        "learning_starts": 100,
        "batch_size": 8,
        "gamma": 0.5,
        "tau": 0.1,
        "train_freq": 2,
        "policy_kwargs": {"lstm_hidden_size": 16},
        "seed": 0,
        "device": "cpu",
    }
    return RecurrentDQN("MlpLstmPolicy", env, **(settings | arguments)).learn(total_timesteps)


def mean_return(model: RecurrentDQN | PPOKL) -> float:
    return evaluate_policy(model, model.get_env(), n_eval_episodes=20)[0]


def identity() -> IdentityEnv:
    return IdentityEnv(4, ep_length=EPISODE_LENGTH)


@pytest.mark.parametrize("n_envs", [1, 4])
def test_solves_the_identity_environment(n_envs):
    model = learn(make_vec_env(identity, n_envs, seed=0), train_freq=8 // n_envs)
    assert mean_return(model) == EPISODE_LENGTH


@pytest.mark.parametrize(
    "observation_space",
    [spaces.Discrete(4), spaces.MultiDiscrete([2, 2]), spaces.Box(0, 1, (4,))],
    ids=lambda space: type(space).__name__,
)
def test_solves_every_kind_of_observation(observation_space):
    env = make_vec_env(partial(NameWhatYouSee, observation_space), 4, seed=0)
    assert mean_return(learn(env)) == EPISODE_LENGTH


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: identity(),  # SB3 wraps a lone environment itself
        lambda: Monitor(identity()),
        lambda: VecMonitor(DummyVecEnv([identity] * 4)),
        lambda: VecNormalize(make_vec_env(partial(NameWhatYouSee, spaces.Box(0, 1, (4,))), 4, seed=0)),
    ],
    ids=["bare", "Monitor", "VecMonitor", "VecNormalize"],
)
def test_reports_the_episodes_of_wrapped_environments(wrap):
    env = wrap()
    model = learn(env, train_freq=8 // getattr(env, "num_envs", 1))
    assert {episode["l"] for episode in model.ep_info_buffer} == {EPISODE_LENGTH}
    assert len(model.ep_info_buffer) == 1_000 / EPISODE_LENGTH
    assert max(episode["r"] for episode in model.ep_info_buffer) > 5  # as they were before they were normalised
    assert mean_return(model) == EPISODE_LENGTH


@pytest.mark.parametrize("return_lambda", [0.0, 0.5])
def test_what_follows_a_time_limit_counts(return_lambda):
    env = make_vec_env(lambda: gym.wrappers.TimeLimit(Forever(), max_episode_steps=3), 1, seed=0)
    model = learn(env, train_freq=8, return_lambda=return_lambda)
    with torch.no_grad():
        scores, _ = model.policy.network(torch.zeros(3, 1, dtype=torch.long), torch.zeros(()))
    np.testing.assert_allclose(scores, 2, atol=0.05)  # 1 + 1/2 + 1/4 + ...; of three steps alone: 1.75, 1.5, 1


def test_dict_observations_are_refused():
    with pytest.raises(ValueError, match="FlattenObservation"):
        learn(SimpleMultiObsEnv())


@pytest.mark.parametrize("env", [IdentityEnvBox(), IdentityEnvMultiDiscrete(2)], ids=lambda env: type(env).__name__)
def test_other_than_discrete_actions_are_refused(env):
    with pytest.raises(AssertionError, match="only supports"):
        learn(env)


CARTPOLE = {
    "q": {
        "total_timesteps": 60_000,
        "learning_rate": LinearSchedule(3e-3, 0, 1),
        "learning_starts": 1_000,
        "gamma": 0.98,
        "tau": 0.02,
        "train_freq": 32,
        "gradient_steps": 8,
        "exploration_fraction": 0.2,
        "exploration_final_eps": 0.02,
        "huber_delta": 1.0,
    },
    "psi": {
        "total_timesteps": 100_000,
        "learning_rate": LinearSchedule(5e-3, 0, 1),
        "learning_starts": 0,
        "buffer_size": 16_384,
        "batch_size": 16,
        "gamma": 0.99,
        "return_lambda": 0.9,
        "train_freq": 64,
        "gradient_steps": 8,
        "exploration": "boltzmann",
        "huber_delta": 10.0,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("objective", "n_envs"), [("q", 8), ("psi", 16)])
def test_solves_cartpole_without_velocities(objective, n_envs, seed):
    env = VecNormalize(make_vec_env(CartPoleNoVelocity, n_envs, seed=seed), norm_reward=False)
    policy = {"lstm_hidden_size": 32, "dueling": True, "value_scale": 50}
    model = learn(env, objective=objective, policy_kwargs=policy, seed=seed, **CARTPOLE[objective])
    env.training = False  # from here on the observations are normalised as they were at the end
    assert mean_return(model) >= 450


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_policy_gradient_without_kl_solves_cartpole_without_velocities(seed):
    env = VecNormalize(make_vec_env(CartPoleNoVelocity, 16, seed=seed), norm_reward=False)
    settings = {
        "n_steps": 128,
        "batch_size": 8,
        "gamma": 0.99,
        "kl_weight": 0.0,
        "learning_rate": LinearSchedule(3e-3, 0, 1),
    }
    policy = {"lstm_hidden_size": 32}
    model = PPOKL("MlpLstmPolicy", env, policy_kwargs=policy, seed=seed, device="cpu", **settings).learn(150_000)
    env.training = False
    assert mean_return(model) >= 450
