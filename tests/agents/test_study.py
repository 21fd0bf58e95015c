"""A study compares every pair of models equally often and blindly; its votes are read with care."""

import base64
import json
import shutil
import sys
from collections import Counter

import numpy as np
import pytest

import agents.study
from agents import compose
from agents.study import AnalyseConfig, NewConfig, Trial, analyse_votes, main, new_study, schedule
from agents.votes import VotesError, read_votes
from note_rnn import load_note_rnn, run_command


@pytest.fixture(scope="module")
def config(small_runs, tmp_path_factory) -> NewConfig:
    return NewConfig(tuple(small_runs), tmp_path_factory.mktemp("study"), pieces=3, repeats=2, orders=5, seed=1)


@pytest.fixture(scope="module")
def study(config):
    """The data of the page."""
    page = new_study(config).read_text(encoding="utf-8")
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def decoded(text):
    return json.loads(base64.b64decode(text))


def test_each_pair_of_models_is_compared_equally_often_on_both_sides():
    trials = schedule(4, 12, 6, np.random.default_rng(0))
    sides = Counter((trial.left[0], trial.right[0]) for trial in trials)
    assert sides == {(i, j): 3 for i in range(4) for j in range(4) if i != j}


def test_no_melody_is_heard_again_before_all_of_its_model_were():
    trials = schedule(3, 5, 5, np.random.default_rng(0))
    heard = [slot for trial in trials for slot in trial]
    for model in range(3):
        numbers = [number for who, number in heard if who == model]
        assert sorted(numbers[:5]) == sorted(numbers[5:]) == [0, 1, 2, 3, 4]


