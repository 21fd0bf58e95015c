"""The report page has the melodies, rewards and figures of its runs, and refers to nothing outside itself."""

import base64
import json
import re
import shutil
import sys

import numpy as np
import pytest

from agents import compose
from agents.composing.composers import load_run
from agents.evaluation.preference import Votes, analyse
from agents.evaluation.table import ROWS
from agents.report import main
from agents.report_page import run_report
from agents.report_page.claims import BETTER, human_claim, listeners_claim, rules_claim
from agents.report_page.curves import Curve, chart, read_curves
from agents.report_page.rendering import render
from agents.report_page.run_report import PAIRS, ReportConfig, write_report
from agents.runs.run_directory import RunError
from melody_env import Setting
from melody_env.measures.human_statistics import shipped_statistics
from note_rnn import read_midi, run_command

MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def config(small_runs, tmp_path_factory) -> ReportConfig:
    return ReportConfig(tuple(small_runs), tmp_path_factory.mktemp("page") / "report.html", melodies=PAIRS + 2, seed=3)


@pytest.fixture(scope="module", autouse=True)
def no_human_tunes():
    """No held-out human tunes, whether or not this machine has any."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_report, "held_out_melodies", lambda setting: None)
        yield


@pytest.fixture(scope="module")
def text(config, no_human_tunes) -> str:
    return write_report(config).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text, parsed):
    return parsed(text)


def shown(page, model):
    """Return the cards of `model`, each melody once, by their numbers."""
    figures = [figure for figure in page.all("figure") if str(figure.get("data-name")).startswith(f"{model}, melody")]
    cards = {int(figure["data-name"].split()[-1]): page.data["cards"][int(figure["data-card"])] for figure in figures}
    return [cards[number] for number in sorted(cards)]


def test_every_melody_is_the_one_that_was_composed(page, config):
    composers = {
        "Note RNN": load_run(config.runs[0]).environment.prior,
        "Q": config.runs[0],
        "Policy gradient": config.runs[1],
    }
    for label, composer in composers.items():
        tokens = [card["tokens"] for card in shown(page, label)]
        np.testing.assert_array_equal(tokens, compose(composer, config.melodies, seed=3))


def test_models_have_pairs_and_rows_of_their_own(page, config):
    figures = page.all("figure", **{"class": "melody"}) + page.all("figure", **{"class": "melody tuned"})
    names = [figure["data-name"] for figure in figures]
    pairs, rest = len(config.runs) * PAIRS, config.melodies - PAIRS
    assert sum(name.startswith("Note RNN") for name in names) == pairs + rest
    assert sum(name.startswith("Q,") for name in names) == PAIRS + rest
    assert sum(name.startswith("Policy gradient,") for name in names) == PAIRS + rest
    assert len(page.all("button", **{"class": "play-both"})) == pairs


def test_both_of_a_pair_are_primed_with_the_same_note(page):
    starts = [[card["start"] for card in shown(page, label)] for label in ("Note RNN", "Q", "Policy gradient")]
    assert starts[0] == starts[1] == starts[2]


def test_facts_that_runs_share_are_stated_once(text):
    assert text.count("<dt>Software</dt>") == text.count("<dt>Note RNN</dt>") == 1
    assert text.count("<dt>Reward</dt>") == 2  # c is their own


def test_human_tunes_have_a_row_if_they_are_available(small_runs, tmp_path, monkeypatch, parsed):
    tunes = np.random.default_rng(0).choice([1, 14, 16, 18], (20, 32))
    monkeypatch.setattr(run_report, "held_out_melodies", lambda setting: tunes)
    config = ReportConfig((small_runs[0],), tmp_path / "page.html", melodies=PAIRS + 2)
    page = parsed(write_report(config).read_text(encoding="utf-8"))
    figures = [figure for figure in page.all("figure") if str(figure.get("data-name")).startswith("Human")]
    assert len(figures) == 2
    for figure in figures:
        card = page.data["cards"][int(figure["data-card"])]
        assert card["tokens"] in tunes.tolist()
        assert card["prior"] == card["policy"]
        prior = load_run(small_runs[0]).environment.prior
        log_prob = prior.log_prob([card["tokens"]], [1]).sum().item()
        assert card["log_prob"] == pytest.approx(log_prob, rel=1e-4)


def test_downloads_are_the_melodies_as_midi(page, tmp_path):
    links = [link for link in page.all("a") if "download" in link]
    melodies = [page.data["cards"][int(f["data-card"])]["tokens"] for tag, f in page.elements if f.get("data-card")]
    assert len({link["download"] for link in links}) > 2
    for link, melody in zip(links[:4], melodies, strict=False):
        kind, _, content = link["href"].partition(";base64,")
        assert kind == "data:audio/midi"
        (tmp_path / "melody.mid").write_bytes(base64.b64decode(content))
        np.testing.assert_array_equal(read_midi(tmp_path / "melody.mid"), sounding(melody))


def sounding(tokens):
    """Return `tokens` with a hold for each note off while nothing sounds, as a file has them."""
    silent, written = True, []
    for token in tokens:
        written.append(1 if token == 0 and silent else token)
        silent = silent if token == 1 else token == 0
    return written


def test_table_has_the_metrics_of_the_runs(page, config):
    header, *rows = page.rows
    assert header == ["Note RNN", "Q", "Policy gradient", "Human", "paper: Note RNN", "paper: Q"]
    written = {row[0]: row[1:] for row in rows}
    metrics = json.loads((config.runs[0] / "metrics.json").read_text())
    assert written["log p per step, nats"][1] == f"{metrics['agent']['log_prob']:.2f}".replace("-", MINUS)
    assert written["Notes in motif"][4:] == ["5.9%", "75.7%"]
    assert [row.label for row in ROWS if row.metric in metrics["agent"]] == list(written)


def test_without_tunes_the_page_says_what_brings_them(text):
    tunes = shipped_statistics(Setting()).tunes
    assert f"Human tunes: the shipped statistics of {tunes} held-out ones of the default collections." in text
    assert "python -m note_rnn.corpus tune-books" in text


def test_the_paper_is_left_out_where_it_cannot_be_compared(small_runs, tmp_path, parsed):
    """Its columns, with their caveat."""
    run = shutil.copytree(small_runs[0], tmp_path / "run")
    record = json.loads((run / "config.json").read_text())
    for key, names in (("C", ["paper: Note RNN", "paper: Q"]), ("G", [])):
        record["environment"]["setting"]["key"] = key
        (run / "config.json").write_text(json.dumps(record))
        text = write_report(ReportConfig((run,), melodies=1)).read_text(encoding="utf-8")
        assert [name for name in parsed(text).rows[0] if name.startswith("paper")] == names
        assert ("Note RNN was trained on other music" in text) == bool(names)


def test_rules_of_ones_own_have_rows(small_runs, tmp_path, parsed):
    run = shutil.copytree(small_runs[0], tmp_path / "run")
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["agent"] |= {"piece_rule/ends": 0.32, "piece_rule_share/ends": 0.32, "rule/rests": -0.0415}
    (run / "evaluation.json").write_text(json.dumps(metrics))
    rows = parsed(write_report(ReportConfig((run,), melodies=1)).read_text(encoding="utf-8")).rows
    agent = {row[0]: row[2] for row in rows[1:]}
    assert (agent["Rule ends per piece"], agent["Rule rests per step"]) == ("32.0% of pieces", f"{MINUS}0.042")


@pytest.mark.parametrize("name", ["Human", "people"])
def test_human_tunes_have_a_column_if_they_were_measured(name, small_runs, tmp_path, parsed):
    """Version 0.1 named them "people"."""
    run = shutil.copytree(small_runs[0], tmp_path / "run")
    metrics = json.loads((run / "metrics.json").read_text())
    metrics[name] = {name.removeprefix("absolute_"): 0.0 for name in BETTER} | {"notes_in_motif": 0.125}
    (run / "evaluation.json").write_text(json.dumps(metrics))
    page = parsed(write_report(ReportConfig((run,), melodies=1)).read_text())
    assert page.rows[0][:3] == ["Note RNN", "Q", "Human"]
    human = {row[0]: row[3] for row in page.rows[1:]}
    assert human["Notes in motif"] == "12.5%"
    assert human["Policy entropy per step, nats"] == MINUS


def test_page_refers_to_nothing_outside_itself(text, page):
    for tag, attributes in page.elements:
        for name in ("src", "href", "data", "action", "srcset"):
            value = attributes.get(name)
            is_citation = tag == "a" and value == "https://arxiv.org/abs/1611.02796"
            assert value is None or value.startswith(("data:", "#")) or is_citation, (tag, value)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", text)
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none'")


def test_text_is_escaped_and_data_cannot_end_its_script():
    page = render("study/study.html", comparisons=1, study={"text": "</script><b>"})
    assert "</script><b>" not in page


def test_curves_are_those_of_the_run(small_runs):
    curves = read_curves(small_runs[0])
    assert curves["melody/kl"].steps == [0, 256, 512]
    assert curves["melody/kl"].values[0] == pytest.approx(0, abs=1e-5)


def test_no_events_no_curves(tmp_path):
    assert read_curves(tmp_path) == {}


def test_a_chart_puts_its_points_between_round_numbers():
    drawn = chart("figure", {"run": Curve([0, 50, 100], [0.0, float("nan"), 4.0])})
    assert [tick.label for tick in drawn.x_ticks] == ["0", "25", "50", "75", "100"]
    assert [tick.label for tick in drawn.y_ticks] == ["0", "1", "2", "3", "4"]
    first, last = (f"{drawn.x_ticks[end].at:.1f},{drawn.y_ticks[end].at:.1f}" for end in (0, -1))
    assert drawn.lines == {"run": f"{first} {last}"}
    assert drawn.last == {"run": 4}
    assert (drawn.x_ticks[0].at, drawn.x_ticks[-1].at) == (40, 312)  # the ends of the grid on the page
    assert (drawn.y_ticks[0].at, drawn.y_ticks[-1].at) == (158, 8)


def test_numbers_beside_a_chart_are_brief():
    drawn = chart("figure", {"run": Curve([0, 3_000_000], [-0.5, 0.5]), "other": Curve([0], [0.0])})
    assert [tick.label for tick in drawn.x_ticks][:3] == ["0", "800k", "1.6M"]
    assert [tick.label for tick in drawn.y_ticks][:2] == [f"{MINUS}0.5", f"{MINUS}0.25"]


def test_a_band_is_there_and_back_again():
    drawn = chart("figure", {"run": Curve([0, 100], [1.0, 2.0], [0.0, 1.0], [2.0, 4.0]), "other": Curve([0], [1.0])})
    assert list(drawn.bands) == ["run"]
    corners = [tuple(map(float, point.split(","))) for point in drawn.bands["run"].split()]
    assert [x for x, _ in corners] == [corners[0][0], corners[1][0], corners[1][0], corners[0][0]]
    assert corners[0][1] > corners[1][1] > corners[3][1] > corners[2][1]  # counted from the top: 0, 1, 2 and 4
    assert drawn.y_ticks[-1].label == "4"
    nan = float("nan")
    broken = chart("figure", {"run": Curve([0, 50, 100], [1.0, nan, 2.0], [0.0, nan, 1.0], [2.0, nan, 4.0])})
    assert broken.bands["run"] == drawn.bands["run"]


@pytest.mark.parametrize("values", [[2.0, 2.0], [float("nan")] * 2])
def test_a_chart_of_one_value_or_none_has_a_grid(values):
    drawn = chart("figure", {"run": Curve([0, 1], values)})
    assert len(drawn.y_ticks) >= 2


def metrics(**changes):
    return {**dict.fromkeys(BETTER, 0.5), **{f"autocorrelation_lag{lag}": 0.5 for lag in (1, 2, 3)}, **changes}


def test_obeys_the_rules_if_reward_and_most_statistics_are_better():
    note_rnn = metrics(paper_music_theory=-2.0)
    better = {name: 0.5 + 0.1 * sign for name, sign in BETTER.items()}
    obeys = rules_claim("Q", metrics(**better, paper_music_theory=2.5), note_rnn)
    assert obeys.holds
    assert obeys.sentence == (
        f"Q earns a reward of +2.50 per step from the nine rules of the paper, the Note RNN {MINUS}2.00; "
        "it obeys them better in 11 of 11 statistics."
    )
    assert not rules_claim("Q", metrics(**better, paper_music_theory=-3.0), note_rnn).holds
    partly = rules_claim("Q", metrics(notes_not_in_key=0.4, paper_music_theory=0.0), note_rnn)
    assert not partly.holds
    assert "better in 1 of 11 statistics (not better: notes excessively repeated;" in partly.sentence


def test_closer_to_human_tunes_needs_human_tunes_and_most_statistics():
    note_rnn, human = metrics(), metrics(leaps_resolved=0.9, notes_in_motif=0.6)
    assert "not compared with human tunes" in human_claim("Q", note_rnn, note_rnn, None).sentence
    claim = human_claim("Q", metrics(leaps_resolved=0.8, notes_in_motif=0.8), note_rnn, human)
    assert not claim.holds
    assert claim.sentence.endswith("in 1 of 11 statistics (leaps resolved).")
    alike, unlike = {"human_overlap": 0.9, "human_auc": 0.6}, {"human_overlap": 0.7, "human_auc": 0.8}
    elsewhere = {name.removeprefix("absolute_"): 0.1 for name in BETTER}
    assert human_claim("Q", human, metrics(**elsewhere), human).holds
    closer = human_claim("Q", human | alike, metrics(**elsewhere, **unlike), human)
    assert closer.holds
    assert "overlap with the human ones by 0.90 on average (Note RNN 0.70)" in closer.sentence
    assert not human_claim("Q", human | unlike, metrics(**elsewhere, **alike), human).holds
    assert not human_claim("Q", human | alike | {"human_auc": 0.9}, metrics(**elsewhere, **unlike), human).holds


def preference_of(*preferences):
    """Return the analysis of one listener's votes on Q (left) and the Note RNN (right)."""
    zeros, ones = np.zeros(len(preferences), int), np.ones(len(preferences), int)
    return analyse(Votes(("Q", "Note RNN"), zeros, ones, np.array(preferences), zeros), samples=500)


