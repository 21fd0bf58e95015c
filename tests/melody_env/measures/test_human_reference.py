"""The human reference: held-out tunes in their setting, or else the statistics that are shipped for it."""

import json

import numpy as np
import pytest

from agents.runs.presets import PRESETS
from melody_env import HumanReference, Setting, load_profile, melody_statistics
from melody_env.measures import human_reference
from melody_env.measures.features import overlaps
from melody_env.measures.human_reference import missing_tunes
from melody_env.measures.human_statistics import (
    SHIPPED,
    HumanStatistics,
    read_statistics,
    shipped_statistics,
    write_statistics,
)
from note_rnn import load_note_rnn, transposed, weights_checksum
from note_rnn.common.command_line import named
from note_rnn.corpus import DEFAULT_COLLECTIONS, EXTRACTION_VERSION, collections, tune_books_command

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
    monkeypatch.setattr(human_reference, "training_tunes", lambda: TRAINING)
    return settings


def test_it_has_the_held_out_tunes_of_its_setting(requested):
    human = HumanReference.held_out(IN_D)
    assert requested == [IN_D]
    assert human.setting == IN_D
    np.testing.assert_array_equal(human.tunes, transposed(TUNES, 2))


def test_its_distributions_are_those_of_its_tunes_in_their_key(requested):
    human = HumanReference.of(transposed(TUNES, 2), IN_D)
    assert requested == []
    expected, in_c = (melody_statistics(transposed(TUNES, 2), setting).distributions() for setting in (IN_D, None))
    assert overlaps(human.distributions, expected)["mean"] == pytest.approx(1)
    assert overlaps(human.distributions, in_c)["mean"] < 1
    np.testing.assert_array_equal(human.training_tunes, [[14, 1, 16, 1]])


def test_there_is_none_without_tunes_and_statistics():
    assert HumanReference.held_out(IN_D) is None
    assert HumanReference.of(TUNES, IN_D).training_tunes is None


@pytest.mark.parametrize("preset", PRESETS.values())
def test_statistics_are_shipped_for_every_preset(preset):
    setting = load_profile(preset.reward).setting
    human = HumanReference.held_out(setting)
    assert (human.setting, human.tunes, human.training_tunes) == (setting, None, None)
    checksum = weights_checksum(load_note_rnn(preset.prior).state_dict())
    column = human.shipped.column(checksum)
    assert -2 < column["log_prob"] < -0.5
    assert 0 < column["notes_not_in_key"] < 0.05 < column["compositions_starting_with_tonic"] < 1
    assert 0.7 < column["human_overlap"] < 1
    assert human.shipped.tunes > (20 if preset.reward == "tune" else 90)  # few tunes are so long
    assert len(human.distributions) == 12
    assert all(shares.sum() == pytest.approx(1, abs=1e-4) for shares in human.distributions.values())
    assert human.distributions["onset_position"].shape == (16,)


def test_they_are_of_the_collections_as_they_are_read_today():
    provenance = json.loads(SHIPPED.read_text())["provenance"]
    assert [(each["collection"], each["extraction"]) for each in provenance["collections"]] == [
        (name, EXTRACTION_VERSION) for name in DEFAULT_COLLECTIONS
    ]
    assert SHIPPED.stat().st_size < 100_000


def test_they_serve_every_tempo_and_no_other_setting():
    assert shipped_statistics(Setting(tempo=90)) is shipped_statistics(Setting(mode="ionian", length="2 bars"))
    assert shipped_statistics(Setting(meter="6/8", length="2 bars")).distributions["onset_position"].shape == (12,)
    for other in ({"key": "D"}, {"mode": "minor"}, {"meter": "2/2"}, {"length": 31}, {"pitch_range": (48, 82)}):
        assert shipped_statistics(Setting(**other)) is None


def test_statistics_are_read_as_they_were_written(tmp_path):
    distributions = {"range": np.array([0.25, 0.75]), "duration": np.array([1.0])}
    written = HumanStatistics(IN_D, 20, {"rest_share": 0.125}, {"abc": -1.5}, distributions)
    write_statistics(tmp_path / "statistics.json", [written], {"corpus": "mine"})
    (read,) = read_statistics(tmp_path / "statistics.json")
    assert (read.setting, read.tunes) == (IN_D, 20)
    assert read.column("abc") == {"rest_share": 0.125, "log_prob": -1.5}
    assert read.column("other weights") == {"rest_share": 0.125}
    assert {name: shares.tolist() for name, shares in read.distributions.items()} == {
        "range": [0.25, 0.75],
        "duration": [1.0],
    }


def test_what_is_missing_is_said_with_the_command_that_brings_it(requested, monkeypatch):
    assert missing_tunes(IN_D) == ""
    monkeypatch.setattr(human_reference, "held_out_melodies", lambda setting: None)
    tunes = shipped_statistics(Setting()).tunes
    told = missing_tunes(Setting())
    assert told.startswith(f"Human tunes: the shipped statistics of {tunes} held-out ones of the default collections.")
    assert "python -m note_rnn.corpus tune-books" in told
    told = missing_tunes(IN_D)
    assert "are shipped for C major, 2, 4, 8 or 16 bars of 4/4, 3/4 or 6/8, not for D major, 3/4, 24 sixteen" in told
    assert "python -m note_rnn.corpus tune-books" in told
    monkeypatch.setattr(human_reference, "cached_corpus", lambda: object())
    assert missing_tunes(IN_D).startswith("No held-out human tune can be compared with pieces in D major, 3/4, 24")


def test_the_command_installs_music21_where_it_is_missing(monkeypatch):
    assert tune_books_command().startswith("python -m note_rnn.corpus tune-books")
    monkeypatch.setattr(collections.importlib.util, "find_spec", lambda name: None)
    assert tune_books_command().startswith('pip install "melody-rl[corpus]", then python -m note_rnn.corpus')
    with named("melody-rl train"):
        assert "then melody-rl corpus tune-books" in tune_books_command()
