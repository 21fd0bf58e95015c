"""Composers: which model is loaded, the environment that it belongs to, the player that it gives, and its checksum."""

import copy
import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from agents import PPOKL, RecurrentDQN, compose_pieces
from agents.composing.composers import Agent, NoteRNNComposer, load_composer, load_run
from agents.composing.players import NoteRNNPlayer, agent_player
from agents.runs.config import TrainConfig
from agents.training.trainer import train_run
from melody_env import EnvironmentSpec, MelodyVecEnv
from note_rnn import CheckpointError, InputError, NoteRNN, load_note_rnn, weights_checksum

LENGTH = 12


@pytest.fixture(scope="module")
def environment(small_prior) -> EnvironmentSpec:
    return EnvironmentSpec.of(prior=small_prior, length=LENGTH, key="D", tempo=90.0)


@pytest.fixture(scope="module")
def model(environment) -> RecurrentDQN:
    """An agent in D that prefers E4, and weighs what came before more than its Note RNN does."""
    env = MelodyVecEnv(2, **environment.arguments)
    model = RecurrentDQN(env=env, objective="g", prior=environment.prior_in_key, seed=0, device="cpu")
    model.learn(2)  # too few steps for an update; from them on it knows its setting
    with torch.no_grad():
        model.policy.network.head.logits.bias[18] += 1.5
        model.policy.network.head.logits.weight *= 6.0
    return model


@pytest.fixture
def agent(model, environment) -> Agent:
    return Agent(model.policy, environment)


def melodies_of(player, environment) -> np.ndarray:
    return compose_pieces(player, 20, 3, environment).melodies


def test_a_note_rnn_plays_as_it_is_in_any_environment_and_refuses_a_strength(environment):
    composer = NoteRNNComposer(environment)
    for player in (composer.player(), composer.player(environment.changed(key="G", length=99), strength=1)):
        assert isinstance(player, NoteRNNPlayer)
    for strength in (0.0, 0.5, 2.0):
        with pytest.raises(InputError, match="strength is for agents only: leave it out to compose with a Note RNN"):
            composer.player(strength=strength)


@pytest.mark.parametrize("strength", [-0.1, 1000.1, float("nan"), True])
def test_an_agent_refuses_a_strength_that_nothing_can_have(agent, strength):
    with pytest.raises(InputError, match="strength must be a number from 0 to 1,000, not"):
        agent.player(strength=strength)


def test_an_agent_plays_in_its_own_environment_unless_another_is_given(agent, environment):
    own = melodies_of(agent.player(), environment)
    np.testing.assert_array_equal(own, melodies_of(agent_player(agent.policy), environment))
    np.testing.assert_array_equal(own, melodies_of(agent.player(environment), environment))


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_an_agent_is_transposed_by_what_lies_between_the_two_keys(agent, environment, strength):
    in_g = environment.changed(key="G")  # a fifth below, D being up two semitones and G down five
    expected = melodies_of(agent_player(agent.policy, -7, strength), in_g)
    np.testing.assert_array_equal(melodies_of(agent.player(in_g, strength), in_g), expected)
    assert not np.array_equal(melodies_of(agent_player(agent.policy, 0, strength), in_g), expected)


@pytest.mark.parametrize("changes", [{"observation": "token"}, {"observation": "lookback"}, {"trained_length": 13}])
def test_an_agent_has_no_player_where_it_would_observe_something_else(agent, environment, changes):
    with pytest.raises(InputError, match=r"The agent observes MultiDiscrete\(\[38 13\]\), and this environment has"):
        agent.player(environment.changed(**changes))
    for length in (LENGTH - 1, LENGTH, LENGTH + 1, 10 * LENGTH):
        other = environment.changed(length=length)
        assert melodies_of(agent.player(other), other).shape == (20, length)


def test_an_agent_that_observes_no_position_composes_pieces_of_any_length(small_prior):
    environment = EnvironmentSpec.of(prior=small_prior, length=LENGTH, observation="token")
    model = RecurrentDQN(env=MelodyVecEnv(2, **environment.arguments), prior=small_prior, seed=0, device="cpu")
    longer = environment.changed(length=3 * LENGTH)
    assert melodies_of(Agent(model.policy, environment).player(longer), longer).shape == (20, 3 * LENGTH)


def test_an_agents_policy_and_a_note_rnn_are_moved_to_a_device(model, environment):
    """To "meta", which is everywhere; the Note RNN of an agent stays where it is."""
    agent = Agent(copy.deepcopy(model.policy), environment).on(torch.device("meta"))
    assert {weights.device.type for weights in agent.policy.parameters()} == {"meta"}
    assert {weights.device.type for weights in agent.environment.prior.parameters()} == {"cpu"}
    alone = load_composer(copy.deepcopy(environment.prior)).on(torch.device("meta"))
    assert {weights.device.type for weights in alone.environment.prior.parameters()} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that PyTorch can use")
