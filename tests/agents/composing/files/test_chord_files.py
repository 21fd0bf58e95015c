"""What is composed over chords is written with them: in every format, the record, and after a primer."""

import json
import wave
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import torch

from agents import PPOKL
from agents.algorithms.saved_policies import SavedPolicy
from agents.composing.files import melody_writers
from agents.composing.files.export import ComposeConfig, compose_files
from agents.composing.files.melody_writers import write_melody
from agents.composing.pieces import piece_staff
from melody_env import MelodyVecEnv, Setting, piano_roll_figure
from note_rnn import read_midi, synthesize
from note_rnn.chords import ChordStart, parse_chord, parse_progression

CHORDS = {"length": "2 bars", "chords": "C | Am F"}
WALTZ = Setting(key="D", meter="3/4", length=24)
MELODY = np.array([16, *[1] * 11, 21, *[1] * 11])


@pytest.fixture(scope="module")
def model(small_prior) -> PPOKL:
    model = PPOKL(env=MelodyVecEnv(2, prior=small_prior, **CHORDS), prior=small_prior, seed=0, device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in model.policy.network.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    return model


@pytest.fixture
def agent_file(model, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    SavedPolicy.of(model).save(tmp_path / "agent.safetensors")
    return tmp_path / "agent.safetensors"


@pytest.fixture(autouse=True)
def no_tunes(monkeypatch):
    monkeypatch.setattr(melody_writers, "training_tunes", lambda: None)


def symbols_in_abc(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split('"')[1::2]


def chord_starts(path: Path) -> list[float]:
    """Return when the chords of a MIDI file begin, in sixteenths at 120 quarters per minute."""
    _, chords = pretty_midi.PrettyMIDI(str(path)).instruments
    return sorted({round(8 * note.start, 4) for note in chords.notes})


def test_the_chords_of_a_piece_begin_on_its_first_bar_line():
    """14 steps of a primer are a bar of 12 and a pickup of two."""
    staff = piece_staff(WALTZ, 14, {14: "A"}, parse_progression("D | Em A7"))
    assert (staff.pickup, staff.marks) == (2, ((14, "A"),))
    expected = [(14, "D"), (26, "Em"), (34, "A7")]
    assert list(staff.chords) == [ChordStart(step, parse_chord(symbol)) for step, symbol in expected]
    assert piece_staff(WALTZ) == WALTZ.staff


@pytest.mark.parametrize("suffix", melody_writers.SUFFIXES)
def test_every_format_has_the_chords(suffix, tmp_path):
    staff = piece_staff(WALTZ, 0, {}, parse_progression("D | Em A7"))
    path = tmp_path / f"tune{suffix}"
    if suffix == ".svg":
        pytest.importorskip("verovio")
    write_melody(MELODY, path, WALTZ, staff, "A waltz")
    if suffix == ".mid":
        assert chord_starts(path) == [0, 12, 20]
        assert read_midi(path).tolist() == MELODY.tolist()
    elif suffix == ".wav":
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
        np.testing.assert_allclose(samples, synthesize(MELODY, chords=staff.chords), atol=1e-4)
    elif suffix == ".png":
        piano_roll_figure(MELODY, setting=WALTZ, chords=staff.chords).savefig(tmp_path / "expected.png", dpi=100)
        assert path.read_bytes() == (tmp_path / "expected.png").read_bytes()
    else:
        shown = {".musicxml": ('<kind text="">major', '<kind text="m">minor', '<kind text="7">dominant')}
        for part in shown.get(suffix, ("D", "Em", "A7")):
            assert part in path.read_text(encoding="utf-8")


def test_a_composed_piece_has_its_chords_in_files_and_record(agent_file, tmp_path):
    compose_files(ComposeConfig(str(agent_file), chords="Dm7 G7 | C", seed=1))
    assert symbols_in_abc(tmp_path / "melody.abc") == ["Dm7", "G7", "C"]
    assert chord_starts(tmp_path / "melody.mid") == [0, 8, 16]
    record = json.loads(Path("melody.json").read_text())
    assert record["chords"] == "Dm7 G7 | C"
    assert read_midi("melody.mid").tolist() == record["tokens"]


def test_a_record_gives_its_chords_back(agent_file, tmp_path):
    compose_files(ComposeConfig(str(agent_file), chords="C | G7; F | Am", n=4, seed=1, out=Path("tune")))
    records = [json.loads(Path(f"tune_{number}.json").read_text()) for number in range(1, 5)]
    assert {record["chords"] for record in records} == {"C | G7", "F | Am"}
    for number, record in enumerate(records, start=1):
        assert symbols_in_abc(Path(f"tune_{number}.abc")) == record["chords"].split(" | ")
        compose_files(ComposeConfig(sidecar=Path(f"tune_{number}.json"), out=Path("again.mid")))
        assert Path("again.mid").read_bytes() == Path(f"tune_{number}.mid").read_bytes()
    rewriting = ComposeConfig(sidecar=Path("tune_2.json"), fill="2", n=2, candidates=4, out=Path("new"))
    for path in compose_files(rewriting):
        if path.suffix == ".abc":
            assert symbols_in_abc(path) == records[1]["chords"].split(" | ")


def test_chords_begin_after_a_primer_that_is_kept(agent_file):
    compose_files(ComposeConfig(str(agent_file), primer="14 1 1 1", keep_primer=True, chords="C | Am F"))
    assert chord_starts(Path("melody.mid")) == [4, 20, 28]
    pickup, first, _ = Path("melody.abc").read_text().splitlines()[-1].split("|")[:3]
    assert '"' not in pickup
    assert first.strip().startswith('"C"')
