"""The engine in JavaScript computes what the Python side computes, for every kind of network."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from agents.composing.composers import Agent
from agents.composing.pieces import _Drawn, _played
from melody_env import MelodyEngine, Setting
from note_rnn import Lookback, NoteRNN, load_note_rnn
from note_rnn.common.categorical import log_softmax

LOOKBACK = Lookback((0.25, 0.5, 1, 1.5))


class Kind(NamedTuple):
    """An agent to compare: its algorithm, Note RNN, policy and environment."""

    algorithm: str
    prior: str
    policy: dict[str, Any]
    environment: dict[str, Any]


KINDS = {
    "q": Kind("q", "lstm", {}, {}),
    "psi, dueling": Kind("psi", "lstm", {"dueling": True, "value_scale": 20.0}, {}),
    "g, dueling": Kind("g", "lstm", {"dueling": True}, {"observation": "lookback"}),
    "policy gradient": Kind("ppo_kl", "lstm", {"skip_connection": True}, {"observation": "lookback", "meter": "6/8"}),
    "token": Kind("q", "gru", {}, {"observation": "token"}),
    "two layers of GRU": Kind("ppo_kl", "deep", {}, {"key": "Eb", "mode": "dorian", "pitch_range": [50, 79]}),
    "lookback": Kind("g", "lookback", {"dueling": True}, {"meter": "3/4", "key": "A", "mode": "minor"}),
    "lookback without copying": Kind("q", "features", {}, {}),
    "form": Kind("ppo_kl", "lookback", {}, {"form": "AA'BA", "length": 64, "observation": "lookback"}),
    "chords": Kind("ppo_kl", "lstm", {}, {"chords": "C | Am Dm7 | N.C. | G7/B G7"}),
    "chords, lookback and form": Kind(
        "g",
        "lookback",
        {"dueling": True},
        {
            "chords": "Dm | C/E F G7sus4 G+7 Bm7-5 | Bbmaj13 | N.C. | %",
            "observation": "lookback",
            "form": "AA'BA",
            "length": 96,
            "key": "F#",
            "mode": "dorian",
            "meter": "6/8",
        },
    ),
    "form without lookback": Kind("psi", "lstm", {"dueling": True}, {"form": "A3 B1", "length": 64}),
}


@pytest.fixture(scope="module")
def priors() -> dict[str, NoteRNN]:
    torch.manual_seed(0)
    models = {
        "lstm": NoteRNN(12),
        "gru": NoteRNN(11, cell="gru"),
        "deep": NoteRNN([9, 7], cell="gru"),
        "lookback": NoteRNN(16, lookback=LOOKBACK),
        "features": NoteRNN(8, lookback=Lookback((1, 2), match_lengths=False, copying=False)),
    }
    for model in models.values():
        for weights in model.requires_grad_(False).parameters():
            weights.normal_(0, 0.4)
    return models


@pytest.fixture(scope="module")
def agents(priors, agent_of) -> dict[str, Agent]:
    return {
        name: agent_of(kind.algorithm, priors[kind.prior], kind.policy, priming="none", **kind.environment)
        for name, kind in KINDS.items()
    }


READ = """
async function main({studio, setting, strengths, tokens, primer}) {
  const [agent] = await agentsOf(studio);
  return strengths.map((strength) => {
    const composer = new Composer(agent, new Setting({...agent.card.setting, ...setting}), strength);
    return tokens.map((melody) => {
      composer.begin(primer);
      return melody.map((token) => {
        const logs = [[...composer.logPrior], [...composer.logPolicy]];
        composer.play(token);
        return logs;
      });
    });
  });
}
"""


def log_probs_of(agent: Agent, tokens: np.ndarray, strength: float, primer: list[int], **changes: Any) -> np.ndarray:
    """Log-probabilities [B, T, 2, A] of the Note RNN and of the agent at each step of `tokens` [B, T]."""
    environment = agent.environment.changed(primer=primer, **changes)
    engine, player = MelodyEngine(len(tokens), environment), agent.player(environment, strength)
    engine.reset()
    player.begin(len(tokens), len(primer) - 1)
    for token in primer[:-1]:
        player.scores(engine.observations_of(token), engine.prior_log_probs)
    rows = []
    for column in tokens.T:
        policy = log_softmax(player.scores(engine.observations(), engine.prior_log_probs).astype(np.float64))
        rows.append(np.stack([engine.prior_log_probs, policy], axis=1))
        engine.step(column)
    return np.stack(rows, axis=1)


def melodies(setting: Setting, number: int) -> np.ndarray:
    """Random melodies [number, T] within the range of the `setting`."""
    allowed = np.flatnonzero(setting.in_range)
    return np.random.default_rng(0).choice(allowed, (number, setting.steps))


@pytest.mark.parametrize("name", KINDS)
def test_log_probabilities_are_those_of_python(agents, engine, page_data, name):
    agent, strengths, primer = agents[name], [1.0, 0.4], [14, 1, 0]
    tokens = melodies(agent.environment.setting, 3)
    call = {
        "studio": page_data(agent),
        "strengths": strengths,
        "tokens": tokens.tolist(),
        "primer": primer,
        "setting": {},
    }
    expected = [log_probs_of(agent, tokens, strength, primer) for strength in strengths]
    np.testing.assert_allclose(engine(READ, call), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["g, dueling", "policy gradient", "lookback"])
def test_in_another_key_and_meter_and_longer(agents, engine, page_data, name):
    changes = {"key": "F#", "mode": "mixolydian", "meter": "9/8", "length": 72}
    tokens = np.random.default_rng(1).integers(0, 38, (2, 72))
    setting = {**changes, "steps": 72}
    call = {"studio": page_data(agents[name]), "strengths": [1], "tokens": tokens.tolist(), "primer": [1]}
    expected = log_probs_of(agents[name], tokens, 1.0, [1], **changes)
    np.testing.assert_allclose(engine(READ, {**call, "setting": setting})[0], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["chords", "chords, lookback and form"])
def test_over_other_chords_in_another_key_and_meter(agents, engine, page_data, name):
    changes = {"key": "Ab", "mode": "minor", "meter": "3/4", "length": 72, "chords": "Abm Db7 E | Eb7 | Abm Fø"}
    changes |= {"form": "AAB"} if "form" in name else {}
    tokens = np.random.default_rng(2).integers(0, 38, (2, 72))
    call = {"studio": page_data(agents[name]), "strengths": [1], "tokens": tokens.tolist(), "primer": [14, 1]}
    expected = log_probs_of(agents[name], tokens, 1.0, [14, 1], **changes)
    setting = {**changes, "steps": 72}
    np.testing.assert_allclose(engine(READ, {**call, "setting": setting})[0], expected, atol=1e-4)


def test_an_agent_of_chords_plays_without_any(agents, engine, page_data):
    tokens = melodies(agents["chords"].environment.setting, 2)
    call = {"studio": page_data(agents["chords"]), "strengths": [1], "tokens": tokens.tolist(), "primer": [1]}
    expected = log_probs_of(agents["chords"], tokens, 1.0, [1], chords="")
    np.testing.assert_allclose(engine(READ, {**call, "setting": {"chords": ""}})[0], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["default", "lookback"])
def test_shipped_note_rnns(agent_of, engine, page_data, name):
    agent = agent_of("ppo_kl", load_note_rnn(name), {"skip_connection": True}, priming="none", length=64)
    tokens = melodies(agent.environment.setting, 2)
    call = {"studio": page_data(agent), "strengths": [1], "tokens": tokens.tolist(), "primer": [1], "setting": {}}
    expected = log_probs_of(agent, tokens, 1.0, [1])
    np.testing.assert_allclose(np.array(engine(READ, call))[0, :, :, 0], expected[:, :, 0], atol=1e-4)


COMPOSE = """
async function main({studio, uniform, temperature, strength}) {
  const [agent] = await agentsOf(studio);
  const setting = new Setting(agent.card.setting);
  const composer = new Composer(agent, setting, strength);
  const given = new Array(setting.steps).fill(null);
  return uniform.map((numbers) => {
    composer.begin(agent.card.primer);
    return composeAround(composer, given, {temperature, masks: agent.card.profile.masks}, () => numbers.shift());
  });
}
"""


class Scripted:
    """A generator whose uniform numbers [T, N] are given."""

    def __init__(self, numbers: np.ndarray):
        self.rows = iter(numbers)

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        return next(self.rows).reshape(shape)


def check_tokens_of(agent: Agent, seeds: int, engine: Any, data: Any, temperature: float, strength: float) -> None:
    """Require of the engine the same tokens as Python's, given the same uniform numbers."""
    environment = agent.environment
    uniform = np.random.default_rng(7).random((environment.setting.steps, seeds))
    pieces = MelodyEngine(seeds, environment)
    player = agent.player(environment, strength)
    expected = _played(player, pieces, _Drawn(Scripted(uniform), temperature), 0).melodies
    call = {"studio": data, "uniform": uniform.T.tolist(), "temperature": temperature, "strength": strength}
    np.testing.assert_array_equal(engine(COMPOSE, call), expected)


