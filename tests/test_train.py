"""A run from the command line: what it writes, how it stops and goes on, and what it says of bad input."""

import csv
import json
import shutil
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from pretty_midi import PrettyMIDI
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import agents.report
import agents.training.callbacks
import agents.training.collapse
from agents import compose, train, whole_run
from agents.composing.composers import load_run
from agents.composing.pieces import compose_pieces
from agents.composing.players import NoteRNNPlayer
from agents.evaluate import EvaluateConfig, evaluate_runs
from agents.evaluate import main as evaluate
from agents.evaluation.metrics import OF_FORM, table_metrics
from agents.evaluation.table import ROWS
from agents.report_page.curves import Curve, read_curves
from agents.report_page.run_report import ReportConfig
from agents.runs.labels import AGENT, NOTE_RNN
from agents.runs.presets import Algorithm, algorithm_class
from agents.runs.run_directory import RunDirectory
from agents.training.callbacks import ProgressCallback
from melody_env import EnvironmentSpec, HumanReference, Setting, load_profile
from melody_env.measures import human_reference, populations
from melody_env.reward.token_taste import NUM_FEATURES, TokenTaste, write_token_taste
from note_rnn import read_midi, run_command, write_wav
from note_rnn.common.command_line import named

RULES = ("key", "tonic", "repetition", "autocorrelation", "motif", "repeated_motif", "interval", "leap", "extrema")
OF_OTHER_PIECES = {"repeated_bars_lag4", "repeated_bars_lag8", "repeated_rhythms_lag4", "chord_tones", *OF_FORM}
"""Rows of the table that pieces of two bars without form and chords have no figures for."""
WRITTEN = 2
"""Pieces of each composer that are written down."""


def small_config(prior: Path, run_dir: Path, algo: Algorithm = "q", **changes) -> train.TrainConfig:
    """Return the default configuration of `algo`, made so small that it takes a second."""
    settings = {
        "prior": str(prior),
        "run_dir": run_dir,
        "seed": 3,
        "total_timesteps": 1_024,
        "n_envs": 8,
        "evaluations": 2,
        "checkpoints": 2,
        "compositions": 20,
        "melodies": 0,
        "device": "cpu",
    }
    if algo in ("q", "psi", "g", "rl_only"):
        settings |= {"learning_starts": 256, "batch_size": 4}
    return train.TrainConfig.of(algo, **(settings | changes))


def tiny_config(prior: Path, run_dir: Path, algo: Algorithm = "q", **changes) -> train.TrainConfig:
    """Return a `small_config` of pieces of a bar, of which only few are composed and learned from."""
    settings = {"length": 16, "n_envs": 4, "total_timesteps": 320, **changes}
    if algo in ("q", "rl_only", "dqn"):
        settings |= {"learning_starts": 64, "batch_size": 4, "train_freq": 3}
    elif algo in ("psi", "g"):
        settings |= {"learning_starts": 64, "batch_size": 4, "train_freq": 24, "gradient_steps": 3, "buffer_size": 256}
    elif algo == "dpo":
        settings |= {"batch_size": 1}
    elif algo == "a2c":
        settings |= {"n_steps": 24}
    else:
        settings |= {"n_steps": 24, "batch_size": 48, "n_epochs": 1}
    return small_config(prior, run_dir, algo, **settings)


@pytest.fixture(scope="module", autouse=True)
def small_outputs():
    """No pictures and pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_run, "write_report", lambda config: config.runs[0] / "report.html")
        yield


@pytest.fixture(scope="module")
def finished_run(small_prior_file, tmp_path_factory) -> Path:
    """A run with everything that runs write, pictures included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_run, "write_report", agents.report.write_report)
        return train.train(small_config(small_prior_file, tmp_path_factory.mktemp("runs") / "first", melodies=WRITTEN))


def run_main(*arguments: str) -> int:
    """Run `python train.py ARGUMENTS` in this process; return the exit status."""
    with named("python train.py"), pytest.raises(SystemExit) as exit_info:
        run_command(lambda: train.main(arguments))
    assert isinstance(exit_info.value.code, int)
    return exit_info.value.code


