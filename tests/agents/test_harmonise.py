"""The command harmonise: chords as compose takes them, and files of a tune with them."""

from pathlib import Path

import pretty_midi
import pytest

from agents.harmonise import main
from melody_env import Setting
from note_rnn import run_command

TUNE = (
    "C4 - - - E4 - - - G4 - - - E4 - - - F4 - - - A4 - - - C5 - - - A4 - - - G4 - - - B4 - - - D5 - - - B4 - - - C5"
    + " -" * 15
)


def test_it_prints_chords_that_a_setting_takes(capsys):
    main([TUNE])
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("C | F | G | C\n", "C major, 4/4\n")
    assert len(Setting(chords=printed.out).progressions[0].bars) == 4
    main([TUNE, "--key", "F", "--per-bar", "2"])
    assert capsys.readouterr().err == "F major, 4/4\n"


def test_the_tune_is_written_with_its_chords_from_its_first_bar_line_on(tmp_path, capsys):
    main(["G4 - - - " + TUNE, "--pickup", "4", "--out", str(tmp_path / "tune.mid")])
    assert capsys.readouterr().out == f"C | F | G | C\n{tmp_path / 'tune.mid'}\n"
    melody, chords = pretty_midi.PrettyMIDI(str(tmp_path / "tune.mid")).instruments
    assert melody.notes[0].start == 0
    starts = sorted({round(note.start, 3) for note in chords.notes})
    assert starts == [0.5, 2.5, 4.5, 6.5]  # after the pickup, a quarter of half a second
    first = {note.pitch % 12 for note in chords.notes if round(note.start, 3) == 0.5}
    assert first == {0, 4, 7}


def test_without_a_suffix_every_format_is_written(tmp_path, capsys):
    main([TUNE, "--out", str(tmp_path / "tune")])
    written = capsys.readouterr().out.splitlines()[1:]
    assert {Path(name).suffix for name in written} >= {".mid", ".musicxml", ".abc", ".wav", ".png"}
    assert all(Path(name).stat().st_size for name in written)
    assert '"F"' in (tmp_path / "tune.abc").read_text()


def test_a_page_shows_the_tune_with_its_chords(tmp_path, capsys, parsed):
    main(["G4 - - - " + TUNE, "--pickup", "4", "--out", str(tmp_path / "tune.abc"), "--page"])
    assert capsys.readouterr().out.splitlines()[1:] == [str(tmp_path / "tune.abc"), str(tmp_path / "tune.html")]
    text = (tmp_path / "tune.html").read_text()
    (card,) = parsed(text).data["cards"]
    shown = [(chord["symbol"], chord["start"]) for chord in card["chords"]]
    assert shown == [("C", 4), ("F", 20), ("G", 36), ("C", 52)]
    assert "C major, 4/4, 4 bars" in text
    assert "A given tune, with the likeliest chords." in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing.mid"], "There is no file nothing.mid to start from."),
        ([TUNE, "--per-bar", "5"], "A bar of 16 sixteenths cannot be divided into 5 equal parts"),
        ([TUNE, "--per-bar", "0"], "--per-bar must be at least 1, not 0."),
        ([TUNE, "--pickup", "64"], "The tune has 64 steps, so its pickup cannot have 64: give fewer."),
        ([TUNE, "--pickup", "-1"], "--pickup must be at least 0, not -1."),
        ([TUNE, "--mode", "minor"], "--mode belongs to --key: add that, or leave out both."),
        ([TUNE, "--key", "H"], "key must be a letter A..G"),
        ([TUNE, "--page"], "--page is named after the files of --out: add that."),
        ([TUNE, "--out", "tune.txt"], "--out must end in .mid"),
    ],
)
def test_what_cannot_be_harmonised_is_refused_in_a_sentence(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as exit_info:
        run_command(lambda: main(arguments))
    captured = capsys.readouterr()
    assert exit_info.value.code == 2
    assert sentence in captured.err
    assert "Traceback" not in captured.err
