"""The benchmarks of what models compose, at small size: their output follows from their measurements."""

import csv
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from agents import PPOKL
from agents.evaluation.metrics import OF_FORM
from agents.evaluation.table import ROWS
from melody_env import EnvironmentSpec, MelodyVecEnv
from note_rnn.corpus import Corpus
from note_rnn.extraction.tunes import Bars


def test_longer_pieces_are_measured_for_every_way_of_counting(output_of, small_runs, tmp_path):
    import longer_pieces

    from agents.composing.composers import load_run

    arguments = [*small_runs, "--lengths", 40, "--pieces", 3, "--csv", tmp_path / "longer.csv"]
    lines = output_of(longer_pieces, arguments).splitlines()
    assert len(lines) == 2 * len(longer_pieces.COUNTS)
    agent = load_run(small_runs[0])
    environment = agent.environment.changed(length=40, reward="paper")
    pieces = longer_pieces.compose_pieces(agent.player(environment), 3, 0, environment, retained=3)
    expected = longer_pieces.figures(pieces, 32)
    assert expected["r_MT"] == pytest.approx(pieces.steps.music_theory[:, 32:].mean())
    adopted = next(line for line in lines if "adopted" in line)
    assert [float(number) for number in re.findall(r" (-?\d+\.\d\d)", adopted)] == [
        pytest.approx(value, abs=0.006) for value in expected.values()
    ]


def test_agents_are_asked_for_forms_trained_or_new(output_of, small_prior, monkeypatch, tmp_path):
    import forms_of_agents

    from agents.composing.composers import Agent
    from agents.evaluation.metrics import form_metrics

    spec = EnvironmentSpec.of(prior=small_prior, form="AABA | AA'BC", length="4 bars", reward="paper")
    env = MelodyVecEnv(2, **spec.arguments)
    agent = Agent(PPOKL(env=env, prior=env.engine.prior, seed=0, device="cpu").policy, spec)
    monkeypatch.setattr(forms_of_agents, "load_run", lambda path: agent)
    shapes = ["--forms", "AABA", "ABB'A", "--lengths", "4 bars", "8 bars", "--pieces", 20]
    lines = output_of(forms_of_agents, ["runs/tune", *shapes, "--csv", tmp_path / "forms.csv"])
    assert [line.split()[:4] for line in lines.splitlines()] == [
        ["tune", "4", "bars", "AABA"],
        ["tune", "4", "bars", "ABB'A"],
        ["tune", "8", "bars", "AABA"],
        ["tune", "8", "bars", "ABB'A"],
        ["tune", "trained", "form_recovered", "0.0%"],
        ["tune", "new", "form_recovered", "0.0%"],
    ]
    rows = list(csv.DictReader((tmp_path / "forms.csv").read_text().splitlines()))
    assert [row["trained"] for row in rows] == ["1", "0"] * 2
    environment = spec.changed(length="8 bars", form="ABB'A")
    pieces = forms_of_agents.compose_pieces(agent.player(environment), 20, 0, environment)
    found = form_metrics(pieces)
    assert {name: float(rows[3][name]) for name in found} == pytest.approx(found)
    assert rows[0]["varied_kept"] == ""
    assert forms_of_agents.means([{"varied_kept": 0.5}, {"form_recovered": 1.0}, {"varied_kept": 1.0}]) == {
        "form_recovered": 1.0,
        "varied_kept": 0.75,
    }


@pytest.mark.parametrize("moving", [False, True])
def test_the_prior_of_g_is_trained_only_on_request(output_of, moving):
    import g_question

    arguments = ["--seed", 5, "--steps", 160 * 34, "--compositions", 30, *["--moving-prior"] * moving]
    record = json.loads(output_of(g_question, arguments))
    assert (record["seed"], record["moving_prior"]) == (5, moving)
    assert record["cpu_seconds"] > 0
    of_longer_pieces = {"repeated_bars_lag4", "repeated_bars_lag8", "repeated_rhythms_lag4"}
    missing = {"human_overlap", "human_auc", "longest_shared_run", "chord_tones", *of_longer_pieces, *OF_FORM}
    assert {row.metric for row in ROWS} - record.keys() == missing
    is_same = record["log_prob_under_the_original_prior"] == pytest.approx(record["log_prob"], abs=1e-4)
    assert is_same is not moving
    assert record["kl"] > 1e-3


def test_openings_are_silent_off_the_grid_or_like_human_ones():
    import openings

    human = np.array([[14, 1, 16, 1], [14, 1, 1, 1], [18, 1, 16, 1], [1, 1, 16, 1]])
    melodies = np.array([[14, 16, 1, 16], [1, 1, 14, 1], [0, 1, 1, 1], [18, 18, 1, 1]])
    assert openings.openings(melodies, human) == {
        "pieces": 4,
        "off_grid": 0.25,  # of the last, two notes are on the grid and off it
        "silent": 0.5,
        "first_token_overlap": 0.75,
    }


