"""Human tunes and the machines' melodies, all in the key, range and meter of a setting."""

import copy

import numpy as np
import pytest

from melody_env.measures import populations
from melody_env.measures.populations import (
    POPULATIONS,
    held_out_melodies,
    held_out_windows,
    human_melodies,
    loops,
    machine_melodies,
    prior_melodies,
    training_tunes,
)
from melody_env.setting import Setting
from note_rnn.corpus import Corpus, Split, split
from note_rnn.extraction.tunes import Bars
from note_rnn.vocabulary import transposed

C_MAJOR = [9, 11, 13, 14, 16, 18, 19, 21, 23, 25, 26]


def corpus(segments, bars) -> Corpus:
    number = len(segments)
    return Corpus([np.array(each) for each in segments], np.arange(number), [""] * number, [""] * number, bars=bars)


def eighths(number, rng, pickup=2) -> Corpus:
    """Tunes of four bars of eighths in C major, after a pickup; every other in 3/4."""
    notes = rng.choice(C_MAJOR, (number, 33))
    segments = np.stack([notes, np.ones_like(notes)], axis=-1).reshape(number, -1)
    return corpus(segments[:, 2 - pickup :], [Bars("4/4" if n % 2 else "3/4", pickup) for n in range(number)])


def test_human_tunes_and_machines_are_in_the_key_of_the_setting(small_prior):
    rng = np.random.default_rng(0)
    setting = Setting(key="G", pitch_range=(53, 79))
    tunes = eighths(400, rng)
    human = human_melodies(tunes, setting)
    everyone = {"human": human, **machine_melodies(tunes, human, small_prior, setting, 30, rng)}
    assert set(everyone) == set(POPULATIONS)
    for name, melodies in everyone.items():
        assert melodies.shape[1] == 32
        assert len(melodies) == (30 if name != "human" else len(human))
        if name != "prior":
            assert setting.in_scale[melodies].all(), name
        if name in ("human", "random", "random pitches", "loops"):
            assert setting.in_range[melodies].all(), name
    in_c = human_melodies(tunes, Setting())
    assert {tuple(row) for row in human} <= {tuple(np.where(row > 1, row - 5, row)) for row in in_c}
    rhythms = everyone["random pitches"] >= 2
    np.testing.assert_array_equal(rhythms, np.tile(np.arange(32) % 2 == 0, (30, 1)))
    assert set(np.unique(everyone["random"])) == set(np.flatnonzero(setting.in_scale & setting.in_range))


def test_human_tunes_by_hand():
    """From the bar line on, with bars like the meter's, moved to the key, each once, and none that is out of range."""
    tunes = corpus(
        [[9, 14, 1, 16, 1], [14, 1, 16, 1, 9], [8, 1, 1, 1], [20, 1, 1, 1]],
        [Bars("4/4", 1), Bars("2/2", 0), Bars("4/4", 0), Bars("3/4", 0)],
    )
    assert human_melodies(tunes, Setting(length=4)).tolist() == [[8, 1, 1, 1], [14, 1, 16, 1]]
    in_d = Setting(length=4, key="D", pitch_range=(60, 83))  # 8 would be 10, the pitch 56
    assert human_melodies(tunes, in_d).tolist() == [[16, 1, 18, 1]]
    assert human_melodies(tunes, Setting(length=4, meter="3/4")).tolist() == [[20, 1, 1, 1]]


def all_kinds_of_tunes(rng) -> Corpus:
    """Tunes in 4/4 of eight notes, some with holds and rests, after a pickup of another; in 3/4 of others still."""
    notes = rng.choice([14, 16, 18, 19, 21, 23, 25, 26, 1, 0], (24, 40), p=[0.1] * 8 + [0.15, 0.05])
    notes[:, 0] = 14
    in_four = [np.concatenate([[9], row]) for row in notes]
    return corpus([*in_four, *[np.full(50, 11)] * 5], [Bars("4/4", 1)] * 24 + [Bars("3/4", 0)] * 5)


def test_markov_melodies_have_the_order_of_their_name_and_begin_on_bar_lines(small_prior):
    rng = np.random.default_rng(0)
    tunes, setting = all_kinds_of_tunes(rng), Setting(key="D")
    human = human_melodies(tunes, setting)
    made = machine_melodies(tunes, human, small_prior, setting, 200, rng)
    segments = [transposed(segment[1:], 2) for segment in tunes.segments[:24]]

    def grams(melodies, n):
        return {tuple(row[i : i + n]) for row in melodies for i in range(len(row) - n + 1)}

    for name, order in (("Markov-3", 3), ("Markov-1", 1)):
        assert set(made[name][:, 0]) == {16}
        assert grams(made[name], order) <= grams(segments, order)
        new = [grams(made[name], n) - grams(segments, n) for n in (order + 1, order + 2)]
        assert len(new[0]) < 50  # none but after the last tokens of a tune
        assert len(new[1]) > 300


def test_random_pitches_and_loops_are_made_of_the_human_tunes_in_turn(small_prior):
    rng = np.random.default_rng(0)
    tunes, setting = all_kinds_of_tunes(rng), Setting(meter="4/4")
    human = human_melodies(tunes, setting)
    made = machine_melodies(tunes, human, small_prior, setting, 60, rng)
    of = human[np.arange(60) % len(human)]
    np.testing.assert_array_equal(made["random pitches"] < 2, of < 2)
    np.testing.assert_array_equal(made["random pitches"][of < 2], of[of < 2])
    notes = made["random pitches"][of >= 2]
    assert setting.in_scale[notes].all()
    assert len(set(notes)) == 21  # three octaves of the scale
    for loop, tune in zip(made["loops"], of, strict=True):
        assert min(p for p in (1, 2, 4, 31) if (loop[1 + p :] == loop[1:-p]).all()) <= 4  # a beat at most
        assert set(loop) <= {*tune, 1}


