"""The page of tunes: what is on it, in a browser too, and files that it refuses."""

import base64
import json
from pathlib import Path

import pretty_midi
import pytest

import melody_rl
from agents.report_page.tune_page import made_by, tune_title, write_tune_page
from melody_env import Setting
from note_rnn import InputError, read_midi, write_midi
from note_rnn.formats.svg import can_engrave

RECORD = {
    "setting": Setting(key="D", meter="6/8", length=24, mode="dorian").as_dict(),
    "primer": [14, 1],
    "tokens": [16, 1, 1, 18, 1, 1] * 4,
    "changed_steps": [[6, 8]],
    "config": {"model": "runs/<b>psi</b>", "fill": "1", "around": "16", "pickup": 2, "keep_primer": False},
}


@pytest.fixture
def record(tmp_path) -> Path:
    path = tmp_path / "tune.json"
    path.write_text(json.dumps(RECORD))
    return path


def test_titles_name_key_meter_form_and_bars():
    assert tune_title(Setting(key="D", meter="6/8", mode="dorian"), 24) == "D dorian, 6/8, 2 bars"
    assert tune_title(Setting(), 16, "AABA") == "C major, 4/4, AABA, 1 bar"
    assert tune_title(Setting(mode=(0, 2, 7)), 17) == "C in a scale of its own, 4/4, 2 bars"


def test_how_a_melody_was_made_is_said_in_a_sentence():
    assert made_by({"model": "runs/psi"}) == "Composed by psi."
    assert made_by({"model": "lookback", "vary": "1", "change": 0.3, "by": "pitch"}) == (
        "A variation by lookback: 30 % of the notes of a given tune changed in pitch."
    )
    assert made_by({"model": "default", "fill": "3-4"}).startswith("Bars 3\N{EN DASH}4 filled in by default")
    assert made_by({"model": "default", "fill": "steps 3-4"}).startswith("Steps 3\N{EN DASH}4 filled in")


def test_the_page_has_everything_of_a_record(record, tmp_path, parsed):
    page = parsed(write_tune_page(tmp_path / "page.html", [record]).read_text())
    (card,) = page.data["cards"]
    assert card["tokens"] == [14, 1, *RECORD["tokens"]]
    assert (card["pickup"], card["changed"], card["steps_per_bar"]) == (2, [[8, 10]], 12)
    downloads = page.all("a")
    assert [link["download"] for link in downloads] == ["tune.mid", "tune.musicxml", "tune.abc"]
    midi = tmp_path / "copy.mid"
    midi.write_bytes(base64.b64decode(downloads[0]["href"].partition(",")[2]))
    assert read_midi(midi).tolist() == card["tokens"]
    assert "&lt;b&gt;psi" not in (tmp_path / "page.html").read_text()  # the folder's name alone
    assert "<b>psi" not in (tmp_path / "page.html").read_text()


def test_files_of_music_are_shown_and_names_are_escaped(tmp_path, parsed):
    path = tmp_path / "<i>tune&.mid"
    write_midi([14, 1, 16, 1], path)
    melody_rl.main(["report", "--melodies", str(path), str(path), "--out", str(tmp_path / "page.html")])
    text = (tmp_path / "page.html").read_text()
    assert "<i>tune" not in text
    assert [card["tokens"] for card in parsed(text).data["cards"]] == [[14, 1, 16, 1]] * 2


def test_chords_are_on_the_page_after_the_pickup(tmp_path, parsed):
    """Dm lasts the first bar, and A7 and Dm share the second; a bar has 12 steps, and the pickup two."""
    path = tmp_path / "tune.json"
    path.write_text(json.dumps(RECORD | {"chords": "Dm | A7 Dm"}))
    text = write_tune_page(tmp_path / "page.html", [path]).read_text()
    page = parsed(text)
    (card,) = page.data["cards"]
    shown = [(chord["symbol"], chord["start"], chord["end"]) for chord in card["chords"]]
    assert shown == [("Dm", 2, 14), ("A7", 14, 20), ("Dm", 20, 26)]
    assert card["chords"][0]["pitches"] == [38, 53, 57, 62]
    midi = tmp_path / "copy.mid"
    midi.write_bytes(base64.b64decode(page.all("a")[0]["href"].partition(",")[2]))
    assert read_midi(midi).tolist() == card["tokens"]
    assert [track.name for track in pretty_midi.PrettyMIDI(str(midi)).instruments] == ["Melody", "Chords"]
    assert "Dm</text>" in text or not can_engrave()


