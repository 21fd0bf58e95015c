"""One command reproduces tables and figures; finished parts are not made again."""

import csv
import io
import json
import re
import shutil
import signal
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.reproduce import main
from agents.reproduction import models as reproduction
from agents.reproduction import parts as reproduction_parts
from agents.reproduction import results
from agents.reproduction.models import MODELS, ReproduceConfig
from agents.reproduction.page import MORE, PAIRS
from agents.reproduction.parts import Made, Part, read_sample
from agents.reproduction.results import reproduce
from agents.runs.run_directory import RunDirectory, RunError
from agents.training import callbacks
from agents.training.continuing import as_json
from melody_env.measures import human_reference
from melody_env.measures.human_statistics import shipped_statistics
from melody_env.setting import PAPER_SETTING
from note_rnn import run_command, write_json
from note_rnn.corpus import CorpusError

HUMAN = np.random.default_rng(0).integers(2, 38, size=(40, 32))
FILES = ["figure2.csv", "figure2.png", "figure2_default.png", "figure3.csv", "figure3.png", "report.html"]
FILES += ["reproduce.json", "table1.md", "table2.md", "tables.csv"]


WORKERS: list[int] = []


def results_here(function, parts, workers, crashed, in_order):
    """The results of `parts`, made in this process."""
    WORKERS.append(workers)
    return map(function, parts)