def test_run_records_all_that_is_needed_to_repeat_it(finished_run, small_prior_file):
    record = json.loads((finished_run / "config.json").read_text())
    assert record["config"]["seed"] == 3
    assert record["config"]["total_timesteps"] == 1_024
    assert record["config"]["prior"] == str(small_prior_file)
    assert len(record["prior_checksum"]) == 64
    assert {"torch", "stable-baselines3", "gymnasium", "numpy"} <= record["versions"].keys()


def test_run_records_its_environment(finished_run, small_prior):
    record = json.loads((finished_run / "config.json").read_text())
    config = record["config"]
    profile = replace(load_profile(config["reward"]), c=config["c"])
    expected = EnvironmentSpec.of(prior=small_prior, reward=profile).as_record()
    assert record["environment"] == json.loads(json.dumps(expected))
    assert record["environment"]["profile"]["c"] == config["c"] is not None
    assert load_run(finished_run).environment.as_record() == expected


def test_metrics_hold_the_table_for_the_note_rnn_and_the_agent(finished_run):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    for composer in ("Note RNN", "agent"):
        of_tunes = {"human_auc", "longest_shared_run"}  # which are not shipped, as their statistics are
        assert {row.metric for row in ROWS} - of_tunes - OF_OTHER_PIECES <= metrics[composer].keys()
        assert "repeated_rhythms_lag1" in metrics[composer]
    assert metrics["Human"].keys() >= {"notes_in_motif", "human_overlap"}
    assert metrics["Note RNN"]["kl"] == pytest.approx(0.0, abs=1e-6)
    assert metrics["agent"]["kl"] > 0.0


def test_tensorboard_has_curves_pictures_and_sound(finished_run):
    events = EventAccumulator(str(finished_run), size_guidance={"scalars": 0, "images": 0, "audio": 0})
    events.Reload()
    tags = events.Tags()
    names = ("reward", "music_theory", "log_prob", "entropy", "kl", "distinct_compositions")
    melody = {f"melody/{name}" for name in names}
    assert melody | {f"rule/{name}" for name in RULES} | {"train/loss", "time/fps"} <= set(tags["scalars"])
    assert set(tags["images"]) == {"picture/1", "picture/2"}
    assert set(tags["audio"]) == {"sound/1", "sound/2"}
    assert [event.step for event in events.Scalars("melody/kl")] == [0, 512, 1_024]
    assert events.Scalars("melody/kl")[0].value == pytest.approx(0.0, abs=1e-5)  # starts as the prior


def test_melodies_of_both_can_be_heard_and_seen(finished_run):
    for composer in ("agent", "note_rnn"):
        for suffix in ("mid", "wav", "png"):
            assert len(list((finished_run / "melodies").glob(f"{composer}_*.{suffix}"))) == WRITTEN
    assert len(read_midi(finished_run / "melodies" / "agent_1.mid")) == 32


def test_table_and_melodies_are_of_the_same_pieces_by_the_seed_of_the_run(finished_run):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert (metrics["compositions"], metrics["seed"]) == (20, 3)
    agent = load_run(finished_run)
    human = HumanReference.held_out(agent.environment.setting)
    for name, player in (("Note RNN", NoteRNNPlayer()), ("agent", agent.player())):
        pieces = compose_pieces(player, 20, 3, agent.environment)
        assert metrics[name] == pytest.approx(table_metrics(pieces, human), nan_ok=True)
        for number in range(WRITTEN):
            path = finished_run / "melodies" / f"{name.lower().replace(' ', '_')}_{number + 1}.mid"
            np.testing.assert_array_equal(read_midi(path), pieces.melodies[number])


def test_a_page_shows_the_run(finished_run):
    page = (finished_run / "report.html").read_text(encoding="utf-8")
    assert "Tuning a melody model: Q" in page
    assert '"pitchRange"' in page


