"""Composing from a primer and around fixed tokens: the same for the Note RNN and every agent."""

import runpy
import sys

import numpy as np
import pytest
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import DQN, PPO

from agents import PPOKL, RecurrentDQN, compose, compose_pieces
from agents.algorithms.networks import Flatten
from agents.composing.composers import Agent
from agents.composing.players import NoteRNNPlayer, agent_player
from melody_env import EnvironmentSpec, MelodyEngine, MelodyVecEnv
from note_rnn import InputError, read_midi, write_midi

PRIMER = [14, 1, 16, 1, 18, 0, 1]
T = 8


def make(kind, small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=T)
    ours = {"env": env, "prior": small_prior, "seed": 0, "device": "cpu"}
    if kind in ("q", "psi", "g"):
        return RecurrentDQN(objective=kind, **ours)
    if kind == "ppo_kl":
        return PPOKL(**ours)
    if kind == "recurrent_ppo":
        return RecurrentPPO("MlpLstmPolicy", env, policy_kwargs={"features_extractor_class": Flatten}, device="cpu")
    return {"ppo": PPO, "dqn": DQN}[kind]("MlpPolicy", env, device="cpu")


SEEN_FIRST = {"position": [1, 0], "token": 1, "lookback": [1, 0, 38, 38, 38, 38]}


@pytest.mark.parametrize("observation", list(SEEN_FIRST))
def test_the_note_rnn_hears_the_whole_primer_and_nothing_else(small_prior, observation):
    melodies = np.random.default_rng(0).integers(38, size=(3, T))
    engine = MelodyEngine(3, EnvironmentSpec.of(prior=small_prior, length=T, primer=PRIMER, observation=observation))
    heard = np.concatenate([np.tile(PRIMER, (3, 1)), melodies], axis=1)
    expected = small_prior.log_probs(heard).numpy()
    for _ in range(2):  # and again after a reset
        engine.reset()
        first = engine.observations()
        assert first.tolist() == [SEEN_FIRST[observation]] * 3
        for t, tokens in enumerate(melodies.T):
            np.testing.assert_allclose(engine.prior_log_probs, expected[:, len(PRIMER) - 1 + t], atol=1e-5)
            engine.step(tokens)
        np.testing.assert_array_equal(engine.finished.melodies, melodies)


@pytest.mark.parametrize("kind", ["psi", "g", "ppo_kl"])
def test_an_untrained_agent_goes_on_from_a_primer_as_the_note_rnn_does(kind, small_prior):
    environment = EnvironmentSpec.of(prior=small_prior, length=T, primer=PRIMER, key="D")
    model = make(kind, small_prior)
    player = Agent(model.policy, model.get_env().engine.environment).player(environment)
    by_agent = compose_pieces(player, 30, 1, environment)
    assert np.abs(by_agent.kl).max() < 1e-4
    assert (by_agent.melodies != compose(model, 30, 1, length=T, prior=small_prior)).any()
    by_prior = compose_pieces(NoteRNNPlayer(), 30, 1, environment)
    heard = np.concatenate([np.tile(PRIMER, (30, 1)), by_prior.melodies], axis=1)
    log_probs = small_prior.transposed(2).log_probs(heard[:, :-1]).numpy()[:, len(PRIMER) - 1 :]
    expected = np.take_along_axis(log_probs, by_prior.melodies[..., None], -1).sum((1, 2))
    np.testing.assert_allclose(by_prior.finished.log_prob, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["note_rnn", "q", "psi", "g", "ppo_kl", "ppo", "dqn", "recurrent_ppo"])
def test_a_primer_is_kept_or_dropped_and_fixed_tokens_stay(kind, small_prior):
    model = small_prior if kind == "note_rnn" else make(kind, small_prior)
    arguments = {"primer": PRIMER, "fixed": {0: 21, 5: 37, 7: 14}, "prior": small_prior, "length": T}
    melodies = compose(model, 20, 3, **arguments)
    assert melodies.shape == (20, T)
    assert melodies[:, [0, 5, 7]].tolist() == [[21, 37, 14]] * 20
    whole = compose(model, 20, 3, keep_primer=True, **arguments)
    assert whole.shape == (20, len(PRIMER) + T)
    np.testing.assert_array_equal(whole[:, : len(PRIMER)], np.tile(PRIMER, (20, 1)))
    np.testing.assert_array_equal(whole[:, len(PRIMER) :], melodies)


def test_agents_with_memory_hear_more_than_the_last_token(small_prior):
    model = make("q", small_prior)
    with torch.no_grad():
        model.policy.network.head.logits.weight.mul_(5)
    environment = EnvironmentSpec.of(prior=small_prior, length=T)
    one, other = (
        compose_pieces(agent_player(model.policy), 5, 0, environment.changed(primer=primer), retained=5)
        for primer in ([14, 16, 1], [30, 33, 1])
    )
    assert not np.allclose(one.steps.probabilities[:, 0], other.steps.probabilities[:, 0])


def test_an_agent_learns_around_fixed_tokens(small_prior):
    env = MelodyVecEnv(8, prior=small_prior, length=T, fixed={3: 14})
    model = PPOKL(env=env, prior=small_prior, n_steps=T, seed=0, device="cpu").learn(8 * T * 3)
    assert (env.engine.finished.melodies[:, 3] == 14).all()
    assert all(torch.isfinite(weights).all() for weights in model.policy.parameters())


@pytest.mark.parametrize("fixed", [{8: 14}, {-1: 14}, {0.5: 14}, {0: 38}])
def test_what_cannot_be_fixed_is_told(fixed, small_prior):
    with pytest.raises(InputError, match=r"must be at a step 0..7 of the piece|Token 38"):
        EnvironmentSpec.of(prior=small_prior, length=T, fixed=fixed)


def command(monkeypatch, *arguments) -> int | None:
    """Run `python -m agents.compose ARGUMENTS` in this process; return the exit status if it is not 0."""
    monkeypatch.setattr(sys, "argv", ["compose", *map(str, arguments)])
    try:
        runpy.run_module("agents.compose", run_name="__main__")
    except SystemExit as exit_info:
        return exit_info.code
    return None


def test_the_command_goes_on_from_a_file(small_prior_file, tmp_path, monkeypatch, capsys):
    write_midi(PRIMER, tmp_path / "primer.mid")
    common = [small_prior_file, "--length", "1 bar", "--primer", tmp_path / "primer.mid", "--fixed", "0=G4", "15=."]
    assert command(monkeypatch, *common, "--out", tmp_path / "kept.mid", "--keep-primer") is None
    assert command(monkeypatch, *common, "--out", tmp_path / "dropped.mid", "--tempo", "90") is None
    kept, dropped = read_midi(tmp_path / "kept.mid"), read_midi(tmp_path / "dropped.mid")
    assert (len(kept), len(dropped), dropped[0]) == (len(PRIMER) + 16, 16, 21)
    np.testing.assert_array_equal(kept[: len(PRIMER)], PRIMER)
    np.testing.assert_array_equal(kept[len(PRIMER) :], dropped)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fixed", "C4"], "--fixed takes step=note, as in 0=C4 16=21, not 'C4'."),
        (["--fixed", "0=H4"], "'H4' is not a token"),
        (["--fixed", "99=C4"], "A fixed token must be at a step 0..31 of the piece, not at 99."),
        (["--primer", "nowhere.mid"], "There is no file nowhere.mid"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, told, small_prior_file, tmp_path, monkeypatch, capsys):
    assert command(monkeypatch, small_prior_file, "--out", tmp_path / "x.mid", *arguments) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "x.mid").exists()