@pytest.fixture(scope="module", autouse=True)
def available_tunes():
    """Forty human tunes, and no other process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "results_of", results_here)
        patch.setattr(results, "load_corpus", lambda: None)
        patch.setattr(human_reference, "held_out_melodies", lambda setting: HUMAN)
        for module in (human_reference, reproduction_parts, results):
            patch.setattr(module, "training_tunes", lambda: list(HUMAN[:20]))
        patch.setattr(reproduction, "QUICK", reproduction.QUICK._replace(checkpoints=2))
        patch.setattr(reproduction_parts, "PIECES", 8)
        patch.setattr(callbacks, "log_pieces", lambda *arguments: None)
        yield


@pytest.fixture(scope="module")
def config(small_prior_file, tmp_path_factory) -> ReproduceConfig:
    return ReproduceConfig(
        quick=True,
        out=tmp_path_factory.mktemp("reproduce") / "out",
        models=("Q", "ppo_kl, default"),
        prior=str(small_prior_file),
        compositions=50,
        total_timesteps=8_192,
        workers=3,
    )


@pytest.fixture(scope="module")
def files(config) -> list[Path]:
    return reproduce(config)


def table(config) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["composer"], row["metric"]): row for row in rows_of(config, "tables.csv")}


def rows_of(config, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((config.folder / name).read_text(encoding="utf-8"))))


def test_it_writes_tables_and_figures_and_their_numbers(config, files):
    assert sorted(path.name for path in files) == FILES
    assert all(path.stat().st_size > 300 for path in files)
    first, second = ((config.folder / f"table{number}.md").read_text().splitlines()[0] for number in (1, 2))
    assert first == "| | Note RNN | paper: Note RNN | Q | paper: Q |"
    assert second == "| | Note RNN | Human | Markov-3 | random in key | ppo_kl, default |"
    record = json.loads((config.folder / "reproduce.json").read_text())
    assert record["size"]["compositions"] == 50
    assert len(record["curves"]["Q"]) == 1
    assert WORKERS == [3]


def test_the_page_shows_and_plays_all_that_was_reproduced(config, files, parsed):
    page = parsed((config.folder / "report.html").read_text(encoding="utf-8"))
    names = [
        str(figure["data-name"]).rpartition(", melody")[0] for figure in page.all("figure") if "data-name" in figure
    ]
    expected = {"Human": MORE, "Markov-3": MORE, "Random in key": MORE, "Note RNN": 2 * PAIRS + MORE}
    assert Counter(names) == expected | {"Q": PAIRS + MORE, "ppo_kl, default": PAIRS + MORE}
    assert [len(page.data["cards"]), len(page.data["compositions"])] == [len(names), 3]
    cards = [page.data["cards"][int(f["data-card"])] for f in page.all("figure") if "data-card" in f]
    assert [card["start"] for card in cards[:2]] == [cards[0]["start"]] * 2  # a pair
    assert all(card["tokens"] in HUMAN.tolist() for card, name in zip(cards, names, strict=True) if name == "Human")
    assert page.rows[0] == ["Note RNN", "paper: Note RNN", "Q", "paper: Q"]
    assert ["paper: Q" in row for row in page.rows].count(True) == 1
    motif = next(row for row in page.rows if row[0] == "Notes in motif")
    assert f"{float(table(config)['Q', 'notes_in_motif']['value']):.1%}" in motif[3]
    assert motif[-1] == "75.7%"


def test_in_a_browser_the_page_plays_and_figure_3_is_drawn(config, files, visit):
    page = visit(config.folder / "report.html", viewport={"width": 390, "height": 800}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    drawn = page.locator("figure[data-composition]")
    assert drawn.locator("figcaption").all_inner_texts() == ["Note RNN", "Q", "ppo_kl, default"]
    assert drawn.nth(1).locator(".chosen").count() == 32
    assert drawn.nth(1).locator(".probability").count() > 32
    page.locator(".play").first.click()
    assert page.evaluate("player.listener.name") == "Note RNN, melody 1"
    page.locator("#stop").click()


def test_every_agent_is_made_of_every_seed_and_every_reference_once(config, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(results, "make", lambda part, config: made.append(part) or Made(part.name, True))
    monkeypatch.setattr(results, "_write_results", lambda config, parts: [config.folder, *parts])
    folder, *parts = reproduce(replace(config, out=tmp_path, seeds=2))
    assert folder == tmp_path
    assert parts == made
    references = [Part(name, None, 0) for name in ("Note RNN", "Human", "Markov-3", "random in key")]
    agents = [Part(MODELS[i].name, MODELS[i], seed) for seed in (0, 1) for i in (0, 7)]
    assert sorted(map(str, made)) == sorted(map(str, references + agents))


def test_a_note_rnn_is_pretrained_once_by_the_papers_recipe(config, tmp_path, monkeypatch):
    requested = []
    monkeypatch.setattr(results, "pretrain", lambda given: requested.append(given) or given.out.touch())
    train = replace(config, out=tmp_path, prior="train")
    results._provide_note_rnn(train)
    assert (requested[0].out, requested[0].recipe) == (tmp_path / "note_rnn.safetensors", "paper")
    assert requested[0].log_dir == tmp_path / "pretraining"
    results._provide_note_rnn(train)
    assert len(requested) == 1


def test_numbers_are_those_of_their_composers(config, files):
    found = table(config)
    assert float(found["random in key", "notes_not_in_key"]["value"]) == 0.0
    assert float(found["Note RNN", "kl"]["value"]) == pytest.approx(0.0, abs=1e-5)
    assert float(found["Q", "kl"]["value"]) > 1e-3
    assert ("Human", "kl") not in found
    assert float(found["Human", "human_overlap"]["value"]) > float(found["random in key", "human_overlap"]["value"])
    row = found["Q", "notes_in_motif"]
    assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
    assert (row["paper"], found["Q", "log_prob"]["paper"]) == ("0.757", "")


def test_curves_begin_with_the_note_rnn_and_end_with_the_agent(config, files):
    q = [row for row in rows_of(config, "figure2.csv") if (row["composer"], row["seed"]) == ("Q", "0")]
    assert int(q[0]["steps"]) == 0
    assert float(q[0]["kl"]) == pytest.approx(0.0, abs=1e-5)
    assert int(q[-1]["steps"]) >= 8_192
    assert float(q[-1]["kl"]) > 0.0


def test_what_is_finished_is_not_made_again(config, files, monkeypatch):
    for name in ("train_or_resume", "composed_sample", "given_sample", "compose_pieces"):
        monkeypatch.setattr(reproduction_parts, name, None)
    before = [path.read_bytes() for path in files]
    assert reproduce(config) == files
    assert [path.read_bytes() for path in files] == before


def test_what_is_finished_says_nothing_about_the_time_left(config, files, tmp_path, monkeypatch, capsys):
    parts = [Part("Note RNN", None, 0), Part("Q", MODELS[0], 0)]
    assert [reproduction_parts.make(part, config) for part in parts] == [
        Made("Note RNN", False),
        Made("Q, seed 0", False),
    ]
    assert reproduction_parts.make(Part("random in key", None, 0), replace(config, out=tmp_path)).is_new
    monkeypatch.setattr(results, "_write_results", lambda config, parts: [])
    capsys.readouterr()
    reproduce(config)
    assert re.search(r"\(100%\), [\d:]+ elapsed \S", capsys.readouterr().err)  # and no speed


def test_a_moved_folder_is_still_finished(config, files, tmp_path, monkeypatch):
    shutil.copytree(config.folder, tmp_path / "moved")
    monkeypatch.setattr(reproduction_parts, "train_or_resume", None)
    reproduction_parts.make(Part("Q", MODELS[0], 0), replace(config, out=tmp_path / "moved"))


def test_a_stopped_training_resumes_to_the_same_agent(config, files, tmp_path, monkeypatch):
    part = Part("Q", MODELS[0], 0)
    stopped = ReproduceConfig(**{**vars(config), "out": tmp_path})
    with monkeypatch.context() as patch:
        patch.setattr(callbacks.ProgressCallback, "_on_step", interrupt_after(10))
        with pytest.raises(RunError, match="was stopped and saved"):
            reproduction_parts.make(part, stopped)
    assert not (part.folder(stopped) / "pieces.npz").exists()
    reproduction_parts.make(part, stopped)
    whole, resumed = (read_sample(part, each) for each in (config, stopped))
    assert resumed.melodies.tolist() == whole.melodies.tolist()


def interrupt_after(steps: int):
    """Return a callback's method that presses Ctrl-C in one of its calls."""
    calls = []

    def on_step(self) -> bool:
        calls.append(1)
        if len(calls) == steps:
            signal.raise_signal(signal.SIGINT)
        return True

    return on_step


