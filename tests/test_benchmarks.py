"""The benchmarks at small size: their output follows from their measurements."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pretty_midi
import pytest

from agents import PPOKL
from agents.evaluation.metrics import OF_FORM, chord_metrics
from agents.evaluation.table import ROWS
from agents.listening_study.pair_choice import pair_choice
from agents.studio_page.run_studio import StudioConfig, make_studio
from melody_env import EnvironmentSpec, MelodyVecEnv, Setting
from note_rnn import write_midi
from note_rnn.corpus import Corpus, Origin, build
from note_rnn.extraction.tunes import Bars


class Clock:
    """A clock that advances by a second at each reading."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


def output_of(module, arguments, monkeypatch, capsys) -> str:
    """Return what the command prints."""
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()
    return capsys.readouterr().out


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


def test_speeds_of_the_environment_follow_from_the_time_of_a_piece(monkeypatch, capsys):
    import bench_env

    monkeypatch.setattr(bench_env, "best_time", lambda run, repeats: (run(), repeats * 0.016)[1])
    table = table_of(output_of(bench_env, ["--num-envs", 3, "--repeats", 2], monkeypatch, capsys))
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


def test_imports_stand_beside_numpy_by_the_medians_of_all_rounds_but_the_first(monkeypatch, capsys, tmp_path):
    import bench_imports

    subjects = {"import numpy": ["-c", "1"], "import melody_env": ["-c", "2"]}
    times = iter([9.0, 9.0, 0.25, 0.5, 0.5, 0.75, 0.1, 1.0])
    asked = []
    monkeypatch.setattr(bench_imports, "SUBJECTS", subjects)
    monkeypatch.setattr(bench_imports, "process_time_of", lambda subject: (asked.append(subject), next(times))[1])
    output = output_of(bench_imports, ["--rounds", 3, "--csv", tmp_path / "imports.csv"], monkeypatch, capsys)
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


def test_longer_pieces_are_measured_for_every_way_of_counting(small_runs, monkeypatch, capsys, tmp_path):
    import longer_pieces

    from agents.composing.composers import load_run

    arguments = [*small_runs, "--lengths", 40, "--pieces", 3, "--csv", tmp_path / "longer.csv"]
    lines = output_of(longer_pieces, arguments, monkeypatch, capsys).splitlines()
    assert len(lines) == 2 * len(longer_pieces.COUNTS)
    agent = load_run(small_runs[0])
    environment = agent.environment.changed(length=40, reward="paper")
    pieces = longer_pieces.compose_pieces(agent.player(environment), 3, 0, environment, retained=3)
    expected = longer_pieces.figures(pieces, 32)
    assert expected["r_MT"] == pytest.approx(pieces.steps.music_theory[:, 32:].mean())
    adopted = next(line for line in lines if "adopted" in line)
    assert [float(number) for number in re.findall(r" (-?\d+\.\d\d)", adopted)] == [
        pytest.approx(value, abs=0.006) for value in expected.values()
    ]


def test_agents_are_asked_for_forms_trained_or_new(small_prior, monkeypatch, capsys, tmp_path):
    import forms_of_agents

    from agents.composing.composers import Agent
    from agents.evaluation.metrics import form_metrics

    spec = EnvironmentSpec.of(prior=small_prior, form="AABA | AA'BC", length="4 bars", reward="paper")
    env = MelodyVecEnv(2, **spec.arguments)
    agent = Agent(PPOKL(env=env, prior=env.engine.prior, seed=0, device="cpu").policy, spec)
    monkeypatch.setattr(forms_of_agents, "load_run", lambda path: agent)
    shapes = ["--forms", "AABA", "ABB'A", "--lengths", "4 bars", "8 bars", "--pieces", 20]
    lines = output_of(forms_of_agents, ["runs/tune", *shapes, "--csv", tmp_path / "forms.csv"], monkeypatch, capsys)
    assert [line.split()[:4] for line in lines.splitlines()] == [
        ["tune", "4", "bars", "AABA"],
        ["tune", "4", "bars", "ABB'A"],
        ["tune", "8", "bars", "AABA"],
        ["tune", "8", "bars", "ABB'A"],
        ["tune", "trained", "form_recovered", "0.0%"],
        ["tune", "new", "form_recovered", "0.0%"],
    ]
    rows = list(csv.DictReader((tmp_path / "forms.csv").read_text().splitlines()))
    assert [row["trained"] for row in rows] == ["1", "0"] * 2
    environment = spec.changed(length="8 bars", form="ABB'A")
    pieces = forms_of_agents.compose_pieces(agent.player(environment), 20, 0, environment)
    found = form_metrics(pieces)
    assert {name: float(rows[3][name]) for name in found} == pytest.approx(found)
    assert rows[0]["varied_kept"] == ""
    assert forms_of_agents.means([{"varied_kept": 0.5}, {"form_recovered": 1.0}, {"varied_kept": 1.0}]) == {
        "form_recovered": 1.0,
        "varied_kept": 0.75,
    }


