"""Audits of rules with known answers, and, among the slow tests, of the shipped profiles on real tunes."""

import io
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from melody_env import RewardProfile, Setting, WeightedRule
from melody_env.audit import main
from melody_env.measures.populations import MARKOV1, MARKOV3, POPULATIONS, RANDOM
from melody_env.reward_design import ranking_audit
from melody_env.reward_design.audit_views import _cell, audit_figure, audit_table
from melody_env.reward_design.ranking_audit import AuditConfig, audit, rank
from note_rnn import InputError, NoteRNN, run_command
from note_rnn.corpus import Corpus, CorpusError, read_corpus, split, write_corpus
from note_rnn.extraction.tunes import Bars

IN_KEY, OUT_OF_KEY = np.tile([14, 16, 18, 19], (6, 2)), np.tile([14, 15, 18, 19], (6, 2))


def test_an_audit_by_hand():
    profile = RewardProfile("mine", (WeightedRule("key", 2.0), WeightedRule("stepwise", -1.0)))
    melodies = {"human": IN_KEY, **dict.fromkeys((MARKOV3, MARKOV1, RANDOM), OUT_OF_KEY)}
    result = rank(melodies, profile, np.random.default_rng(0))
    # C D E F C D E F: no note outside, six steps; C C# E F: two notes outside, four steps
    assert result.means["key"] == {"human": 0, **dict.fromkeys((MARKOV3, MARKOV1, RANDOM), -4)}
    assert result.means["stepwise"]["human"] == -6
    assert result.means["sum"] == {"human": -6, **dict.fromkeys((MARKOV3, MARKOV1, RANDOM), -8)}
    assert result.aucs["key"][RANDOM] == result.aucs["sum"][RANDOM] == 1
    assert result.aucs["stepwise"][RANDOM] == 0
    assert result.intervals[RANDOM] == (1, 1)
    assert result.machines_in_order == {"Markov-3 over Markov-1": 0.5, "Markov-1 over random": 0.5}
    assert result.noisy_rules == ["stepwise"]
    assert result.ranks_human_first
    swapped = rank({**melodies, "human": OUT_OF_KEY, RANDOM: IN_KEY}, profile, np.random.default_rng(0))
    assert not swapped.ranks_human_first


def test_the_interval_is_that_of_the_sum_against_each_machine():
    """Human tunes earn the same as a machine's melodies, so 0.5 lies within the interval."""
    profile = RewardProfile("mine", (WeightedRule("key"),))
    mixed = np.concatenate([IN_KEY, OUT_OF_KEY])
    machines = {MARKOV3: mixed, MARKOV1: OUT_OF_KEY, RANDOM: OUT_OF_KEY}
    result = rank({"human": mixed, **machines}, profile, np.random.default_rng(0))
    low, high = result.intervals[MARKOV3]
    assert low < 0.5 < high
    assert result.aucs["sum"] == {MARKOV3: 0.5, MARKOV1: 0.75, RANDOM: 0.75}
    assert result.intervals[RANDOM][0] > 0.5
    assert not result.ranks_human_first
    assert rank({"human": mixed, **machines, MARKOV3: OUT_OF_KEY}, profile, np.random.default_rng(0)).ranks_human_first
    assert result.machines_in_order == {"Markov-3 over Markov-1": 0.75, "Markov-1 over random": 0.5}
    assert result.sizes == {"human": 12, MARKOV3: 12, MARKOV1: 6, RANDOM: 6}
    assert result.as_dict()["humans_first"] is False
    assert result.noisy_rules == []
    one_higher = rank({"human": OUT_OF_KEY, **machines, MARKOV3: IN_KEY}, profile, np.random.default_rng(0))
    assert one_higher.noisy_rules == ["key"]
    assert "totals" not in result.as_dict()


def test_the_table_has_each_rule_the_sum_and_its_interval():
    profile = RewardProfile("mine", (WeightedRule("key", 2.0), WeightedRule("stepwise", -1.0)))
    melodies = {"human": IN_KEY, MARKOV3: IN_KEY, **dict.fromkeys((MARKOV1, RANDOM), OUT_OF_KEY)}
    result = rank(melodies, profile, np.random.default_rng(0))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(audit_table(result, "a title"))
    rows = [line.split() for line in console.export_text().splitlines()]
    cells = {row[1]: [cell for cell in row[2:] if cell not in "│┃"] for row in rows if len(row) > 5 and row[0] in "│┃"}
    assert cells["key"] == ["0.500", "1.000", "1.000"]
    assert cells["stepwise"] == ["0.500", "0.000", "0.000"]
    assert cells["sum"] == ["0.500", "1.000", "1.000"]
    assert cells["95"] == ["%", "0.50-0.50", "1.00-1.00", "1.00-1.00"]
    assert _cell(0.449) == "[red]0.449[/red]"
    assert _cell(0.451) == "0.451"
    figure = audit_figure(result, "a title")
    left, right = figure.axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["human", MARKOV3, MARKOV1, RANDOM]
    assert [label.get_text() for label in right.get_yticklabels()] == ["key", "stepwise", "sum"]
    assert np.asarray(right.images[0].get_array()).tolist() == [[0.5, 1, 1], [0.5, 0, 0], [0.5, 1, 1]]


