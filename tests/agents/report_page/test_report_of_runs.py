"""The report of two runs, one in another key: each figure on the page is that of its own run."""

import json
import re
import shutil

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from agents import compose
from agents.evaluation.table import ROWS, format_value
from agents.report_page import run_report
from agents.report_page.claims import BETTER
from agents.report_page.run_report import PAIRS, ReportConfig, write_report

MINUS = "\N{MINUS SIGN}"
TUNES = np.random.default_rng(1).choice([1, 1, 14, 16, 18, 21, 23], (30, 32))


def metrics(seed: int) -> dict[str, float]:
    """Return made-up figures, all different."""
    names = {row.metric for row in ROWS} | set(BETTER)
    return dict(zip(sorted(names), np.random.default_rng(seed).random(len(names)).round(3).tolist(), strict=True))


@pytest.fixture(scope="module")
def runs(small_runs, tmp_path_factory):
    """The Q run, and the policy gradient's as if it had learned in D minor and 6/8, each with figures of its own."""
    folder = tmp_path_factory.mktemp("two")
    found = []
    for number, run in enumerate(small_runs):
        copy = shutil.copytree(run, folder / run.name)
        figures = {"compositions": 20 + 1_000 * number, "agent": metrics(number), "Note RNN": metrics(10 + number)}
        (copy / "evaluation.json").write_text(json.dumps(figures | {"Human": metrics(20)}))
        found.append(copy)
    record = json.loads((found[1] / "config.json").read_text())
    record["config"]["seed"] = 17
    record["environment"]["setting"] |= {"key": "D", "mode": "minor", "meter": "6/8", "tempo": 90}
    record["environment"]["profile"]["c"] = 0.25
    record["command"] = ["train.py", "--key", "D"]
    (found[1] / "config.json").write_text(json.dumps(record))
    with SummaryWriter(str(folder / "events")) as writer:
        writer.add_scalar("melody/human_log_prob", -3.25, 512)
    (events,) = (folder / "events").iterdir()
    events.rename(found[1] / "events.out.tfevents.9999999999.later")
    return found


@pytest.fixture(scope="module")
def requested():
    """The settings in which human tunes were requested."""
    return []


@pytest.fixture(scope="module")
def text(runs, requested) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_report, "held_out_melodies", lambda setting: requested.append(setting) or TUNES)
        path = write_report(ReportConfig((runs[1], runs[0]), melodies=PAIRS + 1, seed=2))
    assert path == runs[1] / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text, parsed):
    return parsed(text)


def card(page, name: str):
    (figure,) = [figure for figure in page.all("figure") if figure.get("data-name") == name]
    return page.data["cards"][int(figure["data-card"])]


def test_melodies_are_in_the_key_meter_and_tempo_of_their_run(page, runs):
    for label, run, form in (("Policy gradient", runs[1], (6, 12, 90)), ("Q", runs[0], (4, 16, 480))):
        melodies = compose(run, PAIRS + 1, seed=2)
        for number in range(1, PAIRS + 2):
            shown = card(page, f"{label}, melody {number}")
            assert shown["tokens"] == melodies[number - 1].tolist()
            assert (shown["steps_per_beat"], shown["steps_per_bar"], shown["tempo"]) == form
    (slider,) = page.all("input", id="tempo")
    assert (slider["value"], slider["max"]) == ("90", "480")


def test_human_tunes_are_in_the_setting_of_the_first_run(page, requested):
    assert [(setting.key, setting.mode, setting.meter) for setting in requested] == [("D", "minor", "6/8")]
    shown = card(page, "Human, melody 1")
    assert shown["tokens"] in TUNES.tolist()
    assert (shown["tempo"], shown["steps_per_bar"]) == (90, 12)


def test_each_column_of_the_table_is_of_its_composer(page):
    header, *rows = page.rows
    columns = {
        "Note RNN (Policy gradient)": metrics(11),
        "Note RNN (Q)": metrics(10),
        "Policy gradient": metrics(1),
        "Q": metrics(0),
        "Human": metrics(20),
    }
    assert header == [*columns]  # without the paper's, which is in C
    for row, form in ((row, form) for row, form in zip(rows, ROWS, strict=True)):
        assert row[0] == form.label
        assert row[1:6] == [format_value(column[form.metric], form.form) for column in columns.values()]


