"""Tables, figures and page of a reproduction show the parts in its folder, with two seeds of each agent."""

import base64
import csv
import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from agents import compose
from agents.evaluation.samples import given_sample
from agents.report_page.curves import Curve, chart
from agents.reproduction import results
from agents.reproduction.models import MODELS, ReproduceConfig
from agents.reproduction.paper_figures import CURVES
from agents.reproduction.parts import Part, read_sample
from melody_env import HumanReference, melody_statistics, score_melodies
from melody_env.setting import PAPER_SETTING
from note_rnn import write_json

Q, GRADIENT = MODELS[0], MODELS[7]
PARTS = [
    *(Part(name, None, 0) for name in ("Note RNN", "Human", "Markov-3", "random in key")),
    *(Part(model.name, model, seed) for seed in (0, 1) for model in (Q, GRADIENT)),
]
METRICS = ("log_prob", "music_theory", "last_log_prob", "last_music_theory", "kl")


def curve_of(number: int) -> list[dict[str, float]]:
    """Return made-up points, the more of them the larger the `number`."""
    rng = np.random.default_rng(number)
    return [{"steps": 100 * i, **dict(zip(METRICS, rng.normal(size=5), strict=True))} for i in range(3 + number)]


@pytest.fixture(scope="module")
def config(small_prior, small_prior_file, small_runs, tmp_path_factory) -> ReproduceConfig:
    """A folder of parts that were not composed but made up, each of other tokens."""
    options = {"quick": True, "seeds": 2, "compositions": 40, "prior": str(small_prior_file)}
    models = (Q.name, GRADIENT.name)
    config = ReproduceConfig(out=tmp_path_factory.mktemp("reproduction") / "out", models=models, **options)
    for model, run in zip((Q, GRADIENT), small_runs, strict=True):
        shutil.copytree(run, config.run_dir(model, 0))
    human = np.random.default_rng(99).choice([1, 1, 14, 16, 18, 21], (30, 32))
    for number, part in enumerate(PARTS):
        rng = np.random.default_rng(number)
        melodies = rng.choice([1, 14 + number % 3, 16, 18, 19, 21 + number, 0], (40, 32))
        sample = given_sample(melodies, PAPER_SETTING, small_prior, HumanReference.of(human, PAPER_SETTING), number)
        if part.model or part.name == "Note RNN":
            sample = replace(sample, probabilities=rng.dirichlet(np.ones(38), 32))
        part.folder(config).mkdir(parents=True, exist_ok=True)
        sample.save(part.folder(config) / "pieces.npz")
        if part.model:
            write_json(part.folder(config) / "curve.json", curve_of(number % 2 + 2 * part.seed))
    return config


@pytest.fixture(scope="module")
def files(config):
    return results._write_results(config, PARTS)


@pytest.fixture(scope="module")
def text(config, files) -> str:
    return (config.folder / "report.html").read_text(encoding="utf-8")


def rows_of(config, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((config.folder / name).read_text(encoding="utf-8"))))


def table(config) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["composer"], row["metric"]): row for row in rows_of(config, "tables.csv")}


def curves_of(model) -> list[list[dict[str, float]]]:
    """Return the curves of both seeds of a model, as the fixture has them."""
    first = PARTS.index(Part(model.name, model, 0)) % 2
    return [curve_of(first), curve_of(first + 2)]


@pytest.mark.parametrize("name", ["Note RNN", "Human", "Q", "ppo_kl, default"])
def test_statistics_are_those_of_the_pieces_of_all_seeds(config, files, name):
    melodies = [read_sample(part, config).melodies for part in PARTS if part.name == name]
    together = np.concatenate(melodies)
    found, counted = table(config), melody_statistics(together).as_dict()
    for metric in ("notes_not_in_key", "notes_in_motif", "leaps_resolved", "compositions_with_unique_max_note"):
        assert float(found[name, metric]["value"]) == pytest.approx(counted[metric])
    row = found[name, "paper_music_theory"]
    assert float(row["low"]) < float(row["value"]) < float(row["high"])
    music_theory = score_melodies(together, "paper").music_theory.mean()
    assert float(found[name, "paper_music_theory"]["value"]) == pytest.approx(music_theory)
    for metric in ("hamming_distance", "human_overlap", "human_auc"):
        of_seeds = [read_sample(part, config).metrics[metric] for part in PARTS if part.name == name]
        assert float(found[name, metric]["value"]) == pytest.approx(np.mean(of_seeds))
        assert found[name, metric]["low"] == ""


