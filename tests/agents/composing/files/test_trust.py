"""Code in others' files is executed only where the user says so: rule files of runs, models that a record names."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from agents import compose, train
from agents.compose_command import main as compose_command
from agents.composing.composers import load_composer, load_run
from agents.composing.files import export
from agents.composing.files.export import ComposeConfig, compose_files
from agents.evaluate import EvaluateConfig, evaluate_runs
from agents.listening_study.study_page import NewConfig, new_study
from agents.report_page.run_report import ReportConfig, write_report
from agents.runs.config import TrainConfig
from melody_env import RuleError
from note_rnn import InputError


@pytest.fixture
def ruled(small_runs, tmp_path):
    """A run whose record names a rule file, which leaves a trace where it is executed."""
    run = shutil.copytree(small_runs[1], tmp_path / "run")
    (tmp_path / "rules.py").write_text(
        "from pathlib import Path\nfrom melody_env import rule\n\nPath(__file__).with_suffix('.trace').touch()\n\n"
        "@rule(batched=True)\ndef held(composition):\n    return 1.0 * (composition.newest == 1)\n"
    )
    config = json.loads((run / "config.json").read_text())
    config["environment"]["profile"]["rules"]["held"] = {"weight": 1.0, "file": str(tmp_path / "rules.py")}
    (run / "config.json").write_text(json.dumps(config))
    return run


COMMANDS = {
    "load_run": lambda run, trust: load_run(run, trust),
    "load_composer": lambda run, trust: load_composer(run, trust_code=trust),
    "compose": lambda run, trust: compose(run, 2, trust_code=trust),
    "files": lambda run, trust: compose_files(ComposeConfig(str(run), run / "one.mid", trust_code=trust)),
    "evaluate": lambda run, trust: evaluate_runs(EvaluateConfig((run,), 4, trust_code=trust)),
    "report": lambda run, trust: write_report(ReportConfig((run,), melodies=1, trust_code=trust)),
    "study": lambda run, trust: new_study(NewConfig((run,), run / "study", pieces=2, orders=1, trust_code=trust)),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_rule_file_of_a_run_is_executed_only_if_its_code_is_trusted(name, ruled, tmp_path):
    with pytest.raises(RuleError, match=r"has rules in .*rules\.py, and a Python file is code: .* with --trust-code"):
        COMMANDS[name](ruled, False)
    assert not (tmp_path / "rules.trace").exists()
    COMMANDS[name](ruled, True)
    assert (tmp_path / "rules.trace").exists()


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("trust", [False, True])
def test_a_rule_file_that_is_missing_is_said_to_be_missing(name, trust, ruled, tmp_path, capsys):
    """Trust in it is not asked for, and no work is begun."""
    (tmp_path / "rules.py").unlink()
    with pytest.raises(RuleError, match=r"^Rule file .*rules\.py does not exist: correct its path in the reward"):
        COMMANDS[name](ruled, trust)
    assert capsys.readouterr() == ("", "")


def test_whom_to_trust_is_asked_before_the_first_run_is_evaluated(ruled, small_runs, capsys):
    with pytest.raises(RuleError, match="--trust-code"):
        evaluate_runs(EvaluateConfig((small_runs[0], ruled), 4))
    assert capsys.readouterr() == ("", "")


def test_nor_is_that_of_a_profile_in_a_run_of_0_1(ruled, tmp_path):
    (tmp_path / "mine.yaml").write_text("rules: {held: {file: rules.py}}")
    config = json.loads((ruled / "config.json").read_text())
    del config["environment"]
    config["config"] |= {"reward": str(tmp_path / "mine.yaml"), "c": 1.0}
    (ruled / "config.json").write_text(json.dumps(config))
    with pytest.raises(RuleError, match="--trust-code"):
        load_run(ruled)
    assert not (tmp_path / "rules.trace").exists()
    assert load_run(ruled, trust_code=True).environment.profile.rule_names == ("held",)


def test_the_command_takes_the_option(ruled, tmp_path, capsys):
    with pytest.raises(InputError, match="--trust-code"):
        compose_command([str(ruled), "--out", str(tmp_path / "one.mid")])
    compose_command([str(ruled), "--out", str(tmp_path / "one.mid"), "--trust-code"])
    assert "one.mid" in capsys.readouterr().out
    record = json.loads((tmp_path / "one.json").read_text())
    assert "trust_code" not in record["config"]  # no record trusts for its reader
    record["config"]["trust_code"] = True
    (tmp_path / "one.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="--trust-code"):
        compose_command(["--from", str(tmp_path / "one.json")])
    compose_command(["--from", str(tmp_path / "one.json"), "--trust-code"])


def test_a_training_names_its_own_rule_file_and_reports_on_it(small_prior_file, tmp_path):
    (tmp_path / "rules.py").write_text("from melody_env import rule\n@rule\ndef own(melody): return 1\n")
    (tmp_path / "mine.yaml").write_text("setting: {length: 8}\nrules: {own: {file: rules.py}}")
    sizes = {"total_timesteps": 64, "n_envs": 4, "n_steps": 8, "evaluations": 1, "checkpoints": 1, "compositions": 4}
    names = {"prior": str(small_prior_file), "reward": str(tmp_path / "mine.yaml"), "melodies": 0}
    config = TrainConfig.of("ppo_kl", **names, **sizes)
    run = train.train(replace(config, run_dir=tmp_path / "run"))
    assert (run / "report.html").is_file()


def test_the_model_of_a_record_composes_only_with_the_weights_of_the_record(small_runs, tmp_path, monkeypatch):
    run = shutil.copytree(small_runs[0], tmp_path / "run")
    compose_files(ComposeConfig(str(run), tmp_path / "one.mid", n=1, length=8))
    record = json.loads((tmp_path / "one.json").read_text())
    assert record["checksum"] == load_run(run).checksum()
    record["config"]["model"] = str(small_runs[1])
    (tmp_path / "one.json").write_text(json.dumps(record))

    def never(*arguments):
        raise AssertionError("It has composed.")

    with monkeypatch.context() as patch:
        patch.setattr(export, "compose_pieces", never)
        with pytest.raises(InputError, match=r"ppo_kl is not the agent that composed .*one\.json"):
            compose_files(ComposeConfig(sidecar=tmp_path / "one.json"))
    compose_files(ComposeConfig(str(run), sidecar=tmp_path / "one.json"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda record: record.update(suffixes=[".mid", "/../../x.mid"]), "suffixes must be among .mid, .musicxml"),
        (lambda record: record.update(number=2), "number must be one of the 1 melodies, not 2"),
        (lambda record: record.update(number=0), "number must be one of the 1 melodies, not 0"),
        (lambda record: record.update(tokens="14"), "expected array, got str at tokens"),
        (lambda record: record.pop("checksum"), "missing required field checksum"),
        (lambda record: record["config"].update(primer="/etc/passwd.mid"), "primer must be tokens"),
        (lambda record: record["config"].update(n=2**40), "--n times --best-of must be at most 10,000,000"),
        (lambda record: record["config"].update(temperature=1e-300), "--temperature must be a number from"),
        (lambda record: record["config"].update(strength=1e300), "--strength must be a number from 0 to 1,000"),
        (lambda record: record["config"].update(length=10**12), "at most 65,536 steps"),
        (lambda record: record["config"].update(model="a\0b"), "contains the character NUL"),
        (lambda record: record["config"].update(model="~nobody_of_that_name"), "home folder of an unknown user"),
    ],
)
def test_an_impossible_record_is_refused_in_a_sentence(change, sentence, small_prior_file, tmp_path):
    compose_files(ComposeConfig(str(small_prior_file), tmp_path / "one.mid", length=8))
    record = json.loads((tmp_path / "one.json").read_text())
    change(record)
    (tmp_path / "one.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=sentence):
        compose_files(ComposeConfig(sidecar=tmp_path / "one.json"))
    assert not np.any([path.name.startswith("x") for path in tmp_path.parent.iterdir()])