def test_nothing_temporary_is_left_behind(finished_run):
    assert [path.name for path in finished_run.rglob("*") if path.name.startswith(".")] == [".lock"]


def test_agent_of_a_run_composes_again(finished_run):
    melodies = compose(finished_run, 5, seed=3)
    assert melodies.shape == (5, 32)
    np.testing.assert_array_equal(melodies, compose(finished_run, 5, seed=3))
    assert not np.array_equal(melodies, compose(finished_run, 5, seed=4))
    assert compose(finished_run, 2, length=16, observation="position").shape == (2, 16)


def test_evaluation_of_a_run_is_written_beside_it(finished_run, capsys):
    rows = evaluate_runs(EvaluateConfig((finished_run,), compositions=30))
    evaluation = json.loads((finished_run / "evaluation.json").read_text())
    for row in rows:
        assert evaluation[row["composer"]].items() <= row.items()
    assert [row["composer"] for row in rows] == ["Note RNN", "agent", "Human"]
    assert "Notes in motif" in capsys.readouterr().out


def test_evaluations_of_several_runs_are_one_csv_file(small_runs, tmp_path, capsys):
    evaluate([*map(str, small_runs), "--compositions", "20", "--csv", str(tmp_path / "figures.csv")])
    with (tmp_path / "figures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["algorithm"], row["composer"]) for row in rows] == [
        (algo, composer) for algo in ("q", "ppo_kl") for composer in ("Note RNN", "agent", "Human")
    ]
    for run, row in zip(small_runs, rows[1::3], strict=True):
        evaluation = json.loads((run / "evaluation.json").read_text())
        assert float(row["kl"]) == evaluation["agent"]["kl"]
        assert (row["run"], row["compositions"], row["seed"], row["training_seed"]) == (run.name, "20", "0", "0")
        assert float(row["reward"]) == evaluation["agent"]["reward"]
        assert row["profile"] == {"q": "paper", "ppo_kl": "varied"}[row["algorithm"]]
        assert row["machine"]
    assert f"Saved {tmp_path / 'figures.csv'}" in capsys.readouterr().out


def test_same_seed_same_metrics(finished_run, small_prior_file, tmp_path):
    again = train.train(small_config(small_prior_file, tmp_path / "again"))
    assert (again / "metrics.json").read_text() == (finished_run / "metrics.json").read_text()


@pytest.mark.parametrize("algo", get_args(Algorithm))
def test_every_algorithm_goes_from_configuration_to_table(algo, small_prior_file, votes_file, tmp_path):
    votes = {"votes": (votes_file,)} if algo == "dpo" else {}
    config = tiny_config(small_prior_file, tmp_path / algo, algo, evaluations=1, checkpoints=1, **votes)
    run = train.train(config)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["agent"]["kl"] > 0
    assert compose(run, 3, seed=0).shape == (3, 16)
    per_step = {name: metrics["Note RNN"][name] for name in ("reward", "music_theory", "log_prob")}
    log_prob = 0.0 if algo == "rl_only" else per_step["log_prob"]
    c = config.environment().profile.c
    assert per_step["reward"] == pytest.approx(per_step["music_theory"] / c + log_prob, rel=1e-4)


def final_weights(run: Path, algo: str) -> torch.Tensor:
    model = algorithm_class(algo).load(RunDirectory.open(run).newest_checkpoint(), device="cpu")
    return torch.cat([parameter.flatten() for parameter in model.policy.parameters()])


def curves_of(run: Path) -> dict[str, Curve]:
    """Return the curves of `run` without that of its speed."""
    return {tag: curve for tag, curve in read_curves(run).items() if tag != "time/fps"}


CONTROLS = {"psi": {"entropy_floor": 2.0}, "g": {"entropy_floor": 2.0}, "ppo_kl": {"kl_budget": 0.5}}