def harmonised_file(folder, name: str, chords: list[list[int]], melody: list[int], meter=(4, 4), key=0) -> None:
    """A MIDI file of two tracks: `chords`, MIDI pitches a bar each, and `melody`, quarters."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=120)
    midi.time_signature_changes.append(pretty_midi.TimeSignature(*meter, 0))
    midi.key_signature_changes.append(pretty_midi.KeySignature(key, 0))
    bar = meter[0] * 2 / meter[1]
    tracks = [pretty_midi.Instrument(0), pretty_midi.Instrument(0)]
    tracks[0].notes = [pretty_midi.Note(90, pitch, 0.5 * i, 0.5 * (i + 1)) for i, pitch in enumerate(melody) if pitch]
    for number, pitches in enumerate(chords):
        tracks[1].notes += [pretty_midi.Note(60, pitch, bar * number, bar * (number + 1)) for pitch in pitches]
    midi.instruments.extend(tracks)
    midi.write(str(folder / f"{name}.mid"))


C_CHORD, G_SEVENTH, A_MINOR = [48, 52, 55], [43, 47, 50, 53], [45, 48, 52]


def test_tunes_with_chords_are_read_in_their_key_and_meter(tmp_path):
    import nottingham

    harmonised_file(tmp_path, "a", [C_CHORD, [], G_SEVENTH], [96, 0, 88, 86, *[84] * 4, 79, 83, 86, 83])
    harmonised_file(tmp_path, "b", [C_CHORD], [60, 62, 64, 65], key=21)
    harmonised_file(tmp_path, "too wide", [C_CHORD], [40, 62, 64, 96])
    tunes = list(nottingham.read_tunes(tmp_path))
    assert [tune.name for tune in tunes] == ["a", "b"]
    first, second = tunes
    assert first.progression.text == "C C C C | N.C. N.C. N.C. N.C. | G7 G7 G7 G7"
    assert (first.setting.key, first.setting.mode, first.setting.meter, first.setting.steps) == (
        "C",
        "major",
        "4/4",
        48,
    )
    assert (second.setting.key, second.setting.mode) == ("A", "minor")
    assert first.melody[:17].tolist() == [26, 1, 1, 1, 0, 1, 1, 1, 18, 1, 1, 1, 16, 1, 1, 1, 14]  # an octave lower
    assert nottingham.chord_of((45, 48, 52)).symbol == "Am"
    assert nottingham.chord_of((52, 57, 60)).symbol == "Am"  # over its fifth
    assert nottingham.chord_of((48, 49, 50)).symbol == "N.C."


def test_figures_of_agents_over_chords_are_those_of_their_pieces(monkeypatch, capsys, tmp_path, small_prior):
    import chords_of_agents

    from agents.composing.composers import Agent

    spec = EnvironmentSpec.of(prior=small_prior, chords="C | F; Am | G | N.C.", length="2 bars", reward="chords")
    env = MelodyVecEnv(2, **spec.arguments)
    agent = Agent(PPOKL(env=env, prior=env.engine.prior, seed=0, device="cpu").policy, spec)
    monkeypatch.setattr(chords_of_agents, "load_run", lambda path: agent)
    harmonised_file(tmp_path, "a", [C_CHORD, A_MINOR], [72, 76, 79, 76, 69, 71, 76, 72])
    harmonised_file(tmp_path, "b", [G_SEVENTH, C_CHORD], [79, 83, 86, 83, 72, 76, 79, 76])
    arguments = ["runs/chords", "--pieces", 20, "--chords", "E7 | A", "Dm | Bb", "--tunes", tmp_path]
    lines = output_of(chords_of_agents, [*arguments, "--csv", tmp_path / "c.csv"], monkeypatch, capsys).splitlines()
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    parts = ["trained", "held out", "held out, in Eb", "held out, in A", "Note RNN", "4/4"]
    assert [row["part"] for row in rows] == parts
    assert len(lines) == 6
    environment = spec.changed(chords="E7 | A; Dm | Bb")
    pieces = chords_of_agents.compose_pieces(agent.player(environment), 20, 0, environment)
    assert float(rows[1]["chord_tones"]) == pytest.approx(chord_metrics(pieces)["chord_tones"])
    assert float(rows[1]["log_prob"]) == pytest.approx(pieces.finished.log_prob.mean() / 32)
    human = {name: value for name, value in rows[-1].items() if value}
    assert human["run"] == "2 human tunes"
    assert float(human["chord_tones"]) == 1
    assert float(human["auc"]) == 1
    assert float(human["of_others"]) == 4 / 8  # G over G7, E over C; G over C, C over Am


def test_counts_of_what_chords_ask_for_by_hand():
    import chords_of_agents

    steps = Setting(meter="4/16", length=8, chords="C | G").harmony_steps
    melody = np.array([[18, 16, 14, 15, 25, 1, 14, 16]])  # E D C C# | B . C D
    counts = chords_of_agents.harmony_counts(melody, steps)
    assert [int(each[0]) for each in counts] == [3, 4, 2, 3, 2, 2]  # D - C and C - D by step, C# - B not


def test_chords_found_are_compared_with_those_of_tunes(monkeypatch, capsys, tmp_path):
    import harmonising

    harmonised_file(tmp_path, "a", [C_CHORD, A_MINOR, G_SEVENTH, C_CHORD], [72, 76, 79, 76] * 4)
    lines = output_of(harmonising, [tmp_path, "--csv", tmp_path / "h.csv"], monkeypatch, capsys).splitlines()
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert len(lines) == 2
    assert (rows[0]["mode"], rows[0]["tunes"], rows[0]["per_bar"]) == ("major", "1", "1")
    assert float(rows[0]["roots"]) == float(rows[0]["roots_of_tonic"]) == 0.5
    assert float(rows[0]["tones_of_found"]) == 1


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


def test_shares_are_of_the_products_right_before_and_figures_are_medians(monkeypatch, capsys):
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
    table = table_of(output_of(bench_learning, arguments, monkeypatch, capsys))
    assert table == {
        "matrix products (the limit)": [4, 64_000, 1],
        "nn.LSTM on one-hot input": [4, 32_000, 0.5],
        **{f"{algo}: update": [4, 4_000, 0.06] for algo in ("psi", "g", "ppo_kl", "psi, lookback")},
        "q: update": [4, 500, 0.01],  # an eighth of the steps
        **{f"{algo}: end to end": [4, 16_000, 0.25] for algo in ("psi", "g", "ppo_kl", "q", "psi, lookback")},
    }


def test_learning_is_measured_end_to_end(monkeypatch, capsys):
    import bench_learning

    arguments = ["--rounds", 1, "--repeats", 1, "--steps", 512, "--minibatches", 4, "--num-envs", 16]
    table = table_of(output_of(bench_learning, arguments, monkeypatch, capsys))
    assert len(table) == 12
    for algo in ("psi", "g", "ppo_kl", "q", "psi, lookback"):
        assert table[f"{algo}: update"][1] > table[f"{algo}: end to end"][1] > 0


@pytest.mark.parametrize("moving", [False, True])
def test_the_prior_of_g_is_trained_only_on_request(moving, monkeypatch, capsys):
    import g_question

    arguments = ["--seed", 5, "--steps", 160 * 34, "--compositions", 30, *["--moving-prior"] * moving]
    record = json.loads(output_of(g_question, arguments, monkeypatch, capsys))
    assert (record["seed"], record["moving_prior"]) == (5, moving)
    assert record["cpu_seconds"] > 0
    of_longer_pieces = {"repeated_bars_lag4", "repeated_bars_lag8", "repeated_rhythms_lag4"}
    missing = {"human_overlap", "human_auc", "longest_shared_run", "chord_tones", *of_longer_pieces, *OF_FORM}
    assert {row.metric for row in ROWS} - record.keys() == missing
    is_same = record["log_prob_under_the_original_prior"] == pytest.approx(record["log_prob"], abs=1e-4)
    assert is_same is not moving
    assert record["kl"] > 1e-3


def test_the_readings_of_the_tune_books_are_compared(monkeypatch, capsys):
    """Of a hundred tunes half have a note that is moved, and are twice as long with repeats."""
    import whole_tunes

    def load(reading):
        rng = np.random.default_rng(0)
        melodies = [rng.integers(2, 38, 64) for _ in range(100)]
        origins = [Origin(tuple(melody.tolist()), n * 2**57, n % 2) for n, melody in enumerate(melodies)]
        if reading.repeats == "unfold":
            melodies = [np.tile(melody, 1 + n % 2) for n, melody in enumerate(melodies)]
            origins[0] = origins[0]._replace(folded="unclear")
        names = [f"book/{n}" for n in range(100)]
        return Corpus(melodies, np.arange(100), [""] * 100, names, [], [], [], origins)

    monkeypatch.setattr(whole_tunes, "load_corpus", load)
    lines = output_of(whole_tunes, [], monkeypatch, capsys).splitlines()
    assert lines[2] == "| round | once | 100 | 100 | 100 | 6,400 | 50 | 50 | 0 |"
    assert lines[4] == "| round | unfold | 100 | 100 | 100 | 9,600 | 50 | 50 | 0 |"
    assert "50 tunes are longer with repeats, 2.00, 2.00, 2.00 times (quartiles)" in lines
    assert "1 tunes: unclear" in lines
    assert lines[-1].startswith("0 of 100 tunes of Reading(off_grid='round', repeats='unfold')")


def test_the_form_of_human_tunes_is_measured(monkeypatch, capsys, tmp_path):
    """Tunes of two bars of 4/4 and two more like them in which half of the notes are others, which end on E or G."""
    import form_of_tunes

    def load(reading=None):
        assert reading is None or reading.repeats == "unfold"
        first = [14, 1, 1, 1, 16, 1, 1, 1, 18, 1, 1, 1, 19, 1, 1, 1] * 2
        tunes = []
        for other, end in ((30, 18), (31, 21)):
            second = [token if token == 1 or step >= 16 else other for step, token in enumerate(first)]
            tunes.append(np.array([1, *first, *second, end, 1, 1, 1, *[1] * 28]))
        names = ["book/1", "book/2"]
        sections = [(0, 33), (1, 33)]
        return Corpus(tunes, np.arange(2), names, names, [], [Bars("4/4", 1)] * 2, sections)

    monkeypatch.setattr(form_of_tunes, "load_corpus", load)
    monkeypatch.setattr(form_of_tunes, "METERS", {"4/4": 16})
    monkeypatch.setattr(form_of_tunes, "BARS", (2,))
    monkeypatch.setattr(form_of_tunes, "human_melodies", lambda corpus, setting: forms)
    bars = np.array([[14, 16, 18, 19] * 16, [26, 28, 30, 31] * 16])
    forms = np.stack([np.concatenate(bars[order]) for order in ([0, 0, 1, 0], [0, 0, 1, 0], [0, 1, 0, 1])])
    similar, ends, *commonest = output_of(
        form_of_tunes, ["--csv", tmp_path / "form.csv"], monkeypatch, capsys
    ).splitlines()
    assert commonest == ["meter 4/4, form AABA, of_windows 0.67", "meter 4/4, form ABAB, of_windows 0.33"]
    assert similar.startswith(
        "meter 4/4, bars 2, sections 4, exact 0.0, varied 0.5, new 0.5, varied_25 0.5, varied_50 0.5"
    )
    assert similar.endswith("varied_opening 0.0, varied_ending 1.0, new_50 0.0, new_75 0.0, new_90 0.0")
    assert "tunes 2, ends_on_c 0.0, ends_on_c_a_d_or_g 0.5, inner_sections 2, on_tonic 0.0, on_triad 0.0" in ends
    assert ends.endswith("tune_lasts_2 1.0, tune_lasts_3 1.0, tune_lasts_4 1.0, tune_lasts_6 1.0")
    rows = list(csv.DictReader((tmp_path / "form.csv").read_text().splitlines()))
    assert [(row["meter"], row["bars"], row["tunes"]) for row in rows] == [
        ("4/4", "2", ""),
        ("4/4", "", "2"),
        ("4/4", "", ""),
        ("4/4", "", ""),
    ]


@pytest.fixture
def tunes(monkeypatch) -> Corpus:
    """A corpus of random tunes in 4/4 and C major, in place of music21's."""
    from melody_env.measures import likeness

    rng = np.random.default_rng(0)
    segments = [rng.choice([14, 16, 18, 19, 21, 23, 25, 26, *[1] * 8], 80) for _ in range(500)]
    titles = [f"{number}.abc" for number in range(500)]
    sources = [f"tunes/{title}" for title in titles]
    corpus = Corpus(segments, np.arange(500), titles, sources, bars=[Bars("4/4", 0)] * 500)
    monkeypatch.setattr(likeness, "load_corpus", lambda: corpus)
    return corpus


