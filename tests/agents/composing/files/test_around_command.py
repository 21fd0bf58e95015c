"""The command compose around a tune: gaps, variations, records, pages, and bad input in a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

import melody_rl
from agents import infill, vary
from agents.composing.files.config import ComposeConfig
from agents.composing.files.export import compose_files
from note_rnn import InputError, read_midi, read_tune, write_midi
from note_rnn.formats.notation import Staff

JIG = "X:1\nT:A jig\nM:6/8\nL:1/8\nK:C\nE|CDE GEC|FED E2D|CDE GEC|D3 C2|\n"
STEPS = 12


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("jig.abc").write_text(JIG)
    return tmp_path


def record(name: str):
    return json.loads(Path(name).read_text())


def test_a_tune_comes_with_its_meter_and_pickup(lookback_prior_file):
    tokens, bars = read_tune("jig.abc", semitones=2)
    assert (bars.meter, bars.pickup) == ("6/8", 2)
    assert tokens[:3].tolist() == [20, 1, 16]
    write_midi(tokens, "jig.mid", staff=Staff("6/8", 12, 6, pickup=2))
    again, bars = read_tune("jig.mid")
    np.testing.assert_array_equal(again, tokens)
    assert (bars.meter, bars.pickup) == ("6/8", 2)
    write_midi(tokens, "plain.mid")
    assert read_tune("plain.mid")[1].meter == ""
    assert read_tune("C4 - D4 -")[1].meter == ""


def test_gaps_of_a_file_are_filled_and_the_rest_is_kept(lookback_prior_file):
    config = ComposeConfig(str(lookback_prior_file), around="jig.abc", fill="bars 2-3", n=2, candidates=8, key="D")
    compose_files(config)
    tune = read_tune("jig.abc", semitones=2)[0]
    expected = infill(lookback_prior_file, "jig.abc", "bars 2-3", n=2, candidates=8, key="D")
    is_open = np.isin(np.arange(len(tune)), np.arange(2 + STEPS, 2 + 3 * STEPS))
    for number, each in enumerate(expected, 1):
        made = record(f"melody_{number}.json")
        assert made["primer"] + made["tokens"] == each.tolist()
        np.testing.assert_array_equal(each[~is_open], tune[~is_open])
        assert made["setting"]["meter"] == "6/8"
        assert made["setting"]["length"] == len(tune) - 2
        assert 1 <= made["effective_sample_size"] <= 8
        spans = np.array(made["changed_steps"]).reshape(-1, 2)
        assert (spans >= STEPS).all()
        np.testing.assert_array_equal(read_midi(f"melody_{number}.mid")[: len(tune) - 12], each[: len(tune) - 12])
        assert "M:6/8" in Path(f"melody_{number}.abc").read_text()


def test_the_record_of_a_filling_and_of_a_variation_gives_the_identical_files(lookback_prior_file):
    model = str(lookback_prior_file)
    options = {"candidates": 8, "seed": 3, "temperature": 0.9}
    compose_files(ComposeConfig(model, Path("filled"), around="jig.abc", fill="1, steps 20-25", n=2, **options))
    compose_files(ComposeConfig(model, Path("varied"), vary="jig.abc", change=0.4, by="pitch", **options))
    Path("jig.abc").unlink()
    for name in ("filled_2", "varied"):
        compose_files(ComposeConfig(sidecar=Path(f"{name}.json"), out=Path("again")))
        for suffix in (".mid", ".abc", ".musicxml", ".json"):
            assert Path(f"again{suffix}").read_bytes() == Path(f"{name}{suffix}").read_bytes()


def test_a_variation_is_as_far_from_its_tune_as_is_asked(lookback_prior_file):
    config = ComposeConfig(
        str(lookback_prior_file), Path("v.mid"), vary="jig.abc", change=0.3, by="pitch", candidates=16
    )
    compose_files(config)
    assert record("v.json")["note_distance"] == pytest.approx(6 / 19)
    made = record("v.json")
    expected = vary(lookback_prior_file, "jig.abc", 0.3, "pitch", candidates=16)[0]
    assert made["primer"] + made["tokens"] == expected.tolist()


@pytest.mark.parametrize("primer", [None, "C4 - E4 -"])
def test_bars_of_a_composed_melody_are_written_anew(primer, small_prior_file):
    compose_files(ComposeConfig(str(small_prior_file), Path("one.mid"), n=1, key="G", primer=primer, seed=1))
    config = ComposeConfig(sidecar=Path("one.json"), fill="2", n=2, seed=5, candidates=8, out=Path("two.mid"))
    compose_files(config)
    before, after = record("one.json"), [record(f"two_{number}.json") for number in (1, 2)]
    for each in after:
        assert each["tokens"][:16] == before["tokens"][:16]
        assert each["tokens"][16:] != before["tokens"][16:]
        assert each["setting"] == before["setting"]
        assert each["primer"] == (before["primer"] or [before["priming_token"]])
    compose_files(ComposeConfig(sidecar=Path("two_2.json"), fill="steps 0-3", candidates=8, out=Path("three.mid")))
    assert record("three.json")["tokens"][4:] == after[1]["tokens"][4:]
    assert record("three.json")["primer"] == after[1]["primer"]


def test_a_page_shows_what_was_composed(small_prior_file, capsys):
    arguments = ["compose", str(small_prior_file), "--around", "jig.abc", "--fill", "2", "--candidates", "4", "--page"]
    melody_rl.main([*arguments, "--out", "tune.mid"])
    assert capsys.readouterr().out.splitlines()[-1] == "tune.html"
    assert "Bar 2 filled in" in Path("tune.html").read_text()
    melody_rl.main(["compose", "--from", "tune.json", "--out", "again.mid", "--page"])
    assert 'download="again.abc"' in Path("again.html").read_text()
    melody_rl.main(["compose", "--from", "tune.json", "--rewrite", "3", "--candidates", "4", "--out", "next.mid"])
    assert record("next.json")["config"]["fill"] == "3"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--around", "jig.abc"], "--fill and --around belong together"),
        (["--fill", "2"], "--fill and --around belong together"),
        (["--around", "jig.abc", "--fill", "9"], "The gap bar 9 is not in the piece, which has the bars 1 to 4."),
        (["--around", "jig.abc", "--fill", "1-4"], "leave nothing of the tune to keep"),
        (["--around", "jig.abc", "--fill", "2", "--vary", "jig.abc"], "leave out one of them"),
        (["--around", "jig.abc", "--fill", "2", "--length", "8"], "decides --length: leave that out"),
        (["--around", "jig.abc", "--fill", "2", "--fixed", "0=C4"], "decides --fixed: leave that out"),
        (["--around", "none.abc", "--fill", "2"], "There is no file none.abc"),
        (["--around", "jig.txt", "--fill", "2"], "is not a file of music that can be read"),
        (["--around", "C4 Z9", "--fill", "2"], "'Z9' is not a token"),
        (["--around", "C4 D4", "--fill", "step 1", "--pickup", "2"], "its pickup cannot have 2"),
        (["--vary", "jig.abc", "--change", "2"], "change must be a share"),
        (["--vary", "jig.abc", "--candidates", "0"], "--candidates must be at least 1, not 0."),
        (["--pickup", "2"], "--pickup would have no effect: add --around or --vary"),
        (["--candidates", "8"], "--candidates would have no effect: add --around or --vary"),
        (["--change", "0.5", "--by", "pitch"], "--change, --by would have no effect: add --vary, or leave"),
        (["--around", "C4 D4", "--fill", "step 1", "--by", "pitch"], "--by would have no effect: add --vary"),
        (["--page", "--tokens", "all.npy"], "--page shows the files of melodies"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, told, small_prior_file, capsys):
    with pytest.raises(SystemExit, match="2"):
        melody_rl.main(["compose", str(small_prior_file), *arguments])
    message = capsys.readouterr().err
    assert told in message
    assert message.count("error: ") == 1


def test_a_tune_of_files_is_not_read_by_a_record(small_prior_file):
    compose_files(ComposeConfig(str(small_prior_file), Path("one.mid"), around="jig.abc", fill="2", candidates=4))
    made = record("one.json")
    made["config"]["around"] = "jig.abc"
    Path("one.json").write_text(json.dumps(made))
    with pytest.raises(InputError, match="around must be tokens"):
        compose_files(ComposeConfig(sidecar=Path("one.json")))


def test_a_midi_note_outside_the_vocabulary_is_reported(small_prior_file):
    import pretty_midi

    midi = pretty_midi.PrettyMIDI()
    instrument = pretty_midi.Instrument(0)
    instrument.notes = [pretty_midi.Note(100, 100, 0, 1)]
    midi.instruments.append(instrument)
    midi.write("high.mid")
    with pytest.raises(InputError, match=r"MIDI pitch 100, outside 48\.\.83"):
        compose_files(ComposeConfig(str(small_prior_file), around="high.mid", fill="steps 0-1"))
