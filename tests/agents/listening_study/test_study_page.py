"""A study compares every pair of models equally often and blindly; its analysis recovers planted preferences."""

import base64
import json
import math
import shutil
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from agents import compose
from agents.evaluation.preference import analyse
from agents.evaluation.votes import read_votes
from agents.listening_study import study_page
from agents.listening_study.analysis import AnalyseConfig, analyse_votes
from agents.listening_study.study_page import NewConfig, Trial, new_study, schedule, with_repeats
from agents.report_page.rendering import render
from agents.study import main
from melody_env import Setting
from note_rnn import load_note_rnn, run_command, transposed


@pytest.fixture(scope="module")
def config(small_runs, tmp_path_factory) -> NewConfig:
    return NewConfig(tuple(small_runs), tmp_path_factory.mktemp("study"), pieces=3, repeats=2, orders=5, seed=1)


@pytest.fixture(scope="module")
def study(config):
    """The data of the page."""
    return data_of(new_study(config))


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def decoded(text):
    return json.loads(base64.b64decode(text))


def test_each_pair_of_models_is_compared_equally_often_on_both_sides():
    trials = schedule(4, 12, 6, np.random.default_rng(0))
    sides = Counter((trial.left[0], trial.right[0]) for trial in trials)
    assert sides == {(i, j): 3 for i in range(4) for j in range(4) if i != j}


def test_no_melody_is_repeated_before_all_of_its_model_were_played():
    trials = schedule(3, 5, 5, np.random.default_rng(0))
    played = [slot for trial in trials for slot in trial]
    for model in range(3):
        numbers = [number for index, number in played if index == model]
        assert sorted(numbers[:5]) == sorted(numbers[5:]) == [0, 1, 2, 3, 4]


def test_the_first_pairs_are_heard_again_at_the_end_with_sides_swapped(study):
    trials = schedule(2, 3, 2, np.random.default_rng(0))
    assert with_repeats(trials, 1) == [*trials, Trial(trials[0].right, trials[0].left)]
    assert with_repeats(trials, 0) == trials
    for order in study["orders"]:
        assert order[6:] == [[right, left] for left, right in order[:2]]


def test_the_page_has_the_setting_of_its_melodies(study):
    assert Setting(**study["setting"]) == Setting(tempo=480)


def test_pairs_of_a_comparison_of_models_are_not_chosen_by_votes(study):
    assert "choice" not in study


