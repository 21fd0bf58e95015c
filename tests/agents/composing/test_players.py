"""Whoever composes, each token of a piece has the probability that the model itself gives it, in any key and strength.

What a model gives is computed anew from its networks, for whole pieces at once, and followed with `predict`.
Shapes: N pieces, T steps, A = 38 tokens.
"""

from functools import cache

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO, RecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3 import A2C, DQN, PPO

from agents import PPOKL, RecurrentDQN, compose_pieces
from agents.algorithms.networks import Flatten
from agents.algorithms.policies import RecurrentPolicy
from agents.composing.composers import Agent
from agents.composing.players import NoteRNNPlayer
from melody_env import EnvironmentSpec, MelodyVecEnv, Setting
from note_rnn import transposed

N, T = 7, 9
IN_C, IN_D = Setting(length=T, meter="1/4"), Setting(length=T, meter="1/4", key="D")
KINDS = {
    "q": "position",
    "psi": "position",
    "psi dueling": "lookback",
    "g": "position",
    "ppo_kl": "lookback",
    "ppo_kl token": "token",
    "ppo": "lookback",
    "a2c": "token",
    "dqn": "position",
    "recurrent_ppo": "position",
    "maskable_ppo": "position",
}
"""What composes, and what it observes."""
SMALL = {"net_arch": [8]}


@pytest.fixture(autouse=True)
def batches(monkeypatch):
    """Batches of three pieces, so that seven are of three batches, the last of them smaller."""
    monkeypatch.setattr("agents.composing.pieces._BATCH", 3)


@pytest.fixture(scope="module")
def model(small_prior):
    """Return the model of a kind, its weights far from where they started, that learned in C."""

    @cache
    def make(kind):
        env = MelodyVecEnv(2, prior=small_prior, observation=KINDS[kind], **IN_C.as_dict())
        ours = {"env": env, "prior": small_prior, "seed": 0, "device": "cpu"}
        flat = {"features_extractor_class": Flatten, "lstm_hidden_size": 8, **SMALL}
        match kind.split():
            case ["ppo_kl", *_]:
                made = PPOKL(**ours)
            case ["recurrent_ppo"]:
                made = RecurrentPPO("MlpLstmPolicy", env, policy_kwargs=flat, device="cpu")
            case ["ppo" | "a2c" | "dqn" | "maskable_ppo"]:
                kinds = {"ppo": PPO, "a2c": A2C, "dqn": DQN, "maskable_ppo": MaskablePPO}
                made = kinds[kind]("MlpPolicy", env, policy_kwargs=SMALL, device="cpu")
            case [objective, *dueling]:
                made = RecurrentDQN(objective=objective, policy_kwargs={"dueling": bool(dueling)}, **ours)
        torch.manual_seed(1)
        with torch.no_grad():
            for weights in getattr(made.policy, "network", made.policy).parameters():
                weights.add_(0.4 * torch.randn_like(weights))
        return made

    return make


def tokens_before(pieces):
    """The token [N, T] before each token of `pieces`."""
    return np.concatenate([pieces.priming_tokens[:, None], pieces.melodies[:, :-1]], axis=1)


def observed(kind, pieces, positions=range(T)):
    """What is observed [T, N, ...] before each token of `pieces`: by hand, a bar being four steps."""
    last, melodies = tokens_before(pieces), pieces.melodies
    columns = [last, np.tile(positions, (N, 1))]
    if KINDS[kind] == "token":
        return last.T
    if KINDS[kind] == "lookback":
        so_far = [
            [[token for token in melody[:t] if token >= 2] for t in range(len(positions))]
            for melody in melodies.tolist()
        ]
        for lag in (2, 4):
            columns.append(np.concatenate([np.full((N, lag), 38), melodies[:, :-lag]], axis=1))
        columns += [[[best(notes, default=38) for notes in row] for row in so_far] for best in (max, min)]
    return np.stack(columns, axis=-1).transpose(1, 0, 2)


def moved(observations, semitones):
    """`observations` [T, N, ...], their tokens moved; the position is none, and 38 stands for nothing."""
    is_token = observations < 38
    if observations.ndim == 3:
        is_token[..., 1] = False
    return np.where(is_token, transposed(observations, semitones), observations)


