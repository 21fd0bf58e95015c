"""Agents that start from a Note RNN that looks back: they begin as it, and all that it has is tuned.

What a policy gives is followed step by step through whole pieces, and compared with the Note RNN of the environment or
with its networks unrolled. Shapes: N pieces, T steps, A = 38 tokens.
"""

import copy
import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from stable_baselines3.common.torch_layers import FlattenExtractor

from agents import PPOKL, RecurrentDQN, compose, compose_pieces, load_composer
from agents.algorithms.saved_policies import SavedPolicy
from agents.composing.composers import Agent, NoteRNNComposer
from agents.composing.pieces import log_likelihood
from melody_env import EnvironmentSpec, MelodyVecEnv, Setting
from note_rnn import Bars, CheckpointError, InputError, Lookback, NoteRNN, transposed

N, T = 3, 26
KINDS = {"q": {}, "q dueling": {"dueling": True}, "psi": {"dueling": True}, "g": {}, "ppo_kl": {}}
SETTINGS = [{}, {"key": "D", "meter": "6/8"}, {"key": "A", "mode": "minor", "meter": "3/4"}]


def make(kind, prior, n=N, learning=None, **environment):
    """A model of this kind that starts from `prior`, in an environment of `n` pieces."""
    env = MelodyVecEnv(n, prior=prior, **{"length": T} | environment)
    ours = {"env": env, "prior": env.engine.prior, "seed": 0, "device": "cpu", **(learning or {})}
    if kind == "ppo_kl":
        return PPOKL(**ours)
    return RecurrentDQN(objective=kind.split()[0], policy_kwargs=KINDS[kind], **ours)


