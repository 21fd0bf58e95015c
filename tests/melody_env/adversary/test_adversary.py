"""Discriminators of human and composed melodies that are fitted while an agent trains.

Toy tunes: "human" ones walk up and down the scale in quarters, the others repeat one note of it in eighths.
"""

import pickle

import numpy as np
import pytest
import torch

from melody_env import Setting
from melody_env.adversary.adversary import FIRST, LIMIT, MIN_TUNES, REFIT, REMEMBERED, Adversary
from melody_env.adversary.features import FeatureDiscriminator
from melody_env.adversary.tokens import TokenDiscriminator
from melody_env.measures.auc import auc
from note_rnn import InputError

SETTING = Setting(length=32)
SCALE = np.array([14, 16, 18, 19, 21, 23, 25, 26])


def walks(size: int, rng: np.random.Generator) -> np.ndarray:
    """Tunes of eight quarters, each the scale's next note up or down."""
    melodies = np.ones((size, 32), np.int64)
    melodies[:, ::4] = SCALE[(rng.choice([-1, 1], (size, 8)).cumsum(axis=1)) % 8]
    return melodies


def repeated_notes(size: int, rng: np.random.Generator) -> np.ndarray:
    """Melodies of sixteen eighths of the same pitch."""
    melodies = np.ones((size, 32), np.int64)
    melodies[:, ::2] = rng.choice(SCALE, size)[:, None]
    return melodies


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", ["features", "tokens"])
def test_a_discriminator_tells_tunes_it_was_not_fitted_to(kind, rng):
    torch.manual_seed(0)
    discriminator = FeatureDiscriminator(SETTING) if kind == "features" else TokenDiscriminator(SETTING, rng)
    discriminator.fit(walks(200, rng), repeated_notes(200, rng))
    human, composed = (discriminator.log_odds(melodies(100, rng)) for melodies in (walks, repeated_notes))
    assert human.shape == (100,)
    assert auc(human, composed) > 0.99
    assert human.mean() > 0 > composed.mean()


def test_features_count_both_kinds_alike_however_many_there_are(rng):
    """Of melodies that are the same, each is as likely human as not, although a tenth of them is."""
    discriminator = FeatureDiscriminator(SETTING)
    discriminator.fit(walks(60, rng), walks(600, rng))
    assert abs(discriminator.log_odds(walks(500, rng)).mean()) < 0.6


def test_features_see_more_than_means(rng, monkeypatch):
    """A feature of human melodies is always 20; of composed ones 10 or 30, the same in the mean."""
    monkeypatch.setattr(FeatureDiscriminator, "_rows", lambda self, melodies: melodies[:, :1].astype(np.float64))
    human, composed = np.full((300, 32), 20), rng.choice([10, 30], (300, 1)).repeat(32, axis=1)
    discriminator = FeatureDiscriminator(SETTING)
    discriminator.fit(human, composed)
    assert auc(discriminator.log_odds(human), discriminator.log_odds(composed)) > 0.99


def test_beginnings_are_judged_as_by_the_whole_melody(rng):
    """Step by step, the last log-odds are those of the melody, and those of a beginning depend on nothing later."""
    torch.manual_seed(0)
    discriminator = TokenDiscriminator(SETTING, rng)
    discriminator.fit(walks(400, rng), repeated_notes(400, rng))
    melodies = walks(5, rng)

    def judged(melodies):
        discriminator.begin(len(melodies))
        return np.array([discriminator.advance(tokens) for tokens in melodies.T])

    np.testing.assert_allclose(judged(melodies)[-1], discriminator.log_odds(melodies), atol=1e-5)
    changed = melodies.copy()
    changed[:, 8:] = repeated_notes(5, rng)[:, 8:]
    np.testing.assert_array_equal(judged(changed)[:8], judged(melodies)[:8])
    assert (judged(changed)[-1] < judged(melodies)[-1]).all()


def test_nothing_is_paid_before_the_first_fit(rng):
    adversary = Adversary({"features": 1.0, "tokens": 1.0}, walks(60, rng), SETTING)
    few = repeated_notes(FIRST - 1, rng)
    assert {name: values.any() for name, values in adversary.judge(few).items()} == {"features": False, "tokens": False}
    assert not adversary.potential(few[:, 0]).any()
    assert adversary.judge(few[:1])["features"] < 0


def test_log_odds_are_limited(rng):
    adversary = Adversary({"features": 1.0}, walks(60, rng), SETTING)
    assert adversary.judge(repeated_notes(FIRST, rng))["features"].min() == -LIMIT
    assert adversary.judge(walks(FIRST, rng))["features"].max() == LIMIT


def test_a_fit_is_due_after_so_many_melodies_and_is_to_the_latest(rng, monkeypatch):
    """What is composed changes from repeated notes to walks: at the second fit nothing tells them from human ones."""
    sizes = []
    fit = FeatureDiscriminator.fit
    monkeypatch.setattr(
        FeatureDiscriminator,
        "fit",
        lambda self, human, composed: (sizes.append(len(composed)), fit(self, human, composed)),
    )
    adversary = Adversary({"features": 1.0}, walks(400, rng), SETTING)
    adversary.judge(repeated_notes(FIRST, rng))
    assert sizes == [FIRST]
    odds = [adversary.judge(walks(REFIT // 5, rng))["features"].mean() for _ in range(5)]
    assert min(odds) > 3
    assert sizes == [FIRST, FIRST + REFIT]
    for _ in range(10):
        odds.append(adversary.judge(walks(REFIT // 5, rng))["features"].mean())
    assert sizes == [FIRST, FIRST + REFIT, REMEMBERED, REMEMBERED]
    assert abs(adversary.judge(walks(200, rng))["features"].mean()) < 1


def test_the_same_seed_judges_alike_also_when_it_was_pickled(rng):
    human, composed = walks(100, rng), repeated_notes(300, rng)

    one, other = (Adversary({"features": 1.0, "tokens": 0.5}, human, SETTING, seed=3) for _ in range(2))
    torch.manual_seed(1)
    one.judge(composed)
    torch.manual_seed(1)
    other.judge(composed)
    restored = pickle.loads(pickle.dumps(one))
    for each in (one, other, restored):
        torch.manual_seed(2)
        each.judge(walks(REFIT, np.random.default_rng(1)))
    melodies = walks(10, rng)
    expected = one.judge(melodies)
    for each in (other, restored):
        for name, values in each.judge(melodies).items():
            np.testing.assert_array_equal(values, expected[name])


def test_too_few_human_tunes_are_refused(rng):
    with pytest.raises(InputError, match=f"at least {MIN_TUNES} human tunes to compare with, and 49 fit the setting"):
        Adversary({"features": 1.0}, walks(49, rng), SETTING)
