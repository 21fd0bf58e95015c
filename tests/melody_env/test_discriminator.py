"""Who can tell two kinds of melodies apart, and by what."""

import numpy as np
import pytest

from melody_env import discriminator_auc
from melody_env.discriminator import LOGISTIC, TREES
from melody_env.gru_discriminator import GRU

C4, D4, E4, F4, G4, C5 = 14, 16, 18, 19, 21, 26
SCALE = [C4, D4, E4, F4, G4, 1, 1, 1]

JUDGES = pytest.mark.parametrize("judge", [LOGISTIC, TREES, GRU], ids=["logistic", "trees", "GRU"])


def walks(seed: int, size: int = 200, notes: list[int] = SCALE):
    return np.random.default_rng(seed).choice(notes, (size, 32))


@JUDGES
def test_a_judge_tells_what_differs_and_nothing_else(judge):
    leaping = walks(2, notes=[C4, C4 + 7, C5, 1, 1, 1, 1])
    alike = discriminator_auc(walks(0, 400), walks(1, 400), np.random.default_rng(0), judge=judge, folds=2)
    assert alike == pytest.approx(0.5, abs=0.08)
    assert discriminator_auc(walks(0), leaping, np.random.default_rng(0), judge=judge, folds=2) > 0.98


def test_logistic_regression_is_the_judge_if_none_is_named():
    leaping = walks(2, notes=[*SCALE, C5])
    one, other = (discriminator_auc(walks(0), leaping, np.random.default_rng(0), judge=j) for j in (None, LOGISTIC))
    assert one == other


@JUDGES
def test_the_same_seed_gives_the_same_auc(judge):
    more = walks(2, notes=[*SCALE, C5])
    one, other = (discriminator_auc(walks(0), more, np.random.default_rng(3), judge=judge, folds=2) for _ in range(2))
    assert one == other


@JUDGES
def test_few_tunes_against_many_pieces(judge):
    leaping = walks(2, 400, notes=[C4, C4 + 7, C5, 1, 1, 1, 1])
    assert discriminator_auc(walks(0, 40), leaping, np.random.default_rng(0), judge=judge, folds=2) > 0.95


@JUDGES
def test_other_tunes_to_learn_from_decide_what_is_human(judge):
    """Learned from tunes like the pieces, it cannot know what else the judged tunes are like, though it judges all."""
    leaping = walks(2, 300, notes=[C4, C4 + 7, C5, 1, 1, 1, 1])
    rng = np.random.default_rng(0)
    assert discriminator_auc(walks(0), leaping[:150], rng, judge=judge, learned=walks(1), folds=2) > 0.98
    unlearned = discriminator_auc(leaping[150:], leaping[:150], rng, judge=judge, learned=walks(1), folds=2)
    assert unlearned == pytest.approx(0.5, abs=0.1)


def test_only_the_gru_sees_the_order_of_bars():
    """All melodies have a rising and a falling bar with the same intervals; which is first tells."""
    rising = np.repeat([C4, D4, E4, F4], 4)
    falling = rising[::-1]
    start = np.random.default_rng(0).integers(0, 12, (500, 1))
    first_up = np.where(np.arange(32) % 2, 1, np.concatenate([rising, falling]) + start)
    first_down = np.where(np.arange(32) % 2, 1, np.concatenate([falling, rising]) + start)
    for judge, lowest, highest in ((LOGISTIC, 0.4, 0.6), (GRU, 0.95, 1.0)):
        found = discriminator_auc(first_up, first_down, np.random.default_rng(0), judge=judge, folds=2)
        assert lowest <= found <= highest