def riffs(number: int, seed: int = 0) -> Corpus:
    """A corpus of tunes, each the same bar four times, from a bar line on."""
    notes = np.random.default_rng(seed).choice([9, 11, 13, 14, 16, 18, 19, 21, 23, 25, 26], (number, 8))
    segments = [np.tile(np.column_stack([row, np.ones(8, np.int64)]).ravel(), 4) for row in notes]
    return Corpus(segments, np.arange(number), [""] * number, [""] * number, bars=[Bars("4/4", 0)] * number)


@pytest.fixture
def tunes(monkeypatch, small_prior):
    """A corpus of 400 tunes, each the same bar four times; by the name "other" of 40 others."""
    corpora = {"other": riffs(40, seed=1)}
    monkeypatch.setattr(ranking_audit, "load_corpus", lambda names=("",): corpora.get(names[0], riffs(400)))
    monkeypatch.setattr(ranking_audit, "load_note_rnn", lambda name: small_prior if name == "default" else NoteRNN(4))


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["audit", *map(str, arguments)])
    run_command(main)


def test_the_command_writes_table_picture_and_json(tunes, monkeypatch, capsys, tmp_path):
    run(
        *(monkeypatch, "--profile", "calibrated", "--length", "64", "--melodies", "50", "--require-human-first"),
        *("--out", tmp_path / "audit"),
    )
    shown = capsys.readouterr().out
    assert "Markov-3 over Markov-1" in shown
    assert "calibrated, 64 steps, 35 human tunes" in " ".join(shown.split())
    written = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert written["humans_first"]
    assert (written["config"]["profile"], written["config"]["length"]) == ("calibrated", 64)
    assert written["aucs"]["sum"]["random"] > 0.9
    assert (tmp_path / "audit" / "audit.png").read_bytes()[:4] == b"\x89PNG"


def test_the_command_fails_where_human_tunes_do_not_rank_first(tunes, monkeypatch, capsys, tmp_path):
    profile = tmp_path / "noise.yaml"
    profile.write_text("rules: {bar_repeat: {weight: -1}, key: {weight: 9}}")
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, "--profile", profile, "--melodies", "50", "--require-human-first")
    assert exit.value.code == 1
    intervals = audit(AuditConfig(str(profile), melodies=50)).intervals
    not_below = [name for name, (low, _) in intervals.items() if low <= 0.5]
    assert 0 < len(not_below) < len(intervals)
    assert f"Human tunes do not rank above: {', '.join(not_below)}.\n" in capsys.readouterr().err


def test_a_token_file_is_a_corpus(tunes, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, tokens=np.tile([14, 1, 16, 1], 8 * 12), offsets=np.arange(13) * 32)
    np.savez(tmp_path / "one.npz", tokens=np.arange(34).repeat(10), offsets=np.arange(11) * 34)
    assert audit(AuditConfig(corpus=(str(tmp_path / "one.npz"),), melodies=20)).sizes["human"] == 10
    with pytest.raises(InputError, match=r"mine\.npz: only 1 tunes have 32 steps"):  # all are the same
        audit(AuditConfig(corpus=(str(path),), melodies=20))


def test_a_token_file_is_moved_to_the_key_and_what_leaves_the_range_is_left_out(tunes, tmp_path):
    """Tunes in C are in key in D flat as well once they are moved, and so are random notes."""
    tokens = np.stack([np.where(np.arange(32) % 2, 1, 14 + 2 * (np.arange(32) == n)) for n in range(0, 32, 2)])
    tokens[-1, 0] = 8  # pitch 54, in D flat 55
    np.savez(tmp_path / "mine.npz", tokens=tokens.ravel(), offsets=np.arange(17) * 32)
    profile = tmp_path / "in_key.yaml"
    profile.write_text("rules: {key: {}}")
    config = AuditConfig(str(profile), corpus=(str(tmp_path / "mine.npz"),), melodies=20)
    assert audit(config).sizes["human"] == 16
    moved = audit(replace(config, key="Db", pitch_range=(56, 83)))
    assert moved.sizes["human"] == 15
    assert moved.means["key"]["human"] == 0
    assert moved.means["key"]["random"] == 0


