"""Networks: features, memory, and both heads, each worked out by hand."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from torch import nn

from agents.algorithms.networks import RecurrentNetwork
from note_rnn import NoteRNN

T, B, A = 4, 2, 38
ZERO = torch.zeros(())
SPACES = {
    "Discrete": spaces.Discrete(38),
    "MultiDiscrete": spaces.MultiDiscrete([38, 2, 5]),
    "Box": spaces.Box(-5, 5, (3,)),
}
SIZE = {
    "hidden_size": 6,
    "num_layers": 1,
    "cell": "lstm",
    "skip_connection": False,
    "dueling": False,
    "value_scale": 1.0,
    "net_arch": [],
    "activation_fn": nn.ReLU,
    "normalize_images": True,
}


class Doubled(BaseFeaturesExtractor):
    """Twice the flattened observation."""

    def __init__(self, observation_space):
        super().__init__(observation_space, spaces.flatdim(observation_space))

    def forward(self, observations):
        return 2 * observations.flatten(1)


def make_network(space: spaces.Space, extractor=FlattenExtractor, **changes) -> RecurrentNetwork:
    torch.manual_seed(0)
    features = extractor(space)
    network = RecurrentNetwork(space, spaces.Discrete(A), features, features.features_dim, **{**SIZE, **changes})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) / 2)
    return network


def observe(space: spaces.Space) -> tuple[torch.Tensor, torch.Tensor]:
    """Return observations [T, B, ...] of `space`, and their features [T, B, F]: numbers one-hot, one after another."""
    space.seed(1)
    seen = np.array([[space.sample() for _ in range(B)] for _ in range(T)])
    features = np.array([[spaces.flatten(space, one) for one in row] for row in seen])
    return torch.from_numpy(seen), torch.from_numpy(features).float()


def remembered(network: RecurrentNetwork, features: torch.Tensor) -> np.ndarray:
    """Return what the recurrent layers make of `features` [T, B, F] from the zero state on: [T, B, H]."""
    return network.cell(features, network.zero_state(B))[0].detach().numpy()


def numbers(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().numpy()


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("skip_connection", [False, True])
def test_plain_scores_are_linear_in_the_memory_and_with_a_skip_connection_in_what_was_seen(name, skip_connection):
    network = make_network(SPACES[name], skip_connection=skip_connection)
    seen, features = observe(SPACES[name])
    head = network.head
    expected = remembered(network, features) @ numbers(head.logits.weight).T + numbers(head.logits.bias)
    if skip_connection:
        expected += features.numpy() @ numbers(head.skip.weight).T
    np.testing.assert_allclose(numbers(network(seen, ZERO)[0]), expected, atol=1e-5)


@pytest.mark.parametrize("name", SPACES)
def test_dueling_scores_have_a_value_and_a_policy_of_memory_and_of_what_was_seen(name):
    network = make_network(SPACES[name], dueling=True, value_scale=7.0)
    seen, features = observe(SPACES[name])
    log_base = torch.randn(T, B, A)
    memory, head = remembered(network, features), network.head
    both = memory @ numbers(head.from_memory.weight).T + features.numpy() @ numbers(head.from_features.weight).T
    both += numbers(head.from_memory.bias)
    scores = network(seen, log_base)[0]
    np.testing.assert_allclose((scores + log_base).logsumexp(-1).detach(), 7 * both[..., A], rtol=1e-4, atol=1e-4)
    logits = both[..., :A] + log_base.numpy()
    policy = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose((scores + log_base).softmax(-1).detach(), policy, atol=1e-5)


@pytest.mark.parametrize(("activation", "function"), [(nn.ReLU, lambda x: np.maximum(x, 0)), (nn.Tanh, np.tanh)])
def test_connected_layers_stand_between_memory_and_scores(activation, function):
    network = make_network(SPACES["Discrete"], net_arch=[9, 4], activation_fn=activation)
    seen, features = observe(SPACES["Discrete"])
    outputs = remembered(network, features)
    for layer in (network.trunk[0], network.trunk[2]):
        outputs = function(outputs @ numbers(layer.weight).T + numbers(layer.bias))
    expected = outputs @ numbers(network.head.logits.weight).T + numbers(network.head.logits.bias)
    np.testing.assert_allclose(numbers(network(seen, ZERO)[0]), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["MultiDiscrete", "Box"])
def test_features_are_those_of_the_given_extractor(name):
    network = make_network(SPACES[name], Doubled)
    seen, features = observe(SPACES[name])
    expected = remembered(network, 2 * features) @ numbers(network.head.logits.weight).T
    scores = numbers(network(seen, ZERO)[0])
    np.testing.assert_allclose(scores, expected + numbers(network.head.logits.bias), atol=1e-5)


def test_images_are_normalized_unless_that_is_switched_off():
    image = spaces.Box(0, 255, (3, 36, 36), np.uint8)
    seen, features = observe(image)
    for normalize_images, scale in ((True, 255), (False, 1)):
        network = make_network(image, normalize_images=normalize_images)
        expected = remembered(network, features / scale) @ numbers(network.head.logits.weight).T
        scores = numbers(network(seen, ZERO)[0])
        np.testing.assert_allclose(scores, expected + numbers(network.head.logits.bias), atol=1e-4)


@pytest.mark.parametrize(("size", "cell", "widths"), [((7, 3), "lstm", (7, 3)), (5, "gru", (5, 5))])
def test_layers_have_the_widths_and_the_cell_that_are_requested(size, cell, widths):
    layers = make_network(SPACES["Box"], hidden_size=size, cell=cell, num_layers=1 if size == (7, 3) else 2).cell
    assert (layers.widths, layers.kind) == (widths, cell)


def test_stepping_gives_what_unrolling_gives():
    network = make_network(SPACES["MultiDiscrete"], dueling=True, hidden_size=(6, 4))
    seen, _ = observe(SPACES["MultiDiscrete"])
    log_base = torch.randn(T, B, A)
    expected, last = network(seen, log_base)
    state = network.zero_state(B)
    for step in range(T):
        logits, state = network.step(seen[step], log_base[step], state)
        policy = (expected[step] + log_base[step]).log_softmax(-1)
        torch.testing.assert_close(logits.log_softmax(-1), policy)
    for one, other in zip(state, last, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", ["Discrete", "MultiDiscrete"])
@pytest.mark.parametrize("head", [{"skip_connection": True}, {"dueling": True}], ids=["plain", "dueling"])
@pytest.mark.parametrize("scores_from_zero", [False, True])
def test_it_starts_as_a_prior_whatever_it_was_before(name, head, scores_from_zero):
    network, prior = make_network(SPACES[name], **head), NoteRNN(6)
    network.start_from(prior, scores_from_zero)
    seen, features = observe(SPACES[name])
    scores = network(seen, ZERO)[0]
    tokens = features[..., :38].argmax(-1)
    expected = torch.zeros(T, B, A) if scores_from_zero else prior(tokens)[0]
    if "dueling" in head:
        expected = expected.log_softmax(-1)  # of which the value is zero
    torch.testing.assert_close(scores, expected)


def test_a_prior_needs_as_many_actions_and_linear_scores():
    prior = NoteRNN(6)
    space = SPACES["Discrete"]
    features = FlattenExtractor(space)
    fewer = RecurrentNetwork(space, spaces.Discrete(37), features, 38, **SIZE)
    for network in (fewer, make_network(SPACES["Box"]), make_network(spaces.MultiDiscrete([5, 38]))):
        with pytest.raises(ValueError, match="leave out the prior"):
            network.start_from(prior, False)
    for changes in ({"net_arch": [6]}, {"cell": "gru"}, {"hidden_size": 7}, {"num_layers": 2}):
        with pytest.raises(ValueError, match="an empty net_arch"):
            make_network(space, **changes).start_from(prior, False)


@pytest.mark.parametrize("head", [{"skip_connection": True}, {"dueling": True}], ids=["plain", "dueling"])
def test_without_a_prior_values_and_skip_connection_start_from_zero(head):
    space = SPACES["Discrete"]
    network = RecurrentNetwork(space, spaces.Discrete(A), FlattenExtractor(space), 38, **{**SIZE, **head})
    if "dueling" in head:
        scores = network(observe(space)[0], ZERO)[0]
        torch.testing.assert_close(scores.logsumexp(-1), torch.zeros(T, B), atol=1e-5, rtol=0)
        assert scores.std(-1).min() > 0
    else:
        assert network.head.skip.weight.abs().max() == 0