def test_claims_are_of_each_agent_its_note_rnn_and_human_tunes(text):
    for label, agent, note_rnn in (("Policy gradient", metrics(1), metrics(11)), ("Q", metrics(0), metrics(10))):
        reward, before = (f"{each['paper_music_theory']:+.2f}" for each in (agent, note_rnn))
        assert (
            f"{label} earns a reward of {reward} per step from the nine rules of the paper, the Note RNN {before};"
            in text
        )
        names = [metric.removeprefix("absolute_") for metric in BETTER]
        human = metrics(20)
        closer = sum(abs(agent[n] - human[n]) < abs(note_rnn[n] - human[n]) for n in names)
        assert f"{label} is closer to held-out human tunes than the Note RNN in {closer} of 11 statistics" in text
        overlaps = f"{agent['human_overlap']:.2f} on average (Note RNN {note_rnn['human_overlap']:.2f})"
        assert f"overlap with the human ones by {overlaps}" in text


def test_the_title_names_the_agents(text):
    assert "<title>Tuning a melody model: Policy gradient, Q</title>" in text


def test_text_above_the_table_counts_the_compositions(text):
    assert (
        "over 20 or 1,020 compositions of each model, beside held-out human tunes of the default collections." in text
    )


def test_each_chart_ends_where_its_run_did(text, runs):
    tags = {
        "r_MT per step, rules of the run": "music_theory",
        "log p per step, nats": "log_prob",
        "KL from the Note RNN per piece, nats": "kl",
        "Policy entropy per step, nats": "entropy",
        "Distinct compositions, fraction": "distinct_compositions",
    }
    events = {label: EventAccumulator(str(run)) for label, run in (("Policy gradient", runs[1]), ("Q", runs[0]))}
    ends = {label: each.Reload() for label, each in events.items()}
    charts = dict(re.findall(r'role="img" aria-label="(.*?); at the end (.*?)"', text))
    assert charts.pop("log p of human tunes under the agent, nats per step") == "Policy gradient -3.25"
    assert charts == {
        title: ", ".join(f"{label} {end.Scalars(f'melody/{tag}')[-1].value:.3g}" for label, end in ends.items())
        for title, tag in tags.items()
    }


def test_facts_of_a_run_are_those_of_its_folder(text, runs):
    made = text[text.index('<h2 id="made">') :]
    of_gradient, of_q = (dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", part)) for part in made.split("<h3>")[1:])
    assert of_gradient["Command"] == "python train.py --key D"
    assert (of_gradient["Seed"], of_q["Seed"]) == ("17", "0")
    assert of_gradient["Setting"] == "D minor, 6/8, 32 sixteenths, 90 bpm"
    assert of_q["Setting"] == "C major, 4/4, 32 sixteenths, 480 bpm"
    assert of_gradient["Reward"].startswith("varied, c = 0.25: key, tonic, repetition, ")
    assert of_q["Reward"].startswith("paper, c = 0.6: key, tonic, ")
    shared = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", made[: made.index("<h3>")]))
    record = json.loads((runs[0] / "config.json").read_text())
    assert shared["Tokens composed during training"] == "512"
    assert shared["Note RNN"].endswith(f"small.safetensors, weights {record['prior_checksum'][:12]}")
    assert f"torch {record['versions']['torch']}" in shared["Software"]


def test_the_page_states_the_seed_of_its_melodies(text):
    assert "Seed of the melodies on this page: 2." in text


@pytest.mark.parametrize(("melodies", "count"), [(1, 0), (PAIRS + 4, 4)])
def test_as_many_human_tunes_as_further_melodies_are_shown(runs, melodies, count, monkeypatch, tmp_path):
    monkeypatch.setattr(run_report, "held_out_melodies", lambda setting: TUNES)
    path = write_report(ReportConfig((runs[0],), tmp_path / "page.html", melodies=melodies))
    assert path == tmp_path / "page.html"
    text = path.read_text(encoding="utf-8")
    shown = {label: text.count(f'data-name="{label}, melody ') for label in ("Human", "Q")}
    assert shown["Human"] == shown["Q"] - min(melodies, PAIRS) == count
