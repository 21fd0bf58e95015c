"""Who comes first, by rules whose answer is known; and the shipped profiles on real tunes, where they are at hand."""

import json
import sys

import numpy as np
import pytest

from melody_env import RewardProfile, WeightedRule
from melody_env import audit as auditing
from melody_env.audit import AuditConfig, audit, main, rank
from melody_env.populations import MARKOV1, MARKOV3, RANDOM
from note_rnn import InputError, run_command
from note_rnn.corpus import Corpus, CorpusError, cached_corpus
from note_rnn.tunes import Bars

IN_KEY, OUT_OF_KEY = np.tile([14, 16, 18, 19], (6, 2)), np.tile([14, 15, 18, 19], (6, 2))


def test_an_audit_by_hand():
    profile = RewardProfile("mine", (WeightedRule("key", 2.0), WeightedRule("stepwise", -1.0)))
    everyone = {"human": IN_KEY, **dict.fromkeys((MARKOV3, MARKOV1, RANDOM), OUT_OF_KEY)}
    result = rank(everyone, profile, np.random.default_rng(0))
    # C D E F C D E F: no note outside, six steps; C C# E F: two notes outside, four steps
    assert result.means["key"] == {"human": 0, **dict.fromkeys((MARKOV3, MARKOV1, RANDOM), -4)}
    assert result.means["stepwise"]["human"] == -6
    assert result.means["sum"] == {"human": -6, **dict.fromkeys((MARKOV3, MARKOV1, RANDOM), -8)}
    assert result.aucs["key"][RANDOM] == result.aucs["sum"][RANDOM] == 1
    assert result.aucs["stepwise"][RANDOM] == 0
    assert result.intervals[RANDOM] == (1, 1)
    assert result.machines_in_order == {"Markov-3 over Markov-1": 0.5, "Markov-1 over random": 0.5}
    assert result.noisy_rules == ["stepwise"]
    assert result.puts_humans_first
    swapped = rank({**everyone, "human": OUT_OF_KEY, RANDOM: IN_KEY}, profile, np.random.default_rng(0))
    assert not swapped.puts_humans_first


@pytest.fixture
def tunes(monkeypatch, small_prior):
    """A corpus of 400 tunes, each the same bar four times."""
    notes = np.random.default_rng(0).choice([9, 11, 13, 14, 16, 18, 19, 21, 23, 25, 26], (400, 8))
    segments = [np.tile(np.column_stack([row, np.ones(8, np.int64)]).ravel(), 4) for row in notes]
    names = [""] * 400
    corpus = Corpus(segments, np.arange(400), names, names, bars=[Bars("4/4", 0)] * 400)
    monkeypatch.setattr(auditing, "load_corpus", lambda *names: corpus)
    monkeypatch.setattr(auditing, "load_note_rnn", lambda name: small_prior)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["audit", *map(str, arguments)])
    run_command(main)


def test_the_command_writes_table_picture_and_json(tunes, monkeypatch, capsys, tmp_path):
    run(
        *(monkeypatch, "--profile", "calibrated", "--length", "64", "--melodies", "50", "--require-human-first"),
        *("--out", tmp_path / "audit"),
    )
    assert "Markov-3 over Markov-1" in capsys.readouterr().out
    written = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert written["humans_first"]
    assert written["aucs"]["sum"]["random"] > 0.9
    assert (tmp_path / "audit" / "audit.png").read_bytes()[:4] == b"\x89PNG"


def test_the_command_fails_where_people_do_not_come_first(tunes, monkeypatch, capsys, tmp_path):
    profile = tmp_path / "noise.yaml"
    profile.write_text("rules: {bar_repeat: {weight: -1}}")
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, "--profile", profile, "--melodies", "50", "--require-human-first")
    assert exit.value.code == 1
    assert "People do not come first: " in capsys.readouterr().err


def test_a_token_file_is_a_corpus(tunes, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, tokens=np.tile([14, 1, 16, 1], 8 * 12), offsets=np.arange(13) * 32)
    np.savez(tmp_path / "one.npz", tokens=np.arange(34).repeat(10), offsets=np.arange(11) * 34)
    assert audit(AuditConfig(corpus=(str(tmp_path / "one.npz"),), melodies=20)).sizes["human"] == 10
    with pytest.raises(InputError, match=r"mine\.npz: only 1 tunes have 32 steps"):  # all are the same
        audit(AuditConfig(corpus=(str(path),), melodies=20))


@pytest.mark.skipif(cached_corpus() is None, reason="the tune books have not been read here")
@pytest.mark.parametrize(("steps", "least"), [(32, (0.92, 0.98, 0.99)), (64, (0.98, 0.99, 0.99))])
def test_calibrated_puts_held_out_tunes_first_and_paper_does_not(steps, least):
    result = audit(AuditConfig(profile="calibrated", length=steps, melodies=500))
    for machine, value in zip((MARKOV3, MARKOV1, RANDOM), least, strict=True):
        assert result.aucs["sum"][machine] > value
    assert min(result.machines_in_order.values()) > 0.88
    assert result.puts_humans_first
    paper = audit(AuditConfig(profile="paper", length=steps, melodies=500))
    assert not paper.puts_humans_first


def test_unknown_collections_are_told():
    pytest.importorskip("music21")
    with pytest.raises(CorpusError, match="music21 has no collection 'nowhere'"):
        audit(AuditConfig(corpus=("nowhere",)))