def changed(model):
    """The same model with weights far from where they started."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in model.policy.network.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    return model


def followed(model, episodes=2):
    """Follow random pieces; yield observations, the policy's log probabilities [N, A] and the Note RNN's."""
    env, rng = model.get_env(), np.random.default_rng(0)
    env.seed(4)
    observations, starts = env.reset(), np.ones(env.num_envs, bool)
    state = model.policy.zero_state(env.num_envs)
    for _ in range(episodes * T):
        logits, _, state = model.policy.step(torch.from_numpy(observations), state, torch.from_numpy(starts))
        yield observations, logits.log_softmax(-1), torch.from_numpy(env.engine.prior_log_probs)
        observations, _, starts, _ = env.step(rng.integers(38, size=env.num_envs))


@pytest.mark.parametrize("observation", ["token", "position", "lookback"])
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_policy_is_the_prior_throughout_whole_pieces_in_its_key_and_meter(
    kind, setting, observation, lookback_prior
):
    for _, log_policy, log_p in followed(make(kind, lookback_prior, observation=observation, **setting)):
        torch.testing.assert_close(log_policy, log_p, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["psi", "g"])
@pytest.mark.parametrize("prior", [{"cell": "gru"}, {"hidden_size": [9, 5]}], ids=str)
def test_so_it_is_for_other_layers_and_for_one_of_two_features(kind, prior):
    torch.manual_seed(0)
    lookback = Lookback((0.5, 1), match_lengths=kind == "psi", copying=kind == "g")
    model = make(kind, NoteRNN(**{"hidden_size": 7} | prior, lookback=lookback), meter="3/4")
    for _, log_policy, log_p in followed(model):
        torch.testing.assert_close(log_policy, log_p, rtol=0, atol=1e-5)


def unrolled(model, network, observations, bars=None):
    """log policy [T, N, A] of whole pieces, from their `observations` [T, N, ...]."""
    tokens = observations if observations.ndim == 2 else observations[..., 0]
    n, bars = observations.shape[1], bars or network.bars
    prior = model.policy.prior
    base = torch.zeros(()) if prior is None else prior(tokens, prior.zero_state(n, [bars] * n))[0].log_softmax(-1)
    return (network(observations, base, network.zero_state(n, bars))[0] + base).log_softmax(-1)


@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_it_gives_what_its_networks_give_for_whole_pieces(kind, lookback_prior):
    model = changed(make(kind, lookback_prior, meter="6/8"))
    seen, log_policy, _ = map(
        torch.stack, zip(*[map(torch.as_tensor, each) for each in followed(model, 1)], strict=True)
    )
    torch.testing.assert_close(log_policy, unrolled(model, model.policy.network, seen))
    assert not torch.allclose(log_policy, unrolled(model, model.policy.network, seen, Bars("4/4", 0)), atol=0.1)
    if kind != "ppo_kl":
        model.policy.copy_to_target()
        torch.testing.assert_close(log_policy, unrolled(model, model.policy.target_network, seen))
    state = None
    for observation, expected in zip(seen.numpy(), log_policy, strict=True):
        actions, state = model.predict(observation, state, deterministic=True)
        assert actions.tolist() == expected.argmax(-1).tolist()


@pytest.mark.parametrize("kind", ["q", "g", "ppo_kl"])
def test_an_episode_that_begins_anew_forgets_and_the_others_remember(kind, lookback_prior):
    model = changed(make(kind, lookback_prior))
    seen = [observations for observations, _, _ in followed(model, 1)][:9]
    state = None
    for observations in seen[:-1]:
        _, before = model.predict(observations, state)
        state = before
    _, after = model.predict(seen[-1], state, np.array([False, True, False]))
    _, going_on = model.predict(seen[-1], state)
    _, afresh = model.predict(seen[-1])
    for own, old, new in zip(after, going_on, afresh, strict=True):
        np.testing.assert_allclose(own[:, [0, 2]], old[:, [0, 2]], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(own[:, 1], new[:, 1], rtol=1e-5, atol=1e-6)
    assert (going_on[-1][0, :, 0], afresh[-1][0, :, 0]) == (
        pytest.approx(8),
        pytest.approx(0),
    )  # steps from the bar line


LEARNING = {
    "dqn": {
        "learning_starts": N * T,
        "batch_size": 2,
        "buffer_size": 10 * N * T,
        "learning_rate": 0.01,
        "train_freq": 3,
    },
    "ppo_kl": {"n_steps": T, "learning_rate": 0.01},
}


def learning_of(kind):
    return LEARNING.get(kind, LEARNING["dqn"])


@pytest.mark.parametrize("reward", ["paper", "music_theory_only"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_its_weights_are_tuned_and_the_prior_is_not(kind, reward, lookback_prior):
    """Each input and each bonus: columns of one feature's classes, and rows of the readout."""
    model = make(kind, lookback_prior, learning=learning_of(kind), reward=reward)
    first = copy.deepcopy(model.policy.state_dict())
    model.learn(4 * N * T)
    network, lookback = model.policy.network, lookback_prior.lookback
    moved = {name: weights - first[f"network.{name}"] for name, weights in network.state_dict().items()}
    assert all(each.abs().max() > 0 for each in moved.values())
    linear, skip = ("from_memory", "from_features") if "dueling" in KINDS[kind] else ("logits", "skip")
    for name in ("cell.weight_ih_l0", f"head.{skip}.weight"):
        columns = moved[name].abs().sum(0)
        assert all(columns[a:b].sum() > 0 for a, b in pairwise([*lookback.offsets.tolist(), lookback.num_inputs]))
    bonuses = moved[f"head.{linear}.weight"][-lookback.num_bonuses :]
    assert (bonuses.abs().sum(1) > 0).all()
    if kind == "g":
        fixed, expected = model.policy.prior.state_dict(), lookback_prior.state_dict()
        assert all(weights.equal(expected[name]) for name, weights in fixed.items())


