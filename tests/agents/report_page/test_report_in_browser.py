"""The report page in Chromium: it plays what it shows, by mouse and by keyboard, on large and small screens."""

import time

import numpy as np
import pytest

from agents.report_page.run_report import PAIRS, ReportConfig, write_report
from note_rnn import read_midi
from note_rnn.notes import tokens_to_notes

CURSOR = "figure.melody .cursor"


@pytest.fixture(scope="module")
def report(browser, small_runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    return write_report(ReportConfig(tuple(small_runs), out, melodies=PAIRS + 1))


def cursor(page, number=0) -> float:
    """Return where the cursor of a melody is, in percent of its length."""
    return float(page.locator(CURSOR).nth(number).get_attribute("x1").removesuffix("%"))


def until(page, condition: str) -> None:
    """Wait until `condition`, JavaScript, holds; the page's own policy keeps Playwright from waiting inside it."""
    deadline = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"This never became true: {condition}"
        page.wait_for_timeout(20)


def test_a_melody_plays_and_its_cursor_moves_to_the_end(visit, report):
    page = visit(report)
    button, tempo = page.locator(".play").first, page.locator("#tempo")
    tempo.fill("80")  # slow enough for a busy machine
    button.click()
    until(page, "player.context.state === 'running' && player.audibleStep() > 4")
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator("#now-playing").inner_text() == "Note RNN, melody 1"
    first, began = cursor(page), page.evaluate("player.context.currentTime")
    until(page, "player.audibleStep() > 16")
    assert page.evaluate("player.context.currentTime") > began
    assert cursor(page) > first > 0
    tempo.fill("480")
    until(page, "!player.playing")
    assert button.get_attribute("aria-pressed") == "false"
    assert cursor(page) == 0


def test_tempo_is_that_of_the_run_until_it_is_set(visit, report):
    page = visit(report)
    page.locator(".play").first.click()
    assert page.evaluate("player.tempo") == 480
    page.locator("#tempo").fill("60")
    until(page, "player.audibleStep() > 1")
    assert page.evaluate("player.secondsPerStep") == 0.25
    page.locator(".play").nth(1).click()
    assert page.evaluate("[player.tempo, player.listener.name]") == [60, "Q, melody 1"]
    page.locator("#stop").click()
    assert not page.evaluate("player.playing")


def test_before_and_after_play_in_turn(visit, report):
    page = visit(report)
    page.locator("#tempo").fill("120")
    page.locator(".play-both").first.click()
    assert page.evaluate("player.listener.name") == "Note RNN, melody 1"
    until(page, "player.listener?.name === 'Q, melody 1'")
    page.locator("#tempo").fill("480")
    until(page, "!player.playing")


def test_all_can_be_done_by_keyboard(visit, report):
    page = visit(report)
    page.locator("#tempo").fill("80")
    slider = page.locator("[role=slider]").first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuenow") == "4"
    assert "bar 1, beat 2" in slider.get_attribute("aria-valuetext")
    assert "Note RNN" in page.locator(".readout").first.inner_text()
    page.keyboard.press("End")
    assert slider.get_attribute("aria-valuenow") == "31"
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    until(page, "player.audibleStep() > 2")
    page.keyboard.press("Enter")
    assert not page.evaluate("player.playing")


def test_pointing_at_a_step_shows_rules_and_probabilities(visit, report):
    page = visit(report)
    readout = page.locator(".readout").nth(1)
    summary = readout.inner_text()
    slider = page.locator("[role=slider]").nth(1)
    slider.hover(position={"x": slider.bounding_box()["width"] * 8.5 / 32, "y": 20})
    text = readout.inner_text()
    card = page.evaluate("({...cards[document.querySelectorAll('figure.melody')[1].dataset.card]})")
    assert "bar 1, beat 3" in text
    assert "agent" in text
    shown = [rule.replace("_", " ") for rule, values in card["rules"].items() if values[8]]
    assert all(rule in text for rule in shown)
    page.mouse.move(0, 0)
    assert readout.inner_text() == summary


def test_notes_are_those_of_the_library(visit, report):
    page = visit(report)
    rng = np.random.default_rng(0)
    melodies = np.where(rng.random((60, 32)) < 0.5, rng.integers(0, 2, (60, 32)), rng.integers(0, 38, (60, 32)))
    drawn = page.evaluate("melodies => melodies.map(notesOf)", melodies.tolist())
    for melody, notes in zip(melodies, drawn, strict=True):
        found = np.array([[note["start"], note["end"], note["pitch"]] for note in notes]).reshape(-1, 3).T
        np.testing.assert_array_equal(found, np.stack(tokens_to_notes(melody)))


def test_the_tone_has_its_pitch_and_fades(visit, report):
    page = visit(report)
    samples = np.array(
        page.evaluate("""async () => {
            const context = new OfflineAudioContext(1, 2 * 22050, 22050);
            new Instrument(context).play(69, 0.1, 1);
            return [...(await context.startRendering()).getChannelData(0)];
        }""")
    )
    loudness = [np.sqrt(np.square(part).mean()) for part in np.split(samples, 20)]
    assert loudness[0] < 1e-3 < 0.05 < loudness[1]
    assert loudness[19] < 0.02 * loudness[1]
    assert np.abs(samples).max() < 1
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) / 2 == pytest.approx(440, abs=2)


def test_download_is_the_melody(visit, report, tmp_path):
    page = visit(report)
    with page.expect_download() as download:
        page.get_by_label("Download Q, melody 1, as MIDI").first.click()
    assert download.value.suggested_filename == "q_1.mid"
    download.value.save_as(tmp_path / "melody.mid")
    shown = page.evaluate("cards[document.querySelectorAll('figure.melody')[1].dataset.card].tokens")
    np.testing.assert_array_equal(
        np.stack(tokens_to_notes(read_midi(tmp_path / "melody.mid"))), np.stack(tokens_to_notes(shown))
    )


def test_note_probabilities_are_shaded_on_demand(visit, report):
    page = visit(report)
    shades = page.locator("figure.melody").nth(1).locator(".alternatives rect")
    assert shades.count() == 0
    page.get_by_label("Show note probabilities").check()
    policy = page.evaluate("""(() => {
        const card = cards[document.querySelectorAll('figure.melody')[1].dataset.card];
        return [...atob(card.alternatives)].map((letter) => letter.charCodeAt(0));
    })()""")
    likely = np.array(policy).reshape(32, 38)[:, 2:] / 255 >= 0.01
    assert shades.count() == likely.sum() > 32
    page.get_by_label("Show note probabilities").uncheck()
    assert shades.count() == 0


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out_of_a_screen_of_any_width(visit, report, width):
    page = visit(report, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sheet_music_has_the_colour_of_the_text_and_fits_its_column(visit, report, scheme):
    pytest.importorskip("verovio")
    page = visit(report, color_scheme=scheme, viewport={"width": 390, "height": 800})
    score = page.locator(".score svg").first
    colours = score.evaluate("one => [getComputedStyle(one).fill, getComputedStyle(document.body).color]")
    assert colours[0] == colours[1]
    box, column = score.bounding_box(), page.locator("figure.melody").first.bounding_box()
    assert 60 < box["height"] < 300
    assert 200 < box["width"] <= column["width"]


def test_dark_readers_get_a_dark_page(visit, report):
    backgrounds = [
        visit(report, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    light, dark = (sum(map(int, colour[4:-1].split(","))) for colour in backgrounds)
    assert light > 600
    assert dark < 150
