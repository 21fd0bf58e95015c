"""A run that version 0.1 saved: it composes, is evaluated and reported; only resuming it is refused."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from agents import RunError, compose
from agents.composing.composers import load_composer, load_run
from agents.evaluate import main as evaluate
from agents.report_page.run_report import ReportConfig, write_report
from agents.runs.config import TrainConfig
from agents.training.trainer import train_run

SAVED = Path(__file__).parent / "run_of_0.1"


@pytest.fixture
def run(tmp_path):
    folder = shutil.copytree(SAVED, tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    config["config"]["prior"] = str(folder / "tiny.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_its_agent_composes_in_its_environment_and_in_another(run):
    agent = load_run(run)
    assert (agent.environment.setting.steps, agent.environment.profile.name) == (8, "varied")
    melodies = compose(run, 5, seed=1)
    assert melodies.shape == (5, 8)
    assert compose(run, 5, seed=1, key="D").shape == (5, 8)
    (checkpoint,) = (run / "checkpoints").glob("*.zip")
    saved = load_composer(checkpoint)
    for name, weights in agent.policy.state_dict().items():
        np.testing.assert_array_equal(saved.policy.state_dict()[name], weights)


def test_it_is_evaluated_and_reported(run, capsys):
    evaluate([str(run), "--compositions", "20"])
    assert {"Note RNN", "agent"} <= json.loads((run / "evaluation.json").read_text()).keys()
    assert "Tuning a melody model: Psi" in write_report(ReportConfig((run,), melodies=2)).read_text(encoding="utf-8")


def test_it_cannot_be_resumed_and_says_which_version_can(run):
    with pytest.raises(
        RunError, match=r"run was saved by melody-rl 0\.1\.0: 0\.\d+\.\d+ can compose with it, but not resume it"
    ):
        train_run(TrainConfig.of(resume=run))


def test_a_damaged_run_of_this_version_is_not_taken_for_an_old_one(run):
    config = json.loads((run / "config.json").read_text())
    config["versions"]["melody-rl"] = version("melody-rl")
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="missing or damaged"):
        train_run(TrainConfig.of(resume=run))
