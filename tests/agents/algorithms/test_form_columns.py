"""An agent that observes the form starts exactly as its Note RNN, learns from it, and is saved with it."""

import numpy as np
import pytest
import torch

from agents import PPOKL, RecurrentDQN, compose_pieces, load_composer
from agents.algorithms.networks import DUE_SCALE
from agents.algorithms.saved_policies import SavedPolicy
from agents.composing.composers import Agent
from agents.composing.players import NoteRNNPlayer
from melody_env import EnvironmentSpec, MelodyVecEnv, RewardProfile, WeightedRule
from melody_env.envs.observations import NOTHING
from melody_env.form import similarity
from note_rnn import Lookback, NoteRNN

FORM = {"meter": "1/4", "length": 16, "form": "AABA | AA'BC"}


def agent_of(algorithm: str, prior: NoteRNN, observation: str = "position"):
    """An agent that starts from the prior, and its environment."""
    profile = RewardProfile("form", (WeightedRule("form"),))
    spec = EnvironmentSpec.of(prior=prior, observation=observation, reward=profile, **FORM)
    env = MelodyVecEnv(4, **spec.arguments)
    ours = {"env": env, "prior": env.engine.prior, "seed": 0, "device": "cpu"}
    if algorithm == "ppo_kl":
        return PPOKL(n_steps=16, **ours), spec
    objective, *dueling = algorithm.split()
    return RecurrentDQN(objective=objective, policy_kwargs={"dueling": bool(dueling)}, learning_starts=16, **ours), spec


@pytest.fixture(scope="module")
def looking_back() -> NoteRNN:
    torch.manual_seed(0)
    return NoteRNN(hidden_size=12, lookback=Lookback()).eval().requires_grad_(False)


@pytest.mark.parametrize("algorithm", ["q", "psi", "psi dueling", "g", "ppo_kl"])
@pytest.mark.parametrize("observation", ["position", "lookback"])
@pytest.mark.parametrize("looks_back", [False, True])
def test_it_starts_exactly_as_its_prior(algorithm, observation, looks_back, small_prior, looking_back):
    model, spec = agent_of(algorithm, looking_back if looks_back else small_prior, observation)
    agent = Agent(model.policy, spec)
    pieces = compose_pieces(agent.player(), 20, 1, spec)
    expected = compose_pieces(NoteRNNPlayer(), 20, 1, spec)
    np.testing.assert_array_equal(pieces.melodies, expected.melodies)
    np.testing.assert_allclose(pieces.kl, 0, atol=1e-5)
    assert {*pieces.finished.forms} == {"AABA", "AA'BC"}


@pytest.mark.parametrize("algorithm", ["q", "ppo_kl"])
def test_it_learns_from_the_columns_of_form_and_its_weights_file_plays_as_it_does(algorithm, small_prior, tmp_path):
    model, spec = agent_of(algorithm, small_prior)
    model.learn(4 * 16 * 4)
    assert model.policy.network.cell.input_weights[:, -(3 * 39 + 33 + 2 + 17) :].abs().max() > 0
    SavedPolicy.of(model).save(tmp_path / "agent.safetensors")
    saved = load_composer(tmp_path / "agent.safetensors")
    assert (saved.environment.setting, saved.environment.shows_form) == (spec.setting, True)
    model.save(tmp_path / "agent.zip")
    zipped = load_composer(tmp_path / "agent.zip")
    expected = compose_pieces(Agent(model.policy, spec).player(), 9, 3, spec, retained=9)
    for other in (saved, zipped, load_composer(model)):
        pieces = compose_pieces(Agent(other.policy, spec).player(), 9, 3, spec, retained=9)
        np.testing.assert_array_equal(pieces.melodies, expected.melodies)
        np.testing.assert_allclose(pieces.steps.probabilities, expected.steps.probabilities, rtol=1e-5)


@pytest.mark.parametrize("algorithm", ["q", "psi dueling", "g", "ppo_kl"])
@pytest.mark.parametrize("looks_back", [False, True])
def test_a_bonus_raises_the_token_that_is_due_whatever_it_is(algorithm, looks_back, small_prior, looking_back):
    """The last three outputs of the readout are bonuses of the tokens in the three columns; without one, of nothing.

    They count eight times, so that they learn as much faster."""
    assert DUE_SCALE == 8
    model, _ = agent_of(algorithm, looking_back if looks_back else small_prior)
    network = model.policy.network
    due = [[20, 7, NOTHING], [NOTHING, 7, 7], [NOTHING] * 3, [0, 37, 20]]
    observations = torch.tensor([[14, 3, *tokens, 5, 0, 8] for tokens in due])
    state, no_base = network.zero_state(len(due)), torch.zeros(len(due), 38)
    before, _ = network.step(observations, no_base, state)
    bonuses = torch.tensor([1.0, 10.0, 100.0])
    with torch.no_grad():
        network.head.readout.linear.bias[-3:] += bonuses / DUE_SCALE
    after, _ = network.step(observations, no_base, state)
    expected = torch.zeros(len(due), 38)
    for row, tokens in enumerate(due):
        for token, bonus in zip(tokens, bonuses, strict=True):
            if token != NOTHING:
                expected[row, token] += bonus
    torch.testing.assert_close(after - before, expected, atol=1e-4, rtol=0)


def test_an_agent_learns_to_repeat_what_it_has_never_repeated(small_prior):
    """The bonus has no pitch: a few hundred pieces are enough to learn that the second bar is the first again."""
    profile = RewardProfile("form", (WeightedRule("form"),), c=0.05)
    spec = EnvironmentSpec.of(prior=small_prior, reward=profile, length=8, meter="1/4", form="AA")
    env = MelodyVecEnv(64, **spec.arguments)
    skip = {"skip_connection": True}
    model = PPOKL(
        "MlpLstmPolicy", env, 2e-2, n_steps=8, prior=env.engine.prior, policy_kwargs=skip, seed=0, device="cpu"
    )

    def kept() -> float:
        melodies = compose_pieces(Agent(model.policy, spec).player(), 200, 1, spec).melodies
        return float(similarity(melodies[:, :4], melodies[:, 4:]).mean())

    assert kept() < 0.2
    model.learn(64 * 8 * 10)
    assert kept() > 0.9