def test_agents_are_compared_with_the_note_rnn_and_have_their_columns_of_the_paper(config, files):
    found = table(config)
    assert found["Note RNN", "notes_in_motif"]["p"] == ""
    assert all(found[name, "notes_in_motif"]["p"] for name in ("Q", "Human", "ppo_kl, default"))
    assert found["Q", "notes_in_motif"]["paper"] == "0.757"
    assert found["Note RNN", "notes_in_motif"]["paper"] == "0.0585"
    assert found["ppo_kl, default", "notes_in_motif"]["paper"] == ""


def test_table_1_is_of_the_papers_agents_and_table_2_of_all_others(config, files):
    first, second = ((config.folder / f"table{number}.md").read_text().splitlines()[0] for number in (1, 2))
    assert first == "| | Note RNN | paper: Note RNN | Q | paper: Q |"
    assert second == "| | Note RNN | Human | Markov-3 | random in key | ppo_kl, default |"


def test_the_numbers_of_figure_2_stand_under_their_agent_and_seed(config, files):
    rows = rows_of(config, "figure2.csv")
    for model in (Q, GRADIENT):
        for seed, curve in enumerate(curves_of(model)):
            own = [row for row in rows if (row["composer"], row["seed"]) == (model.name, str(seed))]
            assert [{name: float(row[name]) for name in curve[0]} for row in own] == curve
    assert json.loads((config.folder / "reproduce.json").read_text())["curves"]["Q"] == curves_of(Q)


def test_charts_on_the_page_have_the_mean_of_the_seeds_and_a_band_around_it(text):
    drawn = re.findall(r'<svg viewBox="0 0 320 180" role="img" aria-label="(.*?); at the end.*?</svg>', text, re.DOTALL)
    pictures = re.findall(r'<svg viewBox="0 0 320 180".*?</svg>', text, re.DOTALL)
    assert drawn == [label.replace("'", "&#39;") for _ in (Q, GRADIENT) for _, label in CURVES]
    for i, (model, (metric, _)) in enumerate((model, panel) for model in (Q, GRADIENT) for panel in CURVES):
        shorter, longer = curves_of(model)
        both = np.array([[row[metric] for row in seed[: len(shorter)]] for seed in (shorter, longer)])
        curve = Curve([row["steps"] for row in shorter], both.mean(0), tuple(both.min(0)), tuple(both.max(0)))
        expected = chart("", {"": curve})
        assert f'points="{expected.lines[""]}"' in pictures[i]
        assert f'points="{expected.bands[""]}"' in pictures[i]


def test_figure_2_has_the_agents_of_one_preset(config, files):
    figures = results._figures(config, results._read(config, PARTS))
    legends = {name: figure.axes[0].get_legend() for name, figure in figures.items() if "figure2" in name}
    shown = {name: [each.get_text() for each in legend.get_texts()] for name, legend in legends.items()}
    assert shown == {"figure2.png": ["Q"], "figure2_default.png": ["ppo_kl, default"]}


