"""Discriminators of human and composed melodies that are fitted while an agent trains.

Toy tunes: "human" ones walk up and down the scale in quarters, the others repeat one note of it in eighths.
"""

import pickle

import numpy as np
import pytest
import torch

from melody_env import Setting
from melody_env.adversary import features
from melody_env.adversary.adversary import FIRST, MIN_TUNES, Adversary
from melody_env.adversary.features import FeatureDiscriminator, few_notes, moment_features
from melody_env.adversary.positions import PositionDiscriminator
from melody_env.adversary.tokens import LIMIT, TokenDiscriminator
from melody_env.measures.auc import auc
from melody_env.measures.features import melody_features
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


def mostly_walks(size: int, rng: np.random.Generator) -> np.ndarray:
    """Melodies of which four in five are like the human ones, so that none is sure to be human or not."""
    return np.concatenate([walks(size * 4 // 5, rng), repeated_notes(size // 5, rng)])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


KINDS = ("features", "positions", "tokens")


def discriminator_of(kind: str, rng: np.random.Generator):
    torch.manual_seed(0)
    if kind == "tokens":
        return TokenDiscriminator(SETTING, rng)
    return FeatureDiscriminator(SETTING) if kind == "features" else PositionDiscriminator(SETTING)


def judged(discriminator, melodies: np.ndarray) -> np.ndarray:
    """Return the log-odds [T, B] of the beginnings of `melodies`."""
    discriminator.begin(len(melodies))
    return np.array([discriminator.advance(tokens) for tokens in melodies.T])


@pytest.mark.parametrize("kind", KINDS)
def test_a_discriminator_tells_tunes_it_was_not_fitted_to(kind, rng):
    discriminator = discriminator_of(kind, rng)
    discriminator.fit(walks(200, rng), repeated_notes(200, rng))
    human, composed = (discriminator.log_odds(melodies(100, rng)) for melodies in (walks, repeated_notes))
    assert human.shape == (100,)
    assert auc(human, composed) > 0.99
    assert human.mean() > composed.mean() + 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_melodies_that_are_alike_are_not_told_however_many_there_are(kind, rng):
    discriminator = discriminator_of(kind, rng)
    discriminator.fit(walks(60, rng), walks(600, rng))
    assert abs(discriminator.log_odds(walks(500, rng)).mean()) < 0.2


@pytest.mark.parametrize("kind", ["features", "positions"])
def test_what_tells_them_apart_is_summed_up_until_nothing_does(kind, rng):
    """Each further fit to the same melodies adds nearly as much, and what was added stays when they are alike."""
    discriminator = discriminator_of(kind, rng)
    human, composed = walks(300, rng), mostly_walks(300, rng)
    gaps = []
    for melodies in (composed, composed, composed, human):
        discriminator.fit(human, melodies)
        gaps.append(discriminator.log_odds(human).mean() - discriminator.log_odds(composed).mean())
    added = gaps[1] - gaps[0]
    assert added > 0.05
    assert gaps[2] - gaps[1] == pytest.approx(added, rel=0.03)
    assert gaps[3] == pytest.approx(3 * added, rel=0.1)


def test_what_was_judged_is_not_computed_again_and_what_is_saved_goes_on_the_same(rng, monkeypatch):
    """Beginnings that were judged are fitted to later; a saved discriminator has forgotten them, and computes anew."""
    human, first, second = walks(100, rng), mostly_walks(100, rng), mostly_walks(60, rng)
    discriminator = FeatureDiscriminator(SETTING)
    discriminator.fit(human, first)
    judged(discriminator, second)
    loaded = pickle.loads(pickle.dumps(discriminator))
    assert len(pickle.dumps(loaded)) == len(pickle.dumps(discriminator))
    computed = []

    def compute(melodies, setting):
        computed.append(melodies)
        return moment_features(melodies, setting)

    monkeypatch.setattr(features, "moment_features", compute)
    both = np.concatenate([first, second])
    discriminator.fit(human, both)
    assert not computed
    loaded.fit(human, both)
    assert sum(map(len, computed)) > 0
    others = walks(50, rng)
    np.testing.assert_array_equal(judged(discriminator, others), judged(loaded, others))


def test_few_notes_of_a_kind_are_counted():
    """A walk in quarters has eight notes; with a lone sixteenth before the third quarter, nine, one of them odd."""
    plain = walks(1, np.random.default_rng(0))
    lone = plain.copy()
    lone[0, 7] = 15  # MIDI 61, out of C major
    none, one = (few_notes(melody_features(melody, SETTING))[0] for melody in (plain, lone))
    bins = sum(rows.shape[1] for rows in melody_features(plain, SETTING).histograms.values())
    kinds = 7  # between the eighths, odd lengths, a quarter or more, leap, large leap, same note, out of scale
    is_none, is_one = slice(2 * bins, 2 * bins + kinds), slice(2 * bins + kinds, 2 * bins + 2 * kinds)
    assert none[is_none][[0, 1, 6]].tolist() == [1, 1, 1]
    assert none[is_one][[0, 1, 6]].tolist() == [0, 0, 0]
    assert one[is_none][[0, 6]].tolist() == [0, 0]
    assert one[is_one][[0, 6]].tolist() == [1, 1]
    assert one[is_none][1] == 0
    is_two = slice(2 * bins + 2 * kinds, 2 * bins + 3 * kinds)
    assert one[is_two][1] == 1  # of odd length: the lone note and that before it


@pytest.mark.parametrize("kind", KINDS)
def test_beginnings_are_judged_as_by_the_whole_melody(kind, rng):
    """Step by step, the last log-odds are those of the melody, and those of a beginning depend on nothing later."""
    discriminator = discriminator_of(kind, rng)
    discriminator.fit(walks(400, rng), repeated_notes(400, rng))
    melodies = walks(5, rng)
    np.testing.assert_allclose(judged(discriminator, melodies)[-1], discriminator.log_odds(melodies), atol=1e-5)
    changed = melodies.copy()
    changed[:, 8:] = repeated_notes(5, rng)[:, 8:]
    one, other = judged(discriminator, changed), judged(discriminator, melodies)
    np.testing.assert_array_equal(one[:8], other[:8])
    assert (one[-1] < other[-1]).all()


def test_features_judge_sixteen_beginnings_and_positions_each_token(rng):
    melodies = walks(3, rng)
    steps = []
    for kind in ("features", "positions"):
        discriminator = discriminator_of(kind, rng)
        discriminator.fit(walks(100, rng), mostly_walks(100, rng))
        changes = np.diff(judged(discriminator, melodies), axis=0, prepend=0)
        steps.append(np.flatnonzero(changes.any(axis=1)).tolist())
    assert steps[0] == [*range(1, 32, 2)]
    assert steps[1] == [step for step in range(32) if step % 2 == 0]  # between the eighths nothing differs


@pytest.mark.parametrize(("steps", "every"), [(2, 1), (32, 2), (128, 8), (512, 8)])
def test_beginnings_are_judged_sixteen_times_and_at_least_every_half_bar(steps, every, rng):
    discriminator = FeatureDiscriminator(Setting(length=steps))
    tunes = rng.choice(SCALE, (2, 60, steps))
    discriminator.fit(tunes[0], tunes[1])
    discriminator.begin(5)
    changes = np.array([discriminator.advance(tokens)[0] for tokens in rng.choice(SCALE, (steps, 5))])
    assert (np.flatnonzero(np.diff(changes, prepend=0)) + 1).tolist() == [*range(every, steps + 1, every)]


def test_nothing_is_paid_before_the_first_fit(rng):
    adversary = Adversary(dict.fromkeys(KINDS, 1.0), walks(60, rng), SETTING)
    few = repeated_notes(FIRST - 1, rng)
    assert {name: values.any() for name, values in adversary.judge(few).items()} == dict.fromkeys(KINDS, False)
    adversary.begin(FIRST - 1)
    assert not adversary.potential(few[:, 0]).any()
    assert adversary.judge(few[:1])["tokens"] != 0


def test_potentials_are_weighted_and_add_up(rng):
    human, composed = walks(100, rng), repeated_notes(200, rng)
    adversaries = [Adversary(weights, human, SETTING) for weights in ({"positions": 1.0}, {"positions": 0.5})]
    both = Adversary({"features": 2.0, "positions": 0.5}, human, SETTING)
    melodies = walks(4, rng)
    totals = []
    for adversary in (*adversaries, both):
        adversary.judge(composed)
        adversary.begin(4)
        totals.append(np.array([adversary.potential(tokens) for tokens in melodies.T]))
    np.testing.assert_allclose(totals[1], totals[0] / 2)
    features = 2 * both.judge(melodies)["features"]
    np.testing.assert_allclose(totals[2][-1], totals[1][-1] + features)


def test_log_odds_of_tokens_are_limited(rng):
    discriminator = discriminator_of("tokens", rng)
    for _ in range(12):
        discriminator.fit(walks(600, rng), repeated_notes(600, rng))
    assert discriminator.log_odds(walks(100, rng)).max() == LIMIT
    assert judged(discriminator, repeated_notes(100, rng)).min() == -LIMIT


def test_each_discriminator_is_fitted_when_it_is_due_and_to_the_latest_melodies(rng, monkeypatch):
    sizes = {"features": [], "tokens": []}

    def record(name):
        return lambda self, human, composed: sizes[name].append(len(composed))

    for name, kind in (("features", FeatureDiscriminator), ("tokens", TokenDiscriminator)):
        monkeypatch.setattr(kind, "fit", record(name))
        monkeypatch.setattr(kind, "log_odds", lambda self, melodies: np.zeros(len(melodies)))
    adversary = Adversary({"features": 1.0, "tokens": 1.0}, walks(400, rng), SETTING)
    for _ in range(16):
        adversary.judge(walks(FIRST, rng))
    assert sizes["features"] == [128, 256, 384] + 13 * [512]
    assert sizes["tokens"] == [128, 768, 1_280, 1_280]


def test_the_same_seed_judges_alike_also_when_it_was_pickled(rng):
    human, composed = walks(100, rng), repeated_notes(300, rng)

    one, other = (Adversary(dict.fromkeys(KINDS, 0.5), human, SETTING, seed=3) for _ in range(2))
    torch.manual_seed(1)
    one.judge(composed)
    torch.manual_seed(1)
    other.judge(composed)
    restored = pickle.loads(pickle.dumps(one))
    for each in (one, other, restored):
        torch.manual_seed(2)
        each.judge(walks(640, np.random.default_rng(1)))
    melodies = walks(10, rng)
    expected = one.judge(melodies)
    for each in (other, restored):
        for name, values in each.judge(melodies).items():
            np.testing.assert_array_equal(values, expected[name])


def test_too_few_human_tunes_are_refused(rng):
    with pytest.raises(InputError, match=f"at least {MIN_TUNES} human tunes to compare with, and 49 fit the setting"):
        Adversary({"features": 1.0}, walks(49, rng), SETTING)
