"""A melody in 6/8 in Chromium: each note, bar, reward and probability is drawn where it belongs, and put into words."""

import base64
import math

import numpy as np
import pytest

from agents.report_page.cards import Card, packed
from agents.report_page.layout import AgentMelodies, Composition, Report, write_report_page
from note_rnn.formats.notation import Staff

C4, E4, FSHARP4, A3 = 14, 18, 20, 11
TOKENS = [C4, 1, 1, 0, 1, 1, E4, 1, FSHARP4, 1, 1, 1, *[A3, 1, 1, 1, 1, 1] * 2]
PROBABILITIES = np.zeros((24, 38))
PROBABILITIES[np.arange(24), TOKENS] = 0.6
PROBABILITIES[:, 30] = 0.4  # E5 is possible at every step
REWARDS = [9.0, -1.0, 0.0, -100.0, *[0.0] * 20]


@pytest.fixture(scope="module")
def path(browser, tmp_path_factory):
    shown = Card(
        tokens=TOKENS,
        start="nothing",
        rules={"motif": [9.5, *[0.0] * 23], "in_key": [-0.5, -1.0, 0.0, -100.0, *[0.0] * 20]},
        music_theory=REWARDS,
        prior=[0.25, 0.5, 0.0005, 0.05, *[1.0] * 20],
        policy=[0.75] * 24,
        alternatives=packed(PROBABILITIES),
        log_prob=-12.0,
        staff=Staff("6/8", 12, 6, bpm=90.0),
        midi=base64.b64encode(b"").decode(),
    )
    agents = [AgentMelodies("Q", [shown], [shown], [])]
    compositions = [Composition("Q", TOKENS, packed(PROBABILITIES))]
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report_page(path, Report("Title", "About.", [], agents, 1, [], [], [], 0, compositions))
    return path


def drawn(page, selector: str) -> list[dict[str, str]]:
    """Return the attributes of what is drawn in the agent's melody."""
    return (
        page.locator("figure.melody")
        .nth(1)
        .locator(selector)
        .evaluate_all(
            "found => found.map(one => Object.fromEntries([...one.attributes].map(each => [each.name, each.value])))"
        )
    )


def share(text: str) -> float:
    return float(text.removesuffix("%")) / 100


def test_notes_and_lines_are_where_they_belong(visit, path):
    page = visit(path)
    lowest, highest = page.evaluate("pitchRange")
    assert (lowest, highest) == (56, 70)  # A3 to F#4, an octave at least, and a row on either side
    notes = drawn(page, ".roll .note")
    expected = [(0, 3, 60), (6, 8, 64), (8, 12, 66), (12, 18, 57), (18, 24, 57)]
    for note, (start, end, pitch) in zip(notes, expected, strict=True):
        assert share(note["x"]) * 24 == pytest.approx(start, abs=1e-3)
        assert share(note["width"]) * 24 == pytest.approx(end - start, abs=0.1)
        middle = share(note["y"]) + share(note["height"]) / 2
        assert middle == pytest.approx((highest - pitch + 0.5) / 15, abs=1e-4)
    assert [round(share(line["x1"]) * 24) for line in drawn(page, ".roll .bar")] == [12]
    assert [round(share(line["x1"]) * 24) for line in drawn(page, ".roll .beat")] == [6, 18]
    black = sorted(round(highest - share(row["y"]) * 15) for row in drawn(page, ".roll .black-key"))
    assert black == [56, 58, 61, 63, 66, 68, 70]
    (label,) = page.locator("figure.melody").nth(1).locator(".roll text").all_text_contents()
    assert label == "C4"


def test_rewards_go_up_and_costs_down_and_the_strip_is_the_note_rnns(visit, path):
    page = visit(path)
    bars = drawn(page, ".rewards rect")
    assert len(bars) == 24
    for step, (bar, reward) in enumerate(zip(bars, REWARDS, strict=True)):
        height = min(math.log(1 + abs(reward)) / math.log(11), 1) / 2
        assert bar["class"] == ("cost" if reward < 0 else "reward")
        assert (share(bar["x"]) + share(bar["width"]) / 2) * 24 == pytest.approx(step + 0.5, abs=1e-3)
        assert share(bar["height"]) == pytest.approx(height, abs=1e-5)
        assert share(bar["y"]) == pytest.approx(0.5 if reward < 0 else 0.5 - height, abs=1e-5)
    strip = drawn(page, ".prior rect")
    assert [float(each["fill-opacity"]) for each in strip[:4]] == [
        pytest.approx(p**0.45, abs=1e-3) for p in (0.25, 0.5, 0.0005, 0.05)
    ]
    assert [round(share(each["x"]) * 24) for each in strip] == list(range(24))