def test_agents_are_compared_with_human_tunes_and_controls(tunes, small_runs, tmp_path, monkeypatch, capsys):
    import human_likeness

    from agents import compose
    from agents.composing.composers import load_run
    from melody_env import load_profile, score_melodies
    from melody_env.measures import likeness
    from melody_env.measures.discriminator import LOGISTIC

    for name in ("trees", "gru"):  # the quickest in place of the others
        monkeypatch.setitem(likeness.CLASSIFIERS, name, LOGISTIC)
    out = tmp_path / "likeness.json"
    arguments = [f"an agent={small_runs[0]}", "--compositions", 40, "--judged", 30, "--out", out, "--seed", 4]
    output = output_of(human_likeness, [*arguments, "--temperatures", 0.5, 2], monkeypatch, capsys)
    assert f"Saved {out}" in output
    rows = json.loads(out.read_text())["rows"]
    labels = ["Human", "Note RNN", "Note RNN given the position", "an agent"]
    assert [label for label in rows if "temperature" not in label] == labels
    assert output.startswith(human_likeness.markdown(rows))
    assert all(figures["longest_shared_run"] >= 1 for (figures,) in rows.values())

    (agent,), (own,) = rows["an agent"], rows["Note RNN"]
    melodies = compose(small_runs[0], 40, seed=4)
    scores = score_melodies(melodies, load_profile("paper")).music_theory
    assert agent["r_MT: paper"] == pytest.approx(scores.mean())
    inputs = np.concatenate([np.full((40, 1), 1), melodies[:, :-1]], axis=1)
    prior = load_run(small_runs[0]).environment.prior
    log_probs = prior.log_probs(inputs).numpy()[:, 1:]  # the first follows a random note
    expected = np.take_along_axis(log_probs, melodies[:, 1:, None], -1).mean()
    assert agent["log_prob"] == pytest.approx(expected, rel=0.05)
    assert agent["distinct"] == len(np.unique(melodies, axis=0)) / 40
    assert own["kl"] == pytest.approx(0, abs=1e-4)
    assert agent["kl"] > 1e-3


