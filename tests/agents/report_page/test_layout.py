"""The report page shows each melody, number and curve in its place, under the right name."""

import base64
import importlib.util
import re
from dataclasses import replace

import numpy as np
import pytest
from jinja2 import UndefinedError

from agents.report_page.cards import Card
from agents.report_page.claims import Claim
from agents.report_page.curves import Curve, chart
from agents.report_page.layout import AgentMelodies, Composition, Curves, MelodyRow, Report, Results, write_report_page
from agents.report_page.rendering import render
from agents.report_page.result_table import Entry, ResultTable
from note_rnn.formats.notation import Staff

MINUS = "\N{MINUS SIGN}"


def card(token: int, start: str = "C4", tempo: float = 100.0, **changes) -> Card:
    """Return the card of a note of two steps; its `token` sets it apart from others."""
    fields = {
        "rules": {"key": [1.25, 0.0]},
        "music_theory": [1.25, -float(token)],
        "prior": [0.5, 0.25],
        "policy": [0.5, 0.25],
        "alternatives": "",
        "log_prob": -2.0 - token,
        "midi": base64.b64encode(bytes([token])).decode(),
    }
    return Card(tokens=[token, 1], start=start, staff=Staff(bpm=tempo), **(fields | changes))


def cards(first: int, count: int = 4) -> list[Card]:
    return [card(first + i, start=f"start {i}") for i in range(count)]


CURVES = {"Q": Curve([0, 10], [0.0, 4.0]), "Psi": Curve([0, 10], [0.0, 2.0], [0.0, 1.0], [0.0, 3.0])}
TABLE = ResultTable(
    ["Note RNN", "Q", "paper: Q"],
    [
        ("Notes in motif", [Entry("1.0%"), Entry("-2.0%", "-3.0% to 4.0%", "worse"), Entry("75.7%", "", "worse")]),
        ("Leaps", [Entry("3.0%"), Entry("5.0%", "4.0% to 6.0%", "better"), Entry("91.1%")]),
    ],
)


@pytest.fixture(scope="module")
def report() -> Report:
    shared = [("Software", "Python"), ("Seed", "0")]
    return Report(
        title="A <title>",
        about="About it.",
        claims=[
            ("Rules", [Claim(True, "It does.", "+1 (0)"), Claim(False, "It does not.", "-1 (0)")]),
            ("Listeners", [Claim(False, "No votes.")]),
        ],
        agents=[
            AgentMelodies(
                "Q", [card(2, start="start 0", tempo=130.2), *cards(2)[1:]], cards(10), [*shared, ("Reward", "paper")]
            ),
            AgentMelodies("Psi", cards(20), cards(26), [*shared, ("Reward", "varied")]),
        ],
        pairs=2,
        references=[MelodyRow("Human", [card(34, tempo=260.4)], heading="A held-out human tune")],
        results=[Results("", "Of many.", TABLE)],
        curves=[Curves("", "Each point.", [chart("KL", CURVES), chart("log p", {"Psi": CURVES["Psi"]})])],
        seed=7,
        compositions=[Composition("Q", [14, 1], "AAAA")],
        facts=[("Command", "python")],
    )


@pytest.fixture(scope="module")
def text(report, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report_page(path, report)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text, parsed):
    return parsed(text)


def figures_of(text: str) -> list[str]:
    return re.findall(r'<figure class="melody.*?</figure>', text, re.DOTALL)


def test_every_melody_has_its_name_and_the_card_that_belongs_to_it(page):
    figures = [figure for figure in page.all("figure") if "data-card" in figure]
    tokens = {figure["data-name"]: [] for figure in figures}
    for figure in figures:
        tokens[figure["data-name"]].append(page.data["cards"][int(figure["data-card"])]["tokens"][0])
    # Two pairs of each agent, then what is in no pair: the two Note RNNs' and the agents' own, from the third on.
    assert tokens == {
        **{f"Note RNN, melody {n}": [1 + n, 19 + n] for n in (1, 2, 3, 4)},
        **{f"Q, melody {n}": [9 + n] for n in (1, 2, 3, 4)},
        **{f"Psi, melody {n}": [25 + n] for n in (1, 2, 3, 4)},
        "Human, melody 1": [34],
    }
    assert len(page.data["cards"]) == len(figures)


def test_a_note_rnn_that_agents_share_is_shown_once(report, tmp_path, parsed):
    one, other = report.agents
    shared = AgentMelodies("Psi", one.before, other.after, other.facts)
    write_report_page(tmp_path / "page.html", replace(report, agents=[one, shared]))
    figures = parsed((tmp_path / "page.html").read_text(encoding="utf-8")).all("figure")
    names = [figure["data-name"] for figure in figures if "data-name" in figure]
    assert [names.count(f"Note RNN, melody {n}") for n in (1, 2, 3, 4)] == [2, 2, 1, 1]