def continuations(prior, steps) -> set[tuple[int, ...]]:
    """The tokens that are likeliest after each first token, which are left out."""
    pieces = np.arange(38)[:, None]
    for _ in range(steps):
        pieces = np.column_stack([pieces, prior.log_probs(pieces)[:, -1].argmax(-1).numpy()])
    return {tuple(row[1:]) for row in pieces.tolist()}


@pytest.fixture
def sure(prior):
    """A Note RNN that is sure of each next token."""
    sure = copy.deepcopy(prior)
    sure.head.weight.mul_(1e6)
    return sure


def test_the_note_rnns_melodies_are_in_the_key_of_the_setting(sure):
    rng = np.random.default_rng(0)
    tunes, setting = all_kinds_of_tunes(rng), Setting(key="D", length=8)
    made = machine_melodies(tunes, human_melodies(tunes, setting), sure, setting, 300, rng)
    in_d, in_c = continuations(sure.transposed(2), 8), continuations(sure, 8)
    assert {tuple(row) for row in made["prior"].tolist()} == in_d != in_c


def test_the_note_rnns_melodies_are_in_the_meter_of_the_setting(lookback_prior, monkeypatch):
    given = []
    monkeypatch.setattr(populations, "prior_melodies", lambda prior, *_: given.append(prior))
    tunes, rng = corpus([np.full(50, 11)] * 5, [Bars("3/4", 0)] * 5), np.random.default_rng(0)
    setting = Setting(meter="3/4", length=8)
    machine_melodies(tunes, human_melodies(tunes, setting), lookback_prior, setting, 3, rng)
    assert [prior.bars for prior in given] == [Bars("3/4", 0)]


def test_held_out_melodies_are_those_of_validation_and_test_tunes_each_once():
    parts = Split(*(corpus([rows, rows], [Bars("4/4", 0)] * 2) for rows in ([14, 1], [16, 1], [18, 1])))
    assert held_out_windows(parts, Setting(length=2)).tolist() == [[16, 1], [18, 1]]
    assert held_out_windows(parts, Setting(length=2, key="D")).tolist() == [[18, 1], [20, 1]]
    twice = parts._replace(test=parts.validation)
    assert held_out_windows(twice, Setting(length=2)).tolist() == [[16, 1]]


@pytest.fixture
def available(monkeypatch):
    """Set the default collections to a given corpus."""

    def let(tunes):
        monkeypatch.setattr(populations, "cached_corpus", lambda: tunes)
        populations._cached_split.cache_clear()

    yield let
    populations._cached_split.cache_clear()


def test_tunes_of_the_default_collections_are_for_training_or_held_out(available):
    tunes = eighths(200, np.random.default_rng(1))
    available(tunes)
    parts, setting = split(tunes), Setting(key="D")
    np.testing.assert_array_equal(held_out_melodies(setting), held_out_windows(parts, setting))
    assert [segment.tolist() for segment in training_tunes()] == [each.tolist() for each in parts.train.segments]
    assert held_out_melodies(Setting(length=1000)) is None
    available(None)
    assert held_out_melodies(setting) is None
    assert training_tunes() is None


def test_the_prior_composes_as_it_predicts(small_prior):
    melodies = prior_melodies(small_prior, 4000, 1, np.random.default_rng(0))
    expected = np.exp(small_prior.log_probs(np.arange(38)[:, None]).numpy())[:, 0].mean(axis=0)
    found = np.bincount(melodies[:, 0], minlength=38) / 4000
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(expected.max() / 4000))


def test_the_prior_remembers_what_it_has_composed(sure):
    """It goes on from every first token in one way, and not from the newest token alone."""
    steps = []
    melodies = prior_melodies(sure, 500, 8, np.random.default_rng(0), lambda: steps.append(1))
    assert len(steps) == 8
    assert {tuple(row) for row in melodies.tolist()} == continuations(sure, 8)
    following = {}
    for first, second in melodies[:, :2]:
        following.setdefault(first, set()).add(second)
    assert max(map(len, following.values())) > 1


def test_loops_go_round():
    tunes = np.random.default_rng(1).integers(2, 38, (300, 32))
    made = loops(tunes, 300, 4, np.random.default_rng(0))
    periods = [next(p for p in (1, 2, 4) if (row[p:] == row[:-p]).all()) for row in made]
    assert set(periods) == {1, 2, 4}
    held = loops(np.array([[14] + [1] * 15]), 500, 4, np.random.default_rng(0))
    assert {tuple(row) for row in held} >= {(14,) * 16, (14, *[1] * 15), (14, 1) * 8}


def test_a_loop_is_of_a_place_in_its_own_tune_and_has_no_rests():
    tunes = np.tile(np.arange(2, 34), (40, 1))
    tunes[::2] = np.where(np.arange(32) % 2, 0, 37)  # a note and a note off, again and again
    made = loops(tunes, 40, 4, np.random.default_rng(0))
    assert all(set(row) <= {37, 1} for row in made[::2])
    firsts = made[1::2, 0] - 2
    periods = np.array([next(p for p in (1, 2, 4) if (row[p:] == row[:-p]).all()) for row in made[1::2]])
    assert (firsts % periods == 0).all()
    assert len(set(firsts)) > 8