def test_a_token_file_needs_no_tune_books(monkeypatch, small_prior, tmp_path):
    """Markov chains are fitted to its own tunes: they have no other notes."""
    monkeypatch.setattr(ranking_audit, "load_corpus", None)
    monkeypatch.setattr(ranking_audit, "load_note_rnn", lambda name: small_prior)
    fitted = []
    own = ranking_audit.machine_melodies

    def machines(train, *rest):
        fitted.append(train)
        return own(train, *rest)

    monkeypatch.setattr(ranking_audit, "machine_melodies", machines)
    tokens = np.random.default_rng(0).choice([14, 16, 1], (20, 40))
    np.savez(tmp_path / "mine.npz", tokens=tokens.ravel(), offsets=np.arange(21) * 40)
    result = audit(AuditConfig(corpus=(str(tmp_path / "mine.npz"),), melodies=20, meter="6/8", length=24))
    assert result.sizes["human"] == len(np.unique(tokens[:, :24], axis=0))
    assert [segment.tolist() for segment in fitted[0].segments] == tokens.tolist()


def test_held_out_tunes_are_ranked_or_all(tunes):
    parts = split(riffs(400))
    held_out = len(parts.validation.segments) + len(parts.test.segments)
    assert audit(AuditConfig(melodies=20)).sizes == {**dict.fromkeys(POPULATIONS, 20), "human": held_out}
    assert audit(AuditConfig(melodies=20, all_tunes=True)).sizes["human"] == 400
    assert audit(AuditConfig(melodies=20, all_tunes=True, corpus=("other",))).sizes["human"] == 40


def test_markov_chains_are_fitted_to_training_tunes_alone(tunes, monkeypatch):
    """Of other collections when those are split, of the default ones where all tunes are ranked."""
    fitted = []

    def machines(train, human, prior, setting, size, rng):
        fitted.append([segment.tolist() for segment in train.segments])
        return dict.fromkeys((MARKOV3, MARKOV1, RANDOM), human[:2])

    monkeypatch.setattr(ranking_audit, "machine_melodies", machines)
    audit(AuditConfig())
    audit(AuditConfig(corpus=("other",), all_tunes=True))
    default = [segment.tolist() for segment in split(riffs(400)).train.segments]
    assert fitted == [default, default]


def test_each_option_decides_the_audit(tunes):
    config = AuditConfig("calibrated", melodies=20)
    changes = {
        **{"profile": "matched", "corpus": ("other",), "prior": "lookback", "melodies": 30, "seed": 1, "length": 16},
        **{"mode": "dorian", "all_tunes": True},
    }
    base = audit(config).as_dict()
    assert audit(config).as_dict() == base
    changed = {
        name: audit(replace(config, **{name: value}, **({"all_tunes": True} if name == "corpus" else {})))
        for name, value in changes.items()
    }
    results = [str(base), *(str(each.as_dict()) for each in changed.values())]
    assert len(set(results)) == len(results)


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "least"), [(32, (0.92, 0.98, 0.99)), (64, (0.98, 0.99, 0.99))])
def test_calibrated_ranks_held_out_tunes_first_and_paper_does_not(steps, least):
    result = audit(AuditConfig(profile="calibrated", length=steps, melodies=500))
    for machine, value in zip((MARKOV3, MARKOV1, RANDOM), least, strict=True):
        assert result.aucs["sum"][machine] > value
    assert min(result.machines_in_order.values()) > 0.88
    assert result.ranks_human_first
    paper = audit(AuditConfig(profile="paper", length=steps, melodies=500))
    assert not paper.ranks_human_first


def test_of_a_corpus_file_that_says_meters_only_tunes_in_the_meter_are_ranked(tunes, tmp_path):
    """Six in 6/8 and twelve in 4/4, each from its first bar line on."""
    segments = [np.array([1, 1, *np.roll(np.arange(14, 30), n), *[14] * 20]) for n in range(18)]
    bars = [Bars("6/8", 2)] * 6 + [Bars("4/4", 2)] * 12
    mine = Corpus(segments, np.arange(18), [""] * 18, [""] * 18, [], bars)
    write_corpus(mine, tmp_path / "mine.npz")
    found = {
        meter: ranking_audit._tunes_of_file(read_corpus(tmp_path / "mine.npz"), Setting(meter=meter, length=24))[0]
        for meter in ("6/8", "4/4", "3/4")
    }
    assert {meter: len(each) for meter, each in found.items()} == {"6/8": 6, "4/4": 12, "3/4": 0}
    assert found["6/8"].min() >= 14


def test_unknown_collections_are_reported():
    with pytest.raises(CorpusError, match="music21 has no collection 'nowhere'"):
        audit(AuditConfig(corpus=("nowhere",)))