def test_each_melody_of_a_pair_has_its_sheet_music_and_no_other(text):
    pytest.importorskip("verovio")
    named = [re.findall(r'role="img"[^>]*><title>(.*?)</title>', figure) for figure in figures_of(text)]
    assert sorted(name for names in named for name in names) == sorted(
        f"Sheet music of {model}, melody {number}"
        for number in (1, 2)
        for model in ("Note RNN", "Note RNN", "Q", "Psi")
    )
    assert max(map(len, named)) == 1
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(set(identifiers)) == len(identifiers)
    assert set(re.findall(r'href="#(sign[^"]+)"', text)) == {name for name in identifiers if name.startswith("sign")}


def test_without_verovio_a_page_has_no_sheet_music(report, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "verovio" else found(name))
    write_report_page(tmp_path / "page.html", report)
    assert "Sheet music" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_figure_names_its_composer_and_sums_up_its_card(text):
    figures = {re.search('data-name="(.*?)"', figure)[1]: figure for figure in figures_of(text)}
    after = figures["Q, melody 2"]
    assert "<span>After: Q</span>" in after
    assert after.startswith('<figure class="melody tuned"')
    assert f"rules {MINUS}9.8" in after  # 1.25 - 11
    assert f"log p {MINUS}13.0 nats" in after
    assert f'href="data:audio/midi;base64,{base64.b64encode(bytes([11])).decode()}" download="q_2.mid"' in after
    further = figures["Psi, melody 3"]
    assert "<span>Primed with start 2</span>" in further
    assert further.startswith('<figure class="melody tuned"')
    assert "<span>A held-out human tune</span>" in figures["Human, melody 1"]
    assert figures["Human, melody 1"].startswith('<figure class="melody"')
    before = figures_of(text)[0]
    assert "<span>Before: the Note RNN</span>" in before
    assert before.startswith('<figure class="melody"')


def test_a_pair_is_named_by_its_agent_and_priming_token(text):
    articles = re.findall(r'<article class="pair">.*?</article>', text, re.DOTALL)
    assert len(articles) == 4
    for article, label, start in zip(articles, ("Q", "Q", "Psi", "Psi"), (0, 1, 0, 1), strict=True):
        assert f'aria-label="Play both, Note RNN and {label}, primed with start {start}"' in article
        assert re.findall('data-name="(.*?)"', article) == [
            f"Note RNN, melody {start + 1}",
            f"{label}, melody {start + 1}",
        ]


def test_facts_of_all_agents_stand_above_and_those_of_one_below_its_name(text):
    made = text[text.index('<h2 id="made">') :]
    common, of_q, of_psi = re.split(r"<h3>(?:Q|Psi)</h3>", made)
    assert re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", common) == [
        ("Command", "python"),
        ("Software", "Python"),
        ("Seed", "0"),
    ]
    assert re.findall("<dd>(.*?)</dd>", of_q) == ["paper"]
    assert re.findall("<dd>(.*?)</dd>", of_psi) == ["varied"]
    assert "Seed of the melodies on this page: 7." in made


def test_text_is_escaped(text):
    assert "<title>A &lt;title&gt;</title>" in text
    assert "A <title>" not in text


def test_a_page_with_missing_content_is_not_written():
    with pytest.raises(UndefinedError, match="title"):
        render("head.html", style="study/study.css")


def test_claims_are_marked_as_they_hold(text):
    claims = re.findall(r'<li class="(.*?)"><span class="sign" aria-hidden="true">(.)</span>(.*?)</li>', text)
    assert claims == [
        ("holds", "✓", "It does."),
        ("", "\N{EN DASH}", "It does not."),
        ("", "\N{EN DASH}", "No votes."),
    ]


def test_the_findings_of_several_agents_are_a_table_and_those_of_one_are_sentences(text, report, tmp_path):
    table = text[text.index('<table class="findings">') : text.index("</table>")]
    assert re.findall(r'<th scope="\w+">(.*?)</th>', table) == ["Model", "Rules", "Q", "Psi"]  # nothing of listeners
    cells = re.findall(r'<td class="(.*?)" data-heading="(.*?)">\s*<span class="sign">(.)</span> (.*?)</td>', table)
    assert cells == [("holds", "Rules", "✓", "+1 (0)"), ("", "Rules", "\N{EN DASH}", "-1 (0)")]
    assert "<details><summary>In sentences</summary>" in text
    assert text.count("<details") == text.count("</details>")
    write_report_page(tmp_path / "page.html", replace(report, agents=report.agents[:1]))
    alone = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<table class=" not in alone
    assert "In sentences" not in alone
    assert alone.count("<details") == alone.count("</details>")