WORDS = {
    0: "C4, bar 1, beat 1, Note RNN 25 %, agent 75 %, in key -0.50, motif +9.50",
    1: "held, bar 1, beat 1.16, Note RNN 50 %, agent 75 %, in key -1.00",
    2: "held, bar 1, beat 1.33, Note RNN < 0.1 %, agent 75 %",
    3: "note off, bar 1, beat 1.5, Note RNN 5.0 %, agent 75 %, in key -100",
    8: "F\N{MUSIC SHARP SIGN}4, bar 1, beat 2.33, Note RNN 100 %, agent 75 %",
    18: "A3, bar 2, beat 2, Note RNN 100 %, agent 75 %",
}


def test_a_step_is_highlighted_and_put_into_words(visit, path):
    page = visit(path)
    after = page.locator("figure.melody").nth(1)
    slider = after.locator("[role=slider]")
    for step, words in WORDS.items():
        page.evaluate("step => [...melodies.values()][1].seek(step)", step)
        assert slider.get_attribute("aria-valuetext") == words.replace("-", "\N{MINUS SIGN}")
        assert slider.get_attribute("aria-valuenow") == str(step)
        (column,) = drawn(page, ".column")
        assert (share(column["x"]) * 24, share(column["width"]) * 24) == pytest.approx((step, 1), abs=1e-3)
        (cursor,) = drawn(page, ".cursor")
        assert share(cursor["x1"]) * 24 == pytest.approx(step, abs=1e-3)
        assert after.locator(".readout b").inner_text() == words.partition(",")[0]
        rules = after.locator(".readout span").last.inner_text()
        assert (rules == "rules +9.00") is (step == 0)  # the sum is shown if several rules differ from 0
    before = page.locator("[role=slider]").first.get_attribute("aria-valuetext")
    assert before == WORDS[0].replace(", agent 75 %", "").replace("-", "\N{MINUS SIGN}")


def test_notes_sound_at_their_time_for_their_length_from_where_it_plays(visit, path):
    page = visit(path)
    played = page.evaluate(
        """tokens => {
            const played = [];
            player.instrument = {play: (...note) => played.push(note), silence: () => {}};
            player.setTempo(1000);
            player.play(tokens, 6, {moved: () => {}, ended: () => {}});
            const start = player.anchor.time;
            player.stop();
            return played.map(([pitch, when, seconds]) => [pitch, when - start, seconds]);
        }""",
        TOKENS,
    )
    step = 60 / 1000 / 4
    expected = [(64, 0, 2 * step), (66, 2 * step, 4 * step), (57, 6 * step, 6 * step)]
    assert played[:2] == [pytest.approx(note, abs=1e-6) for note in expected[:2]]
    assert played[2:] in ([], [pytest.approx(expected[2], abs=1e-6)])  # a fifth of a second is handed over at once


def test_a_change_of_tempo_leaves_the_place_where_it_is(visit, path):
    page = visit(path)
    before, after, later = page.evaluate(
        """tokens => {
            player.instrument = {play: () => {}, silence: () => {}};
            player.setTempo(60);
            player.play(tokens, 4, {moved: () => {}, ended: () => {}});
            const time = player.context.currentTime;
            const before = player.stepAt(time);
            player.setTempo(120);
            const steps = [before, player.stepAt(time), player.stepAt(time + 1)];
            player.stop();
            return steps;
        }""",
        TOKENS,
    )
    assert after == pytest.approx(before, abs=0.1)
    assert later - after == pytest.approx(8)


def test_the_keyboard_moves_by_steps_and_bars(visit, path):
    page = visit(path)
    slider = page.locator("[role=slider]").nth(1)
    slider.focus()
    for key, step in (("PageUp", 12), ("ArrowRight", 13), ("PageDown", 1), ("PageDown", 0), ("End", 23), ("Home", 0)):
        page.keyboard.press(key)
        assert slider.get_attribute("aria-valuenow") == str(step)


def test_alternatives_are_shaded_at_their_pitch(visit, path):
    page = visit(path)
    page.get_by_label("Show note probabilities").check()
    shades = drawn(page, ".alternatives rect")
    e5 = [shade for shade in shades if share(shade["y"]) == pytest.approx((70 - 76) / 15, abs=1e-4)]
    assert [round(share(shade["x"]) * 24) for shade in e5] == list(range(24))
    assert {float(shade["fill-opacity"]) for shade in e5} == {round(0.8 * 0.4**0.45, 3)}
    assert len(shades) == 24 + sum(token > 1 for token in TOKENS)


def test_figure_3_has_a_row_for_each_token_and_outlines_the_tokens_drawn(visit, path):
    page = visit(path)
    figure = page.locator("figure[data-composition]")
    chosen = figure.locator(".chosen").evaluate_all(
        "all => all.map(one => [one.getAttribute('x'), one.getAttribute('y'), one.getAttribute('width')].map(Number))"
    )
    for step, ((x, y, width), token) in enumerate(zip(chosen, TOKENS, strict=True)):
        assert (x - 26) / 286 * 24 == pytest.approx(step)
        assert width == pytest.approx(286 / 24)
        assert y / 5.6 == pytest.approx(37 - token)
    assert figure.locator(".probability").count() == 2 * 24
    assert figure.locator("text").all_text_contents() == ["C3", "C4", "C5", "0", "8", "16", "24"]