def test_the_constructs_that_a_reader_of_abc_reads_rightly_are_counted(monkeypatch, capsys):
    import abc_readers

    table = {
        "notes": [
            {"id": "a", "music": "C D |", "notes": "C4@0:4 D4@4:4"},
            {"id": "b", "music": "C |", "notes": "D4@0:4"},
        ],
        "dropped": [{"id": "c", "music": "4 |", "dropped": "a number"}, {"id": "d", "music": "C |", "dropped": "none"}],
    }
    monkeypatch.setattr(abc_readers.yaml, "safe_load", lambda text: table)
    monkeypatch.setattr(abc_readers.importlib.util, "find_spec", lambda name: name == "note_rnn" or None)
    output = output_of(abc_readers, ["--tunes", 0, "--readers", "ours", "pyabc2"], monkeypatch, capsys)
    assert output.splitlines() == [
        "reader | notes (2) | dropped (2) | refused",
        "ours | 1 | 1 | 0",
        "pyabc2 | not installed",
    ]


def test_openings_are_silent_off_the_grid_or_like_human_ones():
    import openings

    human = np.array([[14, 1, 16, 1], [14, 1, 1, 1], [18, 1, 16, 1], [1, 1, 16, 1]])
    melodies = np.array([[14, 16, 1, 16], [1, 1, 14, 1], [0, 1, 1, 1], [18, 18, 1, 1]])
    assert openings.openings(melodies, human) == {
        "pieces": 4,
        "off_grid": 0.25,  # of the last, two notes are on the grid and off it
        "silent": 0.5,
        "first_token_overlap": 0.75,
    }


