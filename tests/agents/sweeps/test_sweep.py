"""A sweep of tiny runs: what is trained, stopped early, kept, resumed and reported."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents import compose_pieces
from agents import sweep as command
from agents.composing.composers import Agent
from agents.evaluation.metrics import table_metrics
from agents.runs.labels import AGENT, NOTE_RNN
from agents.runs.run_directory import RunDirectory
from agents.sweeps import stages
from agents.sweeps import sweep as sweeps
from agents.sweeps.spec import Bounds, SweepSpec
from agents.sweeps.stages import Stage, run_stage
from agents.sweeps.sweep import SweepConfig, sweep
from agents.train import train
from agents.training.trainer import train_run
from agents.whole_run import finish_run
from note_rnn import InputError, run_command

SIZES = """
  total_timesteps: 256
  n_envs: 4
  evaluations: 1
  checkpoints: 2
  compositions: 20
  melodies: 0
  batch_size: 4
  device: cpu
"""
HALVED = "objectives: {J: maximize}\nstop: {after: [0.5], keep: 0.5}\n"


@pytest.fixture
def spec(small_prior_file, tmp_path):
    """A function that writes the specification of tiny runs, with more settings and parts; it returns the options."""

    def written(settings: str, rest: str = "", name: str = "spec", **options) -> SweepConfig:
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"settings:\n  algo: ppo_kl\n  prior: {small_prior_file}{SIZES}{settings}\n{rest}")
        return SweepConfig(spec=path, **{"out": tmp_path / name, **options})

    return written


def quick_finish(trained) -> None:
    """Write the metrics of a few pieces, and nothing else, at the end of a run."""
    player = Agent(trained.model.policy, trained.environment).player()
    metrics = table_metrics(compose_pieces(player, 20, trained.config.seed, trained.environment))
    trained.run.write_json("metrics.json", {"compositions": 20, NOTE_RNN: metrics, AGENT: metrics})


@pytest.fixture
def here(monkeypatch) -> list[Stage]:
    """The stages that are run, in this process."""
    run: list[Stage] = []

    def results_here(function, items, workers, crashed, in_order):
        for stage in items:
            run.append(stage)
            yield function(stage)

    monkeypatch.setattr(sweeps, "results_of", results_here)
    monkeypatch.setattr(stages, "finish_run", quick_finish)
    return run


def rows_of(config: SweepConfig) -> list[dict[str, str]]:
    return list(csv.DictReader((config.folder / "results.csv").read_text().splitlines()))


def test_a_grid_trains_every_combination_with_every_seed_exactly_as_train_does(spec, here, tmp_path, monkeypatch):
    def finish_one(trained):
        (finish_run if (trained.config.c, trained.config.seed) == (0.5, 4) else quick_finish)(trained)

    monkeypatch.setattr(stages, "finish_run", finish_one)
    config = spec("  c: [0.5, 2.0]", "seeds: [3, 4]\n")
    summaries = sweep(config).summaries()
    assert [(stage.settings["c"], stage.seed) for stage in here] == [(0.5, 3), (0.5, 4), (2.0, 3), (2.0, 4)]
    rows = rows_of(config)
    assert [(row["trial"], row["c"], row["seed"], row["state"]) for row in rows] == [
        (trial, c, seed, "finished") for trial, c in (("0", "0.5"), ("1", "2.0")) for seed in ("3", "4")
    ]
    alone = train(here[1].config(tmp_path / "elsewhere"))
    metrics = json.loads((alone / "metrics.json").read_text())[AGENT]
    assert float(rows[1]["r_MT"]) == metrics["paper_music_theory"]
    assert float(rows[1]["J"]) == metrics["reward"]
    folder = config.folder / rows[1]["run"]
    assert {path.name for path in alone.iterdir() if not path.name.startswith("events")} <= {
        path.name for path in folder.iterdir()
    }
    assert summaries[0].means["r_MT"] == pytest.approx((float(rows[0]["r_MT"]) + float(rows[1]["r_MT"])) / 2)


def test_the_best_go_on_and_are_the_runs_that_were_never_stopped(spec, here, tmp_path):
    config = spec("  c: [0.3, 1.0, 5.0, 9.0]", HALVED)
    results = sweep(config)
    assert [(stage.trial, stage.part) for stage in here[:4]] == [(0, 0.5), (1, 0.5), (2, 0.5), (3, 0.5)]
    going_on = [stage.trial for stage in here[4:]]
    halves = [json.loads(stage.file(config.folder).read_text())["metrics"]["J"] for stage in here[:4]]
    assert going_on == sorted(sorted(range(4), key=lambda trial: -halves[trial])[:2])
    states = [each.state for each in results.summaries()]
    assert states == ["finished" if trial in going_on else "stopped at 50%" for trial in range(4)]
    stopped = here[next(trial for trial in range(4) if trial not in going_on)]
    assert sorted(path.stem for path in (config.folder / "runs" / stopped.name).glob("checkpoints/*.zip"))[-1] == (
        "model_000000000128"
    )
    whole = train_run(here[-1].config(tmp_path / "elsewhere")).run
    ours = RunDirectory(config.folder / "runs" / here[-1].name)
    assert ours.newest_policy().read_bytes() == whole.newest_policy().read_bytes()


def test_what_is_finished_is_not_done_again_and_a_half_done_run_goes_on(spec, here):
    config = spec("  c: [0.3, 1.0]", HALVED)
    first = sweep(config)
    stages_run = list(here)
    here.clear()
    again = sweep(config)
    assert here == []
    assert again.rows() == first.rows()
    last = stages_run[-1]
    last.file(config.folder).unlink()
    (config.folder / "runs" / last.name / "metrics.json").unlink()
    assert sweep(config).rows()[last.trial]["r_MT"] == first.rows()[last.trial]["r_MT"]
    assert here == [last]


def test_a_search_asks_in_rounds_and_does_not_forget_what_it_chose(spec, here):
    pytest.importorskip("optuna", reason="Optuna is not installed")
    config = spec("  c: {log_uniform: [0.3, 3.0]}", "objectives: {J: maximize}\nsearch: {trials: 5, at_once: 3}\n")
    sweep(config)
    chosen = json.loads((config.folder / "trials.json").read_text())
    assert len(chosen) == len({each["c"] for each in chosen}) == 5
    assert [stage.settings for stage in here] == chosen
    here.clear()
    (config.folder / "trials.json").write_text(json.dumps(chosen[:3]))
    sweep(config)
    assert json.loads((config.folder / "trials.json").read_text()) == chosen  # by the same results
    assert here == []


def test_a_run_that_fails_or_collapses_does_not_stop_the_others(spec, here, monkeypatch, capsys):
    config = spec("  c: [0.3, 1.0, 2.0]", "objectives: {J: maximize}\nconstraints: {distinct: {min: 0.5}}\n")

    def failing(trained):
        if trained.config.c == 0.3:
            raise RuntimeError("of two\nlines")
        quick_finish(trained)

    monkeypatch.setattr(stages, "finish_run", failing)
    monkeypatch.setattr(stages, "collapse", lambda metrics: "repeat each other")
    results = sweep(config)
    assert [each.state for each in results.summaries()] == ["failed", "finished", "finished"]
    rows = rows_of(config)
    assert [row["problem"] for row in rows] == [
        "RuntimeError: of two lines",
        *["The pieces repeat each other."] * 2,
    ]
    told = capsys.readouterr().err
    assert "0000-seed0: RuntimeError: of two lines\n" in told
    assert "0001-seed0: The pieces repeat each other.\n" in told
    assert "RuntimeError: of two lines" in (config.folder / "sweep.html").read_text()
    monkeypatch.setattr(stages, "finish_run", quick_finish)
    here.clear()
    assert [each.state for each in sweep(config).summaries()] == ["finished"] * 3
    assert [stage.trial for stage in here] == [0]  # a failure is tried again


def test_a_process_that_dies_twice_is_a_failure():
    stage = Stage(0, {}, 0, 1.0)
    assert stages.crashed(stage) == (stage, stages.Outcome(failure="Its process died twice, perhaps out of memory."))


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path):
    _, outcome = run_stage(Stage(0, {}, 0, 1.0), tmp_path / "nowhere")
    assert "a cluster needs an --out that all of its machines share" in outcome.failure
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("settings", "rest", "sentence"),
    [
        ("  learning_rat: 1", "", "There is no setting of --algo ppo_kl called 'learning_rat'"),
        ("", "objective: {J: maximize}", "There is no part of a sweep called 'objective' (did you mean objectives?)."),
        ("", "objectives: {j: maximize}", "There is no metric called 'j'"),
        ("", "objectives: {J: up}", "cannot be read as a sweep: invalid enum value 'up' at objectives"),
        ("", "constraints: {distinct: {}}", "The constraint distinct needs min, max or both."),
        ("", "seeds: 0", "seeds must be at least 1, not 0."),
        ("", "seeds: []", "seeds is an empty list: give at least one."),
        ("", "seeds: [-1]", "seeds must be at least 0, not -1."),
        ("", "search: {trials: 3}", "search and stop need objectives"),
        ("", "objectives: {J: maximize}\nsearch: {trials: 0}", "search: trials must be at least 1, not 0."),
        ("", "objectives: {J: maximize}\nstop: {after: [0.5, 0.2]}", "stop: after takes fractions between 0 and 1"),
        ("", "objectives: {J: maximize}\nstop: {after: [1.0]}", "stop: after takes fractions between 0 and 1"),
        ("", "objectives: {J: maximize}\nstop: {after: [0.5], keep: 1}", "stop: keep must be a share between 0 and 1"),
        ("  c: {uniform: [1, 2]}", "", "c is a distribution, and a grid has lists and ranges"),
    ],
)
def test_a_specification_that_cannot_be_used_is_refused_in_a_sentence(settings, rest, sentence, spec, capsys):
    config = spec(settings, rest)
    with pytest.raises(SystemExit, match="2"):
        run_command(lambda: command.main([str(config.spec), "--out", str(config.out)]))
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert sentence in told
    assert told.count("\n") == 1
    assert not config.folder.exists()


def test_a_missing_file_and_another_sweep_in_the_folder_are_refused(spec, here, tmp_path):
    with pytest.raises(InputError, match=r"missing.yaml cannot be read as a sweep"):
        sweep(SweepConfig(spec=tmp_path / "missing.yaml"))
    config = spec("  c: 1.0")
    sweep(config)
    with pytest.raises(InputError, match="holds another sweep"):
        sweep(spec("  c: 2.0"))


def test_bounds_by_hand():
    assert Bounds(min=0.5).violation(0.4) == pytest.approx(0.1)
    assert Bounds(max=0.5).violation(0.7) == pytest.approx(0.2)
    assert Bounds(0.2, 0.5).violation(0.3) == 0
    assert Bounds(min=0.5).violation(float("nan")) == float("inf")


def test_how_many_go_on_by_hand():
    spec = SweepSpec.read(Path(__file__).parents[3] / "examples" / "sweeps" / "defaults.yaml")
    assert spec.parts == [0.25, 0.5, 1.0]
    assert spec.going_on(8) == [8, 4, 2]
    assert spec.going_on(3) == [3, 2, 1]


def test_the_command_prints_the_best_and_the_page_shows_it_without_a_network(spec, here, browser, capsys):
    config = spec("  c: [0.3, 1.0, 5.0]", "objectives: {r_MT: maximize, KL: minimize}\n")
    command.main([str(config.spec), "--out", str(config.out)])
    told = capsys.readouterr().out
    assert "3 trials: 3 finished." in told
    assert re.search(r"Trial \d is the first on the Pareto front: r_MT [-\d.]+, KL [\d.]+; with c [\d.]+\.", told)
    with browser.new_context() as context:
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(error))
        page.on("request", lambda request: errors.append(request.url) if request.url.startswith("http") else None)
        page.goto(f"file://{config.folder.absolute() / 'sweep.html'}")
        page.wait_for_selector("body[data-ready]")
        assert errors == []
        assert page.locator("svg.parallel polyline").count() == 3
        assert page.locator("svg.plane circle").count() == 3
        rows = page.locator("tbody tr")
        assert rows.count() == 3
        trial = rows.first.get_attribute("data-trial")
        rows.first.click()
        assert page.locator(f"polyline.marked[data-trial='{trial}']").count() == 1
        assert page.locator(".marked").count() == 3  # line, dot and row
        assert page.evaluate("document.body.dataset.seconds") == "0"


def test_several_seeds_of_one_agent_are_told_as_their_means(spec, here, capsys):
    config = spec("", "seeds: 2\n")
    command.main([str(config.spec), "--out", str(config.out)])
    told = capsys.readouterr().out
    rows = list(csv.DictReader((config.out / "results.csv").read_text().splitlines()))
    mean = sum(float(row["r_MT"]) for row in rows) / 2
    assert "1 trial of 2 seeds: 1 finished." in told
    assert f"Means over the seeds: r_MT {mean:.3g}, log_p " in told


def test_the_page_of_a_sweep_that_runs_loads_itself_again(spec, here, monkeypatch):
    config = spec("  c: [0.3, 1.0]")
    seen = []
    page = sweeps.write_sweep_page
    monkeypatch.setattr(sweeps, "write_sweep_page", lambda *a: (page(*a), seen.append(Path(a[0]).read_text())))
    sweep(config)
    assert ['data-seconds="30"' in each for each in seen] == [True, True, False]


@pytest.mark.slow
def test_killed_and_resumed_with_other_workers_it_is_the_same_sweep(spec):
    whole, killed = (spec("  c: [0.3, 1.0, 5.0]\n  gamma: [0.5, 0.9]", HALVED, name) for name in ("whole", "killed"))
    run = [sys.executable, "-m", "agents.sweep"]
    subprocess.run([*run, str(whole.spec), "--out", str(whole.out), "--workers", "1"], check=True, timeout=600)
    for finished in (2, 5, None):
        with subprocess.Popen([*run, str(killed.spec), "--out", str(killed.out), "--workers", "2"]) as process:
            while finished and len(list(killed.out.glob("results/*.json"))) < finished and process.poll() is None:
                time.sleep(0.02)
            if finished:
                process.send_signal(signal.SIGKILL)
            process.wait(600)
    varies = {"seconds", "machine", "date", "version", "commit"}
    one, other = (
        [{k: v for k, v in row.items() if k not in varies} for row in rows_of(each)] for each in (whole, killed)
    )
    assert one == other
    assert os.path.exists(killed.out / "sweep.html")
