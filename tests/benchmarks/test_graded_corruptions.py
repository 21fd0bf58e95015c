"""The benchmark that judges graded corruptions: what it corrupts, and that more of it is told apart better."""

import csv

import graded_corruptions as corruptions
import numpy as np
import pytest

from melody_env import Setting
from melody_env.measures.likeness import HumanTunes

SCALE = np.array([14, 16, 18, 19, 21, 23, 25, 26])
FORM = [0, 1, 0, 2, 3, 1, 0, 2]


def tunes(seed: int, size: int):
    """Melodies of eight bars of eighths and quarters that walk along the scale, with bars that come back."""
    rng = np.random.default_rng(seed)
    moves = rng.choice([-1, -1, 0, 1, 1, 2], (size, 4 * 8))
    notes = SCALE[np.abs((np.cumsum(moves, axis=1) + rng.integers(8, size=(size, 1))) % 14 - 7)]
    steps = np.ones((size, 64), np.int64)
    steps[:, ::2] = np.where(rng.random(notes.shape) < 0.3, 1, notes)
    steps[:, ::16] = notes[:, ::8]
    return steps.reshape(size, 4, 16)[:, FORM].reshape(size, 128)


MELODIES = tunes(3, 40)


@pytest.mark.parametrize("corrupt", corruptions.CORRUPTIONS.values())
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_so_many_notes_or_bars_are_corrupted(corrupt, share):
    found = corrupt(MELODIES, share, 16, np.random.default_rng(0))
    if not share:
        np.testing.assert_array_equal(found, MELODIES)
    if corrupt is corruptions.shuffled_bars:
        ordered = [np.sort(each.reshape(40, 8, 16).view(), axis=1).sum(axis=1) for each in (found, MELODIES)]
        np.testing.assert_array_equal(*ordered)
        changed = (found.reshape(40, 8, 16) != MELODIES.reshape(40, 8, 16)).any(axis=-1)
    else:
        np.testing.assert_array_equal(found == 1, MELODIES == 1)  # the rhythm stays
        changed = found != MELODIES
        notes = (MELODIES > 1).sum(axis=1)
        assert (changed.sum(axis=1) <= np.round(share * notes)).all()
    assert changed.any() == (share > 0)
    again = corrupt(MELODIES, share, 16, np.random.default_rng(0))
    np.testing.assert_array_equal(found, again)


def test_shuffled_notes_are_the_same_notes_and_jittered_ones_are_near():
    rng = np.random.default_rng(0)
    shuffled = corruptions.shuffled_notes(MELODIES, 1, 16, rng)
    np.testing.assert_array_equal(np.sort(shuffled), np.sort(MELODIES))
    jittered = corruptions.jittered_pitches(MELODIES, 1, 16, rng)
    moves = (jittered - MELODIES)[MELODIES > 1]
    assert {*moves.tolist()} == {-3, -2, -1, 1, 2, 3}
    assert corruptions.jittered_pitches(np.full((9, 16), 37), 1, 16, rng).max() == 37


def test_bars_stay_whole_when_they_are_shuffled():
    numbered = np.repeat(np.arange(2, 10), 16)[None]
    found = corruptions.shuffled_bars(numbered, 1, 16, np.random.default_rng(0)).reshape(8, 16)
    assert (found == found[:, :1]).all()
    assert sorted(found[:, 0].tolist()) == [*range(2, 10)]


def test_graded_corruptions_are_ranked_in_order(monkeypatch, tmp_path, capsys):
    train = tunes(0, 300)
    human = HumanTunes(Setting(length=128), train, tunes(1, 100), list(train))
    monkeypatch.setattr(HumanTunes, "of", lambda setting: human)
    arguments = ["--classifiers", "logistic", "--shares", "0", "0.2", "1", "--csv", str(tmp_path / "found.csv")]
    corruptions.main(arguments)
    with (tmp_path / "found.csv").open() as file:
        rows = [*csv.DictReader(file)]
    for name in corruptions.CORRUPTIONS:
        of_share = {float(row["share"]): row for row in rows if row["corruption"] == name}
        aucs = [float(of_share[share]["logistic"]) for share in (0, 0.2, 1)]
        assert aucs == sorted(aucs), name
        assert aucs[-1] > 0.9, name
        assert float(of_share[0]["logistic_low"]) < 0.5 < float(of_share[0]["logistic_high"])
    assert "| bars shuffled | 100% |" in capsys.readouterr().out
