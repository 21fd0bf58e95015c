"""The benchmark that compares agents with human tunes and with controls without a reward."""

import json
import sys

import numpy as np
import pytest

from agents import compose_pieces
from agents.composing.players import NoteRNNPlayer
from melody_env import EnvironmentSpec, Setting, load_profile
from note_rnn import NoteRNN, load_note_rnn, run_command
from note_rnn.corpus import Corpus
from note_rnn.extraction.tunes import Bars

C4, E4, G4 = 14, 18, 21


@pytest.fixture(scope="module")
def prior() -> NoteRNN:
    return load_note_rnn()


def test_given_the_position_the_prior_plays_the_token_there(prior):
    from reward_free_controls import fit_position

    windows = np.ones((300, 8), np.int64)
    windows[:, ::4] = E4
    positioned = fit_position(prior, windows, np.random.default_rng(0))
    environment = EnvironmentSpec.of(prior=prior, length=8)
    pieces = compose_pieces(positioned, 200, 0, environment)
    assert (pieces.melodies == windows[0]).mean() > 0.95
    assert pieces.kl.mean() > 5
    without = compose_pieces(NoteRNNPlayer(), 200, 0, environment)
    assert (without.melodies == windows[0]).mean() < 0.7


def test_colder_is_more_likely_and_still_the_prior(prior):
    from reward_free_controls import ColderPrior

    environment = EnvironmentSpec.of(prior=prior, length=8)
    players = (ColderPrior(1), NoteRNNPlayer(), ColderPrior(0.5))
    same, own, cold = (compose_pieces(each, 200, 0, environment) for each in players)
    np.testing.assert_array_equal(same.melodies, own.melodies)
    assert cold.finished.log_prob.mean() > own.finished.log_prob.mean()
    assert cold.kl.mean() > own.kl.mean() == pytest.approx(0, abs=1e-4)


def test_figures_of_pieces_and_of_human_tunes(prior):
    from likeness import Likeness

    from melody_env.measures.likeness import HumanTunes

    rng = np.random.default_rng(0)
    tunes = rng.choice([C4, E4, G4, 1, 1, 1], (240, 16))
    setting = Setting(length=16)
    human = HumanTunes(setting, tunes[:200], tunes[200:], list(tunes[:200]))
    likeness = Likeness(human, {"paper": load_profile("paper")}, compositions=100, judged=80, seed=0)
    own = likeness.of_human_tunes(prior)
    composed = likeness.of_player(NoteRNNPlayer(), EnvironmentSpec.of(prior=prior, **setting.as_dict()))
    assert own["logistic"] == pytest.approx(0.5, abs=0.15)
    assert min(composed[name] for name in ("logistic", "trees", "gru")) > 0.8  # dance tunes have more than three notes
    assert composed["overlap"] < own["overlap"]
    assert composed["kl"] == pytest.approx(0, abs=1e-4)
    assert {*composed} - {*own} == {"kl", "human_nats", "distinct"}


def test_an_agent_is_scored_for_the_form_it_was_asked_for_and_human_tunes_are_not(prior):
    from likeness import Likeness

    from melody_env import RewardProfile, WeightedRule, score_melodies
    from melody_env.measures.likeness import HumanTunes

    form = RewardProfile("form", (WeightedRule("form", 2.0),))
    environment = EnvironmentSpec.of(prior=prior, reward=form, meter="1/4", length=48, form="ABAC | AB")
    tunes = np.tile(np.arange(14, 26).repeat(4), (120, 1))
    human = HumanTunes(Setting(meter="1/4", length=48), tunes[:80], tunes[80:], list(tunes[:80]))
    likeness = Likeness(human, {"form": form, "paper": load_profile("paper")}, compositions=40, judged=30, seed=0)
    pieces = compose_pieces(NoteRNNPlayer(), 40, 0, environment)
    expected = score_melodies(pieces.melodies, form, environment.setting, pieces.finished.forms).music_theory.mean()
    composed, own = likeness.of_player(NoteRNNPlayer(), environment), likeness.of_human_tunes(prior)
    assert composed["r_MT: form"] == pytest.approx(expected)
    assert {*own} & {"r_MT: form", "r_MT: paper"} == {"r_MT: paper"}
    assert own["repeated_bars_lag4"] == 0  # they rise and never come back
    tunes[:, 16:32] = tunes[:, :16]
    assert likeness.of_human_tunes(prior)["repeated_bars_lag4"] == pytest.approx(4 / 8)


def test_an_agent_is_scored_for_its_chords_and_human_tunes_are_not(prior):
    from likeness import Likeness

    from melody_env import RewardProfile, WeightedRule
    from melody_env.measures.likeness import HumanTunes

    chords = RewardProfile("chords", (WeightedRule("chord_tone", 2.0),))
    environment = EnvironmentSpec.of(prior=prior, reward=chords, length=16, chords="C | F; G | C")
    tunes = np.random.default_rng(0).choice([C4, E4, G4, 1, 1], (120, 16))
    human = HumanTunes(Setting(length=16), tunes[:80], tunes[80:], list(tunes[:80]))
    likeness = Likeness(human, {"chords": chords}, compositions=40, judged=30, seed=0)
    pieces = compose_pieces(NoteRNNPlayer(), 40, 0, environment)
    composed, own = likeness.of_player(NoteRNNPlayer(), environment), likeness.of_human_tunes(prior)
    assert composed["r_MT: chords"] == pytest.approx(pieces.finished.music_theory.mean() / 16)
    assert "r_MT: chords" not in own