def test_one_that_never_saved_begins_again(config, files, tmp_path):
    part = Part("Q", MODELS[0], 0)
    again = ReproduceConfig(**{**vars(config), "out": tmp_path, "total_timesteps": 320})
    folder = part.folder(again)
    RunDirectory.create(folder, {"config": {}})
    with pytest.raises(RunError, match="other settings"):
        reproduction_parts.make(part, again)
    settings = as_json(again.training(MODELS[0], 0))
    write_json(folder / "config.json", {"config": settings})
    reproduction_parts.make(part, again)
    assert list(RunDirectory.open(folder).saved())[-1] >= 320


def test_a_folder_of_other_settings_is_not_touched(config, files):
    other = ReproduceConfig(**{**vars(config), "total_timesteps": 4_096})
    with pytest.raises(RunError, match="holds a run with other settings"):
        reproduce(other)


def test_more_compositions_need_no_training(config, files, monkeypatch):
    monkeypatch.setattr(reproduction_parts, "train_or_resume", None)
    more = ReproduceConfig(**{**vars(config), "compositions": 60})
    part = Part("Q", MODELS[0], 0)
    before = (part.folder(config) / "pieces.npz").read_bytes()
    reproduction_parts.make(part, more)
    assert len(read_sample(part, more).melodies) == 60
    (part.folder(config) / "pieces.npz").write_bytes(before)


def test_without_tune_books_the_rest_is_made(monkeypatch, capsys):
    def no_corpus():
        raise CorpusError("The tune books come with music21.")

    setting = ReproduceConfig().training(MODELS[0], 0).environment().setting
    assert results._available_references(setting) == ["Human", "Markov-3", "random in key"]
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(results, "load_corpus", no_corpus)
    monkeypatch.setattr(results, "training_tunes", lambda: None)
    monkeypatch.setattr(human_reference, "held_out_melodies", lambda setting: None)
    assert results._available_references(setting) == ["Human", "random in key"]  # by shipped statistics
    told = capsys.readouterr().out
    assert told.startswith("Without Markov chains. Human tunes: the shipped statistics of ")
    assert "python -m note_rnn.corpus tune-books" in told
    assert results._available_references(setting.changed(key="D")) == ["random in key"]


def test_shipped_statistics_stand_in_for_human_tunes(config, monkeypatch, tmp_path, parsed):
    """In the table, without intervals; agents are compared with them."""
    monkeypatch.setattr(results, "training_tunes", lambda: None)
    monkeypatch.setattr(human_reference, "training_tunes", lambda: None)
    monkeypatch.setattr(human_reference, "held_out_melodies", lambda setting: None)
    alone = ReproduceConfig(**{**vars(config), "out": tmp_path, "models": ("Q",), "total_timesteps": 512})
    reproduce(alone)
    found = table(alone)
    shipped = shipped_statistics(PAPER_SETTING)
    for metric in ("notes_in_motif", "human_overlap", "distinct_compositions"):
        row = found["Human", metric]
        assert (float(row["value"]), row["low"]) == (shipped.figures[metric], "")
    assert 0 < float(found["Q", "human_overlap"]["value"]) < 1
    assert ("Q", "human_auc") not in found
    page = parsed((alone.folder / "report.html").read_text(encoding="utf-8"))
    assert "Human" in [cell for row in page.rows for cell in row]
    assert not any(str(figure.get("data-name")).startswith("Human") for figure in page.all("figure"))
    text = (alone.folder / "report.html").read_text(encoding="utf-8")
    assert "Q is closer to held-out human tunes" in text
    assert "python -m note_rnn.corpus tune-books" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--quick", "--full"], "Give --quick or --full, not both."),
        (["--models", "R"], "--models must be one of 'Q', 'Psi', "),
        (["--models"], "--models names no agent"),
        (["--seeds", "0"], "--seeds must be at least 1, not 0."),
        (["--prior", "nowhere"], "No Note RNN at nowhere.safetensors"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["reproduce", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        run_command(main)
    assert exit_info.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
