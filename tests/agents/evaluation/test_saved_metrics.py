"""Saved metrics: what a run measured, and nothing in the place of what it did not."""

import json
import math

import pytest

from agents.evaluation.published import TABLE_1
from agents.evaluation.saved_metrics import SavedMetrics
from agents.report_page.claims import human_claim
from agents.runs.run_directory import RunError

MEASURED = {**dict.fromkeys(TABLE_1, 0.5), **{f"absolute_{name}": 0.5 for name in TABLE_1}, "paper_music_theory": 1.0}


def saved(path, **changes):
    column = {**MEASURED, "human_overlap": 0.8, **changes}
    path.write_text(json.dumps({"compositions": 10, "seed": 0, "Note RNN": column, "agent": column, "Human": column}))
    return SavedMetrics.read(path)


@pytest.mark.parametrize("changes", [{}, {"human_auc": None}])
def test_no_classifier_is_quoted_where_there_were_no_tunes_to_train_one(tmp_path, changes):
    columns = saved(tmp_path / "metrics.json", **changes).columns
    claim = human_claim("Q", columns["agent"], columns["Note RNN"], columns["Human"])
    assert "overlap with the human ones by 0.80" in claim.sentence
    assert "classifier" not in claim.sentence
    assert "nan" not in claim.sentence + claim.brief


def test_a_classifier_is_quoted_where_there_was_one(tmp_path):
    columns = saved(tmp_path / "metrics.json", human_auc=0.75).columns
    assert "an AUC of 0.75" in human_claim("Q", columns["agent"], columns["Note RNN"], columns["Human"]).sentence


def test_a_statistic_that_is_always_compared_is_nan_where_it_is_missing(tmp_path):
    agent = saved(tmp_path / "metrics.json", leaps_resolved=None).columns["agent"]
    assert math.isnan(agent["leaps_resolved"])
    assert agent["notes_in_motif"] == 0.5


def test_metrics_without_the_agent_are_refused(tmp_path):
    (tmp_path / "metrics.json").write_text('{"compositions": 10, "Note RNN": {}}')
    with pytest.raises(RunError, match="lacks the metrics of Note RNN and agent"):
        SavedMetrics.read(tmp_path / "metrics.json")