def test_human_openings_are_counted_from_the_first_bar_line_however_they_begin():
    import openings

    bars = [Bars("6/8", 2), Bars("12/8", 0), Bars("4/4", 0), Bars("6/8", 2)]
    segments = [np.array(rows) for rows in ([20, 1, 14, 1], [1, 16, 1], [14, 1, 1], [1, 0, 14])]
    corpus = Corpus(segments, np.arange(4), ["a", "b", "c", "d"], ["x"] * 4, [], bars)
    setting = openings.Setting(meter="6/8", length=2)
    assert openings.human_openings(corpus, setting).tolist() == [[14, 1], [1, 16]]
    shares = openings.before_the_bar(corpus, "6/8")
    assert {token: share for token, share in enumerate(shares) if share} == {0: 1 / 3, 1: 2 / 3}


def test_the_first_bars_of_a_note_rnn_are_compared_after_each_priming(
    lookback_prior_file, monkeypatch, capsys, tmp_path
):
    import openings

    corpus = Corpus([np.full(40, 14)] * 3, np.arange(3), list("abc"), ["x"] * 3, [], [Bars("4/4", 1)] * 3)
    monkeypatch.setattr(openings, "load_corpus", lambda: corpus)
    monkeypatch.setattr(openings, "split", lambda _: SimpleNamespace(train=corpus, validation=corpus, test=corpus))
    sizes = ["--meters", "4/4", "--length", 16, "--pieces", 6, "--csv", tmp_path / "openings.csv"]
    lines = output_of(openings, [lookback_prior_file, *sizes], monkeypatch, capsys).splitlines()
    assert [line.split()[1] for line in lines] == ["human", *["lookback.safetensors"] * 3]
    for line, priming in zip(lines[1:], ("random_note", "none", "before the bar"), strict=True):
        assert f" {priming} " in line
    assert len((tmp_path / "openings.csv").read_text().splitlines()) == 5


