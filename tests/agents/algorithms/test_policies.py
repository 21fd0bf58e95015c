"""The policy acts with memory, step by step as its networks score whole episodes, and is saved with its arguments."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from agents.algorithms.policies import RecurrentDQNPolicy, RecurrentPolicy, choose
from note_rnn import NoteRNN

OBSERVATIONS = spaces.MultiDiscrete([38, 5])
ACTIONS = spaces.Discrete(38)
STEPS, BATCH = 4, 3


def make_policy(kind=RecurrentPolicy, **changes):
    torch.manual_seed(0)
    policy = kind(OBSERVATIONS, ACTIONS, lambda remaining: 0.5 * remaining, **changes)
    with torch.no_grad():
        for parameter in policy.network.parameters():
            parameter += torch.randn_like(parameter) / 2
        for parameter in policy.prior.parameters() if policy.prior else ():
            parameter *= 8  # so that it is sure of something
    return policy


@pytest.fixture
def seen() -> np.ndarray:
    OBSERVATIONS.seed(0)
    return np.array([[OBSERVATIONS.sample() for _ in range(BATCH)] for _ in range(STEPS)])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_predict_goes_on_from_its_state_as_whole_episodes_are_scored(cell, seen):
    policy = make_policy(lstm_hidden_size=(6, 4), cell=cell, prior_size=((7, 5), 1, cell), dueling=True)
    log_p = policy.prior(torch.from_numpy(seen[..., 0]))[0].log_softmax(-1)
    scores, _ = policy.network(torch.from_numpy(seen), log_p)
    expected = (scores + log_p).argmax(-1).numpy()
    assert (expected != scores.argmax(-1).numpy()).mean() > 0.5
    state = None
    for step in range(STEPS):
        actions, state = policy.predict(seen[step], state, deterministic=True)
        np.testing.assert_array_equal(actions, expected[step])


def test_an_episode_that_begins_anew_forgets_and_the_others_remember(seen):
    policy = make_policy(lstm_hidden_size=6, prior_size=(7, 1, "lstm"))
    _, state = policy.predict(seen[0])
    _, after = policy.predict(seen[1], state, np.array([False, True, False]))
    _, afresh = policy.predict(seen[1])
    for kept, new in zip(after, afresh, strict=True):
        np.testing.assert_array_equal((kept == new).all(-1), [[False, True, False]])


def test_predict_leaves_training_mode():
    policy = make_policy()
    policy.set_training_mode(True)
    assert policy.training
    assert policy.network.training
    policy.predict(OBSERVATIONS.sample())
    assert not policy.training
    assert not policy.network.training


def test_a_given_log_base_stands_in_for_the_prior_and_the_penalty_is_part_of_it(seen):
    policy = make_policy(prior_size=(7, 1, "lstm"))
    observation, start = torch.from_numpy(seen[0]), torch.ones(BATCH, dtype=torch.bool)
    given, allowed = torch.randn(BATCH, 38), np.arange(38 * BATCH).reshape(BATCH, 38) % 4 != 1
    state = policy.zero_state(BATCH)
    logits, log_base, after = policy.step(observation, state, start, given, policy.penalty(allowed))
    expected = torch.where(torch.from_numpy(allowed), given, given - 1e9)
    torch.testing.assert_close(log_base, expected)
    scores, _ = policy.network(observation[None], expected)
    torch.testing.assert_close(logits, scores[0] + expected)
    for part in after[2:]:
        assert part.abs().max() == 0  # the prior was not evaluated


def test_without_a_prior_nothing_is_added_even_if_log_p_is_given(seen):
    policy = make_policy()
    start, state = torch.ones(BATCH, dtype=torch.bool), policy.zero_state(BATCH)
    logits, log_base, _ = policy.step(torch.from_numpy(seen[0]), state, start, torch.randn(BATCH, 38))
    assert log_base.shape == ()
    torch.testing.assert_close(logits, policy.network(torch.from_numpy(seen[:1]), torch.zeros(()))[0][0])


def test_actions_are_the_likeliest_or_drawn_with_their_probabilities():
    logits = torch.tensor([0.1, 0.2, 0.7]).log().expand(10_000, 3) + 5
    assert choose(logits, deterministic=True).unique().tolist() == [2]
    torch.manual_seed(0)
    shares = choose(logits, deterministic=False).bincount() / 10_000
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.7], atol=0.02)


ARGUMENTS = {
    "lstm_hidden_size": (6, 4),
    "n_lstm_layers": 2,
    "cell": "gru",
    "net_arch": [5],
    "activation_fn": nn.Tanh,
    "prior_size": ((3,), 1, "gru"),
    "optimizer_class": torch.optim.SGD,
    "optimizer_kwargs": {"momentum": 0.5},
}


@pytest.mark.parametrize("head", [{"skip_connection": True}, {"dueling": True, "value_scale": 9.0}])
@pytest.mark.parametrize("kind", [RecurrentPolicy, RecurrentDQNPolicy])
def test_a_saved_policy_is_the_same_when_it_is_loaded(kind, head, seen, tmp_path):
    policy = make_policy(kind, **ARGUMENTS, **head)
    assert policy.network.cell.widths == (6, 4, 6, 4)
    policy.save(tmp_path / "policy")
    loaded = kind.load(tmp_path / "policy", device="cpu")
    assert isinstance(loaded.optimizer, torch.optim.SGD)
    assert loaded.optimizer.param_groups[0]["momentum"] == 0.5
    log_base = torch.randn(STEPS, BATCH, 38)
    for name in ("network", "target_network")[: 1 + (kind is RecurrentDQNPolicy)]:
        one, other = (getattr(each, name)(torch.from_numpy(seen), log_base)[0] for each in (policy, loaded))
        assert one.equal(other)
    tokens = torch.from_numpy(seen[..., 0])
    assert policy.prior(tokens)[0].equal(loaded.prior(tokens)[0])


class Scaled(FlattenExtractor):
    """The flattened observation, times a factor."""

    def __init__(self, observation_space, factor=1.0):
        super().__init__(observation_space)
        self.factor = factor

    def forward(self, observations):
        return self.factor * super().forward(observations)


def test_features_are_extracted_as_given_before_and_after_loading(tmp_path):
    images = spaces.Box(0, 255, (1, 36, 36), np.uint8)
    extractor = {"features_extractor_class": Scaled, "features_extractor_kwargs": {"factor": 3.0}}
    policy = RecurrentPolicy(images, ACTIONS, lambda _: 0.5, normalize_images=False, **extractor)
    policy.save(tmp_path / "policy")
    loaded = RecurrentPolicy.load(tmp_path / "policy", device="cpu")
    image = torch.full((1, 1, 36, 36), 7, dtype=torch.uint8)
    for network in (policy.network, loaded.network):
        assert network.extract_features(image, network.features_extractor).unique().tolist() == [21.0]


def test_the_optimizer_moves_the_network_alone_from_the_first_learning_rate_on():
    policy = make_policy(RecurrentDQNPolicy, prior_size=(7, 1, "lstm"))
    assert isinstance(policy.optimizer, torch.optim.Adam)
    (group,) = policy.optimizer.param_groups
    assert group["lr"] == 0.5
    assert {id(one) for one in group["params"]} == {id(one) for one in policy.network.parameters()}
    for fixed in (policy.target_network, policy.prior):
        assert not any(parameter.requires_grad for parameter in fixed.parameters())


def test_both_networks_start_equal_and_g_takes_over_the_prior(seen):
    prior = NoteRNN(6)
    tokens = torch.from_numpy(seen[..., 0])
    expected = prior(tokens)[0]
    policy = make_policy(RecurrentDQNPolicy, lstm_hidden_size=6, prior_size=(6, 1, "lstm"))
    policy.start_from(prior)
    assert policy.prior(tokens)[0].equal(expected)
    assert policy.network(torch.from_numpy(seen), torch.zeros(()))[0].abs().max() == 0  # G: log p is added to it
    for one, other in zip(policy.network.parameters(), policy.target_network.parameters(), strict=True):
        assert one.equal(other)
    fresh = RecurrentDQNPolicy(OBSERVATIONS, ACTIONS, lambda _: 0.5)
    for one, other in zip(fresh.network.parameters(), fresh.target_network.parameters(), strict=True):
        assert one.equal(other)


def test_the_network_has_the_layers_that_are_asked_for():
    for activation in (nn.ReLU, nn.Tanh):
        assert type(make_policy(net_arch=[5], activation_fn=activation).network.trunk[1]) is activation
    assert make_policy().network.head.skip is None
    assert make_policy(skip_connection=True).network.head.skip is not None
