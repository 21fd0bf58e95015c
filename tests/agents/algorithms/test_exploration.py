"""Exploration of RecurrentDQN, and the frequency of its updates."""

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import IdentityEnv

from agents import RecurrentDQN
from agents.algorithms.objectives import MASKED_LOGIT


class ThreeSteps(IdentityEnv):
    """Episodes of three steps."""

    def __init__(self):
        super().__init__(2, ep_length=3)


def make_model(**arguments) -> RecurrentDQN:
    env = make_vec_env(ThreeSteps, 8, seed=0)
    return RecurrentDQN(env=env, policy_kwargs={"lstm_hidden_size": 4}, seed=0, device="cpu", **arguments)


def test_epsilon_is_drawn_for_each_environment_by_itself():
    model = make_model()
    model.exploration_rate = 0.5
    best = np.tile([0.0, 1.0], (4_000, 1)).astype(np.float32)
    assert model._explore(best).mean() == pytest.approx(0.75, abs=0.03)


def test_an_exploring_action_is_any_and_any_allowed_one_where_some_are_forbidden():
    model = make_model()
    model.action_space = spaces.Discrete(4)
    model.exploration_rate = 0.6
    logits = np.tile(np.array([1, 3, 2, MASKED_LOGIT], dtype=np.float32), (6_000, 1))
    shares = np.bincount(model._explore(logits), minlength=4) / 6_000
    np.testing.assert_allclose(shares, [0.15, 0.4 + 0.15, 0.15, 0.15], atol=0.02)
    model.masked = True
    shares = np.bincount(model._explore(logits), minlength=4) / 6_000
    np.testing.assert_allclose(shares, [0.2, 0.4 + 0.2, 0.2, 0], atol=0.02)


def test_boltzmann_actions_have_the_probabilities_of_tempered_logits():
    logits = np.tile(np.log([1.0, 2.0, 4.0]), (6_000, 1)) + 3
    for temperature, weights_ in ((1.0, [1, 2, 4]), (0.5, [1, 4, 16]), (2.0, [1, 2**0.5, 2])):
        actions = make_model(exploration="boltzmann", temperature=temperature)._explore(logits)
        np.testing.assert_allclose(np.bincount(actions) / 6_000, np.array(weights_) / sum(weights_), atol=0.02)


def test_epsilon_falls_linearly_over_its_share_of_the_training():
    bounds = {"exploration_initial_eps": 0.8, "exploration_final_eps": 0.2, "exploration_fraction": 0.5}
    model = make_model(**bounds, learning_starts=10_000)
    seen = []
    model.learn(80, callback=lambda *_: seen.append(model.exploration_rate) or True)  # before it falls
    assert seen == pytest.approx([0.8, 0.68, 0.56, 0.44, 0.32, 0.2, 0.2, 0.2, 0.2, 0.2])
    assert model.logger.name_to_value["rollout/exploration_rate"] == pytest.approx(0.2)
    model = make_model(exploration="boltzmann", temperature=0.3).learn(8)
    assert model.logger.name_to_value["rollout/temperature"] == 0.3


@pytest.mark.parametrize(
    ("arguments", "updates"),
    [
        ({"learning_starts": 0}, 8),  # from the third step on: the first episodes end there
        ({"learning_starts": 40}, 5),  # at 48, 56, ..., 80
        ({"learning_starts": 40, "gradient_steps": 3}, 15),
        ({"learning_starts": 40, "train_freq": 2}, 3),  # at 48, 64 and 80
    ],
)
def test_it_is_trained_as_often_as_its_arguments_say(arguments, updates):
    model = make_model(**arguments).learn(80)
    assert model._n_updates == updates
    assert model.logger.name_to_value["train/n_updates"] == updates


def test_the_buffer_holds_its_size_of_steps_of_all_environments():
    assert make_model(buffer_size=80).episodes.observations.shape[:2] == (10, 8)
