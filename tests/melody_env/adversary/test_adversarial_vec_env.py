"""The vector environment whose reward learns along with the agent."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from melody_env import MelodyVecEnv, NamedMask, RewardProfile, WeightedRule
from melody_env.adversary.vec_env import AdversarialVecEnv

PIECES, STEPS = 3, 5


class Scripted:
    """An adversary that counts: the potential is the number of notes so far, a melody's log-odds its first token."""

    weights = {"features": 2.0, "tokens": 0.5}  # noqa: RUF012

    def begin(self, size):
        self.notes = np.zeros(size)

    def potential(self, tokens):
        self.notes = self.notes + (tokens >= 2)
        return self.notes

    def judge(self, melodies):
        return {"features": melodies[:, 0] / 10, "tokens": (melodies >= 2).sum(axis=1) * 1.0}


@pytest.fixture
def profile() -> RewardProfile:
    return RewardProfile("key alone", (WeightedRule("key"),), c=0.5)


def played(env, actions):
    """Return the rewards [T, B] of one batch of pieces, and the infos of their last step."""
    rewards = []
    for row in actions:
        _, reward, dones, infos = env.step(row)
        rewards.append(reward)
    assert dones.all()
    return np.array(rewards), infos


def both(prior, profile):
    """Return an environment, and the same with an adversary."""
    envs = [MelodyVecEnv(PIECES, prior=prior, reward=profile, length=STEPS) for _ in range(2)]
    for env in envs:
        env.seed(1)
    envs[1] = AdversarialVecEnv(envs[1], Scripted())
    for env in envs:
        env.reset()
    return envs


ACTIONS = np.array([[14, 30, 1], [1, 20, 0], [16, 1, 1], [1, 1, 25], [19, 0, 1]])
NOTES = np.array([[1, 1, 0], [1, 2, 0], [2, 2, 0], [2, 2, 1], [3, 2, 1]])
LOG_ODDS = 2.0 * ACTIONS[0] / 10 + 0.5 * NOTES[-1]


def test_tokens_are_paid_by_the_change_of_the_potential_and_the_last_by_the_log_odds(prior, profile):
    plain, adversarial = both(prior, profile)
    (without, _), (rewards, infos) = (played(env, ACTIONS) for env in (plain, adversarial))
    potential = np.vstack([np.zeros(PIECES), NOTES[:-1]])
    expected = np.vstack([potential[1:] - potential[:-1], LOG_ODDS - potential[-1]]) / profile.c
    np.testing.assert_allclose(rewards - without, expected, atol=1e-5)
    assert [info["adversary"] for info in infos] == [
        {"features": first / 10, "tokens": float(notes)} for first, notes in zip(ACTIONS[0], NOTES[-1], strict=True)
    ]
    assert [info["episode"]["r"] for info in infos] == pytest.approx(rewards.sum(axis=0).tolist(), abs=1e-4)


def test_each_batch_of_pieces_starts_from_nothing(prior, profile):
    plain, adversarial = both(prior, profile)
    for _ in range(2):
        (without, _), (rewards, infos) = (played(env, ACTIONS) for env in (plain, adversarial))
        np.testing.assert_allclose((rewards - without).sum(axis=0), LOG_ODDS / profile.c, atol=1e-4)
    assert [info["episode"]["r"] for info in infos] == pytest.approx(rewards.sum(axis=0).tolist(), abs=1e-4)
    adversarial.step(ACTIONS[0])
    adversarial.reset()
    assert not adversarial.adversary.notes.any()


def test_what_is_paid_follows_c_and_the_tokens_that_were_played(prior):
    """A forbidden token is replaced by the nearest allowed one, and the adversary judges that."""
    plain, adversarial = both(prior, RewardProfile("scale", (), c=1.0, masks=(NamedMask("in_scale"),)))
    for env in (plain, adversarial):
        env.set_attr("c", 0.25)
    outside = np.full(PIECES, 15)
    (_, without, *_), (_, rewards, *_) = (env.step(outside) for env in (plain, adversarial))
    assert adversarial.venv.engine.last_tokens.tolist() != outside.tolist()
    np.testing.assert_allclose(rewards - without, 4.0, atol=1e-5)


def test_everything_else_is_the_environments(prior, profile):
    plain, adversarial = both(prior, profile)
    np.testing.assert_array_equal(plain.step(ACTIONS[0])[0], adversarial.step(ACTIONS[0])[0])
    np.testing.assert_array_equal(plain.prior_log_probs, adversarial.prior_log_probs)
    assert adversarial.get_attr("setting")[0] == plain.setting
    assert (adversarial.observation_space, adversarial.action_space) == (plain.observation_space, plain.action_space)


def test_it_goes_on_after_pickling_in_the_middle_of_a_piece(prior, profile):
    _, adversarial = both(prior, profile)
    adversarial.step(ACTIONS[0])
    restored = pickle.loads(pickle.dumps(adversarial))
    for env in (adversarial, restored):
        rewards, _ = played(env, ACTIONS[1:])
        env.result = SimpleNamespace(rewards=rewards)
    np.testing.assert_array_equal(adversarial.result.rewards, restored.result.rewards)