@pytest.mark.parametrize("kind", ["q", "g", "ppo_kl"])
def test_saved_amid_pieces_it_goes_on_bit_for_bit(kind, lookback_prior, tmp_path):
    model = make(kind, lookback_prior, learning=learning_of(kind) | ({"n_steps": 7} if kind == "ppo_kl" else {}))
    model.learn(N * T * 2 + 9 * N)
    buffer = "rollout_buffer" if kind == "ppo_kl" else "replay_buffer"
    model.save(tmp_path / "model", include=[buffer])
    env = copy.deepcopy(model.get_env())
    loaded = type(model).load(tmp_path / "model", env=env, device="cpu", force_reset=False)
    assert loaded.policy.network.lookback == lookback_prior.lookback
    for each in (model, loaded):
        each.learn(N * T, reset_num_timesteps=False)
    for one, other in zip(model.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert one.equal(other)


IN_D = {"key": "D", "meter": "6/8", "length": T}


@pytest.mark.parametrize("suffix", ["safetensors", "zip"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_policy_composes_the_same_pieces(kind, suffix, lookback_prior, tmp_path):
    model = changed(make(kind, lookback_prior, meter="6/8", key="D"))
    environment = EnvironmentSpec.of(prior=lookback_prior, **IN_D)
    path = tmp_path / f"agent.{suffix}"
    SavedPolicy.of(model).save(path) if suffix == "safetensors" else model.save(path)
    saved = load_composer(path)
    assert saved.policy.network.lookback == lookback_prior.lookback
    assert saved.policy.network.bars == Bars("6/8", 0)
    expected, pieces = (
        compose_pieces(Agent(policy, environment).player(), 9, 3, environment, retained=9)
        for policy in (model.policy, saved.policy)
    )
    np.testing.assert_array_equal(pieces.melodies, expected.melodies)
    np.testing.assert_allclose(pieces.steps.probabilities, expected.steps.probabilities, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lookback": {"lags": [0.25, 0.5]}}, "do not fit the network"),
        ({"lookback": {"lags": [0.25, 0.5, 1e9]}}, "numbers of bars above 0"),
        ({"lookback": {"lags": [1] * 1_000}}, "numbers of bars above 0"),
        ({"lookback": {"lags": ["1"]}}, "architecture.lookback.lags"),
        ({"lookback": None}, "do not fit the network"),
        ({"meter": "1000/1"}, "A meter must be a time signature"),
        ({"meter": "4/0"}, "A meter must be a time signature"),
        ({"meter": 3}, "architecture.meter"),
    ],
    ids=str,
)
def test_a_card_with_another_or_an_impossible_lookback_is_refused(change, sentence, lookback_prior, tmp_path):
    SavedPolicy.of(make("q", lookback_prior)).save(tmp_path / "agent.safetensors")
    with safe_open(tmp_path / "agent.safetensors", framework="pt") as file:
        card = json.loads(file.metadata()["policy"])
    card["architecture"].update(change)
    weights = load_file(tmp_path / "agent.safetensors")
    save_file(weights, tmp_path / "changed.safetensors", metadata={"policy": json.dumps(card)})
    reason = rf"changed\.safetensors cannot be loaded as an agent: .*{sentence}.*(?<!\.)\.$"
    with pytest.raises(CheckpointError, match=reason):
        load_composer(tmp_path / "changed.safetensors")
    with pytest.raises(CheckpointError, match=reason):
        SavedPolicy.read(tmp_path / "changed.safetensors").policy()


PRIMER = [16, 1, 21, 0, 23]


def in_c(tokens, semitones):
    return torch.from_numpy(transposed(tokens, -semitones))


@pytest.mark.parametrize("strength", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("kind", ["q", "psi", "g", "ppo_kl"])
def test_it_composes_after_a_primer_in_another_key_meter_and_length(kind, strength, lookback_prior):
    """Step 0 of the piece is on a bar line; the primer is before it."""
    model = changed(make(kind, lookback_prior, observation="token"))
    trained_in = EnvironmentSpec.of(prior=lookback_prior, observation="token", length=T)
    environment = trained_in.changed(key="D", meter="9/8", length=2 * T, primer=PRIMER)
    pieces = compose_pieces(
        Agent(model.policy, trained_in).player(environment, strength), 5, 2, environment, retained=5
    )
    before = np.concatenate([np.tile(PRIMER, (5, 1)), pieces.melodies[:, :-1]], axis=1)
    seen, bars = in_c(before, 2).T.contiguous(), Bars("9/8", len(PRIMER) - 1)
    with torch.no_grad():
        log_p = lookback_prior(seen, lookback_prior.zero_state(5, [bars] * 5))[0].log_softmax(-1)
        log_policy = unrolled(model, model.policy.network, seen, bars)
    expected = ((1 - strength) * log_p + strength * log_policy).softmax(-1)[len(PRIMER) - 1 :]
    found = pieces.steps.probabilities[..., transposed(np.arange(38), 2)].transpose(1, 0, 2)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    played = np.take_along_axis(log_p.numpy()[len(PRIMER) - 1 :], transposed(pieces.melodies, -2).T[..., None], -1)
    np.testing.assert_allclose(pieces.steps.log_prob, played[..., 0].T, atol=1e-3)


def test_human_tunes_have_the_likelihood_of_tunes_from_a_bar_line_whatever_the_primer(lookback_prior):
    model = changed(make("q", lookback_prior, observation="token"))
    trained_in = EnvironmentSpec.of(prior=lookback_prior, observation="token", length=T)
    tunes = np.random.default_rng(0).integers(38, size=(4, T))
    expected, *others = (
        log_likelihood(Agent(model.policy, trained_in).player(each), tunes, each)
        for each in (trained_in, trained_in.changed(primer=PRIMER), trained_in.changed(meter="6/8"))
    )
    assert others[0] == pytest.approx(expected, rel=1e-6)
    assert others[1] != pytest.approx(expected, rel=1e-3)


def test_a_note_rnn_composes_in_the_key_and_meter_of_the_pieces(lookback_prior):
    environment = EnvironmentSpec.of(prior=lookback_prior, priming="none", **IN_D)
    pieces = compose_pieces(NoteRNNComposer(environment).player(), 6, 1, environment)
    np.testing.assert_array_equal(compose(lookback_prior, 6, 1, priming="none", **IN_D), pieces.melodies)
    expected = lookback_prior.in_meter("6/8").log_prob(transposed(pieces.melodies, -2), np.ones(6, int)).sum(1)
    np.testing.assert_allclose(pieces.finished.log_prob, expected, rtol=1e-4)
    assert environment.prior_in_key.bars == Bars("6/8", 0)
    assert Setting().adapted(lookback_prior).bars == lookback_prior.bars == Bars("4/4", 0)


def test_lookback_needs_tokens_and_no_extractor_of_ones_own(lookback_prior):
    with pytest.raises(InputError, match="leave out the prior"):
        PPOKL(env="CartPole-v1", prior=lookback_prior, device="cpu")
    with pytest.raises(InputError, match="leave out the prior"):
        PPOKL(env="CartPole-v1", policy_kwargs={"lookback": Lookback()}, device="cpu")
    env = MelodyVecEnv(N, prior=lookback_prior, length=T)
    own = {"features_extractor_class": type("Own", (FlattenExtractor,), {})}
    with pytest.raises(InputError, match="no features extractor of your own"):
        PPOKL(env=env, prior=lookback_prior, policy_kwargs=own, device="cpu")
    with pytest.raises(InputError, match="lookback=Lookback"):
        PPOKL(env=env, prior=lookback_prior, policy_kwargs={"lookback": Lookback((1,))}, device="cpu")


def test_a_network_without_a_prior_can_look_back_too():
    env = MelodyVecEnv(N, length=T)
    model = PPOKL(env=env, policy_kwargs={"lookback": {"lags": [1]}, "lstm_hidden_size": 8}, n_steps=T, device="cpu")
    assert model.policy.network.lookback == Lookback((1,))
    model.learn(N * T)


@pytest.mark.parametrize("lookback", [5, {"foo": 1}, {"lags": 3}], ids=str)
def test_what_is_no_lookback_is_refused(lookback):
    with pytest.raises(InputError, match="lookback must be a Lookback, its fields by name, or None, not"):
        PPOKL(env=MelodyVecEnv(1), policy_kwargs={"lookback": lookback}, device="cpu")
