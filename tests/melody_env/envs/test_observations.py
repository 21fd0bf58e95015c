"""Observations worked out by hand."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from agents import PPOKL
from agents.composing.melodies import compose
from agents.composing.pieces import compose_pieces
from agents.composing.players import agent_player
from melody_env import EnvironmentSpec, MelodyEngine, MelodyVecEnv
from melody_env.envs.observations import OBSERVATIONS, kind_of, observed_position, space_of
from note_rnn import InputError, one_hot

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


@pytest.mark.parametrize(
    ("length", "trained", "bar", "positions"),
    [
        (3, 8, 2, [0, 1, 2, 3]),  # a shorter piece is the beginning of one
        (8, 8, 2, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (9, 8, 4, [0, 1, 2, 3, 4, 5, 2, 6, 7, 8]),  # a bar of four in the middle; the last two steps are the end
        (15, 8, 2, [0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4, 6, 7, 8]),  # two bars
        (9, 7, 3, [0, 1, 2, 3, 4, 2, 3, 5, 6, 7]),  # of an odd rest, the end has one step more
        (7, 5, 4, [0, 1, 2, 3, 0, 1, 4, 5]),  # more than half, since a bar stays whole
        (7, 4, 4, [0, 1, 2, 1, 2, 1, 3, 4]),  # without a bar of beginning and end, half of the steps
        (4, 2, 16, [0, 0, 0, 1, 2]),
        (4, 1, 16, [0, 0, 0, 0, 1]),
    ],
)
def test_a_longer_piece_begins_and_ends_as_trained_and_repeats_the_middle(length, trained, bar, positions):
    assert [observed_position(position, length, trained, bar) for position in range(length + 1)] == positions


@given(st.integers(1, 400), st.integers(1, 100), st.integers(1, 20))
def test_a_position_of_any_piece_is_one_that_the_agent_was_trained_for(length, trained, bar):
    positions = [observed_position(position, length, trained, bar) for position in range(length + 1)]
    assert all(0 <= position < trained for position in positions[:-1])
    assert positions[-1] == min(length, trained)
    if trained % bar == length % bar == 0 and trained > bar:
        assert [position % bar for position in positions] == [position % bar for position in range(length + 1)]


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("length", [5, 16, 17, 64, 192])
def test_every_number_of_an_observation_has_its_one_in_its_own_block(small_prior, observation, length):
    trained = EnvironmentSpec.of(prior=small_prior, observation=observation, length=16)
    env = MelodyVecEnv(3, **trained.arguments)
    network = PPOKL("MlpLstmPolicy", env, prior=small_prior, device="cpu").policy.network
    sizes = np.atleast_1d(getattr(env.observation_space, "nvec", 38)).tolist()
    engine = MelodyEngine(3, trained.changed(length=length))
    engine.reset()
    for t in range(length + 1):
        observations = engine.observations()
        ones = network._features(torch.from_numpy(observations)[None])[0]
        blocks = one_hot(ones, sum(sizes), torch.float32).split(sizes, dim=-1)
        places = [block.argmax(-1).tolist() for block in blocks]
        assert all((block.sum(-1) == 1).all() for block in blocks)
        assert np.array(places).T.reshape(observations.shape).tolist() == observations.tolist()
        if t < length:
            engine.step([t % 38, 37 - t % 38, 1])


@pytest.mark.parametrize(
    "outside", [[[38, 0]], [[0, 17]], [[-1, 0]], [[0, -1]], [[5, 3], [5, 17]], [[[5, 3]], [[5, 40]]]]
)
def test_a_number_outside_its_block_is_refused(small_prior, outside):
    env = MelodyVecEnv(1, prior=small_prior, length=16)
    network = PPOKL("MlpLstmPolicy", env, prior=small_prior, device="cpu").policy.network
    observations = torch.tensor(outside).reshape(-1, 1, 2)
    with pytest.raises(InputError, match=r"are outside MultiDiscrete\(\[38 17\]\): give the environment"):
        network(observations, torch.zeros(()))
    env = MelodyVecEnv(1, prior=small_prior, length=16, observation="token")
    model = PPOKL("MlpLstmPolicy", env, prior=small_prior, device="cpu")
    with pytest.raises(InputError, match="Observations between 38 and 38 are outside Discrete"):
        model.predict(np.array([38]))


def test_the_trained_length_is_a_keyword_of_every_interface(small_prior):
    arguments = {"prior": small_prior, "length": 6, "trained_length": 4, "meter": "1/8", "priming": "none"}
    scalar, vector = gym.make("MelodyComposition-v0", **arguments), MelodyVecEnv(1, **arguments)
    assert scalar.observation_space == vector.observation_space == spaces.MultiDiscrete([38, 5])
    positions = [scalar.reset()[0][1], *(scalar.step(14)[0][1] for _ in range(6))]
    assert positions == [0, 1, 2, 1, 2, 3, 4]
    assert [vector.reset()[0][1], *(vector.step(np.array([14]))[0][0][1] for _ in range(6))] == [*positions[:6], 0]
    with pytest.raises(InputError, match="trained_length must be at least 1, not 0"):
        EnvironmentSpec.of(prior=small_prior, trained_length=0)


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