def log_policy(model, observations, log_p):
    """log policy [T, N, A] of `model` for whole pieces at once: from its networks, or from SB3's `evaluate_actions`."""
    policy, seen, steps = model.policy, torch.from_numpy(observations), len(observations)
    with torch.no_grad():
        if isinstance(policy, RecurrentPolicy):
            base = torch.from_numpy(log_p) if getattr(model, "objective", "") == "g" else torch.zeros(())
            return (policy.network(seen, base)[0] + base).log_softmax(-1).numpy()
        seen = seen.transpose(0, 1).flatten(0, 1)  # one piece after the other
        if isinstance(model, DQN):
            columns = policy.q_net(seen).log_softmax(-1).T
        else:
            zeros = torch.zeros(1, N, 8)
            memory = (RNNStates((zeros, zeros), (zeros, zeros)), (torch.arange(steps) == 0).float().repeat(N))
            more = memory if isinstance(model, RecurrentPPO) else ()
            columns = [policy.evaluate_actions(seen, torch.full((N * steps,), token), *more)[1] for token in range(38)]
        return torch.stack(list(columns), dim=-1).view(N, steps, -1).transpose(0, 1).numpy()


def log_p_after(tokens, prior):
    """log p [T, N, A] of the Note RNN after each of `tokens` [N, T]."""
    return prior.log_probs(tokens).numpy().transpose(1, 0, 2)