def _tunes(monkeypatch, module) -> None:
    """Give a benchmark twelve random tunes of eight bars of 2/4 after a pickup, in two parts."""
    rng = np.random.default_rng(0)
    segments = [rng.choice([1, 1, 14, 16, 18], 66) for _ in range(12)]
    names = [str(number) for number in range(12)]
    corpus = Corpus(segments, np.arange(12), names, names, [], [Bars("2/4", 2)] * 12)
    short = Corpus([segments[0][:40]], np.arange(1), ["x"], ["x"], [], [Bars("2/4", 2)])
    monkeypatch.setattr(module, "load_corpus", lambda: corpus)
    monkeypatch.setattr(module, "split", lambda _: SimpleNamespace(validation=corpus, test=short))


def test_fillings_are_compared_with_the_true_bars(lookback_prior_file, monkeypatch, capsys, tmp_path):
    import infilling

    _tunes(monkeypatch, infilling)
    path = tmp_path / "infilling.csv"
    options = ["--model", lookback_prior_file, "--candidates", 3, "--csv", path]
    lines = output_of(infilling, options, monkeypatch, capsys).splitlines()
    assert [line[:24].strip() for line in lines] == ["true bars", "--fixed", "--fill, 3 candidates"]
    true, fixed, filled = csv.DictReader(path.read_text().splitlines())
    assert {row["tunes"] for row in (true, fixed, filled)} == {"12"}
    assert float(true["above_true"]) == 0
    assert float(true["auc_8"]) == 0.5
    assert float(fixed["following_nats"]) == pytest.approx(float(true["following_nats"]) + float(fixed["above_true"]))
    assert 1 <= float(filled["effective_sample_size"]) <= 3


def test_two_bars_in_the_middle_are_hidden_and_nothing_else_changes(lookback_prior_file, monkeypatch):
    import infilling

    _tunes(monkeypatch, infilling)
    composer = infilling.load_composer(lookback_prior_file)
    first = next(infilling.cases([infilling.load_corpus()], composer))
    assert (first.tune.pickup, first.hidden) == (2, slice(24, 40))
    kept = ~np.isin(np.arange(64), np.arange(24, 40))
    for tokens in (infilling.fixed(composer, first, 0), infilling.infilled(composer, first, 0, 4)[0]):
        np.testing.assert_array_equal(tokens[kept], first.tune.melody[kept])
        assert (tokens != first.tune.melody).any()