@pytest.mark.parametrize("name", KINDS)
def test_the_same_uniform_numbers_give_the_same_tokens(agents, engine, page_data, name):
    check_tokens_of(agents[name], 20, engine, page_data(agents[name]), 0.9, 1.3)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_thousand_seeds_give_the_same_tokens(agents, engine, page_data, name):
    check_tokens_of(agents[name], 1000, engine, page_data(agents[name]), 1.0, 1.0)


def test_masks_are_those_of_the_profile(agent_of, priors, engine, page_data, tmp_path):
    profile = tmp_path / "masked.yaml"
    profile.write_text("rules: {key: {}}\nmasks: {in_scale: {}, no_wide_leaps: {max_semitones: 4}}\n")
    agent = agent_of("q", priors["lstm"], priming="none", reward=profile, pitch_range=[52, 76])
    check_tokens_of(agent, 40, engine, page_data(agent), 1.5, 1.0)


def test_masks_of_chords_are_those_of_the_profile(agent_of, priors, engine, page_data, tmp_path):
    profile = tmp_path / "masked.yaml"
    profile.write_text("rules: {chord_tone: {}}\nmasks: {chord_tones_on_strong_beats: {}}\n")
    agent = agent_of("q", priors["lstm"], priming="none", reward=profile, chords="C Db | F#m7 | N.C. G", length=64)
    check_tokens_of(agent, 40, engine, page_data(agent), 1.5, 1.0)
