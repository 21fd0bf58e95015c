"""All commands: what their help says of them, however they are called."""

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import melody_rl

COMMANDS = (
    "agents.compose",
    "agents.evaluate",
    "agents.export",
    "agents.frontier",
    "agents.harmonise",
    "agents.report",
    "agents.reproduce",
    "agents.study",
    "agents.study new",
    "agents.study analyse",
    "agents.studio",
    "melody_env.audit",
    "melody_env.calibrate",
    "melody_env.judge",
    "melody_env.match",
    "melody_env.search",
    "note_rnn.corpus",
    "note_rnn.corpus build",
    "note_rnn.corpus report",
    "note_rnn.import_magenta",
    "note_rnn.pretrain",
    "note_rnn.sample",
)


ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def check_help(text: str, command: str) -> None:
    assert text.startswith(f"usage: {command} [-h]")
    assert "None" not in text
    assert "(default: )" not in text
    assert not list(too_long(text))


def too_long(text: str) -> Iterator[str]:
    """Yield the options whose help takes more than three lines."""
    lines: list[str] = []
    for line in text.replace("│", " ").splitlines():
        if line[:4].strip():  # not the rest of an option's help
            lines = [line.strip()] if line.strip()[:1] in "-[" or line.strip()[:2].isupper() else []
        elif lines and line.strip():
            lines.append(line)
            is_beside = "  " in lines[0]  # whether help begins in the line of the option
            if len(lines) + is_beside == 5:
                yield lines[0]


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
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["train.py", "--algo", algo, "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path("train.py", run_name="__main__")
    check_help(capsys.readouterr().out, "python train.py")


@pytest.mark.parametrize("name", melody_rl.COMMANDS)
def test_help_of_a_command_of_melody_rl(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        melody_rl.main([name, "--help"])
    check_help(capsys.readouterr().out, f"melody-rl {name}")


def test_melody_rl_has_all_commands_and_a_line_on_each(capsys):
    modules = {command.split()[0] for command in COMMANDS} | {"agents.train"}
    called = {command.module.removesuffix(".__main__") for command in melody_rl.COMMANDS.values()}
    called = called - {"agents.compose_command"} | {"agents.compose"}  # whose name is the function's
    assert called == modules
    melody_rl.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: melody-rl")
    for name, command in melody_rl.COMMANDS.items():
        assert [line.split(maxsplit=1)[1] for line in lines if line.startswith(f"  {name} ")] == [command.purpose]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [([], "usage: "), (["--help"], "usage: "), (["--version"], f"melody-rl {version('melody-rl')}")],
)
def test_what_melody_rl_says_of_itself_needs_no_network_library(arguments, told):
    heavy = "assert not {'torch', 'music21', 'numpy', 'note_rnn'} & set(sys.modules)"
    script = f"import sys, melody_rl; melody_rl.main({arguments}); {heavy}"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(told)


@pytest.mark.parametrize(("name", "meant"), [("comopse", " (did you mean compose?)"), ("xyzzy", "")])
def test_an_unknown_command_is_told(name, meant, capsys):
    with pytest.raises(SystemExit, match="2"):
        melody_rl.main([name])
    assert capsys.readouterr().err == f"error: There is no command {name}{meant}: melody-rl --help lists all.\n"


def test_a_mistake_in_a_command_of_melody_rl_is_told(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        melody_rl.main(["report", str(tmp_path)])
    assert capsys.readouterr().err.startswith("error: ")


def test_arguments_are_handed_on(small_prior_file, tmp_path, capsys):
    melody_rl.main(["compose", str(small_prior_file), "--length", "16", "--out", str(tmp_path / "tune.mid")])
    assert (tmp_path / "tune.mid").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("compose", "default"),
        ("evaluate", "run"),
        ("report", "run"),
        ("study", "new", "run"),
        ("sample",),
        ("search",),
        ("pretrain",),
        ("audit",),
        ("calibrate",),
        ("match",),
        ("judge", "."),
        ("train",),
    ],
    ids=" ".join,
)
def test_a_negative_seed_is_refused_in_one_sentence(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        melody_rl.main([*command, "--seed", "-1"])
    assert capsys.readouterr().err == "error: --seed must be at least 0, not -1.\n"
    assert not list(tmp_path.iterdir())


WRITING = {
    "compose": ("compose", "default", "--out", "{}.mid"),
    "compose tokens": ("compose", "default", "--tokens", "{}.npy"),
    "compose around": ("compose", "default", "--around", "14 1 16 1", "--fill", "step 1", "--out", "{}.mid"),
    "compose from": ("compose", "--from", "melody.json", "--out", "{}"),
    "evaluate": ("evaluate", "RUN", "--csv", "{}.csv"),
    "report": ("report", "RUN", "--out", "{}.html"),
    "report melodies": ("report", "--melodies", "melody.mid", "--out", "{}.html"),
    "study new": ("study", "new", "RUN", "--out", "{}"),
    "study analyse": ("study", "analyse", "votes.json", "--out", "{}.json"),
    "reproduce": ("reproduce", "--quick", "--out", "{}"),
    "frontier": ("frontier", "--out", "{}"),
    "audit": ("audit", "--out", "{}"),
    "calibrate": ("calibrate", "--out", "{}.yaml"),
    "match": ("match", "--out", "{}.yaml"),
    "search": ("search", "--out", "{}"),
    "harmonise": ("harmonise", "14 1 16 1", "--out", "{}.mid"),
    "judge": ("judge", ".", "--json", "{}.json"),
    "judge page": ("judge", ".", "--page", "{}.html"),
    "sample": ("sample", "--out", "{}"),
    "corpus build": ("corpus", "build", ".", "--out", "{}"),
    "pretrain": ("pretrain", "--out", "{}"),
    "pretrain curves": ("pretrain", "--log-dir", "{}"),
    "import-magenta": ("import-magenta", "note_rnn.mag", "--out", "{}"),
}


@pytest.mark.parametrize("command", WRITING)
def test_what_cannot_be_written_is_refused_before_the_work(
    command, small_prior_file, small_runs, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    if command == "compose from":
        melody_rl.main(["compose", str(small_prior_file), "--out", "melody.mid"])
    Path("file").touch()
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    words = [str(small_runs[0]) if word == "RUN" else word.format("file/x") for word in WRITING[command]]
    with pytest.raises(SystemExit, match="2"):
        melody_rl.main(words)
    option = words[-2]
    told = f"^error: file/x[a-z.]* cannot be written, since {tmp_path / 'file'} is a file: choose another {option}[.]$"
    assert re.fullmatch(told, capsys.readouterr().err.strip())
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("command", "file"), [("evaluate", "evaluation.json"), ("report", "report.html")])
def test_so_is_a_run_that_cannot_be_written_to(command, file, small_runs, tmp_path, capsys):
    run = shutil.copytree(small_runs[0], tmp_path / "run")
    (run / file).unlink(missing_ok=True)
    (run / file).mkdir()
    with pytest.raises(SystemExit, match="2"):
        melody_rl.main([command, str(run)])
    err = capsys.readouterr().err
    assert err.startswith(f"error: {run / file} is a folder: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [("compose", "default"), ("pretrain",), ("corpus", "build", "."), ("import-magenta", "note_rnn.mag")],
    ids=" ".join,
)
def test_a_folder_is_no_name_of_a_file(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        melody_rl.main([*words, "--out", "."])
    assert capsys.readouterr().err == "error: '.' is a folder: add the name of a file.\n"
    assert not list(tmp_path.iterdir())