@pytest.mark.parametrize("algo", get_args(Algorithm))
def test_a_resumed_run_equals_the_one_that_was_never_stopped(algo, small_prior_file, votes_file, tmp_path, capsys):
    changes = {"votes": (votes_file,)} if algo == "dpo" else CONTROLS.get(algo, {"final_c": 2.0})
    whole = train.train(tiny_config(small_prior_file, tmp_path / "whole", algo, **changes))
    with interrupted(at_step=130), pytest.raises(SystemExit, match=r"resume with: python -m agents\.train --resume"):
        train.train(tiny_config(small_prior_file, tmp_path / "stopped", algo, **changes))
    np.random.seed(123)  # noqa: NPY002 (as if in another process)
    torch.manual_seed(123)
    went_on = train.train(train.TrainConfig.of(resume=tmp_path / "stopped"))
    assert final_weights(went_on, algo).equal(final_weights(whole, algo))
    assert (went_on / "metrics.json").read_text() == (whole / "metrics.json").read_text()
    assert curves_of(went_on) == curves_of(whole)


def test_a_run_by_a_taste_for_tokens_resumes_and_names_it_in_its_curves(small_prior_file, tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "taste.safetensors"
    weights = rng.normal(size=(3, NUM_FEATURES)).astype(np.float32)
    write_token_taste(file, TokenTaste(weights, *np.zeros((2, NUM_FEATURES)), np.full(NUM_FEATURES, 4.0)))
    (tmp_path / "taste.yaml").write_text("c: 1\nrules:\n  key: {}\n  token_taste: {file: taste.safetensors}\n")
    changes = {"reward": str(tmp_path / "taste.yaml"), "kl_budget": 0.5}
    whole = train.train(tiny_config(small_prior_file, tmp_path / "whole", "ppo_kl", **changes))
    with interrupted(at_step=130), pytest.raises(SystemExit):
        train.train(tiny_config(small_prior_file, tmp_path / "stopped", "ppo_kl", **changes))
    went_on = train.train(train.TrainConfig.of(resume=tmp_path / "stopped"))
    assert final_weights(went_on, "ppo_kl").equal(final_weights(whole, "ppo_kl"))
    assert curves_of(went_on) == curves_of(whole)
    assert "piece_rule/token_taste" in curves_of(whole)
    assert compose(whole, 3, seed=0).shape == (3, 16)  # nothing of it needs to be trusted


def test_a_run_with_forms_resumes_composes_in_others_and_names_them_in_its_table(small_prior_file, tmp_path, capsys):
    (tmp_path / "formal.yaml").write_text("rules: {form: {}}\nsetting: {meter: 1/4}\n")
    forms = {"form": "AABA | AA'BC", "reward": str(tmp_path / "formal.yaml")}
    whole = train.train(tiny_config(small_prior_file, tmp_path / "whole", "ppo_kl", **forms))
    assert "Events that a varied repeat keeps, median" in capsys.readouterr().out
    with interrupted(at_step=130), pytest.raises(SystemExit, match="resume with"):
        train.train(tiny_config(small_prior_file, tmp_path / "stopped", "ppo_kl", **forms))
    (tmp_path / "formal.yaml").write_text("rules: {}\n")  # which the run does not depend on
    went_on = train.train(train.TrainConfig.of(resume=tmp_path / "stopped"))
    assert final_weights(went_on, "ppo_kl").equal(final_weights(whole, "ppo_kl"))
    metrics = json.loads((whole / "metrics.json").read_text())
    assert metrics == json.loads((went_on / "metrics.json").read_text())
    assert {"form_recovered", "varied_kept", "sections_at_rest", "rule/form"} <= metrics[AGENT].keys()
    assert json.loads((whole / "config.json").read_text())["environment"]["setting"]["form"] == "AABA | AA'BC"
    assert load_run(whole).environment.shows_form
    assert compose(whole, 2, form="A3 B'5").shape == (2, 32)
    evaluate([str(whole), "--compositions", "10"])
    assert "Form recovered from the tokens" in capsys.readouterr().out
    page = agents.report.write_report(ReportConfig((whole,), melodies=1)).read_text()
    for text in ("Form recovered from the tokens, fraction", "Sections ending on tonic, third or fifth", "form AABA |"):
        assert text in page
    assert page.count("Rule form per step") >= 2  # a curve and a row


def test_a_run_over_chords_resumes_composes_over_others_and_names_its_rules(small_prior_file, tmp_path, capsys):
    rules = ("chord_tone", "resolution", "avoid_note", "guide_tone")
    (tmp_path / "harmonic.yaml").write_text("rules: {" + ", ".join(f"{name}: {{}}" for name in rules) + "}\n")
    chords = {"chords": "C | F G; Am", "reward": str(tmp_path / "harmonic.yaml"), "length": 32}
    whole = train.train(tiny_config(small_prior_file, tmp_path / "whole", "ppo_kl", **chords))
    printed = capsys.readouterr().out
    assert "Chord tones among notes on strong beats" in printed
    assert "studio" not in printed  # which has no chords
    with interrupted(at_step=130), pytest.raises(SystemExit, match="resume with"):
        train.train(tiny_config(small_prior_file, tmp_path / "stopped", "ppo_kl", **chords))
    went_on = train.train(train.TrainConfig.of(resume=tmp_path / "stopped"))
    assert final_weights(went_on, "ppo_kl").equal(final_weights(whole, "ppo_kl"))
    metrics = json.loads((whole / "metrics.json").read_text())
    assert metrics == json.loads((went_on / "metrics.json").read_text())
    assert {"chord_tones", *(f"rule/{name}" for name in rules)} <= metrics[AGENT].keys() & metrics[NOTE_RNN].keys()
    assert load_run(whole).environment.shows_chords
    assert compose(whole, 2, chords="Bb | E7", key="D", length="4 bars").shape == (2, 64)
    evaluate([str(whole), "--compositions", "10"])
    assert "Rule guide_tone per step" in capsys.readouterr().out
    page = agents.report.write_report(ReportConfig((whole,), melodies=1)).read_text()
    for text in ("Chord tones on strong beats, fraction of notes", "chords C | F G; Am", "Rule resolution per step"):
        assert text in page


@contextmanager
def interrupted(at_step: int):
    """Press Ctrl-C once, after `at_step` steps."""
    advance = ProgressCallback._on_step
    presses = iter([signal.SIGINT])

    def advance_then_interrupt(self):
        if self.num_timesteps >= at_step:
            for press in presses:
                signal.raise_signal(press)
        return advance(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProgressCallback, "_on_step", advance_then_interrupt)
        yield


def test_a_stopped_run_is_saved_and_can_be_resumed(small_prior_file, tmp_path, capsys):
    handler = signal.getsignal(signal.SIGINT)
    with interrupted(at_step=200), pytest.raises(SystemExit, match="Stopped at step 208; resume with"):
        train.train(tiny_config(small_prior_file, tmp_path / "run"))
    assert signal.getsignal(signal.SIGINT) is handler
    assert not (tmp_path / "run" / "metrics.json").exists()
    run = train.train(train.TrainConfig.of(resume=tmp_path / "run"))
    assert (run / "metrics.json").exists()
    assert f"Compose with the agent in a browser: python -m agents.studio {run}" in capsys.readouterr().out
    newest = sorted((run / "checkpoints").glob("model_*.zip"))[-1]
    assert newest.name == "model_000000000324.zip"
    assert [path.name for path in (run / "checkpoints").glob("state_*")] == ["state_000000000324.pkl"]


def test_a_collapse_is_reported_and_the_run_ends_with_the_last_good_policy(
    small_prior_file, tmp_path, monkeypatch, capsys
):
    symptoms = iter([None, "are all the same"])
    monkeypatch.setattr(agents.training.collapse, "collapse", lambda metrics: next(symptoms))
    config = small_config(small_prior_file, tmp_path / "run", evaluations=4, on_collapse="restore")
    run = train.train(config)
    assert "Collapse at step 512: the pieces are all the same. The training has ended with the policy of step 256" in (
        capsys.readouterr().err
    )
    assert (run / "metrics.json").exists()
    assert [path.name for path in (run / "checkpoints").glob("model_*")][-1] == "model_000000000512.zip"


def test_a_run_without_its_state_can_compose_but_not_be_resumed(finished_run, tmp_path, capsys):
    copy = shutil.copytree(finished_run, tmp_path / "copy")
    (copy / "checkpoints" / "state_000000001024.pkl").unlink()
    assert run_main("--resume", str(copy)) == 2
    assert "can compose, but cannot be resumed" in capsys.readouterr().err
    assert compose(copy, 1).shape == (1, 32)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--algo", "psy"], "psy"),
        (["--reward", "nonsense"], "No reward profile nonsense"),
        (["--prior", "missing"], "No Note RNN at missing.safetensors"),
        (["--resume", "nowhere"], "nowhere holds no run"),
        (["--n-envs", "0"], "--n-envs must be at least 1, not 0."),
    ],
)
def test_bad_input_is_told_in_a_sentence_and_nothing_is_written(
    arguments, sentence, small_prior_file, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    prior = [] if "--prior" in arguments else ["--prior", str(small_prior_file)]
    assert run_main(*prior, *arguments) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert "Traceback" not in told
    assert not list(tmp_path.iterdir())


def test_unknown_key_of_a_profile_is_named(small_prior_file, tmp_path, capsys):
    (tmp_path / "my.yaml").write_text("c: 0.5\nrules:\n  motiv: {weight: 1}\n")
    assert run_main("--prior", str(small_prior_file), "--reward", str(tmp_path / "my.yaml")) == 2
    assert "'motiv'" in capsys.readouterr().err


@pytest.fixture
def own_rule(tmp_path) -> Path:
    """A profile with a rule of one's own, which counts how often it is asked."""
    (tmp_path / "mine.py").write_text(
        "from melody_env import rule\n\n@rule(batched=True)\ndef held(composition):\n"
        "    return 1.0 * (composition.newest == 1)\n"
    )
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "c: 1\nsetting: {key: G, meter: 3/4, length: 1 bar, pitch_range: [55, 79], tempo: 90}\n"
        "rules: {key: {weight: 1}, held: {file: mine.py, weight: 2}}\n"
    )
    return profile


