"""All commands: what their help says of them, however they are called."""

import runpy
import sys
from pathlib import Path

import pytest

COMMANDS = (
    "agents.compose",
    "agents.evaluate",
    "agents.frontier",
    "agents.report",
    "agents.reproduce",
    "agents.study",
    "agents.study new",
    "agents.study analyse",
    "melody_env.audit",
    "melody_env.calibrate",
    "melody_env.match",
    "melody_env.search",
    "note_rnn.corpus",
    "note_rnn.corpus build",
    "note_rnn.corpus report",
    "note_rnn.import_magenta",
    "note_rnn.pretrain",
    "note_rnn.sample",
)


def check_help(text: str, command: str) -> None:
    assert text.startswith(f"usage: {command} [-h]")
    assert "None" not in text
    assert "(default: )" not in text


@pytest.mark.filterwarnings("ignore:.* found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_module(command, monkeypatch, capsys):
    module, *part = command.split()
    monkeypatch.setattr(sys, "argv", [module, *part, "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    check_help(capsys.readouterr().out, f"python -m {command}")


@pytest.mark.parametrize("algo", ["q", "psi", "ppo_kl", "ppo", "dqn"])
def test_help_of_the_training(algo, monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).parents[1])
    monkeypatch.setattr(sys, "argv", ["train.py", "--algo", algo, "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path("train.py", run_name="__main__")
    check_help(capsys.readouterr().out, "python train.py")
