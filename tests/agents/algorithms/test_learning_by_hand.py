"""One call of `learn` of each algorithm, worked out again by hand: from what was played to the weights afterwards.

Two environments play a script of episodes that differ in length and in how they end. Returns, advantages, losses, and
their derivatives by the scores are computed here in loops over single steps; PyTorch's autograd then takes the
derivatives from the scores to the weights, and plain gradient descent makes the update.
"""

import copy
from itertools import cycle
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from agents import PPOKL, RecurrentDQN
from note_rnn import NoteRNN


class Episode(NamedTuple):
    """What an environment plays: the tokens seen [L + 1], the rewards [L], and whether a time limit is its end."""

    tokens: tuple[int, ...]
    rewards: tuple[float, ...]
    time_limit: bool


SCRIPT = (
    (Episode((5, 9, 31, 2), (1.0, -4.0, 2.0), False), Episode((11, 4, 14, 6), (-6.0, 0.0, 1.0), True)),
    (Episode((7, 8, 12), (3.0, 8.0), True), Episode((20, 1, 0, 35, 8), (0.5, -1.0, 5.0, -2.0), False)),
)
"""Two episodes of each environment, one after the other, six steps in all."""
STEPS = 6
LOG_P = torch.randn(38, 38, generator=torch.Generator().manual_seed(1)).mul(2).log_softmax(-1).numpy()
"""log p of each token after each token: what the environment says that the prior thinks."""
REWARD_SCALE = 2.0
"""What VecNormalize divides rewards by."""


def allowed(token: int) -> np.ndarray:
    """Which tokens [38] may follow `token`."""
    return (np.arange(38) + token) % 3 != 0


class Scripted(gym.Env):
    """Play episodes one after the other, and write down which actions were taken in each."""

    observation_space = spaces.MultiDiscrete([38, 5])
    action_space = spaces.Discrete(38)

    def __init__(self, episodes):
        self.coming, self.played = cycle(episodes), []

    def reset(self, *, seed=None, options=None):
        self.episode, self.actions = next(self.coming), []
        self.played.append((self.episode, self.actions))
        return self.seen(), {}

    def step(self, action):
        reward = self.episode.rewards[len(self.actions)] + action / 10
        self.actions.append(int(action))
        last = len(self.actions) == len(self.episode.rewards)
        return self.seen(), reward, last and not self.episode.time_limit, last and self.episode.time_limit, {}

    def seen(self):
        return np.array([self.token, len(self.actions)])

    @property
    def token(self):
        return self.episode.tokens[len(self.actions)]

    def action_masks(self):
        return allowed(self.token)


class ScriptedVecEnv(DummyVecEnv):
    """Both environments; `forbids` says whether the masks count."""

    def __init__(self, forbids):
        super().__init__([lambda episodes=episodes: Scripted(episodes) for episodes in SCRIPT])
        self.forbids = forbids

    @property
    def prior_log_probs(self):
        return LOG_P[[env.token for env in self.envs]]


class Played(NamedTuple):
    """An episode of L steps as it was played, and what the policy that acted made of it."""

    observations: torch.Tensor
    """[L + 1, 1, 2]."""
    actions: list[int]
    rewards: list[float]
    """Normalised."""
    time_limit: bool
    base: np.ndarray
    """[L + 1, 38], what the policy adds to the scores; after the last step that of the last step again."""
    log_policy: list[float]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


def scores_of(network, played: Played) -> torch.Tensor:
    """Return the scores [L + 1, 38] of an episode by itself, from the zero state."""
    return network(played.observations, torch.from_numpy(played.base[:, None]).float())[0][:, 0]


def what_was_played(env: ScriptedVecEnv, network, adds_log_p: bool) -> dict[int, Played]:
    """Return the episodes that have ended, by their first token; `network` is the one that acted."""
    found = {}
    for episode, actions in (pair for one in env.envs for pair in one.played if len(pair[1]) == len(pair[0].rewards)):
        base = np.zeros((len(actions) + 1, 38))
        for step, token in enumerate(episode.tokens[:-1]):
            base[step] = LOG_P[token] * adds_log_p + np.where(allowed(token) | (not env.forbids), 0, -1e9)
        base[-1] = base[-2]
        seen = torch.tensor([[[token, step]] for step, token in enumerate(episode.tokens)])
        rewards = [(r + a / 10) / REWARD_SCALE for r, a in zip(episode.rewards, actions, strict=True)]
        played = Played(seen, actions, rewards, episode.time_limit, base, [])
        for step, logits in enumerate(scores_of(network, played).detach().numpy()[:-1] + base[:-1]):
            played.log_policy.append(log_softmax(logits)[actions[step]])
        found[episode.tokens[0]] = played
    return found