def test_a_rule_of_ones_own_goes_from_file_to_curve(own_rule, small_prior_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = train.train(
        small_config(small_prior_file, tmp_path / "run", "psi", reward="mine.yaml", total_timesteps=512, melodies=1)
    )
    monkeypatch.chdir("/")
    events = EventAccumulator(str(run)).Reload()
    assert [event.step for event in events.Scalars("rule/held")] == [0, 256, 512]
    assert "Rule held per step" in capsys.readouterr().out
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 < metrics["agent"]["rule/held"] < 1
    config = json.loads((run / "config.json").read_text())["config"]
    assert (config["key"], config["meter"], config["length"], config["tempo"]) == ("G", "3/4", "1 bar", 90)
    own_rule.write_text(own_rule.read_text().replace("key: G", "key: C"))  # what the run is remains
    note_rnn, _ = evaluate_runs(EvaluateConfig((run,), compositions=30, trust_code=True))
    assert note_rnn["rule/held"] > 0
    assert compose(run, 3, trust_code=True).shape == (3, 12)
    melody = read_midi(run / "melodies" / "agent_1.mid")
    assert (melody[melody >= 2] >= 9).all()
    assert PrettyMIDI(str(run / "melodies" / "agent_1.mid")).get_tempo_changes()[1] == pytest.approx([90], rel=1e-4)
    write_wav(melody, tmp_path / "sound.wav", 90)
    assert (run / "melodies" / "agent_1.wav").read_bytes() == (tmp_path / "sound.wav").read_bytes()


@pytest.mark.parametrize("algo", [pytest.param("psi", marks=pytest.mark.slow), "ppo"])
def test_a_failing_rule_is_reported_and_the_saved_run_resumes_once_it_is_corrected(
    algo, own_rule, small_prior_file, tmp_path, monkeypatch, capsys
):
    rule = own_rule.with_suffix(".py")
    whole = rule.read_text()
    rule.write_text(
        "calls = 0\n"
        + whole.replace("    return", "    global calls\n    calls += 1\n    return").replace(
            "1.0", "(1.0 if calls < 70 else float('nan'))"
        )
    )
    arguments = ["--prior", str(small_prior_file), "--reward", str(own_rule), "--run-dir", str(tmp_path / "run")]
    arguments += ["--algo", algo, "--total-timesteps", "1024", "--n-envs", "8", "--compositions", "20"]
    assert run_main(*arguments, "--evaluations", "1") == 2
    told = capsys.readouterr().err
    assert "Rule 'held' in " in told
    assert "returned nan for melody 0" in told
    assert f"resume with python train.py --resume {tmp_path / 'run'}" in told
    rule.write_text(whole)
    run = train.train(train.TrainConfig.of(resume=tmp_path / "run"))
    assert (run / "metrics.json").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--meter", "4/5"], "meter must be a time signature such as 4/4, 3/4, 6/8 or 2/4, not '4/5'."),
        (["--pitch-range", "70", "60"], "pitch_range must be two MIDI pitches within 48..83"),
        (["--key", "H"], "key must be a letter A..G"),
        (
            ["--length", "no bars"],
            "length must be a whole number above 0, of at most 65,536 steps, or of bars ('4 bars'), not 'no bars'",
        ),
    ],
)
def test_an_impossible_setting_is_reported(arguments, sentence, small_prior_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_main("--prior", str(small_prior_file), *arguments) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_corrupt_weights_are_reported(tmp_path, capsys):
    (tmp_path / "bad.safetensors").write_bytes(b"no weights at all")
    assert run_main("--prior", str(tmp_path / "bad")) == 2
    assert "is not a readable safetensors file" in capsys.readouterr().err


def test_a_folder_with_a_run_is_not_overwritten(finished_run, small_prior_file, capsys):
    before = (finished_run / "config.json").read_bytes()
    assert run_main("--prior", str(small_prior_file), "--run-dir", str(finished_run)) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert (finished_run / "config.json").read_bytes() == before


def test_run_directory_that_cannot_be_written(small_prior_file, tmp_path, capsys):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "run"
    assert run_main("--prior", str(small_prior_file), "--run-dir", str(path)) == 2
    assert f"Cannot write to the run directory {path}" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_reported(small_prior_file, tmp_path, capsys):
    run = train.train(small_config(small_prior_file, tmp_path / "run", total_timesteps=512))
    for path in (run / "checkpoints").glob("model_*.zip"):
        path.write_bytes(path.read_bytes()[:1000])
    assert run_main("--resume", str(run)) == 2
    assert "zip is damaged" in capsys.readouterr().err


def test_human_tunes_stand_beside_the_agent_where_they_are_available(small_prior_file, tmp_path, monkeypatch, capsys):
    tunes = np.random.default_rng(0).choice([1, 14, 16, 18, 19, 21], (40, 32))
    settings = []
    monkeypatch.setattr(human_reference, "held_out_melodies", lambda setting: settings.append(setting) or tunes)
    monkeypatch.setattr(populations, "_cached_split", lambda: Mock(train=Mock(segments=list(tunes))))
    changes = {"total_timesteps": 256, "compositions": 30, "tempo": 90}
    run = train.train(small_config(small_prior_file, tmp_path / "run", **changes))
    assert {*settings} == {Setting(tempo=90)}
    metrics = json.loads((run / "metrics.json").read_text())
    assert {row.metric for row in ROWS} - OF_OTHER_PIECES <= metrics["agent"].keys()
    assert metrics["Human"]["notes_not_in_key"] == 0
    assert metrics["Human"]["longest_shared_run"] == 32
    assert metrics["Human"]["human_overlap"] > metrics["Note RNN"]["human_overlap"]
    assert 0.9 < metrics["agent"]["human_auc"] <= 1
    assert "Human" in capsys.readouterr().out
