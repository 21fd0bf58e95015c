"""Observations worked out by hand."""

import numpy as np
import pytest
from gymnasium import spaces

from agents import PPOKL
from agents.composing.melodies import compose
from agents.composing.pieces import compose_pieces
from agents.composing.players import agent_player
from melody_env import EnvironmentSpec, MelodyEngine, MelodyVecEnv
from melody_env.envs.observations import OBSERVATIONS, kind_of, space_of

NONE = 38
TUNE = [14, 1, 16, 0, 12, 1, 1, 16, 21]


def observed(prior, tokens, **arguments):
    """Return the observations before each of `tokens` and after the last."""
    arguments |= {"observation": "lookback", "priming": "none", "length": len(tokens)}
    engine = MelodyEngine(1, EnvironmentSpec.of(prior=prior, **arguments))
    engine.reset()
    observations = [engine.observations()]
    for token in tokens:
        engine.step([token])
        observations.append(engine.observations())
    return np.concatenate(observations)


def test_lookback_is_half_a_bar_a_bar_and_the_range_so_far(small_prior):
    # A bar of 2/4 has eight sixteenths: the next token stands four after one token and eight after another.
    last, position, half_bar, bar, highest, lowest = observed(small_prior, TUNE, meter="2/4").T.tolist()
    assert last == [1, *TUNE]
    assert position == list(range(10))
    assert half_bar == [NONE] * 4 + TUNE[:6]
    assert bar == [NONE] * 8 + TUNE[:2]
    assert highest == [NONE, 14, 14, 16, 16, 16, 16, 16, 16, 21]
    assert lowest == [NONE, 14, 14, 14, 14, 12, 12, 12, 12, 12]


@pytest.mark.parametrize(("meter", "half", "bar"), [("3/4", 6, 12), ("6/8", 6, 12), ("4/4", 8, 16), ("5/16", 3, 5)])
def test_lookback_depends_on_the_bar(small_prior, meter, half, bar):
    tune = [*range(2, 22)]
    columns = observed(small_prior, tune, meter=meter).T.tolist()
    assert columns[2] == [NONE] * half + tune[: 21 - half]
    assert columns[3] == [NONE] * bar + tune[: 21 - bar]


def test_each_piece_has_its_own_observation(small_prior):
    arguments = {"observation": "lookback", "primer": [30, 31], "length": 6, "meter": "2/16"}
    engine = MelodyEngine(3, EnvironmentSpec.of(prior=small_prior, **arguments))
    engine.reset()
    assert engine.observations().tolist() == [[31, 0, NONE, NONE, NONE, NONE]] * 3
    engine.step([14, 1, 0])
    assert engine.observations().tolist() == [
        [14, 1, 14, NONE, 14, 14],
        [1, 1, 1, NONE, NONE, NONE],
        [0, 1, 0, NONE, NONE, NONE],
    ]
    engine.step([20, 2, 37])
    engine.step([1, 1, 36])
    assert engine.observations().tolist() == [[1, 3, 1, 20, 20, 14], [1, 3, 1, 2, 2, 2], [36, 3, 36, 37, 37, 36]]
    # Before the first step nothing has been composed, whatever went before.
    assert engine.observations_of(9).tolist() == [[9, 0, NONE, NONE, NONE, NONE]] * 3
    engine.reset()
    assert engine.observations().tolist() == [[31, 0, NONE, NONE, NONE, NONE]] * 3


@pytest.mark.parametrize(("observation", "expected"), [("token", 9), ("position", [9, 0])])
def test_a_token_of_a_primer_is_observed_like_other_tokens(small_prior, observation, expected):
    engine = MelodyEngine(2, EnvironmentSpec.of(prior=small_prior, observation=observation))
    engine.reset()
    engine.step([14, 16])
    assert engine.observations_of(9).tolist() == [expected] * 2


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_space_identifies_the_observation(observation):
    assert kind_of(space_of(observation, 24)) == observation


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_observations_are_in_their_space(small_prior, observation):
    engine = MelodyEngine(2, EnvironmentSpec.of(prior=small_prior, observation=observation, length=20))
    engine.reset()
    space = space_of(observation, 20)
    assert all(row in space for row in engine.observations_of(5))
    for token in (0, 1, *range(2, 20)):
        assert all(row in space for row in engine.observations())
        engine.step([token, 37])
    assert all(row in space for row in engine.observations())


def trained_a_little(small_prior, **arguments):
    env = MelodyVecEnv(16, prior=small_prior, observation="lookback", length=16, meter="2/4", **arguments)
    ours = {"prior": small_prior, "policy_kwargs": {"skip_connection": True}, "n_steps": 16, "seed": 0}
    return PPOKL("MlpLstmPolicy", env, **ours, device="cpu").learn(1_024)


def test_an_agent_with_lookback_features_starts_as_the_note_rnn_and_learns(small_prior):
    env = MelodyVecEnv(2, prior=small_prior, observation="lookback", length=16)
    assert isinstance(env.observation_space, spaces.MultiDiscrete)
    policy = {"skip_connection": True}
    model = PPOKL("MlpLstmPolicy", env, prior=small_prior, policy_kwargs=policy, seed=0, device="cpu")
    environment = EnvironmentSpec.of(prior=small_prior, observation="lookback", length=16)
    assert np.abs(compose_pieces(agent_player(model.policy), 20, 1, environment).kl).max() < 1e-4
    network = trained_a_little(small_prior).policy.network
    for weights in (network.cell.input_weights, network.head.skip.weight):
        lookback = weights[:, 38 + 17 :].abs().amax(0).reshape(4, 39)
        assert (lookback > 0).any(1).all()


def test_an_agent_with_lookback_features_plays_in_another_key(small_prior):
    model = trained_a_little(small_prior)
    in_c = compose(model, 8, 3, prior=small_prior, temperature=1e-6, priming="none")
    in_d = compose(model, 8, 3, prior=small_prior, temperature=1e-6, priming="none", key="D")
    middle = (in_c < 36) & (in_c > 1)
    assert middle.any()
    assert (in_d[middle] == in_c[middle] + 2).all()