def test_human_openings_are_those_of_tunes_with_like_bars_from_the_first_bar_line_on_however_they_begin():
    import openings

    bars = [Bars("4/4", 2), Bars("2/2", 0), Bars("2/4", 1), Bars("6/8", 0), Bars("4/4", 2)]
    segments = [np.array(rows) for rows in ([20, 1, 14, 1], [1, 16, 1], [18, 14, 1], [14, 1, 1], [1, 0, 14])]
    corpus = Corpus(segments, np.arange(5), ["a", "b", "c", "d", "e"], ["x"] * 5, [], bars)
    setting = openings.Setting(meter="4/4", length=2)
    assert openings.human_openings(corpus, setting).tolist() == [[14, 1], [1, 16]]
    shares = openings.before_the_bar(corpus, "4/4")
    assert {token: share for token, share in enumerate(shares) if share} == {0: 1 / 3, 1: 2 / 3}


def test_the_first_bars_of_a_note_rnn_are_compared_after_each_priming(
    output_of, lookback_prior_file, monkeypatch, tmp_path
):
    import openings

    corpus = Corpus([np.full(40, 14)] * 3, np.arange(3), list("abc"), ["x"] * 3, [], [Bars("4/4", 1)] * 3)
    monkeypatch.setattr(openings, "load_corpus", lambda: corpus)
    monkeypatch.setattr(openings, "split", lambda _: SimpleNamespace(train=corpus, validation=corpus, test=corpus))
    sizes = ["--meters", "4/4", "--length", 16, "--pieces", 6, "--csv", tmp_path / "openings.csv"]
    lines = output_of(openings, [lookback_prior_file, *sizes]).splitlines()
    assert [line.split()[1] for line in lines] == ["human", *["lookback.safetensors"] * 3]
    for line, priming in zip(lines[1:], ("random_note", "none", "before the bar"), strict=True):
        assert f" {priming} " in line
    assert len((tmp_path / "openings.csv").read_text().splitlines()) == 5


def _tunes(monkeypatch, module) -> None:
    """Give a benchmark twelve random tunes of eight bars of 2/4 after a pickup, in two parts."""
    rng = np.random.default_rng(0)
    segments = [rng.choice([1, 1, 14, 16, 18], 66) for _ in range(12)]
    names = [str(number) for number in range(12)]
    corpus = Corpus(segments, np.arange(12), names, names, [], [Bars("2/4", 2)] * 12)
    short = Corpus([segments[0][:40]], np.arange(1), ["x"], ["x"], [], [Bars("2/4", 2)])
    monkeypatch.setattr(module, "load_corpus", lambda: corpus)
    monkeypatch.setattr(module, "split", lambda _: SimpleNamespace(validation=corpus, test=short))


def test_fillings_are_compared_with_the_true_bars(output_of, lookback_prior_file, monkeypatch, tmp_path):
    import infilling

    _tunes(monkeypatch, infilling)
    path = tmp_path / "infilling.csv"
    options = ["--model", lookback_prior_file, "--candidates", 3, "--csv", path]
    lines = output_of(infilling, options).splitlines()
    assert [line[:24].strip() for line in lines] == ["true bars", "--fixed", "--fill, 3 candidates"]
    true, fixed, filled = csv.DictReader(path.read_text().splitlines())
    assert {row["tunes"] for row in (true, fixed, filled)} == {"12"}
    assert float(true["above_true"]) == 0
    assert float(true["auc_8"]) == 0.5
    assert float(fixed["following_nats"]) == pytest.approx(float(true["following_nats"]) + float(fixed["above_true"]))
    assert 1 <= float(filled["effective_sample_size"]) <= 3


def test_two_bars_in_the_middle_are_hidden_and_nothing_else_changes(lookback_prior_file, monkeypatch):
    import infilling

    _tunes(monkeypatch, infilling)
    composer = infilling.load_composer(lookback_prior_file)
    first = next(infilling.cases([infilling.load_corpus()], composer))
    assert (first.tune.pickup, first.hidden) == (2, slice(24, 40))
    kept = ~np.isin(np.arange(64), np.arange(24, 40))
    for tokens in (infilling.fixed(composer, first, 0), infilling.infilled(composer, first, 0, 4)[0]):
        np.testing.assert_array_equal(tokens[kept], first.tune.melody[kept])
        assert (tokens != first.tune.melody).any()


def test_seams_are_told_apart_by_what_is_at_them_and_never_by_the_tune():
    import infilling

    rng = np.random.default_rng(0)
    true = rng.choice([1, 14, 16], (120, 8))
    other = true.copy()
    other[:, 4] = 20
    assert infilling.auc(*infilling.seam_scores(true, other, 0)) == 1.0
    assert 0.3 < infilling.auc(*infilling.seam_scores(true, rng.choice([1, 14, 16], (120, 8)), 0)) < 0.7
    features = infilling.seam_features(np.array([[1, 14, 1, 16]]))
    np.testing.assert_array_equal(features[0], [1, 14, 1, 16, 1, 2, 1, 2, np.nan, 14, 14, 16, np.nan, np.nan, 2])


def test_variations_are_measured(output_of, lookback_prior_file, monkeypatch, tmp_path):
    import variations

    _tunes(monkeypatch, variations)
    path = tmp_path / "variations.csv"
    options = ["--model", lookback_prior_file, "--candidates", 8, "--every", 4, "--changes", 0.2, "--csv", path]
    lines = output_of(variations, options).splitlines()
    assert [line.split()[0] for line in lines] == ["everywhere", "section", "pitch", "rhythm"]
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["tunes"] for row in rows] == ["3"] * 4
    assert float(rows[2]["distance_of_asked"]) == pytest.approx(1, abs=0.15)
