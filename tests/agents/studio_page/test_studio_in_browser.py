"""The studio in Chromium: what each control does to the notes, the sound and the files."""

import json
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from agents.compose_command import main as compose
from agents.evaluation.votes import read_votes
from agents.studio import main
from agents.studio_page.content import studio
from agents.studio_page.page import write_studio
from agents.votes.heard import heard_votes
from note_rnn import read_midi, write_abc, write_midi

TOKENS = [14, 1, 16, 1, 18, 1, 19, 1, 21, 1, 1, 1, 21, 1, 1, 1, 23, 1, 23, 1, 23, 1, 23, 1, 21, 1, 1, 1, 1, 1, 0, 1]
LISTEN = """() => {
  window.sounds = [];
  const start = AudioScheduledSourceNode.prototype.start;
  AudioScheduledSourceNode.prototype.start = function (when) {
    sounds.push({hertz: Math.round(this.frequency.value), when, now: this.context.currentTime, at: performance.now()});
    start.call(this, when);
  };
  addEventListener("click", () => (window.clicked = performance.now()), {capture: true, once: true});
}"""


@pytest.fixture(scope="module")
def path(browser, agent_of, small_prior, tmp_path_factory) -> Path:
    page = tmp_path_factory.mktemp("studio") / "studio.html"
    agents = [agent_of("q", small_prior), agent_of("g", small_prior, observation="lookback")]
    write_studio(page, studio(["Q", "G"], [Path("q"), Path("g")], agents))
    return page


@pytest.fixture
def page(visit, path):
    return opened(visit, path)


def opened(visit, path, fragment="", **options):
    page = visit(path, fragment, viewport={"width": 1300, "height": 1000}, **options)
    page.wait_for_selector("body[data-ready]")
    return page


def notes(page) -> list[tuple[int, int, int]]:
    """Start, end and pitch of each note in the roll."""
    script = "found => found.map((each) => ['start', 'end', 'pitch'].map((name) => Number(each.dataset[name])))"
    return [tuple(note) for note in page.locator("#roll rect.note").evaluate_all(script)]


def place(page, step: float, pitch: int) -> tuple[float, float]:
    """Where a step and a pitch are on the screen."""
    box = page.locator(".sheet").bounding_box()
    width = box["width"] / steps(page)
    return box["x"] + (step + 0.5) * width, box["y"] + 22 + (83 - pitch + 0.5) * 13