def composed(model, prior, key="C", strength=1.0, temperature=1.0, **arguments):
    """Pieces in `key`, by an agent that learned in C, and its log probabilities [T, N, A]."""
    trained_in = EnvironmentSpec.of(prior=prior, **IN_C.as_dict())
    environment = trained_in.changed(key=key, **arguments)
    player = Agent(model.policy, trained_in).player(environment, strength)
    pieces = compose_pieces(player, N, 5, environment, temperature, retained=N)
    with np.errstate(divide="ignore"):
        return pieces, np.log(pieces.steps.probabilities).transpose(1, 0, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_each_token_has_the_probability_that_the_model_gives_it(kind, model, small_prior):
    pieces, log_probabilities = composed(model(kind), small_prior, observation=KINDS[kind])
    expected = log_policy(model(kind), observed(kind, pieces), log_p_after(tokens_before(pieces), small_prior))
    np.testing.assert_allclose(log_probabilities, expected, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_predict_with_its_memory_prefers_at_each_step_what_is_likeliest(kind, model, small_prior):
    pieces, log_probabilities = composed(model(kind), small_prior, observation=KINDS[kind])
    state, is_start = None, np.ones(N, bool)
    for seen, expected in zip(observed(kind, pieces), log_probabilities, strict=True):
        actions, state = model(kind).predict(seen, state, is_start, deterministic=True)
        is_start = np.zeros(N, bool)
        assert actions.tolist() == expected.argmax(-1).tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [10, 33, 64])
def test_in_longer_pieces_the_bar_in_the_middle_comes_again(kind, length, model, small_prior):
    """Of nine steps, positions 2 to 5 are the bar in the middle, and 6 to 8 the end."""
    pieces, log_probabilities = composed(model(kind), small_prior, observation=KINDS[kind], length=length)
    assert pieces.melodies.shape == (N, length)
    positions = [*([0, 1] + [2, 3, 4, 5] * length)[: length - 3], 6, 7, 8]
    expected = log_policy(
        model(kind), observed(kind, pieces, positions), log_p_after(tokens_before(pieces), small_prior)
    )
    np.testing.assert_allclose(log_probabilities, expected, atol=1e-3)


def expected_in(semitones, kind, model, small_prior, pieces):
    """log p and log policy [T, N, A] in C, where the agent and the Note RNN learned, of `pieces` so much higher."""
    log_p = log_p_after(transposed(tokens_before(pieces), -semitones), small_prior)
    return log_p, log_policy(model(kind), moved(observed(kind, pieces), -semitones), log_p)


@pytest.mark.parametrize("kind", ["psi dueling", "g", "ppo_kl token", "ppo", "a2c", "dqn", "recurrent_ppo"])
def test_in_another_key_an_agent_plays_what_it_knows_moved(kind, model, small_prior):
    pieces, log_probabilities = composed(model(kind), small_prior, "D", observation=KINDS[kind])
    log_p, expected = expected_in(2, kind, model, small_prior, pieces)
    in_c = log_probabilities[..., transposed(np.arange(38), 2)]
    np.testing.assert_allclose(in_c, expected, atol=1e-3)
    np.testing.assert_allclose(pieces.kl, (np.exp(in_c) * (in_c - log_p)).sum((0, 2)), rtol=1e-3)


@pytest.mark.parametrize("kind", ["q", "g", "dqn", "recurrent_ppo"])
@pytest.mark.parametrize(("key", "semitones"), [("C", 0), ("D", 2)])
def test_strength_weighs_log_p_against_what_was_learned(kind, key, semitones, model, small_prior):
    """In proportion to p ** (1 - strength) * policy ** strength, all of it to the power of 1 / temperature."""
    for strength, temperature in ((0.5, 2.0), (1.5, 1.0)):
        arguments = {"strength": strength, "temperature": temperature, "observation": KINDS[kind]}
        pieces, log_probabilities = composed(model(kind), small_prior, key, **arguments)
        log_p, log_agents = expected_in(semitones, kind, model, small_prior, pieces)
        product = np.exp(log_p) ** (1 - strength) * np.exp(log_agents) ** strength
        expected = product ** (1 / temperature)
        expected /= expected.sum(-1, keepdims=True)
        in_c = np.exp(log_probabilities[..., transposed(np.arange(38), semitones)])
        np.testing.assert_allclose(in_c, expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["q", "g", "ppo_kl", "dqn", "recurrent_ppo"])
def test_at_strength_0_every_agent_is_the_note_rnn(kind, model, small_prior):
    by_agent, _ = composed(model(kind), small_prior, "D", strength=0.0, observation=KINDS[kind])
    environment = EnvironmentSpec.of(prior=small_prior, observation=KINDS[kind], **IN_D.as_dict())
    by_prior = compose_pieces(NoteRNNPlayer(), N, 5, environment)
    assert by_agent.setting == by_prior.setting == IN_D
    np.testing.assert_array_equal(by_agent.melodies, by_prior.melodies)
    np.testing.assert_allclose(by_agent.kl, 0, atol=1e-5)


@pytest.mark.parametrize("kind", ["q", "g", "ppo_kl", "ppo", "dqn", "recurrent_ppo"])
def test_what_is_forbidden_has_no_probability_and_the_rest_keeps_its_proportions(kind, model, small_prior):
    """KL is to the whole Note RNN, which forbids nothing, at the temperature that the piece was drawn at."""
    arguments = {"fixed": {3: 30}, "pitch_range": (50, 78), "temperature": 0.5}
    pieces, log_probabilities = composed(model(kind), small_prior, observation=KINDS[kind], **arguments)
    log_p, log_agents = expected_in(0, kind, model, small_prior, pieces)
    allowed = np.array([token < 2 or 50 <= token + 46 <= 78 for token in range(38)])
    expected = np.where(allowed, np.exp(log_agents) ** 2, 0)
    expected[3] = np.arange(38) == 30
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(np.exp(log_probabilities), expected, atol=1e-4)
    assert (np.exp(log_probabilities)[expected == 0] == 0).all()
    ratio = np.where(expected > 0, expected * (np.log(np.maximum(expected, 1e-30)) - log_p), 0)
    np.testing.assert_allclose(pieces.kl, ratio.sum((0, 2)), rtol=1e-3)


@pytest.mark.parametrize("kind", ["q", "g", "ppo_kl", "ppo", "recurrent_ppo"])
def test_a_primer_is_what_an_agent_remembers_first_in_any_key(kind, model, small_prior):
    primer = [16, 1, 21, 0, 23]
    pieces, log_probabilities = composed(model(kind), small_prior, "D", observation=KINDS[kind], primer=primer)
    seen = observed(kind, pieces)
    before = np.repeat(seen[:1], len(primer) - 1, axis=0)  # at position 0, where nothing has been composed
    before[:, :, 0] = np.array(primer[:-1])[:, None]
    in_c = moved(np.concatenate([before, seen]), -2)
    expected = log_policy(model(kind), in_c, log_p_after(in_c[..., 0].T, small_prior))[len(primer) - 1 :]
    assert pieces.priming_tokens.tolist() == [23] * N
    np.testing.assert_allclose(log_probabilities[..., transposed(np.arange(38), 2)], expected, atol=1e-3)
