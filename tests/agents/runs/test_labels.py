"""Runs are called by their algorithms, and what it takes to make one again is said in words."""

import shutil
from typing import get_args

import pytest

from agents.report_page.facts import run_facts
from agents.runs.config import TrainConfig
from agents.runs.labels import ALGORITHMS, run_labels
from agents.runs.presets import Algorithm
from agents.runs.run_directory import RunError
from agents.runs.run_record import RunRecord
from melody_env import EnvironmentSpec, load_profile


def test_every_algorithm_has_a_name_of_its_own():
    assert {*ALGORITHMS} == {*get_args(Algorithm)}
    assert len({*ALGORITHMS.values()}) == len(ALGORITHMS)


def test_runs_that_share_an_algorithm_are_called_by_their_folders_too(small_runs, tmp_path):
    q, policy_gradient = small_runs
    again = shutil.copytree(q, tmp_path / "again")
    assert run_labels([policy_gradient, q]) == ["Policy gradient", "Q"]
    assert run_labels([again, policy_gradient, q]) == ["Q (again)", "Policy gradient", "Q (q)"]
    with pytest.raises(RunError, match="holds no run"):
        run_labels([q, tmp_path])


def test_facts_are_those_of_the_run():
    config = {"algo": "psi", "total_timesteps": 1_234_567, "prior": "lookback", "reward": "varied", "c": 0.75}
    config |= {"key": "Eb", "mode": "dorian", "meter": "6/8", "length": "4 bars", "tempo": 92.5}
    versions = {"torch": "2.9", "numpy": "2.3"}
    record = RunRecord(config, prior_checksum="0123456789abcdef", python="3.12.1", versions=versions)
    facts = dict(run_facts(record, TrainConfig.saved(record).environment()))
    assert facts == {
        "Tokens composed during training": "1,234,567",
        "Reward": f"varied, c = 0.75: {', '.join(load_profile('varied').rule_names)}",
        "Setting": "Eb dorian, 6/8, 48 sixteenths, 92.5 bpm",
        "Note RNN": "lookback, weights 0123456789ab",
        "Software": "Python 3.12.1, torch 2.9, numpy 2.3",
    }
    assert dict(run_facts(RunRecord(), EnvironmentSpec.of()))["Note RNN"] == "default, weights unknown"


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("AABA | ABAC", "form AABA | ABAC"),
        ("AABA | " * 40 + "ABAC", "form AABA | " + "AABA | " * 39 + "ABAC"),
        (" | ".join(f"A{n} B{32 - n}" for n in range(1, 28)), "one of 27 forms (in config.json)"),
    ],
)
def test_many_forms_are_counted(form, named):
    setting = dict(run_facts(RunRecord(), EnvironmentSpec.of(form=form, length="32 bars")))["Setting"]
    assert setting == f"C major, 4/4, 512 sixteenths, 120 bpm, {named}"