def returns_by_hand(played: Played, online, target, objective, double_q, gamma, return_lambda) -> list[float]:
    """Return what the scores of the actions should have been, given those of both networks [L + 1, 38]."""
    following, returns = 0.0, []
    for step in reversed(range(len(played.actions))):
        action, base, base_after = played.actions[step], played.base[step], played.base[step + 1]
        last = step + 1 == len(played.actions)
        if objective == "q":
            judge = online if double_q else target
            best = max(range(38), key=lambda token: judge[step + 1, token] + base_after[token])
            value, reward = target[step + 1, best], played.rewards[step]
        else:
            value = np.log(sum(np.exp(score) for score in target[step + 1] + base_after))
            reward = played.rewards[step] - base[action]
            if not last:
                after = played.actions[step + 1]
                following -= played.log_policy[step + 1] - base_after[after]
        if last:
            following = reward + (gamma * value if played.time_limit else 0)
        else:
            following = reward + gamma * ((1 - return_lambda) * value + return_lambda * following)
        returns.append(following)
    return returns[::-1]


def descend(network, derivatives: list[tuple[torch.Tensor, np.ndarray]], rate: float, max_norm: float) -> float:
    """Step down the gradient that the `derivatives` by the scores of episodes make; return its norm."""
    parameters = list(network.parameters())
    totals = [torch.zeros_like(parameter) for parameter in parameters]
    for scores, by_scores in derivatives:
        for total, part in zip(
            totals, torch.autograd.grad(scores, parameters, torch.from_numpy(by_scores).float()), strict=True
        ):
            total += part
    norm = sum(total.square().sum().item() for total in totals) ** 0.5
    with torch.no_grad():
        for parameter, total in zip(parameters, totals, strict=True):
            parameter -= rate * total * min(1, max_norm / norm)
    return norm


def minibatches_of(model) -> list[list[int]]:
    """Return a list that will hold, for each update, the first tokens of the episodes that it learns from."""
    found: list[list[int]] = []

    def note(network, arguments, output):
        if network.training:
            found.append(arguments[0][0, :, 0].long().tolist())

    model.policy.network.register_forward_hook(note)
    return found


def same_weights(network, expected) -> None:
    for own, other in zip(network.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)


def rate(remaining: float) -> float:
    """The learning rate: 0.1 at the beginning, 0.5 at the end, where the updates are made."""
    return 0.5 - 0.4 * remaining


def make(kind, forbids: bool, dueling: bool, **arguments):
    """Return an agent far from its prior, for the scripted environments with their rewards normalised, and these."""
    env = ScriptedVecEnv(forbids)
    normalized = VecNormalize(env, training=False, norm_obs=False)
    normalized.ret_rms.var = np.array(REWARD_SCALE**2 - normalized.epsilon)
    network = {"optimizer_class": torch.optim.SGD, "dueling": dueling, "value_scale": 3.0}
    torch.manual_seed(0)
    model = kind(env=normalized, prior=NoteRNN(6), policy_kwargs=network, seed=0, device="cpu", **arguments)
    for parameter in model.policy.parameters():
        parameter.data += torch.randn_like(parameter) / 3
    return model, env


def name_of(changes: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in changes.items()) or "as they are"


