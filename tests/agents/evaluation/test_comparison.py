"""The command evaluate measures a run in its setting, beside human tunes in that setting."""

import json
import shutil
import sys

import numpy as np
import pytest

from agents import compose_pieces
from agents.composing.composers import load_run
from agents.composing.players import NoteRNNPlayer
from agents.evaluate import main
from agents.evaluation.metrics import human_metrics, table_metrics
from melody_env import HumanReference, Setting
from melody_env.measures import populations
from note_rnn import run_command, transposed
from note_rnn.corpus import Corpus, Split
from note_rnn.extraction.tunes import Bars

HUMAN = np.random.default_rng(2).choice([9, 11, 13, 14, 16, 18, 19, 21, 23, 1, 1, 1], (40, 32))
HUMAN[:, 0] = np.resize([14, 21], 40)


def corpus_of(segments) -> Corpus:
    names = [""] * len(segments)
    return Corpus(list(segments), np.arange(len(segments)), names, names, bars=[Bars("4/4", 0)] * len(segments))


@pytest.fixture(autouse=True)
def available_tunes(monkeypatch):
    """Human tunes in C: 5 for training, 40 held out."""
    parts = Split(corpus_of(HUMAN[:5] % 36), corpus_of(HUMAN[:20]), corpus_of(HUMAN[20:]))
    monkeypatch.setattr(populations, "_cached_split", lambda: parts)


@pytest.fixture
def run(small_runs, tmp_path):
    """A run in D."""
    run = shutil.copytree(small_runs[1], tmp_path / "run")
    record = json.loads((run / "config.json").read_text())
    record["environment"]["setting"] |= {"key": "D"}
    (run / "config.json").write_text(json.dumps(record))
    return run


def evaluated(run, monkeypatch, *arguments):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(sys, "argv", ["evaluate", str(run), *map(str, arguments)])
    run_command(main)
    return json.loads((run / "evaluation.json").read_text())


def test_its_figures_are_those_of_the_note_rnn_the_agent_and_human_tunes(run, monkeypatch, capsys):
    record = evaluated(run, monkeypatch, "--compositions", 30, "--seed", 4)
    agent = load_run(run)
    human = HumanReference.of(np.unique(transposed(HUMAN, 2), axis=0), Setting(key="D", tempo=480.0))
    expected = {
        "Note RNN": table_metrics(compose_pieces(NoteRNNPlayer(), 30, 4, agent.environment), human),
        "agent": table_metrics(compose_pieces(agent.player(), 30, 4, agent.environment), human),
        "Human": human_metrics(human, agent.environment.prior),
    }
    assert {name: record.pop(name) for name in expected} == {
        name: pytest.approx(metrics, nan_ok=True) for name, metrics in expected.items()
    }
    assert record == {"compositions": 30, "seed": 4}
    assert expected["Note RNN"]["kl"] == pytest.approx(0, abs=1e-5)
    assert expected["agent"]["kl"] > 1e-3
    column = expected["Human"]
    assert (column["notes_not_in_key"], column["compositions_starting_with_tonic"]) == (0, 0.5)
    output = capsys.readouterr().out
    assert "Human tunes: held-out ones of the default collections, whatever" in output
    assert "run: 30 compositions each" in output
    assert output.index("Note RNN ┃") < output.index("agent ┃") < output.index("Human ┃")
    (row,) = [line.split("│")[2:5] for line in output.splitlines() if "Compositions starting with tonic" in line]
    columns = (expected[name]["compositions_starting_with_tonic"] for name in ("Note RNN", "agent", "Human"))
    assert [cell.strip() for cell in row] == [f"{share:.1%}" for share in columns]


def test_the_seed_is_that_of_the_pieces_and_of_nothing_else(run, monkeypatch):
    first, again, other = (evaluated(run, monkeypatch, "--compositions", 20, "--seed", seed) for seed in (0, 0, 1))
    assert first == again
    assert first["Human"] == other["Human"]
    for composer in ("Note RNN", "agent"):
        assert first[composer]["log_prob"] != other[composer]["log_prob"]
    default = evaluated(run, monkeypatch, "--compositions", 20)
    assert default == first


def test_without_human_tunes_there_is_no_column_of_theirs(run, monkeypatch):
    monkeypatch.setattr(populations, "_cached_split", lambda: None)
    record = evaluated(run, monkeypatch, "--compositions", 20)
    assert "Human" not in record
    assert not {"human_overlap", "human_auc", "longest_shared_run"} & record["agent"].keys()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["nowhere"], "nowhere holds no run"), (["nowhere", "--compositions", "0"], "--compositions must be at least 1")],
)
def test_bad_input_is_reported_in_a_sentence(arguments, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["evaluate", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        run_command(main)
    assert exit_info.value.code == 2
    assert sentence in capsys.readouterr().err