def until(page, expression: str) -> None:
    """Wait for an expression to become true; Playwright's own way needs eval, which the page forbids."""
    for _ in range(400):
        if page.evaluate(f"() => {expression}"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {expression}")


def steps(page) -> int:
    return int(page.locator("#bars").input_value()) * 16


def opens(page, name: str, content: bytes) -> None:
    page.locator("#open").set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
    until(page, "document.getElementById('message').textContent !== ''")


def shows(page, tokens: list[int], **own: str) -> None:
    """Open `tokens` as a record, with its `own` parts of a setting."""
    config = {"key": "C", "mode": "major", "meter": "4/4", "tempo": 120, "form": "", **own}
    opens(page, "melody.json", json.dumps({"tokens": tokens, "config": config}).encode())


def downloaded(page, button: str) -> bytes:
    page.locator(f"details:has({button})").evaluate_all("found => found.forEach((each) => (each.open = true))")
    with page.expect_download() as download:
        page.locator(button).click()
    return Path(download.value.path()).read_bytes()


def test_a_melody_is_there_at_once_and_compose_makes_others(page):
    first = notes(page)
    assert first
    page.locator("#compose").click()
    assert notes(page) != first
    page.keyboard.press("c")
    assert len(notes(page)) > 0


def test_continue_adds_two_bars_and_keeps_the_others(page):
    shows(page, TOKENS)
    before = notes(page)
    page.locator("#extend").click()
    assert page.locator("#bars").input_value() == "4"
    assert notes(page)[: len(before)] == before
    assert any(start >= 32 for start, _, _ in notes(page))


def select(page, first: int, last: int) -> None:
    """Drag over the bar numbers from the step `first` to `last`."""
    for step, act in ((first, page.mouse.down), (last, page.mouse.up)):
        x, _ = place(page, step, 83)
        page.mouse.move(x, page.locator(".sheet").bounding_box()["y"] + 8, steps=4)
        act()


@pytest.mark.parametrize("button", ["#fill", "#vary"])
def test_only_selected_bars_are_filled_in_and_varied(page, button):
    shows(page, TOKENS)
    before = notes(page)
    assert page.locator("#fill").is_disabled()
    select(page, 18, 24)
    assert page.locator("#selection").inner_text() == "Selected: bar 2 to 2"
    for _ in range(4):
        page.locator(button).click()
    assert [note for note in notes(page) if note[0] < 12] == [note for note in before if note[0] < 12]
    assert notes(page) != before


def test_locked_notes_stay_when_composing(page):
    shows(page, TOKENS)
    page.mouse.click(*place(page, 8, 67))
    page.locator("#lock").click()
    assert page.locator("rect.note.locked").evaluate_all("found => found.map((each) => each.dataset.start)") == ["8"]
    for _ in range(3):
        page.locator("#compose").click()
        assert any((start, pitch) == (8, 67) and end >= 12 for start, end, pitch in notes(page))  # to the token
    page.mouse.click(*place(page, 8, 67))
    page.keyboard.press("l")
    assert page.locator("rect.note.locked").count() == 0


def test_locked_notes_stay_when_filling_in(page):
    shows(page, TOKENS)
    page.mouse.click(*place(page, 16, 69))
    page.keyboard.press("l")
    select(page, 18, 24)
    for _ in range(12):  # a hold after it would prolong it
        page.locator("#fill").click()
        assert (16, 18, 69) in notes(page)


def test_after_another_change_there_is_nothing_to_do_again(page):
    page.locator("#compose").click()
    page.locator("#undo").click()
    page.locator("#vary").click()
    assert page.locator("#redo").is_disabled()


def test_everything_can_be_undone_and_done_again(page):
    states = [notes(page)]
    for button in ("#compose", "#extend", "#vary", "#compose"):
        page.locator(button).click()
        states.append(notes(page))
    for state in states[-2::-1]:
        page.keyboard.press("Control+z")
        assert notes(page) == state
    assert page.locator("#undo").is_disabled()
    for state in states[1:]:
        page.keyboard.press("Control+Shift+z")
        assert notes(page) == state
    assert page.locator("#redo").is_disabled()


def test_notes_are_added_dragged_lengthened_and_deleted_by_pointer(page):
    shows(page, [1] * 32)
    page.mouse.click(*place(page, 4, 60))
    assert notes(page) == [(4, 6, 60)]
    page.mouse.move(*place(page, 4, 60))
    page.mouse.down()
    page.mouse.move(*place(page, 10, 64), steps=5)
    page.mouse.up()
    assert notes(page) == [(10, 12, 64)]
    x, y = place(page, 11.45, 64)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(*place(page, 17, 64), steps=5)
    page.mouse.up()
    assert notes(page) == [(10, 18, 64)]
    page.mouse.dblclick(*place(page, 12, 64))
    assert notes(page) == []
    for _ in range(4):
        page.keyboard.press("Control+z")
    assert notes(page) == []


def test_notes_are_added_and_dragged_by_touch(visit, path):
    page = opened(visit, path, has_touch=True)
    shows(page, [1] * 32)
    page.touchscreen.tap(*place(page, 4, 60))
    assert notes(page) == [(4, 6, 60)]
    touch = page.context.new_cdp_session(page)
    path_of_finger = [place(page, step, pitch) for step, pitch in ((4, 60), (6, 61), (8, 63), (9, 64))]
    for (x, y), kind in zip(path_of_finger, ("touchStart", "touchMove", "touchMove", "touchMove"), strict=True):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert notes(page) == [(9, 11, 64)]


def test_notes_are_edited_by_keyboard(page):
    shows(page, [1] * 32)
    page.locator(".sheet").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Enter", "+", "+", "Alt+ArrowRight", "Alt+ArrowDown"):
        page.keyboard.press(key)
    assert notes(page) == [(3, 7, 60)]
    assert page.locator("#readout").inner_text().startswith("bar 1, beat 1.75: C4")
    page.keyboard.press("-")
    page.keyboard.press("PageDown")
    page.keyboard.press("Enter")
    assert notes(page) == [(3, 6, 60), (19, 21, 60)]
    page.keyboard.press("Delete")
    page.keyboard.press("Shift+ArrowRight")
    assert notes(page) == [(3, 6, 60)]
    assert page.locator(".selected rect").count() == 1
    page.keyboard.press("Escape")
    assert page.locator(".selected rect").count() == 0


def slide(page, control: str, value: str) -> None:
    page.locator(control).evaluate(
        "(input, value) => { input.value = value; for (const name of ['input', 'change'])"
        " input.dispatchEvent(new Event(name, {bubbles: true})); }",
        value,
    )


@pytest.mark.parametrize(("control", "other"), [("#strength", "0"), ("#temperature", "0.3")])
def test_one_thing_changes_with_the_seed(page, control, other):
    own = page.locator(control).input_value()
    before = notes(page)
    slide(page, control, other)
    assert notes(page) != before
    slide(page, control, own)
    assert notes(page) == before


def test_a_locked_seed_composes_the_same_again(page):
    page.locator("#seed-lock").check()
    before = notes(page)
    page.locator("#compose").click()
    assert notes(page) == before
    page.locator("#seed").fill("77")
    page.locator("#seed").press("Enter")
    seventy_seven = notes(page)
    page.locator("#seed").fill("78")
    page.locator("#seed").press("Enter")
    assert notes(page) != seventy_seven
    page.locator("#seed").fill("77")
    page.locator("#seed").press("Enter")
    assert notes(page) == seventy_seven


def test_another_agent_composes_otherwise(page):
    before = notes(page)
    page.locator("#agent").select_option(label="G")
    assert notes(page) != before


def test_edited_melodies_move_with_the_key(page):
    shows(page, TOKENS)
    before = notes(page)
    page.locator("#key").select_option("D")
    assert notes(page) == [(start, end, pitch + 2) for start, end, pitch in before]
    page.locator("#mode").select_option("mixolydian")
    assert page.locator(".gutter .outside").count() == 15


def test_bars_and_meter_change_the_length(page):
    page.locator("#bars").fill("3")
    page.locator("#bars").press("Enter")
    assert max(end for _, end, _ in notes(page)) > 32
    page.locator("#meter").select_option("3/4")
    assert page.locator(".ruler text").all_text_contents() == ["1", "2", "3"]
    assert max(end for _, end, _ in notes(page)) <= 36


def test_an_agent_of_form_shows_and_takes_forms(visit, agent_of, small_prior, tmp_path):
    agent = agent_of("ppo_kl", small_prior, form="AABA", length=64)
    path = tmp_path / "form.html"
    write_studio(path, studio(["of form"], [Path("run")], [agent]))
    page = opened(visit, path)
    assert page.locator(".ruler text").all_text_contents() == ["1  A", "2  A", "3  B", "4  A"]
    page.locator("#form").fill("AB")
    page.locator("#form").press("Enter")
    assert page.locator(".ruler text").all_text_contents() == ["1  A", "2", "3  B", "4"]
    page.locator("#form").fill("ABC")
    page.locator("#form").press("Enter")
    assert "does not fill" in page.locator("#message").inner_text()
    assert page.locator("#form").input_value() == "AB"


@pytest.fixture(scope="module")
def over_chords(browser, agent_of, small_prior, tmp_path_factory) -> Path:
    """A page of two agents, of which only the first plays over chords."""
    page = tmp_path_factory.mktemp("chords") / "chords.html"
    agents = [agent_of("ppo_kl", small_prior, chords="C | Am F"), agent_of("q", small_prior)]
    write_studio(page, studio(["over chords", "Q"], [Path("c"), Path("q")], agents))
    return page


def enters(page, chords: str) -> None:
    page.locator("#chords").fill(chords)
    page.locator("#chords").press("Enter")


def chords(page) -> list[str]:
    return page.locator(".ruler .chord").all_text_contents()


def test_an_agent_of_chords_shows_and_takes_chords(visit, over_chords):
    page = opened(visit, over_chords)
    before = notes(page)
    assert chords(page) == ["C", "Am", "F"]
    x = [text.bounding_box()["x"] for text in page.locator(".ruler .chord").all()]
    assert [round((each - x[0]) * 32 / page.locator(".sheet").bounding_box()["width"]) for each in x] == [0, 16, 24]
    enters(page, "Dm7 | G7/B C\N{MUSIC SHARP SIGN}o")
    assert chords(page) == ["Dm7", "G7/B", "C\N{MUSIC SHARP SIGN}dim"]
    assert page.locator("#chords").input_value() == "Dm7 | G7/B C#dim"
    assert notes(page) != before
    enters(page, "Dm7 | Hm")
    assert page.locator("#message").inner_text().startswith("Hm is no chord: ")
    assert page.locator("#chords").input_value() == "Dm7 | G7/B C#dim"
    page.keyboard.press("Control+z")
    page.locator("#undo").click()
    assert (chords(page), notes(page)) == (["C", "Am", "F"], before)
    page.locator("#agent").select_option(label="Q")
    assert chords(page) == []
    assert page.locator("#chords-label").is_hidden()
    page.locator("#agent").select_option(label="over chords")
    enters(page, "")
    assert chords(page) == []


def test_chords_move_with_the_key(visit, over_chords):
    page = opened(visit, over_chords)
    page.locator("#key").select_option("Eb")
    assert page.locator("#chords").input_value() == "Eb | Cm Ab"
    page.locator("#mode").select_option("minor")
    assert page.locator("#chords").input_value() == "F# | D#m B"
    page.mouse.click(*place(page, 16, 70))
    assert "over D\N{MUSIC SHARP SIGN}m" in page.locator("#readout").inner_text()


def test_chords_are_played_softly_under_the_melody(visit, over_chords):
    page = opened(visit, over_chords)
    shows(page, [1] * 32, chords="C | Am F")
    page.evaluate(LISTEN)
    slide(page, "#tempo", "240")
    page.locator("#play").click()
    tones = started(page, 12)
    assert [tone["hertz"] for tone in tones[:4]] == [hertz(pitch) for pitch in (36, 52, 55, 60)]
    onsets = [round((tone["when"] - tones[0]["when"]) * 16) for tone in tones]
    assert onsets == [0] * 4 + [16] * 4 + [24] * 4
    page.keyboard.press("Space")
    sound = np.frombuffer(downloaded(page, "#save-wav")[44:], np.int16)
    assert 3000 < np.abs(sound[:40000].astype(int)).max() < 14000
    enters(page, "")
    assert np.abs(np.frombuffer(downloaded(page, "#save-wav")[44:], np.int16)).max() == 0


def test_chords_are_in_files_links_and_what_is_kept(visit, over_chords, tmp_path):
    page = opened(visit, over_chords)
    enters(page, "Dm | G7 C")
    before = notes(page)
    assert '"Dm"' in downloaded(page, "#save-abc").decode()
    read = pretty_midi.PrettyMIDI(BytesIO(downloaded(page, "#save-midi")))
    assert [each.name for each in read.instruments] == ["Melody", "Chords"]
    record = downloaded(page, "#save-json")
    assert json.loads(record)["config"]["chords"] == json.loads(record)["chords"] == "Dm | G7 C"
    page.locator("#link").click()
    until(page, "location.hash.length > 9")
    page.wait_for_timeout(500)
    other = opened(visit, over_chords, page.evaluate("location.hash"))
    assert (chords(other), notes(other)) == (["Dm", "G7", "C"], before)
    again = page.context.new_page()
    again.goto(over_chords.as_uri())
    again.wait_for_selector("body[data-ready]")
    assert (chords(again), notes(again)) == (["Dm", "G7", "C"], before)
    enters(page, "F")
    opens(page, "melody.json", record)
    assert (chords(page), notes(page)) == (["Dm", "G7", "C"], before)
    opens(page, "tune.abc", b'X:1\nM:3/4\nL:1/4\nK:G\n"G"GAB|')
    assert chords(page) == []


def test_chords_are_readable_on_a_phone(visit, over_chords):
    page = visit(over_chords, viewport={"width": 360, "height": 780})
    page.wait_for_selector("body[data-ready]")
    enters(page, "F#m7b5 Bbmaj7/D Ebsus4 G7#9b5 | C")
    boxes = [text.bounding_box() for text in page.locator(".ruler .chord").all()]
    assert len(boxes) == 5
    assert all(box["x"] + box["width"] <= after["x"] for box, after in pairwise(boxes))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_rules_pay_while_editing_and_their_weights_choose(page):
    shows(page, [1] * 32)
    row = page.locator("#rules tr", has_text="key")
    assert row.locator("td").nth(1).inner_text() == "0"
    page.mouse.click(*place(page, 4, 61))
    assert row.locator("td").nth(1).inner_text() == "\N{MINUS SIGN}1.0"
    page.locator("[data-rule=key]").fill("-3")
    page.locator("[data-rule=key]").press("Tab")
    assert row.locator("td").nth(1).inner_text() == "+3.0"
    page.locator("#best-of").select_option("16")
    page.locator("[data-rule=key]").fill("-10")
    page.locator("[data-rule=key]").press("Tab")
    page.locator("#compose").click()
    outside = sum((pitch % 12) in (1, 3, 6, 8, 10) for _, _, pitch in notes(page))
    page.locator("[data-rule=key]").fill("10")
    page.locator("[data-rule=key]").press("Tab")
    page.locator("#compose").click()
    assert sum((pitch % 12) in (1, 3, 6, 8, 10) for _, _, pitch in notes(page)) < outside
    page.locator("#weights-back").click()
    assert page.locator("[data-rule=key]").input_value() == "1"


def test_what_is_likely_is_painted(page):
    picture = "document.querySelector('canvas').toDataURL()"
    shaded = page.evaluate(picture)
    page.locator("#likely").uncheck()
    assert page.evaluate(picture) != shaded
    page.mouse.click(*place(page, 3, 60))
    assert "likely" in page.locator("#readout").inner_text()


def hertz(pitch: int) -> int:
    return round(440 * 2 ** ((pitch - 69) / 12))


def started(page, count: int) -> list[dict[str, float]]:
    """The first `count` tones that sounded: of each note the oscillator at its pitch, the first of three."""
    until(page, f"sounds.length >= {3 * count}")
    return page.evaluate("sounds").copy()[: 3 * count : 3]


def test_play_sounds_each_note_in_time(page):
    shows(page, TOKENS)
    page.evaluate(LISTEN)
    slide(page, "#tempo", "240")
    page.locator("#play").click()
    tones = started(page, 11)
    onsets = np.array([tone["when"] for tone in tones])
    assert [tone["hertz"] for tone in tones] == [hertz(pitch) for _, _, pitch in notes(page)]
    np.testing.assert_allclose(onsets - onsets[0], np.array([start for start, _, _ in notes(page)]) / 16, atol=1e-6)
    until(page, "document.getElementById('play').getAttribute('aria-pressed') === 'false'")


def test_the_first_sound_comes_soon(page):
    shows(page, TOKENS)
    page.evaluate(LISTEN)
    page.locator("#play").click()
    first = started(page, 1)[0]
    waited = first["at"] - page.evaluate("clicked") + 1000 * (first["when"] - first["now"])
    assert waited < 1000  # at most 200 on a machine that is not busy
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-pressed") == "false"


def test_a_selection_is_looped_after_a_count_in(page):
    shows(page, TOKENS)
    select(page, 0, 3)
    page.locator("#loop").check()
    page.locator("#count-in").check()
    slide(page, "#tempo", "240")
    page.evaluate(LISTEN)
    page.locator("#play").click()
    until(page, "sounds.length >= 4 + 3 * 9")
    sounds = page.evaluate("sounds")
    assert [sound["hertz"] for sound in sounds[:4]] == [1760, 1320, 1320, 1320]
    tones = sounds[4::3]
    assert [tone["hertz"] for tone in tones[:9]] == [hertz(pitch) for pitch in (60, 62, 64, 65, 67, 67, 60, 62, 64)]
    assert tones[6]["when"] - tones[0]["when"] == pytest.approx(1.0)
    assert tones[0]["when"] - sounds[0]["when"] == pytest.approx(1.0)


def test_play_starts_where_the_rewards_are_clicked(page):
    shows(page, TOKENS)
    page.evaluate(LISTEN)
    x, _ = place(page, 16, 60)
    box = page.locator(".sheet").bounding_box()
    page.mouse.click(x, box["y"] + box["height"] - 10)
    page.locator("#play").click()
    assert started(page, 1)[0]["hertz"] == hertz(69)


def test_files_are_those_of_the_melody(page, tmp_path):
    shows(page, TOKENS)
    midi = downloaded(page, "#save-midi")
    read = pretty_midi.PrettyMIDI(BytesIO(midi))
    own = [(round(note.start * 8), round(note.end * 8), note.pitch) for note in read.instruments[0].notes]
    assert own == notes(page)
    (tmp_path / "melody.mid").write_bytes(midi)
    assert read_midi(tmp_path / "melody.mid").tolist() == TOKENS
    write_abc(TOKENS, tmp_path / "melody.abc")
    assert downloaded(page, "#save-abc").decode().split("K:")[1] == (tmp_path / "melody.abc").read_text().split("K:")[1]
    sound = downloaded(page, "#save-wav")
    assert sound[:4] == b"RIFF"
    samples = np.frombuffer(sound[44:], np.int16)
    assert len(samples) == 5 * 44100
    assert np.abs(samples).max() > 3000


def test_a_record_gives_the_same_melody_here_and_in_compose(visit, small_runs, tmp_path, capsys):
    main([*map(str, small_runs), "--out", str(tmp_path / "studio.html")])
    page = opened(visit, tmp_path / "studio.html")
    page.locator("#key").select_option("Eb")
    slide(page, "#strength", "1.5")
    before = notes(page)
    record = downloaded(page, "#save-json")
    (tmp_path / "melody.json").write_bytes(record)
    compose(["--from", str(tmp_path / "melody.json"), "--out", str(tmp_path / "again.mid")])
    assert read_midi(tmp_path / "again.mid").tolist() == json.loads(record)["tokens"]
    page.locator("#compose").click()
    opens(page, "melody.json", record)
    assert notes(page) == before
    assert page.locator("#key").input_value() == "Eb"
    assert page.locator("#strength").input_value() == "1.5"


def test_a_link_gives_the_same_melody(page, visit, path):
    shows(page, TOKENS)
    page.locator("#key").select_option("F")
    before = notes(page)
    page.locator("details", has_text="Files").last.evaluate("each => (each.open = true)")
    page.locator("#link").click()
    until(page, "location.hash.length > 9")
    other = opened(visit, path, page.evaluate("location.hash"))
    assert notes(other) == before
    assert other.locator("#key").input_value() == "F"


def test_midi_and_abc_are_opened_and_what_is_neither_is_refused(page, tmp_path):
    write_midi(TOKENS, tmp_path / "tune.mid", bpm=90)
    opens(page, "tune.mid", (tmp_path / "tune.mid").read_bytes())
    first = notes(page)
    assert [pitch for _, _, pitch in first] == [token + 46 for token in TOKENS if token > 1]
    assert page.locator("#tempo-value").inner_text() == "90 bpm"
    opens(page, "tune.abc", b"X:1\nM:3/4\nL:1/4\nK:G\nGAB|")
    assert notes(page) == [(0, 4, 67), (4, 8, 69), (8, 12, 71)]
    assert (page.locator("#key").input_value(), page.locator("#meter").input_value()) == ("G", "3/4")
    for name, content in [("a.mid", b"no"), ("b.json", b"{}"), ("c.abc", b"none"), ("<b>d</b>.json", b"\xff")]:
        opens(page, name, content)
        assert page.locator("#message").inner_text().startswith(f"{name} cannot be opened")
    assert page.locator("#message b").count() == 0
    assert notes(page) == [(0, 4, 67), (4, 8, 69), (8, 12, 71)]


def test_files_are_dropped(page):
    page.evaluate(
        """() => { const transfer = new DataTransfer();
        transfer.items.add(new File(["X:1\\nL:1/4\\nK:C\\nCDEF|"], "tune.abc"));
        dispatchEvent(new DragEvent("drop", {dataTransfer: transfer})); }"""
    )
    until(page, "document.querySelectorAll('rect.note').length === 4")
    assert [pitch for _, _, pitch in notes(page)] == [60, 62, 64, 65]


def test_choices_are_votes_of_the_listening_study(page, tmp_path):
    page.locator("#compare-toggle").click()
    assert page.locator(".small-roll rect.note").count() > 2
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.textContent") == "Hear A"
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.locator("#neither").click()
    page.locator("#rival").select_option(label="G")
    page.locator(".choose").first.click()
    assert page.locator("#verdict").inner_text().startswith("You chose A. A was by ")
    path = tmp_path / "votes.json"
    path.write_bytes(downloaded(page, "#votes"))
    votes = read_votes([path])
    assert sorted(votes.preference.tolist()) == [2, 2, 3, 4]
    assert set(votes.models) == {"Q", "Note RNN", "G"}
    heard = heard_votes([path])
    assert (len(heard.outcomes), heard.left_out) == (4, {})


def test_candidates_of_the_same_composer_are_no_vote(page):
    page.locator("#compare-toggle").click()
    page.locator("#rival").select_option(label="Q")
    page.locator(".choose").first.click()
    assert page.locator("#votes").is_disabled()


def test_the_chosen_candidate_becomes_the_melody(page):
    page.locator("#compare-toggle").click()
    drawn = page.locator(".side").nth(1).locator("rect.note").count()
    page.locator(".choose").nth(1).click()
    assert len(notes(page)) == drawn


def test_nothing_is_lost_when_the_tab_closes(page, path):
    page.locator("#compose").click()
    page.mouse.click(*place(page, 3, 50))
    before = notes(page)
    page.locator("#compare-toggle").click()
    page.locator(".choose").first.click()
    page.keyboard.press("Control+z")
    page.wait_for_timeout(500)
    other = page.context.new_page()
    other.goto(path.as_uri())
    other.wait_for_selector("body[data-ready]")
    assert notes(other) == before
    assert other.locator("#votes").inner_text() == "Download 1 vote"
    other.keyboard.press("Control+Shift+z")
    assert notes(other) != before
    other.on("dialog", lambda dialog: dialog.accept())
    other.locator("details", has_text="Files").last.evaluate("each => (each.open = true)")
    with other.expect_navigation():
        other.locator("#clear").click()
    other.wait_for_selector("body[data-ready]")
    assert other.locator("#undo").is_disabled()
    assert other.locator("#votes").is_disabled()


def test_what_is_played_is_recorded_and_locked(page):
    page.locator("details", has_text="Play in").last.evaluate("each => (each.open = true)")
    page.locator("#typing").check()
    slide(page, "#tempo", "240")
    page.evaluate(LISTEN)
    page.locator("#record").click()
    page.wait_for_timeout(1300)  # a bar of four beats is a second
    page.keyboard.press("a", delay=150)
    page.keyboard.press("k", delay=150)
    page.locator("#record").click()
    assert [pitch for _, _, pitch in notes(page)] == [60, 72]
    assert page.locator("rect.note.locked").count() == 2
    recorded = notes(page)
    page.locator("#compose").click()
    assert notes(page)[:2] == recorded


def test_a_midi_keyboard_plays_in_and_notes_go_out(page):
    page.evaluate(
        """() => { window.sent = []; window.input = {};
        const output = {send: (data, when) => sent.push([...data])};
        const access = {inputs: new Map([[1, input]]), outputs: new Map([[1, output]])};
        navigator.requestMIDIAccess = async () => access; }"""
    )
    page.locator("details", has_text="Play in").last.evaluate("each => (each.open = true)")
    page.locator("#midi").click()
    until(page, "document.getElementById('message').textContent.includes('1 inputs, 1 outputs')")
    page.evaluate("input.onmidimessage({data: [0x90, 64, 90]}); input.onmidimessage({data: [0x80, 64, 0]})")
    assert page.evaluate("sent") == [[0x90, 64, 100], [0x80, 64, 0]]


def test_names_are_text_and_never_markup(visit, agent_of, small_prior, tmp_path):
    name = "</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
    path = tmp_path / "hostile.html"
    write_studio(path, studio([name], [Path(name)], [agent_of("q", small_prior)]))
    page = opened(visit, path)
    assert page.locator("#agent option").inner_text() == name
    assert name in page.title()
    assert page.locator("img").count() == 0


def test_the_policy_of_the_page_forbids_requests_and_other_scripts(browser, path):
    context = browser.new_context()
    page = context.new_page()
    page.goto(path.as_uri())
    blocked = page.evaluate(
        """async () => { const found = [];
        addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
        await fetch("https://example.org/").catch(() => {});
        const script = document.createElement("script");
        script.textContent = "window.wasRun = true";
        document.body.append(script);
        await new Promise((done) => setTimeout(done, 50));
        return [found.sort(), window.wasRun ?? false]; }"""
    )
    context.close()
    assert blocked == [["connect-src", "script-src-elem"], False]


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_axe_finds_nothing_serious(visit, path, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.wait_for_selector("body[data-ready]")
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    page.locator("#compare-toggle").click()
    found = axe.run(page).response["violations"]
    serious = [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