def error_by_hand(error: float, beyond: float | None) -> tuple[float, float]:
    """Return the squared `error`, or what goes on linearly `beyond`, and its derivative."""
    if beyond is None or abs(error) < beyond:
        return error**2, 2 * error
    return 2 * beyond * abs(error) - beyond**2, 2 * beyond * np.sign(error)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"double_q": False},
        {"huber_delta": 0.7},
        {"return_lambda": 0.0, "forbids": False},
        {"tau": 1.0},
        {"objective": "psi"},
        {"objective": "psi", "dueling": True},
        {"objective": "psi", "forbids": False, "huber_delta": 1.5},
        {"objective": "g"},
        {"objective": "g", "dueling": True, "max_grad_norm": 0.3},
        {"objective": "g", "forbids": False, "tau": 1.0, "gamma": 0.5},
    ],
    ids=name_of,
)
def test_q_learning(changes):
    learned = {"objective": "q", "double_q": True, "return_lambda": 0.6, "gamma": 0.8}
    stepped = {"huber_delta": None, "tau": 0.25, "max_grad_norm": 1e9}
    network = {"dueling": False, "forbids": True}
    for settings in (learned, stepped, network):
        settings |= {name: value for name, value in changes.items() if name in settings}
    rounds = {"learning_starts": 2 * STEPS - 1, "train_freq": STEPS, "gradient_steps": 3, "batch_size": 5}
    exploring = {"exploration": "boltzmann", "temperature": 0.5}  # log policy(a|s) is that of temperature 1
    model, env = make(RecurrentDQN, learning_rate=rate, **network, **learned, **stepped, **rounds, **exploring)
    online, target = (copy.deepcopy(each) for each in (model.policy.network, model.policy.target_network))
    drawn = minibatches_of(model)
    model.learn(2 * STEPS)

    episodes = what_was_played(env, online, learned["objective"] == "g")
    assert [len(batch) for batch in drawn] == [5, 5, 5]
    losses, norms = [], []
    for batch in drawn:
        steps = sum(len(episodes[first].actions) for first in batch)
        derivatives, loss = [], 0.0
        for played in (episodes[first] for first in batch):
            scores = scores_of(online, played)
            ours = scores.detach().double().numpy()
            theirs = ours if stepped["tau"] == 1 else scores_of(target, played).double().numpy()
            returns = returns_by_hand(played, ours, theirs, **learned)
            by_scores = np.zeros_like(ours)
            for step, action in enumerate(played.actions):
                error, slope = error_by_hand(ours[step, action] - returns[step], stepped["huber_delta"])
                loss += error / steps
                by_scores[step, action] = slope / steps
            derivatives.append((scores, by_scores))
        losses.append(loss)
        norms.append(descend(online, derivatives, rate(0), stepped["max_grad_norm"]))
        for mine, other in zip(target.parameters(), online.parameters(), strict=True):
            mine.data += stepped["tau"] * (other.data - mine.data)

    assert model.logger.name_to_value["train/loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    same_weights(model.policy.network, online)
    same_weights(model.policy.target_network, target)
    assert min(norms) > 0.3  # so that the smaller of the two limits matters


def advantages_by_hand(episodes: dict[int, Played], kl_weight: float, gamma: float) -> dict[tuple[int, int], float]:
    """Return for each episode and step how much better it went on than the others, beside how far they lie apart."""
    to_go, advantages = {}, {}
    for first, played in episodes.items():
        following = 0.0
        for step in reversed(range(len(played.actions))):
            following = played.rewards[step] - kl_weight * played.log_policy[step] + gamma * following
            to_go[first, step] = following
    for step in range(4):
        there = {first: value for (first, when), value in to_go.items() if when == step}
        better = {}
        for first, value in there.items():
            others = [other for which, other in there.items() if which != first]
            better[first] = value - np.mean(others) if others else 0.0
        spread = np.sqrt(np.mean([value**2 for value in better.values()]))
        advantages |= {(first, step): value / (spread or 1) for first, value in better.items()}
    return advantages


@pytest.mark.parametrize(
    "changes",
    [{}, {"dueling": True}, {"forbids": False, "clip_range": 0.5}, {"max_grad_norm": 0.1}, {"kl_weight": 0.0}],
    ids=name_of,
)
def test_policy_gradient(changes):
    settings = {"gamma": 0.8, "kl_weight": 0.7, "clip_range": 0.1, "max_grad_norm": 1e9, "learning_rate": rate}
    rounds = {"n_steps": STEPS, "batch_size": 3, "n_epochs": 3}
    chosen = {**settings, **rounds, "dueling": False, "forbids": True, **changes}
    model, env = make(PPOKL, **chosen)
    online = copy.deepcopy(model.policy.network)
    drawn = minibatches_of(model)
    model.learn(2 * STEPS)

    episodes = what_was_played(env, online, False)
    assert [len(batch) for batch in drawn] == [3, 1] * 3  # each epoch all four, three at a time
    epochs = [tuple(drawn[number] + drawn[number + 1]) for number in (0, 2, 4)]
    assert all(sorted(epoch) == [5, 7, 11, 20] for epoch in epochs)
    assert len(set(epochs)) == 3  # in another order each time
    advantages = advantages_by_hand(episodes, chosen["kl_weight"], chosen["gamma"])
    losses, norms, clipped = [], [], 0
    for batch in drawn:
        steps = sum(len(episodes[first].actions) for first in batch)
        derivatives, loss = [], 0.0
        for first in batch:
            played = episodes[first]
            scores = scores_of(online, played)
            by_scores = np.zeros((len(played.actions) + 1, 38))
            for step, action in enumerate(played.actions):
                log_policy = log_softmax(scores[step].detach().double().numpy() + played.base[step])
                ratio, advantage = np.exp(log_policy[action] - played.log_policy[step]), advantages[first, step]
                bound = 1 + chosen["clip_range"] * np.sign(advantage)
                if (ratio - bound) * np.sign(advantage) > 0:
                    clipped += 1
                    loss -= bound * advantage / steps
                else:
                    loss -= ratio * advantage / steps
                    by_scores[step] = ratio * advantage * np.exp(log_policy) / steps
                    by_scores[step, action] -= ratio * advantage / steps
            derivatives.append((scores, by_scores))
        losses.append(loss)
        norms.append(descend(online, derivatives, rate(0), chosen["max_grad_norm"]))

    assert model.logger.name_to_value["train/loss"] == pytest.approx(np.mean(losses), rel=1e-3, abs=1e-5)
    same_weights(model.policy.network, online)
    assert clipped > 0 or chosen["max_grad_norm"] == 0.1
    assert max(norms) > 0.1