def test_the_note_rnn_beside_agents_is_asked_for_neither_form_nor_chords(prior):
    from human_likeness import _common_environment

    asked = EnvironmentSpec.of(prior=prior, meter="1/4", length=48, form="ABAC | AB", chords="C | F")
    common = _common_environment([asked, asked], None)
    assert (common.setting.form, common.setting.chords) == ("", "")
    assert common.setting.steps == 48


def test_a_profile_that_human_tunes_are_not_scored_by_has_its_column():
    from human_likeness import COLUMNS, markdown

    human, agent = dict.fromkeys(COLUMNS, 0.5), {"r_MT: form": 1.5, **dict.fromkeys(COLUMNS, 0.5)}
    heading, _, *lines = markdown({"Human": [human], "tune": [agent]}).splitlines()
    assert heading.startswith("| | r_MT: form |")
    assert [line.split(" | ")[1] for line in lines] == ["-", "1.50"]


def test_seeds_are_reported_by_mean_and_deviation():
    from human_likeness import COLUMNS, markdown

    one = {"r_MT: paper": 1.0, **dict.fromkeys(COLUMNS, 0.5)}
    other = {"r_MT: paper": 3.0, **dict.fromkeys(COLUMNS, 0.5)}
    lines = markdown({"Human": [{"r_MT: paper": 2.0}], "Psi": [one, other]}).splitlines()
    assert lines[2].startswith("| Human | 2.00 | - |")
    assert lines[3].startswith("| Psi (2 seeds) | 2.00 ± 1.41 | 0.500 ± 0.000 |")
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--compositions", "2"], "--compositions must be at least 10, not 2."),
        (["--judged", "2"], "--judged must be at least 10, not 2."),
        (["--temperatures", "0"], "--temperatures must be a number from 0.000001 to 1,000,000, not 0.0."),
        (["--temperatures"], "--temperatures needs at least one number."),
        (["nowhere"], "nowhere holds no run"),
        (["Psi=nowhere"], "nowhere holds no run"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, sentence, monkeypatch, capsys):
    import human_likeness

    monkeypatch.setattr(sys, "argv", ["human_likeness", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        run_command(human_likeness.main)
    assert exit_info.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.fixture
def tunes(monkeypatch) -> Corpus:
    """A corpus of random tunes in 4/4 and C major, in place of music21's."""
    from melody_env.measures import likeness

    rng = np.random.default_rng(0)
    segments = [rng.choice([14, 16, 18, 19, 21, 23, 25, 26, *[1] * 8], 80) for _ in range(500)]
    titles = [f"{number}.abc" for number in range(500)]
    sources = [f"tunes/{title}" for title in titles]
    corpus = Corpus(segments, np.arange(500), titles, sources, bars=[Bars("4/4", 0)] * 500)
    monkeypatch.setattr(likeness, "load_corpus", lambda: corpus)
    return corpus


def test_agents_are_compared_with_human_tunes_and_controls(output_of, tunes, small_runs, tmp_path, monkeypatch):
    import human_likeness

    from agents import compose
    from agents.composing.composers import load_run
    from melody_env import load_profile, score_melodies
    from melody_env.measures import likeness
    from melody_env.measures.discriminator import LOGISTIC

    for name in ("trees", "gru"):  # the quickest in place of the others
        monkeypatch.setitem(likeness.CLASSIFIERS, name, LOGISTIC)
    out = tmp_path / "likeness.json"
    arguments = [f"an agent={small_runs[0]}", "--compositions", 40, "--judged", 30, "--out", out, "--seed", 4]
    output = output_of(human_likeness, [*arguments, "--temperatures", 0.5, 2])
    assert f"Saved {out}" in output
    rows = json.loads(out.read_text())["rows"]
    labels = ["Human", "Note RNN", "Note RNN given the position", "an agent"]
    assert [label for label in rows if "temperature" not in label] == labels
    assert output.startswith(human_likeness.markdown(rows))
    assert all(figures["longest_shared_run"] >= 1 for (figures,) in rows.values())

    (agent,), (own,) = rows["an agent"], rows["Note RNN"]
    melodies = compose(small_runs[0], 40, seed=4)
    scores = score_melodies(melodies, load_profile("paper")).music_theory
    assert agent["r_MT: paper"] == pytest.approx(scores.mean())
    inputs = np.concatenate([np.full((40, 1), 1), melodies[:, :-1]], axis=1)
    prior = load_run(small_runs[0]).environment.prior
    log_probs = prior.log_probs(inputs).numpy()[:, 1:]  # the first follows a random note
    expected = np.take_along_axis(log_probs, melodies[:, 1:, None], -1).mean()
    assert agent["log_prob"] == pytest.approx(expected, rel=0.05)
    assert agent["distinct"] == len(np.unique(melodies, axis=0)) / 40
    assert own["kl"] == pytest.approx(0, abs=1e-4)
    assert agent["kl"] > 1e-3