def test_seams_are_told_apart_by_what_is_at_them_and_never_by_the_tune():
    import infilling

    rng = np.random.default_rng(0)
    true = rng.choice([1, 14, 16], (120, 8))
    other = true.copy()
    other[:, 4] = 20
    assert infilling.auc(*infilling.seam_scores(true, other, 0)) == 1.0
    assert 0.3 < infilling.auc(*infilling.seam_scores(true, rng.choice([1, 14, 16], (120, 8)), 0)) < 0.7
    features = infilling.seam_features(np.array([[1, 14, 1, 16]]))
    np.testing.assert_array_equal(features[0], [1, 14, 1, 16, 1, 2, 1, 2, np.nan, 14, 14, 16, np.nan, np.nan, 2])


def test_variations_are_measured(lookback_prior_file, monkeypatch, capsys, tmp_path):
    import variations

    _tunes(monkeypatch, variations)
    path = tmp_path / "variations.csv"
    options = ["--model", lookback_prior_file, "--candidates", 8, "--every", 4, "--changes", 0.2, "--csv", path]
    lines = output_of(variations, options, monkeypatch, capsys).splitlines()
    assert [line.split()[0] for line in lines] == ["everywhere", "section", "pitch", "rhythm"]
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["tunes"] for row in rows] == ["3"] * 4
    assert float(rows[2]["distance_of_asked"]) == pytest.approx(1, abs=0.15)


def test_statistics_outside_of_the_rules_by_hand():
    import taste

    melodies = np.array([[14, 1, 16, 0], [0, 1, 20, 20]])
    assert taste.register(melodies).tolist() == [15, 20]
    assert taste.rise(melodies).tolist() == [2, 20]
    assert taste.variety(melodies).tolist() == [2, 1]


def test_a_hidden_network_prefers_the_same_melodies_whatever_else_is_drawn():
    import taste

    pool = np.random.default_rng(0).choice([0, 1, 14, 16, 18], (60, 8))
    world = taste.World(None, pool, None)
    values = taste.network_taste(world, 0)(pool)
    assert (values.mean(), values.std()) == pytest.approx((0, taste.STRENGTH), abs=1e-6)
    assert taste.network_taste(world, 0)(pool[:5]) == pytest.approx(values[:5], abs=1e-4)
    assert abs(np.corrcoef(values, taste.network_taste(world, 1)(pool))[0, 1]) < 0.99


def test_simulated_listeners_vote_by_their_taste_their_bias_and_a_coin():
    import taste

    first = np.tile([[14, 1]], (8_000, 1))
    second = np.tile([[16, 1]], (8_000, 1))
    certain = taste.voted(lambda melodies: -100.0 * melodies[:, 0], first, second, 7, np.random.default_rng(0))
    assert certain.outcomes.mean() == pytest.approx(0.9, abs=0.02)  # a fifth are by a coin
    assert certain.listener.tolist() == (7 + np.arange(8_000) // 20).tolist()
    alike = taste.voted(lambda melodies: np.zeros(len(melodies)), first, second, 0, np.random.default_rng(0))
    # a quarter of the listeners is biased by 1 log-odds, in four of five votes
    assert alike.outcomes.mean() == pytest.approx(0.5 + 0.8 * 0.25 * (1 / (1 + np.exp(-1)) - 0.5), abs=0.02)


@pytest.mark.skipif(shutil.which("node") is None, reason="There is no Node on this machine")
def test_simulated_listeners_vote_on_the_pairs_that_the_page_chooses():
    from page_votes import page_votes

    rng = np.random.default_rng(0)
    choice = pair_choice(rng.integers(2, 38, (30, 32)), Setting(), None, 200, 0)
    utility = rng.permutation(30) * 100.0
    (left, right), outcomes = (lambda votes: (votes.pairs.T, votes.outcomes))(page_votes(choice, utility, 0, 0, rng))
    assert len({frozenset(pair) for pair in zip(left, right, strict=True)}) == 200
    assert outcomes.tolist() == (utility[left] > utility[right]).tolist()
    biased = page_votes(choice, 0 * utility, 100.0, 0.2, rng).outcomes
    assert biased.mean() == pytest.approx(0.9, abs=0.06)  # a fifth are by a coin


@pytest.mark.skipif(shutil.which("node") is None, reason="There is no Node on this machine")
def test_ways_to_ask_are_compared_for_planted_tastes(monkeypatch, capsys, tmp_path):
    import chosen_pairs

    ways = {name: (ask, (40,)) for name, (ask, _) in chosen_pairs.WAYS.items()}
    monkeypatch.setattr(chosen_pairs, "WAYS", ways)
    out = tmp_path / "pairs.csv"
    told = output_of(chosen_pairs, ["--tastes", 1, "--pool", 60, "--out", out], monkeypatch, capsys)
    assert [line.partition(", 40 votes: correlation ")[0] for line in told.splitlines()] == list(ways)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["listeners"] for row in rows] == ["2", "1", "2"]
    assert all(-1 <= float(row["correlation"]) <= 1 for row in rows)


