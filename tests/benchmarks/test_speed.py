"""The benchmarks of speed, at small size: figures follow from what the clock says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from agents.studio_page.run_studio import StudioConfig, make_studio


class Clock:
    """A clock that advances by a second at each reading."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


def table_of(output: str) -> dict[str, list[float]]:
    """Return the numbers of each row of a printed table, by the words before them."""
    rows = re.findall(r"^(\S.+?)((?: +[\d,]+)+(?: +[\d.e-]+x)+)$", output, re.MULTILINE)
    return {label.strip(): [float(n.rstrip("x").replace(",", "")) for n in numbers.split()] for label, numbers in rows}


def test_the_best_time_is_the_shortest(monkeypatch):
    import timing

    readings = iter([10.0, 13.0, 20.0, 21.5, 30.0, 32.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(readings))
    runs = []
    assert timing.best_time(lambda: runs.append(1), 3) == 1.5
    assert len(runs) == 3


def test_speeds_of_the_environment_follow_from_the_time_of_a_piece(output_of, monkeypatch):
    import bench_env

    monkeypatch.setattr(bench_env, "best_time", lambda run, repeats: (run(), repeats * 0.016)[1])
    table = table_of(output_of(bench_env, ["--num-envs", 3, "--repeats", 2]))
    one_piece = table.pop("MelodyCompositionEnv, one piece")
    assert set(table) >= {"nine rules", "engine: rules and log p", "MelodyCompositionVectorEnv", "MelodyVecEnv"}
    assert all(row == [1_000, 3_000, 1] for row in table.values())  # 32 ms for 32 steps of 3 pieces
    assert one_piece == [1_000, 1_000, 0.33]


def test_every_subject_composes_whole_pieces(monkeypatch):
    import bench_env

    from melody_env import MelodyEngine

    steps = []
    step = MelodyEngine.step
    monkeypatch.setattr(MelodyEngine, "step", lambda self, tokens: steps.append(len(tokens)) or step(self, tokens))
    subjects = bench_env.subjects(2)
    for name in ("engine: rules and log p", "MelodyCompositionVectorEnv", "MelodyVecEnv"):
        subjects[name][1]()
        assert steps == [2] * 32
        steps.clear()
    subjects["MelodyCompositionEnv, one piece"][1]()
    assert steps == [1] * 32


def test_the_speed_of_one_piece_stands_beside_plain_numpy(monkeypatch, capsys):
    import bench_one_piece

    times = iter([9.0, 9.0, 9.0, 9.0, 9.0, *[0.64, 1.28, 6.4, 2.56, 3.2] * 2, *[64, 128, 640, 256, 320]])
    monkeypatch.setattr(bench_one_piece, "cpu_time", lambda run, repeats: (run(), next(times))[1])
    for limit in (250, 251):
        monkeypatch.setattr(sys, "argv", ["bench_one_piece", "--rounds", "3", "--limit", str(limit)])
        if limit > 250:
            times = iter([0.64, 1.28, 6.4, 2.56, 3.2] * 4)
            with pytest.raises(SystemExit):
                bench_one_piece.main()
        else:
            bench_one_piece.main()
            speeds = re.findall(r"^(\S.+?) +([\d.]+) +([\d,]+) +([\d.]+)x$", capsys.readouterr().out, re.MULTILINE)
    assert [row[1:] for row in speeds] == [
        ("1000.0", "1,000", "1"),  # 0.64 s for 20 pieces of 32 steps
        ("2000.0", "500", "0.5"),
        ("10000.0", "100", "0.1"),
        ("4000.0", "250", "0.25"),
        ("5000.0", "200", "0.2"),
    ]


def test_imports_stand_beside_numpy_by_the_medians_of_all_rounds_but_the_first(output_of, monkeypatch, tmp_path):
    import bench_imports

    subjects = {"import numpy": ["-c", "1"], "import melody_env": ["-c", "2"]}
    times = iter([9.0, 9.0, 0.25, 0.5, 0.5, 0.75, 0.1, 1.0])
    asked = []
    monkeypatch.setattr(bench_imports, "SUBJECTS", subjects)
    monkeypatch.setattr(bench_imports, "process_time_of", lambda subject: (asked.append(subject), next(times))[1])
    output = output_of(bench_imports, ["--rounds", 3, "--csv", tmp_path / "imports.csv"])
    assert re.findall(r"^(import \w+) +([\d.]+) +([\d.]+)x$", output, re.MULTILINE) == [
        ("import numpy", "0.250", "1.00"),
        ("import melody_env", "0.750", "2.00"),  # of 2, 1.5 and 10
    ]
    assert asked == [*subjects.values()] * 4
    assert "import melody_env,0.75,2.0," in (tmp_path / "imports.csv").read_text()


def test_the_time_of_a_process_is_that_of_its_processor(monkeypatch):
    """Half a second of sleep counts nothing, half a second of work does; a failure is no time."""
    import bench_imports

    working = "import time\nwhile time.process_time() < 0.5: pass"
    assert bench_imports.process_time_of(["-c", working]) >= 0.5
    monkeypatch.setattr(bench_imports, "children_time", iter([3.0, 4.5]).__next__)
    assert bench_imports.process_time_of(["-c", "pass"]) == 1.5
    monkeypatch.setattr(bench_imports, "children_time", lambda: 0.0)
    with pytest.raises(subprocess.CalledProcessError):
        bench_imports.process_time_of(["-c", "raise SystemExit(1)"])


def test_the_note_rnn_in_plain_numpy_is_the_note_rnn(monkeypatch):
    import bench_one_piece

    from note_rnn import load_note_rnn

    found = []
    log = bench_one_piece.np.log
    monkeypatch.setattr(bench_one_piece.np, "log", lambda total: found.append(log(total)) or found[-1])
    actions = np.random.default_rng(0).integers(38, size=32)
    bench_one_piece.note_rnn_in_numpy(load_note_rnn(), actions)()
    monkeypatch.undo()
    log_probs = load_note_rnn().log_probs(actions[None])[0]
    np.testing.assert_allclose(found, -log_probs.max(dim=1).values.numpy(), atol=1e-4)  # the largest logit became 0


def test_a_transition_counts_for_each_update_that_it_is_part_of(monkeypatch, small_prior):
    import bench_learning

    model = bench_learning.agent("q", 4, small_prior, n_envs=4, learning_starts=0)
    monkeypatch.setattr(bench_learning, "process_time", Clock())
    for _ in range(2):  # measuring leaves no trace
        update, end_to_end = bench_learning.learn(model, 64)
        # 16 updates of 4 pieces, a second each by that clock, which is read twice for each and twice for the whole
        assert update == 4 * 32
        assert end_to_end == pytest.approx(16 * 4 * 32 / 33)


def test_the_speed_of_repetitions_counts_all_their_transitions(monkeypatch):
    import bench_learning

    monkeypatch.setattr("time.process_time", Clock())
    runs = []
    assert bench_learning.speed(lambda: runs.append(1), 128, 5) == 5 * 128  # in a second
    assert len(runs) == 5


def test_shares_are_of_the_products_right_before_and_figures_are_medians(output_of, monkeypatch):
    import bench_learning

    made = SimpleNamespace
    alone, products = bench_learning.lstm_alone(4), bench_learning.products(4)
    monkeypatch.setattr(bench_learning, "lstm_alone", lambda size: alone)
    monkeypatch.setattr(bench_learning, "products", lambda size: products)
    rates = [50_000.0, 64_000.0, 90_000.0]  # of the products before each of six subjects, another one in each round
    turns = iter([rates[(subject + round) % 3] for round in range(3) for subject in range(6)])
    speeds = {alone: lambda: 32_000.0, products: lambda: next(turns)}
    monkeypatch.setattr(bench_learning, "speed", lambda run, transitions, repeats: speeds[run]())
    monkeypatch.setattr(bench_learning, "agent", lambda algo, size, prior, n_envs: made(batch_size=size * n_envs))
    monkeypatch.setattr(bench_learning, "learn", lambda model, steps: (float(model.batch_size * steps), 16_000.0))
    arguments = ["--rounds", 3, "--steps", 1_000, "--minibatches", 4, "--num-envs", 1]
    table = table_of(output_of(bench_learning, arguments))
    assert table == {
        "matrix products (the limit)": [4, 64_000, 1],
        "nn.LSTM on one-hot input": [4, 32_000, 0.5],
        **{f"{algo}: update": [4, 4_000, 0.06] for algo in ("psi", "g", "ppo_kl", "psi, lookback")},
        "q: update": [4, 500, 0.01],  # an eighth of the steps
        **{f"{algo}: end to end": [4, 16_000, 0.25] for algo in ("psi", "g", "ppo_kl", "q", "psi, lookback")},
    }


def test_learning_is_measured_end_to_end(output_of):
    import bench_learning

    arguments = ["--rounds", 1, "--repeats", 1, "--steps", 512, "--minibatches", 4, "--num-envs", 16]
    table = table_of(output_of(bench_learning, arguments))
    assert len(table) == 12
    for algo in ("psi", "g", "ppo_kl", "q", "psi, lookback"):
        assert table[f"{algo}: update"][1] > table[f"{algo}: end to end"][1] > 0


def test_the_cost_of_scheduling_follows_from_when_tasks_end(output_of, monkeypatch):
    """Ten tasks of 2 s by two workers: ready after 1 s, then 10 s for what takes 8."""
    import parallel_overhead

    ends = [3.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 13.0]
    readings = iter([0.0, *ends])
    monkeypatch.setattr(parallel_overhead.time, "perf_counter", lambda: next(readings))
    monkeypatch.setattr(parallel_overhead.time, "process_time", iter([0.0, 0.5]).__next__)
    monkeypatch.setattr(parallel_overhead, "results_of", lambda function, items, *_, **options: items)
    arguments = ["--tasks", 10, "--seconds", 2, "--workers", 2, "--rounds", 0]
    told = output_of(parallel_overhead, arguments)
    assert "10 tasks of 2 s, 2 processes: scheduling 25.0%, after a start of 1.0 s" in told
    assert (
        "50.00 ms of this process per task: it keeps 40 cores busy with such tasks, and with tasks of 30 s 600" in told
    )


def test_two_workers_are_compared_with_one_in_each_round(monkeypatch, tmp_path):
    import parallel_overhead

    spent = {1: iter([4.0, 6.0, 10.0]), 2: iter([2.0, 4.0, 4.0])}
    monkeypatch.setattr(parallel_overhead, "_timed", lambda work: next(spent[work.args[0]]))
    assert parallel_overhead.speedups(lambda workers: None, 3) == (6.0, 4.0, 2.0)
    parallel_overhead.write_files(tmp_path, 2)
    monkeypatch.setattr(parallel_overhead, "read_files", lambda files, *_: (seen.append(len(files)), [])[1])
    seen: list[int] = []
    parallel_overhead.read(tmp_path, 0)
    assert seen == [2]


@pytest.mark.slow
def test_the_speed_of_the_studio_is_measured_in_a_browser(small_runs, tmp_path):
    if shutil.which("chromium") is None:
        pytest.skip("There is no Chromium on this machine; on Debian: apt install chromium")
    page = tmp_path / "studio.html"
    make_studio(StudioConfig(tuple(small_runs), page))
    program = Path(__file__).parents[2] / "benchmarks" / "speed" / "studio_speed.py"
    arguments = [sys.executable, program, page, "--run", small_runs[0], "--rounds", "2"]
    told = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    figures = [float(number.replace(",", "")) for number in re.findall(r"([\d.,]+) (?:ms|a second)", told)]
    assert len(figures) == 6
    assert min(figures) > 0
    assert figures[1] == pytest.approx(1e3 * 64 / figures[0], rel=0.01)
