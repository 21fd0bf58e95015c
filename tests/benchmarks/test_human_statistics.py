"""The command that writes the statistics of held-out human tunes that the package ships."""

import json

import numpy as np
import pytest

from agents.evaluation.metrics import human_metrics
from melody_env import HumanReference, Setting
from melody_env.measures import populations
from melody_env.measures.human_statistics import read_statistics
from note_rnn import load_note_rnn, run_command, weights_checksum
from note_rnn.corpus import Corpus, Split
from note_rnn.extraction.tunes import Bars

METERS = ("4/4", "3/4", "6/8")


def corpus_of(number: int, seed: int) -> Corpus:
    """A corpus of tunes of 256 steps, from a bar line on, in three meters in turn."""
    tunes = np.random.default_rng(seed).choice([14, 16, 18, 19, 21, 1, 1], (number, 256))
    tunes[:, 0] = 14
    meters = [Bars(METERS[i % 3], 0) for i in range(number)]
    origin = [{"collection": "book", "extraction": 9, "files": 3}]
    return Corpus(list(tunes), np.arange(number), [""] * number, [""] * number, origin, meters)


@pytest.fixture
def books(monkeypatch) -> None:
    import human_statistics

    monkeypatch.setattr(human_statistics, "load_corpus", lambda: corpus_of(30, 0))
    parts = Split(corpus_of(9, 0), corpus_of(36, 1), corpus_of(36, 2))
    monkeypatch.setattr(populations, "_cached_split", lambda: parts)


def test_statistics_are_those_of_the_held_out_tunes_in_each_setting(books, tmp_path, capsys):
    import human_statistics

    human_statistics.main(["--out", str(tmp_path / "statistics.json")])
    written = read_statistics(tmp_path / "statistics.json")
    assert [(each.setting.meter, each.setting.steps, each.tunes) for each in written] == [
        *(("4/4", steps, 24) for steps in (32, 64, 128, 256)),
        *((meter, steps, 24) for meter in ("3/4", "6/8") for steps in (24, 48, 96, 192)),
    ]
    assert "repeated_bars_lag8" in written[3].figures.keys() - written[2].figures.keys()
    assert "6/8, 48 sixteenths: 24 tunes" in capsys.readouterr().out
    priors = [load_note_rnn(name) for name in ("default", "lookback")]
    waltzes = Setting(meter="3/4", length=24)
    human = HumanReference.held_out(waltzes)
    for prior in priors:
        column = human_metrics(human, prior)
        assert {column.pop("human_auc") < 1, column.pop("longest_shared_run") > 0} == {True}
        assert written[4].column(weights_checksum(prior.state_dict())) == pytest.approx(column, abs=1e-6)
    for name, shares in human.distributions.items():
        np.testing.assert_allclose(written[4].distributions[name], shares, atol=1e-6)


def test_the_file_says_where_the_tunes_come_from_and_has_no_notes(books, tmp_path):
    import human_statistics

    human_statistics.main(["--out", str(tmp_path / "statistics.json")])
    record = json.loads((tmp_path / "statistics.json").read_text())
    assert record["provenance"]["collections"] == [{"collection": "book", "extraction": 9}]
    assert {"machine", "date", "version", "commit"} <= record["provenance"].keys()
    for each in record["statistics"]:
        assert each.keys() == {"setting", "tunes", "figures", "log_prob", "distributions"}
        assert not {"human_auc", "longest_shared_run"} & each["figures"].keys()


def test_a_setting_without_tunes_is_reported(books, monkeypatch, capsys):
    import human_statistics

    monkeypatch.setattr(human_statistics, "METERS", ("7/8",))
    with pytest.raises(SystemExit):
        run_command(lambda: human_statistics.main(["--out", "nowhere.json"]))
    assert "No held-out human tune has 28 steps in 7/8." in capsys.readouterr().err
