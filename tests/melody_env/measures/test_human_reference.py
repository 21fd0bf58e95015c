"""The human reference: held-out tunes in their setting, with statistics; None without tunes."""

import numpy as np
import pytest

from melody_env import HumanReference, Setting, melody_statistics
from melody_env.measures import human_reference
from note_rnn import transposed

IN_D = Setting(key="D", meter="3/4", length=24)
TUNES = np.random.default_rng(0).choice([1, 1, 14, 16, 18, 21], (20, 24))
TRAINING = [np.array([14, 1, 16, 1])]


@pytest.fixture
def requested(monkeypatch) -> list[Setting]:
    """The settings in which tunes were requested; the tunes are available in every key."""
    settings = []

    def held_out(setting):
        settings.append(setting)
        return transposed(TUNES, setting.transposition)

    monkeypatch.setattr(human_reference, "held_out_melodies", held_out)
    monkeypatch.setattr(
        human_reference,
        "training_tunes",
        lambda setting: [transposed(tune, setting.transposition) for tune in TRAINING],
    )
    return settings


def test_it_has_the_held_out_tunes_of_its_setting(requested):
    human = HumanReference.held_out(IN_D)
    assert requested == [IN_D]
    assert human.setting == IN_D
    np.testing.assert_array_equal(human.tunes, transposed(TUNES, 2))


def test_its_statistics_are_those_of_its_tunes_in_their_key(requested):
    human = HumanReference.of(transposed(TUNES, 2), IN_D)
    assert requested == []
    assert human.statistics.as_dict() == melody_statistics(transposed(TUNES, 2), IN_D).as_dict()
    assert human.statistics.as_dict() != melody_statistics(transposed(TUNES, 2)).as_dict()
    np.testing.assert_array_equal(human.training_tunes, [[16, 1, 18, 1]])


def test_there_is_none_without_tunes():
    assert HumanReference.held_out(IN_D) is None
    assert HumanReference.of(TUNES, IN_D).training_tunes is None