def test_the_order_is_the_seeds():
    orders = [schedule(3, 4, 2, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert schedule(2, 1, 1, np.random.default_rng(0)) == [Trial((0, 0), (1, 0))]


def test_pairs_and_the_melodies_of_each_model_come_in_random_order():
    trials = schedule(3, 40, 20, np.random.default_rng(0))
    pairs = [frozenset((trial.left[0], trial.right[0])) for trial in trials]
    assert 25 < sum(before != after for before, after in pairwise(pairs)) < 55  # 2 of 3, of 59
    for model in range(3):
        numbers = [number for trial in trials for index, number in trial if index == model]
        assert sorted(numbers) == list(range(40)) != numbers
        sides = [trial.left[0] == model for trial in trials if model in (trial.left[0], trial.right[0])]
        assert 8 < sum(before != after for before, after in pairwise(sides)) < 31  # half of 39


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


def test_the_page_does_not_name_its_composers(config, study):
    page = (config.out / "study.html").read_text(encoding="utf-8")
    assert not any(name in page for name in ("Note RNN", "Policy gradient"))
    composers = decoded(study["composers"])
    assert sum(before != after for before, after in pairwise(composers)) > 2  # nor does their place
    compared = {frozenset((composers[a], composers[b])) for order in study["orders"] for a, b in order}
    assert len(compared) == 3


def test_the_record_beside_the_page_names_the_composers(config, study):
    record = json.loads((config.out / "study.json").read_text())
    assert (record["id"], record["melodies"]) == (study["id"], study["melodies"])
    assert record["composers"] == decoded(study["composers"])


def test_the_same_seed_makes_the_same_study(config, study, tmp_path):
    again = new_study(NewConfig(config.runs, tmp_path, pieces=3, repeats=2, orders=5, seed=1))
    assert again.read_text() == (config.out / "study.html").read_text()


def test_another_seed_makes_another_study(config, study, tmp_path):
    other = data_of(new_study(NewConfig(config.runs, tmp_path, pieces=3, repeats=2, orders=5, seed=2)))
    assert not {*map(tuple, study["melodies"])} & {*map(tuple, other["melodies"])}
    assert other["orders"] != study["orders"]
    assert other["id"] != study["id"]


def test_every_listener_has_an_order_of_their_own_at_the_tempo_of_the_runs(config, study):
    assert study["tempo"] == 480
    assert len(study["orders"]) == 5
    assert len({json.dumps(order) for order in study["orders"]}) == 5
    assert all(len(order) == 3 * 2 + 2 for order in study["orders"])  # three pairs, twice each, and two repeats
    assert "You will hear 8 pairs" in (config.out / "study.html").read_text(encoding="utf-8")
    for order in study["orders"]:
        assert Counter(melody for trial in order for melody in trial).keys() == set(range(9))


def test_a_study_of_one_pair_is_announced_in_the_singular():
    page = " ".join(render("study/study.html", comparisons=1, study={}).split())
    assert "You will hear 1 pair of short melodies" in page
    assert "It takes about 1 minute." in page


def test_human_tunes_are_in_the_key_of_the_run_drawn_by_the_seed(small_runs, tmp_path, monkeypatch):
    in_c = np.random.default_rng(0).choice([1, 14, 16, 18], (40, 32))
    monkeypatch.setattr(study_page, "held_out_melodies", lambda setting: transposed(in_c, setting.transposition))
    run = in_another(small_runs[0], tmp_path / "run", key="D")
    drawn = []
    for seed in (0, 0, 1):
        new_study(NewConfig((run,), tmp_path / "study", pieces=3, repeats=1, orders=1, human_tunes=True, seed=seed))
        record = json.loads((tmp_path / "study" / "study.json").read_text())
        melodies = zip(record["melodies"], record["composers"], strict=True)
        drawn.append({tuple(melody) for melody, composer in melodies if composer == "Human"})
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] | drawn[2] < {*map(tuple, transposed(in_c, 2).tolist())}


def test_human_tunes_are_one_more_model_on_request(small_runs, tmp_path, monkeypatch):
    tunes = np.random.default_rng(0).choice([1, 14, 16, 18], (9, 32))
    monkeypatch.setattr(study_page, "held_out_melodies", lambda setting: tunes)
    config = NewConfig((small_runs[0],), tmp_path, pieces=3, repeats=2, orders=2, human_tunes=True)
    new_study(config)
    record = json.loads((tmp_path / "study.json").read_text())
    assert record["models"] == ["Note RNN", "Q", "Human"]
    melodies = zip(record["melodies"], record["composers"], strict=True)
    human = [melody for melody, composer in melodies if composer == "Human"]
    assert len(human) == 3
    assert all(melody in tunes.tolist() for melody in human)
    path = votes_file(tmp_path / "votes.json", [("Human", "Q", 1), ("Q", "Human", 4)], models=record["models"])
    preference = analyse_votes(AnalyseConfig((path,), samples=50))
    assert preference.models[int(preference.strengths.argmax())] == "Human"


@pytest.mark.parametrize(
    ("tunes", "sentence"),
    [
        (None, r"no human tunes: leave out --human-tunes\. .*python -m note_rnn\.corpus tune-books"),
        (np.ones((2, 32), int), "too few for --pieces 3: leave out --human-tunes"),
    ],
)
def test_too_few_human_tunes_are_an_error(small_runs, tmp_path, monkeypatch, tunes, sentence):
    monkeypatch.setattr(study_page, "held_out_melodies", lambda setting: tunes)
    with pytest.raises(ValueError, match=sentence):
        new_study(NewConfig((small_runs[0],), tmp_path / "study", pieces=3, human_tunes=True))
    assert not (tmp_path / "study").exists()


def in_another(run, folder, **setting):
    """Return a copy of `run` whose environment has another `setting`."""
    shutil.copytree(run, folder)
    record = json.loads((folder / "config.json").read_text())
    record["environment"]["setting"] |= setting
    (folder / "config.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("setting", [{"key": "G"}, {"tempo": 90.0}])
def test_runs_of_another_setting_are_not_compared(small_runs, tmp_path, setting):
    other = in_another(small_runs[1], tmp_path / "other", **setting)
    with pytest.raises(ValueError, match="did not start from the same Note RNN in the same key, meter, length and"):
        new_study(NewConfig((small_runs[0], other), tmp_path / "study"))
    assert not (tmp_path / "study").exists()


def votes_file(path, rows, models=("Note RNN", "Q", "G")):
    votes = [dict(zip(("left", "right", "preference"), row, strict=True)) for row in rows]
    record = {"study": "abc", "session": "s1", "models": models, "votes": votes}
    path.write_text(json.dumps(record))
    return path


def test_the_analysis_prints_and_saves_its_figures(tmp_path, capsys):
    path = votes_file(tmp_path / "1.json", [("Q", "Note RNN", 1), ("Note RNN", "Q", 4), ("Q", "Note RNN", 3)])
    analyse_votes(AnalyseConfig((path,), out=tmp_path / "analysis.json", samples=50))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "3 votes of 1 listener"
    # ratings 5 4 3 of Q, 1 2 3 of the Note RNN: ranks 6 5 3.5 and 1 2 3.5, one tie of two among six
    h = (12 / 42 * (14.5**2 + 6.5**2) / 3 - 21) / (1 - 6 / 210)
    p = math.erfc(math.sqrt(h / 2))
    assert printed[-1] == f"All models (Kruskal-Wallis): H(1) = {h:.2f}, p = {p:.3g}"
    record = json.loads((tmp_path / "analysis.json").read_text())
    assert record["wins"] == [[0, 0.5], [2.5, 0]]
    assert record["strengths"][1] == pytest.approx(np.log(3) / 2)  # log((2.5 + .5) / (.5 + .5)), mean 0
    assert record["kruskal_wallis"] == pytest.approx({"h": h, "p": p})
    assert (record["listeners"], record["models"]) == (1, ["Note RNN", "Q"])


def test_a_study_from_its_page_to_its_winner(small_runs, tmp_path, monkeypatch, capsys):
    def study_command(*arguments):
        monkeypatch.setattr(sys, "argv", ["study", *map(str, arguments)])
        run_command(main)
        return capsys.readouterr().out

    out, no_repeats = tmp_path / "study", ("--hidden-repeats", 0)
    printed = study_command(
        "new", *small_runs, "--out", out, "--pieces", 2, "--repeats", 3, "--orders", 4, "--seed", 7, *no_repeats
    )
    assert " ".join(printed.split()).startswith(f"Saved {out / 'study.html'}: send it to listeners")
    study = data_of(out / "study.html")
    assert [len(study["orders"]), len(study["orders"][0]), len(study["melodies"])] == [4, 9, 6]
    by_q = compose(small_runs[0], 2, seed=7).tolist()
    files = []
    for listener, order in enumerate(study["orders"]):  # each prefers Q, by much; the other two are alike
        votes = []
        for left, right in order:
            is_q = [study["melodies"][melody] in by_q for melody in (left, right)]
            sides = {"left": decoded(study["composers"])[left], "right": decoded(study["composers"])[right]}
            votes.append({**sides, "preference": {(True, False): 1, (False, True): 5}.get(tuple(is_q), 3)})
        record = {"study": study["id"], "session": str(listener), "models": decoded(study["models"]), "votes": votes}
        files.append(tmp_path / f"votes{listener}.json")
        files[-1].write_text(json.dumps(record))
    printed = study_command("analyse", *files, "--out", tmp_path / "a.json", "--samples", 60, "--seed", 5)
    assert printed.startswith("36 votes of 4 listeners\n")
    rows = [[word for word in line.replace("│", " ").split() if word != "┃"] for line in printed.splitlines()]
    q, note_rnn = (next(row for row in rows if row[: len(name)] == name) for name in (["Q"], ["Note", "RNN"]))
    assert rows.index(q) < rows.index(note_rnn)  # the strongest first
    assert q[1:3] == ["24", "24"]
    assert note_rnn[2:4] == ["6", "24"]
    record = json.loads((tmp_path / "a.json").read_text())
    expected = analyse(read_votes(files), samples=60, seed=5)
    assert record["models"] == ["Note RNN", "Q", "Policy gradient"]
    assert record["wins"] == [[0, 0, 6], [12, 0, 12], [6, 0, 0]]
    assert record["strengths"] == pytest.approx(expected.strengths.tolist())
    assert record["intervals"] == [pytest.approx(list(expected.interval(model))) for model in expected.models]
    assert f"{record['strengths'][1]:+.2f}" == q[3]
    low, high = record["intervals"][1]
    assert q[4:] == [f"{low:+.2f}", "..", f"{high:+.2f}"]
    # Q was given 24 fives, the Note RNN 12 ones and 12 threes
    first = record["mann_whitney"][0]
    assert [first["first"], first["second"], first["u"]] == ["Note RNN", "Q", 0]
    assert first["p"] < first["p_holm"] < 1e-6


def test_simulated_listeners_recover_the_planted_ranking(study, tmp_path):
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
    ("arguments", "sentence"),
    [
        (["new", "nowhere"], "nowhere holds no run"),
        (["new"], "give the folder of at least one run"),
        (["new", "nowhere", "--repeats", "0"], "--repeats must be at least 1, not 0."),
        (["analyse", "missing.json"], "missing.json cannot be read"),
        (["analyse"], "There are no votes to read"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["study", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        run_command(main)
    assert exit_info.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