def test_preferred_needs_an_interval_above_0():
    clear = listeners_claim("Q", preference_of(*[1] * 9, 3))
    assert clear.holds
    assert clear.sentence.startswith(
        "Q was preferred to the Note RNN in 9.5 of 10 comparisons (a tie is half) by 1 listener;"
    )
    assert not listeners_claim("Q", preference_of(1, 5, 2, 4, 1, 3)).holds
    assert not listeners_claim("Q", preference_of(*[5] * 10)).holds
    assert listeners_claim("G", preference_of(1)).sentence == "Listeners did not compare G with the Note RNN."


def test_the_page_claims_what_votes_support_and_nothing_without_them(small_runs, text, tmp_path):
    assert "No listeners&#39; votes were given, so nothing is claimed." in text
    votes = [{"left": "Q", "right": "Note RNN", "preference": 1}] * 12
    record = {"study": "a", "session": "b", "models": ["Note RNN", "Q"], "votes": votes}
    (tmp_path / "votes.json").write_text(json.dumps(record))
    config = ReportConfig((small_runs[0],), tmp_path / "page.html", melodies=1, votes=(tmp_path / "votes.json",))
    voted = write_report(config).read_text(encoding="utf-8")
    assert "Q was preferred to the Note RNN in 12 of 12 comparisons" in voted
    assert "votes were given" not in voted


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere holds no run"),
        ([], "give the folder of at least one run"),
        (["nowhere", "--melodies", "0"], "--melodies must be at least 1, not 0."),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["report", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        run_command(main)
    assert exit_info.value.code == 2
    assert sentence in capsys.readouterr().err


def test_an_unfinished_run_is_refused(small_runs, tmp_path):
    run = shutil.copytree(small_runs[0], tmp_path / "run")
    (run / "metrics.json").unlink()
    with pytest.raises(RunError, match=r"has not finished: resume it with python -m agents\.train --resume"):
        write_report(ReportConfig((run,)))