def test_claims_are_made_of_the_table(config, text):
    plain = text.replace("\N{MINUS SIGN}", "-")
    value = {place: float(row["value"]) for place, row in table(config).items()}
    for name in ("Q", "ppo_kl, default"):
        earns, earned = (f"{value[each, 'paper_music_theory']:+.2f}" for each in (name, "Note RNN"))
        assert f"{name} earns a reward of {earns} per step from the nine rules" in plain
        assert f"the Note RNN {earned}; it obeys them" in plain
        overlaps = [value[each, "human_overlap"] for each in (name, "Note RNN")]
        areas = [value[each, "human_auc"] for each in (name, "Note RNN")]
        assert f"overlap with the human ones by {overlaps[0]:.2f} on average (Note RNN {overlaps[1]:.2f})" in text
        assert f"with an AUC of {areas[0]:.2f} (Note RNN {areas[1]:.2f};" in text
        worse = re.search(rf"{name} earns .*? statistics(.*?)\.<", text)[1]
        own, note_rnn = (absolute_correlations(config, each) for each in (name, "Note RNN"))
        for lag in range(3):
            assert (f"mean autocorrelation, lag {lag + 1}" in worse) is not (own[lag] < note_rnn[lag])
    assert "40 compositions of each model, 2 seeds of each agent." in text


def absolute_correlations(config, name: str) -> list[float]:
    """Return the mean absolute autocorrelation at each lag, averaged over all seeds of `name`."""
    seeds = [read_sample(part, config).metrics for part in PARTS if part.name == name]
    return [float(np.mean([seed[f"absolute_autocorrelation_lag{lag}"] for seed in seeds])) for lag in (1, 2, 3)]


def test_figure_3_is_of_the_first_piece_of_the_first_seed(config, files, text, parsed):
    drawn = parsed(text).data["compositions"]
    chosen = [PARTS[0], Part(Q.name, Q, 0), Part(GRADIENT.name, GRADIENT, 0)]
    assert [each["label"] for each in drawn] == [part.name for part in chosen]
    rows = rows_of(config, "figure3.csv")
    for each, part in zip(drawn, chosen, strict=True):
        sample = read_sample(part, config)
        assert each["tokens"] == sample.melodies[0].tolist()
        shares = np.frombuffer(base64.b64decode(each["probabilities"]), np.uint8).reshape(32, 38) / 255
        np.testing.assert_allclose(shares, sample.probabilities, atol=0.5 / 255 + 1e-6)
        own = [row for row in rows if row["composer"] == part.name]
        assert [int(row["token"]) for row in own if row["played"] == "1"] == each["tokens"]
        np.testing.assert_allclose([float(row["probability"]) for row in own], sample.probabilities.ravel(), rtol=1e-5)


def test_references_are_rewarded_as_the_papers_q(config, text, parsed, small_prior):
    page = parsed(text)
    shown = {"Human": PARTS[1], "Markov-3": PARTS[2], "Random in key": PARTS[3]}
    for figure in page.all("figure"):
        name = str(figure.get("data-name")).partition(",")[0]
        if name in shown:
            card = page.data["cards"][int(figure["data-card"])]
            tokens = [card["tokens"]]
            assert card["tokens"] in read_sample(shown[name], config).melodies.tolist()
            np.testing.assert_allclose(card["music_theory"], score_melodies(tokens).music_theory[0], atol=1e-4)
            assert card["log_prob"] == pytest.approx(small_prior.log_prob(tokens, [1]).sum().item(), rel=1e-4)


def test_each_agent_has_melodies_and_facts_of_its_own_run(text, parsed, small_runs):
    page = parsed(text)
    for name, run in (("Q", small_runs[0]), ("ppo_kl, default", small_runs[1])):
        figures = {
            f["data-name"]: f for f in page.all("figure") if str(f.get("data-name")).startswith(f"{name}, melody")
        }
        tokens = [page.data["cards"][int(figures[f"{name}, melody {n}"]["data-card"])]["tokens"] for n in range(1, 6)]
        assert tokens == compose(run, 5, seed=0).tolist()
    made = text[text.index('<h2 id="made">') :]
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", made.split("<h3>")[1]))
    assert facts["Preset"] == "q, paper"
    assert facts["Reward"].startswith("paper, c = 0.6")
    assert "<dt>Seeds</dt><dd>0, 1</dd>" in made
    assert "python -m agents.reproduce --quick --seeds 2 --compositions 40" in made