def test_a_page_of_many_agents_is_folded(text, report, tmp_path, parsed):
    assert "<details><summary><h3>" not in text
    agents = [AgentMelodies(f"Agent {number}", cards(2, 3), cards(10, 3), [("Seed", "0")]) for number in range(3)]
    write_report_page(tmp_path / "page.html", replace(report, agents=agents))
    folded = (tmp_path / "page.html").read_text(encoding="utf-8")
    found = re.findall(r"<details( open)?><summary><h3>(.*?)</h3>", folded)
    pairs, results, others = found[:3], found[3], found[4:]
    assert pairs == [(" open", "Agent 0"), ("", "Agent 1"), ("", "Agent 2")]
    assert results == (" open", "All statistics")
    assert [label for is_open, label in others if is_open] == ["Human"]


def test_the_control_of_the_tempo_has_room_for_every_melody(page, text):
    (slider,) = page.all("input", id="tempo")
    assert (slider["min"], slider["max"], slider["value"]) == ("40", "260", "130")
    assert "<span>130 bpm</span>" in text


def test_the_pitch_range_has_a_row_above_and_below_all_notes(page, report, tmp_path, parsed):
    assert page.data["pitchRange"] == [47, 81]  # from token 2 to 34
    for tokens, expected in (([14, 1], [59, 73]), ([0, 1], [59, 73])):
        only = replace(card(14), tokens=tokens)
        alone = replace(report, agents=[AgentMelodies("Q", [only], [only], [])], references=[], curves=[])
        write_report_page(tmp_path / "page.html", alone)
        assert parsed((tmp_path / "page.html").read_text(encoding="utf-8")).data["pitchRange"] == expected


def test_the_table_marks_what_is_better_worse_and_published(page, text):
    assert page.rows[0] == ["Note RNN", "Q", "paper: Q"]
    assert [row[0] for row in page.rows[1:]] == ["Notes in motif", "Leaps"]
    cells = re.findall(r'<td class="(.*?)">(.*?)</td>', text)
    assert cells == [
        ("", "1.0%"),
        ("worse", f"{MINUS}2.0%†<small>{MINUS}3.0% to 4.0%</small>"),
        ("published", "75.7%†"),
        ("", "3.0%"),
        ("better", "5.0%<small>4.0% to 6.0%</small>"),
        ("published", "91.1%"),
    ]
    assert re.findall(r'<th scope="col" class="published">(.*?)</th>', text) == ["paper: Q"]


def test_each_curve_has_the_colour_of_its_agent(text):
    legend = re.findall(r"--series-(\d)\)\"></i>(.*?)</li>", text)
    assert legend == [("0", "Q"), ("1", "Psi")]
    first, second = re.findall(r'<svg viewBox="0 0 320 180".*?</svg>', text, re.DOTALL)
    lines = dict(re.findall(r'<polyline style="stroke: var\(--series-(\d)\)" points="(.*?)"', first))
    drawn = chart("KL", CURVES)
    assert lines == {"0": drawn.lines["Q"], "1": drawn.lines["Psi"]}
    assert re.findall(r'<polygon style="fill: var\(--series-(\d)\)" points="(.*?)"', first) == [
        ("1", drawn.bands["Psi"])
    ]
    assert 'aria-label="KL; at the end Q 4, Psi 2"' in first
    assert re.findall(r"<polyline style=\"stroke: var\(--series-(\d)\)", second) == ["1"]
    heights = [float(point.split(",")[1]) for point in lines["0"].split()]
    assert heights[0] > heights[1]  # counted from the top
    ticks = {label: float(at) for at, label in re.findall(r'y="([\d.]+)" dy="3" text-anchor="end">(.*?)</text>', first)}
    assert (ticks["0"], ticks["4"]) == (heights[0], heights[1])


def test_a_ninth_agent_has_the_colour_of_the_first(report, tmp_path):
    labels = [f"Agent {number}" for number in range(9)]
    agents = [AgentMelodies(label, cards(2, 1), cards(10, 1), []) for label in labels]
    curves = [Curves("", "", [chart("KL", dict.fromkeys(labels, CURVES["Q"]))])]
    write_report_page(tmp_path / "page.html", replace(report, agents=agents, curves=curves))
    legend = re.findall(r"--series-(\d+)\)\"></i>Agent", (tmp_path / "page.html").read_text(encoding="utf-8"))
    assert legend == [*"01234567", "0"]


def test_compositions_and_curves_are_linked_where_there_are_any(page, text, report, tmp_path):
    assert page.data["compositions"] == [{"label": "Q", "tokens": [14, 1], "probabilities": "AAAA"}]
    assert '<figure data-composition="0"><figcaption>Q</figcaption>' in text
    linked = set(re.findall(r'href="#(\w+)"', text))
    assert linked == {"pairs", "results", "curves", "compositions", "melodies", "made"}
    write_report_page(tmp_path / "page.html", replace(report, curves=[], compositions=[]))
    without = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert set(re.findall(r'href="#(\w+)"', without)) == linked - {"curves", "compositions"}
    assert np.all([f'id="{each}"' in text for each in linked])