def test_an_agent_on_a_gpu_composes_what_it_does_on_the_cpu(model, environment):
    agent = Agent(copy.deepcopy(model.policy), environment)
    here = melodies_of(agent.player(), environment)
    there = melodies_of(agent.on(torch.device("cuda")).player(), environment)
    assert (here == there).mean() > 0.95


def test_the_checksum_is_of_all_weights_that_compose(model, environment):
    prior = {f"prior.{name}": tensor for name, tensor in environment.prior.state_dict().items()}
    policy = {f"policy.{name}": tensor for name, tensor in model.policy.state_dict().items()}
    assert NoteRNNComposer(environment).checksum() == weights_checksum(prior)
    assert Agent(model.policy, environment).checksum() == weights_checksum(prior | policy)


def test_the_checksum_is_another_for_other_weights_alone(agent, environment):
    torch.manual_seed(1)
    other_prior = environment.changed(prior=NoteRNN(hidden_size=12))
    elsewhere = environment.changed(key="C", length=8, reward="varied", tempo=60.0)
    before = {each: each.checksum() for each in (agent, NoteRNNComposer(environment))}
    assert len(set(before.values())) == 2
    for composer, checksum in before.items():
        assert len(bytes.fromhex(checksum)) == hashlib.sha256().digest_size
        assert replace(composer, environment=other_prior).checksum() != checksum
        assert replace(composer, environment=elsewhere).checksum() == checksum
    bias = agent.policy.network.head.logits.bias.data
    bias[0] += 1e-3
    assert agent.checksum() != before[agent]
    bias[0] -= 1e-3


def test_a_note_rnn_belongs_to_the_papers_environment(small_prior, small_prior_file):
    for source, prior in ((small_prior, small_prior), (small_prior_file, small_prior), ("default", load_note_rnn())):
        composer = load_composer(source)
        assert isinstance(composer, NoteRNNComposer)
        assert composer.environment.as_record() == EnvironmentSpec.of(prior=prior).as_record()
        assert composer.checksum() == NoteRNNComposer(EnvironmentSpec.of(prior=prior)).checksum()


def test_what_an_agent_remembers_of_its_environment_is_read_off_it(model, environment, tmp_path):
    model.save(tmp_path / "agent.zip")
    live, saved = load_composer(model), load_composer(tmp_path / "agent.zip")
    for composer in (live, saved):
        assert isinstance(composer, Agent)
        assert composer.environment.setting == environment.setting
        assert composer.environment.observation == "position"
        assert composer.checksum() != NoteRNNComposer(environment).checksum()
    assert live.policy is model.policy
    assert live.checksum() == saved.checksum()


def test_an_agent_of_sb3_is_taken_to_compose_for_the_default_note_rnn(small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=LENGTH, observation="token")
    agent = load_composer(PPO("MlpPolicy", env, device="cpu"))
    default = NoteRNNComposer(EnvironmentSpec.of(observation="token"))
    assert agent.environment.as_record() == default.environment.as_record()
    assert NoteRNNComposer(agent.environment).checksum() == default.checksum()


def test_a_run_gives_its_agent_and_the_environment_of_its_configuration(small_runs, small_prior):
    for run, kind in zip(small_runs, (RecurrentDQN, PPOKL), strict=True):
        agent, newest = load_run(run), max((run / "checkpoints").glob("model_*.zip"))
        weights = kind.load(newest).policy.state_dict()
        assert agent.checksum() == load_composer(run).checksum() == load_composer(str(run)).checksum()
        assert all(tensor.equal(weights[name]) for name, tensor in agent.policy.state_dict().items())
        assert weights_checksum(agent.environment.prior.state_dict()) == weights_checksum(small_prior.state_dict())
        assert agent.environment.setting.tempo == 480


def test_a_damaged_agent_is_told(tmp_path):
    (tmp_path / "agent.zip").write_bytes(b"no agent at all")
    with pytest.raises(CheckpointError, match=r"agent\.zip cannot be loaded as an agent"):
        load_composer(tmp_path / "agent.zip")


def test_a_run_keeps_its_environment_whatever_becomes_of_the_profiles_file(small_prior_file, tmp_path):
    profile = tmp_path / "mine.yaml"
    profile.write_text("rules: {key: {weight: 2}}\nc: 0.25\nsetting: {length: 8}\n")
    sizes = {"total_timesteps": 64, "n_envs": 4, "n_steps": 8, "evaluations": 1, "checkpoints": 1, "melodies": 0}
    config = TrainConfig.of("ppo_kl", prior=str(small_prior_file), reward=str(profile), c=None, **sizes)
    run = train_run(replace(config, run_dir=tmp_path / "run")).run.path
    profile.write_text("rules: {tonic: {}}\n")
    environment = load_run(run).environment
    assert [(rule.name, rule.weight) for rule in environment.profile.rules] == [("key", 2)]
    assert (environment.profile.c, environment.setting.steps) == (0.25, 8)
    profile.unlink()
    assert load_run(run).environment.as_record() == environment.as_record()


@pytest.mark.parametrize("model", [None, 3, b"run"])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(InputError, match=r"^A model is an agent, a Note RNN, or the path of one, not "):
        load_composer(model)