def test_the_loop_of_votes_is_measured_for_each_seed_with_and_without_rules():
    import taste

    cases = list(taste.cases([4]))
    assert len(cases) == 14
    assert {case.seed for case in cases} == {4}
    with_tokens = {(case.taste, case.votes) for case in cases if case.method == "reward with tokens"}
    assert with_tokens == {(taste, 500) for taste in taste.TASTES}
    linear = [case.votes for case in cases if (case.taste, case.method) == ("linear in the rules", "reward")]
    assert sorted(linear) == [50, 120, 200, 1_000]
    assert set(taste.TASTES) == {case.taste for case in cases}


def test_the_cost_of_scheduling_follows_from_when_tasks_end(monkeypatch, capsys):
    """Ten tasks of 2 s by two workers: ready after 1 s, then 10 s for what takes 8."""
    import parallel_overhead

    ends = [3.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 13.0]
    readings = iter([0.0, *ends])
    monkeypatch.setattr(parallel_overhead.time, "perf_counter", lambda: next(readings))
    monkeypatch.setattr(parallel_overhead.time, "process_time", iter([0.0, 0.5]).__next__)
    monkeypatch.setattr(parallel_overhead, "results_of", lambda function, items, *_, **options: items)
    arguments = ["--tasks", 10, "--seconds", 2, "--workers", 2, "--rounds", 0]
    told = output_of(parallel_overhead, arguments, monkeypatch, capsys)
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


def test_files_of_a_synthetic_corpus_are_mutations_and_each_is_accounted_for(tmp_path, monkeypatch):
    import sharded_corpus as module

    melody = np.array([2 + n % 12 for n in range(160)])
    write_midi(melody, tmp_path / "sources" / "tune.mid")
    music = tmp_path / "music"
    module.make_files(tmp_path / "sources", music, 8, 0)
    paths = sorted(music.rglob("*.mid"))
    contents = [path.read_bytes() for path in paths]
    assert len(set(contents)) == 8
    assert all(content.startswith(b"MThd") for content in contents)
    module.make_files(tmp_path / "sources", music, 8, 1)  # those that are there stay
    assert [path.read_bytes() for path in paths] == contents
    monkeypatch.setattr(build, "FILES_PER_SHARD", 3)
    build.build_corpus([music], tmp_path / "corpus", num_workers=0)
    names = {f"music/{path.relative_to(music)}" for path in paths}
    report = module.check_report(tmp_path / "corpus", names)
    assert (report.files, len(report.shards)) == (8, 3)
    assert report.files_kept >= 4
    with pytest.raises(AssertionError):
        module.check_report(tmp_path / "corpus", {*names, "music/lost.mid"})


@pytest.mark.slow
def test_the_speed_of_the_studio_is_measured_in_a_browser(small_runs, tmp_path):
    if shutil.which("chromium") is None:
        pytest.skip("There is no Chromium on this machine; on Debian: apt install chromium")
    page = tmp_path / "studio.html"
    make_studio(StudioConfig(tuple(small_runs), page))
    program = Path(__file__).parents[1] / "benchmarks" / "studio_speed.py"
    arguments = [sys.executable, program, page, "--run", small_runs[0], "--rounds", "2"]
    told = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    figures = [float(number.replace(",", "")) for number in re.findall(r"([\d.,]+) (?:ms|a second)", told)]
    assert len(figures) == 6
    assert min(figures) > 0
    assert figures[1] == pytest.approx(1e3 * 64 / figures[0], rel=0.01)