def test_the_order_is_the_seeds():
    orders = [schedule(3, 4, 2, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert schedule(2, 1, 1, np.random.default_rng(0)) == [Trial((0, 0), (1, 0))]


def test_melodies_are_those_of_their_composers(study, config, small_prior_file):
    composers = decoded(study["composers"])
    assert decoded(study["models"]) == ["Note RNN", "Q", "Policy gradient"]
    by_model = {name: [] for name in composers}
    for name, melody in zip(composers, study["melodies"], strict=True):
        by_model[name].append(melody)
    expected = {
        "Note RNN": compose(load_note_rnn(small_prior_file), 3, seed=1),
        "Q": compose(config.runs[0], 3, seed=1),
        "Policy gradient": compose(config.runs[1], 3, seed=1),
    }
    assert {name: sorted(melodies) for name, melodies in by_model.items()} == {
        name: sorted(melodies.tolist()) for name, melodies in expected.items()
    }


def test_the_page_does_not_say_who_composed_what(config, study):
    page = (config.out / "study.html").read_text(encoding="utf-8")
    assert not any(name in page for name in ("Note RNN", "Policy gradient"))
    composers = decoded(study["composers"])
    assert composers != sorted(composers)  # nor does their place
    compared = {frozenset((composers[a], composers[b])) for order in study["orders"] for a, b in order}
    assert len(compared) == 3


def test_what_is_behind_the_page_is_kept_for_whoever_asks(config, study):
    record = json.loads((config.out / "study.json").read_text())
    assert (record["id"], record["melodies"]) == (study["id"], study["melodies"])
    assert record["composers"] == decoded(study["composers"])


def test_the_same_seed_makes_the_same_study(config, study, tmp_path):
    again = new_study(NewConfig(config.runs, tmp_path, pieces=3, repeats=2, orders=5, seed=1))
    assert again.read_text() == (config.out / "study.html").read_text()


def test_people_compete_where_that_is_asked_for(small_runs, tmp_path, monkeypatch):
    tunes = np.random.default_rng(0).choice([1, 14, 16, 18], (9, 32))
    monkeypatch.setattr(agents.study, "held_out_melodies", lambda setting: tunes)
    config = NewConfig((small_runs[0],), tmp_path, pieces=3, repeats=2, orders=2, people=True)
    new_study(config)
    record = json.loads((tmp_path / "study.json").read_text())
    assert record["models"] == ["Note RNN", "Q", "People"]
    theirs = [melody for melody, who in zip(record["melodies"], record["composers"], strict=True) if who == "People"]
    assert len(theirs) == 3
    assert all(melody in tunes.tolist() for melody in theirs)
    path = votes_file(tmp_path / "votes.json", [("People", "Q", 1), ("Q", "People", 4)], models=record["models"])
    preference = analyse_votes(AnalyseConfig((path,), samples=50))
    assert preference.models[int(preference.strengths.argmax())] == "People"


@pytest.mark.parametrize("tunes", [None, np.ones((2, 32), int)])
def test_too_few_tunes_of_people_are_told(small_runs, tmp_path, monkeypatch, tunes):
    monkeypatch.setattr(agents.study, "held_out_melodies", lambda setting: tunes)
    with pytest.raises(ValueError, match="too few for --pieces 3: leave out --people"):
        new_study(NewConfig((small_runs[0],), tmp_path / "study", pieces=3, people=True))
    assert not (tmp_path / "study").exists()


def test_runs_of_another_key_are_not_compared(small_runs, tmp_path):
    other = shutil.copytree(small_runs[1], tmp_path / "other")
    record = json.loads((other / "config.json").read_text())
    record["config"]["key"] = "G"
    (other / "config.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="did not start from the same Note RNN in the same key"):
        new_study(NewConfig((small_runs[0], other), tmp_path / "study"))
    assert not (tmp_path / "study").exists()


def votes_file(path, rows, session="s1", study="abc", models=("Note RNN", "Q", "G")):
    votes = [dict(zip(("left", "right", "preference"), row, strict=True)) for row in rows]
    record = {"study": study, "session": session, "models": models, "votes": votes}
    path.write_text(json.dumps(record))
    return path


def test_votes_of_all_listeners_are_read(tmp_path):
    first = votes_file(tmp_path / "1.json", [("Q", "Note RNN", 1), ("Note RNN", "Q", 4)])
    second = votes_file(tmp_path / "2.json", [("Note RNN", "Q", 3)], session="s2")
    votes = read_votes([first, second])
    assert votes.models == ("Note RNN", "Q")  # nobody judged G
    assert votes.left.tolist() == [1, 0, 0]
    assert votes.right.tolist() == [0, 1, 1]
    assert votes.preference.tolist() == [1, 4, 3]
    assert votes.listener.tolist() == [0, 0, 1]


def test_the_analysis_prints_and_keeps_its_figures(tmp_path, capsys):
    path = votes_file(tmp_path / "1.json", [("Q", "Note RNN", 1), ("Note RNN", "Q", 4), ("Q", "Note RNN", 3)])
    analyse_votes(AnalyseConfig((path,), out=tmp_path / "analysis.json", samples=50))
    told = capsys.readouterr().out
    assert "3 votes of 1 listener" in told
    assert "Kruskal-Wallis" in told
    record = json.loads((tmp_path / "analysis.json").read_text())
    assert record["wins"] == [[0, 0.5], [2.5, 0]]
    assert record["strengths"][1] == pytest.approx(np.log(3) / 2)  # log((2.5 + .5) / (.5 + .5)), mean 0


def test_simulated_listeners_of_a_study_give_its_planted_ranking_back(study, tmp_path):
    strengths = {"Note RNN": 0.0, "Q": 1.0, "Policy gradient": 2.2}
    rng = np.random.default_rng(0)
    composers = decoded(study["composers"])
    files = []
    for listener in range(40):
        rows = []
        for left, right in study["orders"][listener % 5]:
            lead = strengths[composers[right]] - strengths[composers[left]] + rng.logistic()
            rows.append((composers[left], composers[right], 1 + int(np.digitize(lead, [-1.5, -0.3, 0.3, 1.5]))))
        votes = [dict(zip(("left", "right", "preference"), row, strict=True)) for row in rows]
        record = {"study": study["id"], "session": str(listener), "models": decoded(study["models"]), "votes": votes}
        files.append(tmp_path / f"{listener}.json")
        files[-1].write_text(json.dumps(record))
    preference = analyse_votes(AnalyseConfig(tuple(files), samples=200))
    ranked = sorted(preference.models, key=lambda model: preference.strengths[preference.models.index(model)])
    assert ranked == list(strengths)
    assert preference.interval("Q", "Note RNN")[0] > 0
    assert preference.interval("Policy gradient", "Q")[0] > 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "cannot be read"),
        ('{"votes": []}', "it is not what the study's page wrote"),
        ("[1]", "it is not what the study's page wrote"),
        (
            '{"study": "a", "session": "b", "models": ["X"], "votes": [{"left": "X", "right": "Y", "preference": 1}]}',
            "it is not what the study's page wrote",
        ),
        (
            '{"study": "a", "session": "b", "models": ["X", "Y"], '
            '"votes": [{"left": "X", "right": "Y", "preference": 6}]}',
            "it is not what the study's page wrote",
        ),
        ('{"study": "a", "session": "b", "models": ["X", "Y"], "votes": []}', "There is not one vote"),
    ],
)
def test_a_file_without_votes_is_told(tmp_path, content, sentence):
    (tmp_path / "votes.json").write_text(content)
    with pytest.raises(VotesError, match=sentence):
        read_votes([tmp_path / "votes.json"])


def test_votes_of_another_study_or_given_twice_are_told(tmp_path):
    rows = [("Q", "G", 1)]
    first = votes_file(tmp_path / "1.json", rows)
    with pytest.raises(VotesError, match="belongs to another study"):
        read_votes([first, votes_file(tmp_path / "2.json", rows, session="s2", study="other")])
    with pytest.raises(VotesError, match="holds the same votes as"):
        read_votes([first, votes_file(tmp_path / "3.json", rows)])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["new", "nowhere"], "nowhere holds no run"),
        (["new"], "give the folder of at least one run"),
        (["new", "nowhere", "--repeats", "0"], "--repeats must be at least 1, not 0."),
        (["analyse", "missing.json"], "missing.json cannot be read"),
        (["analyse"], "There are no votes to read"),
    ],
)
def test_bad_input_is_told_in_a_sentence(arguments, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["study", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        run_command(main)
    assert exit_info.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