def test_in_a_browser_chords_are_written_above_the_roll_and_played_softly(tmp_path, visit):
    path = tmp_path / "tune.json"
    path.write_text(json.dumps(RECORD | {"chords": "Dm | A7/C# Bb"}))
    page = visit(write_tune_page(tmp_path / "page.html", [path]))
    labels = page.locator(".chords span")
    assert labels.all_text_contents() == ["Dm", "A7/C\N{MUSIC SHARP SIGN}", "B\N{MUSIC FLAT SIGN}"]
    lefts = labels.evaluate_all("found => found.map((one) => parseFloat(one.style.left))")
    assert lefts == pytest.approx([100 * step / 26 for step in (2, 14, 20)], abs=1e-3)
    slider = page.locator("[role=slider]")
    slider.press("Home")
    assert "Dm" not in page.locator(".readout").inner_text()
    slider.press("End")
    assert "B\N{MUSIC FLAT SIGN}" in page.locator(".readout").inner_text()
    assert "B\N{MUSIC FLAT SIGN}" in slider.get_attribute("aria-valuetext")
    played = page.evaluate("accompaniment(cards[0].chords, 16).map(({start, end, pitch}) => [start, end, pitch])")
    chords = page.evaluate("cards[0].chords")
    expected = [[max(chord["start"], 16), chord["end"], pitch] for chord in chords[1:] for pitch in chord["pitches"]]
    assert played == expected
    page.evaluate("() => { window.heard = []; Instrument.prototype.play = (...note) => window.heard.push(note); }")
    slider.press("Home")
    page.locator(".play").click()
    for _ in range(500):
        if page.evaluate("heard.length") >= 6:
            break
        page.wait_for_timeout(20)
    heard = page.evaluate("window.heard.map(([pitch, , , level]) => [pitch, level ?? 1])")
    assert heard[0] == [60, 1]
    assert [38, 0.25] in heard


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "is not the record of a composed melody"),
        ("[1", "is not the record of a composed melody"),
        (json.dumps(RECORD | {"tokens": [99]}), "is not the record of a composed melody"),
        (json.dumps(RECORD | {"tokens": []}), "has no tokens"),
        (json.dumps(RECORD | {"setting": {"key": "H"}}), "is not the record of a composed melody"),
        (json.dumps(RECORD | {"setting": {"nonsense": 1}}), "is not the record of a composed melody"),
        (json.dumps(RECORD | {"chords": "C | H"}), "Bar 2 of the chords cannot be read: 'H' is no chord symbol"),
    ],
)
def test_other_records_are_refused_in_a_sentence(content, told, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(InputError, match=told):
        write_tune_page(tmp_path / "page.html", [path])
    assert not (tmp_path / "page.html").exists()


def test_a_page_without_melodies_is_refused(tmp_path):
    with pytest.raises(InputError, match="There is nothing to show"):
        write_tune_page(tmp_path / "page.html", [])


def test_runs_and_files_of_melodies_do_not_go_together(record, capsys):
    with pytest.raises(SystemExit, match="2"):
        melody_rl.main(["report", "run", "--melodies", str(record)])
    assert "leave out runs and votes" in capsys.readouterr().err


def test_in_a_browser_it_plays_and_marks_what_is_new(record, tmp_path, visit):
    page = visit(write_tune_page(tmp_path / "page.html", [record]))
    assert page.locator("h1").inner_text() == "D dorian, 6/8, 2 bars"
    assert page.locator("[role=slider] rect.new").count() == 1
    slider = page.locator("[role=slider]")
    slider.press("End")
    assert "bar 2, beat 2.83" in page.locator(".readout").inner_text()
    for _ in range(16):
        slider.press("ArrowLeft")
    assert "new" in page.locator(".readout").inner_text()
    slider.press("Home")
    assert "bar 0" in page.locator(".readout").inner_text()
    page.locator(".play").click()
    page.wait_for_function("document.querySelector('.play').getAttribute('aria-pressed') === 'true'")
    page.locator("#stop").click()
    assert page.locator(".play").get_attribute("aria-pressed") == "false"
