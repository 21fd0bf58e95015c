"""A melody's files are in its setting, and its record says what is known of this piece and of nothing else."""

import importlib.util
import sys
import wave
import xml.etree.ElementTree as ET

import numpy as np
import pretty_midi
import pytest
import torch

from agents import PPOKL, compose_pieces
from agents.composing.files import melody_writers as melody_files
from agents.composing.files.melody_writers import longest_shared_run, piece_record, writable_suffixes, write_melody
from agents.composing.pieces import piece_staff
from agents.composing.players import agent_player
from melody_env import EnvironmentSpec, MelodyVecEnv, Setting, melody_text, piano_roll_figure, score_melodies
from note_rnn import InputError, read_midi

T = 24
SLOW_WALTZ_IN_D = Setting(key="D", meter="3/4", length=T, tempo=90.0)
MELODY = np.array([16, 1, 1, 1, 20, 1, 1, 1, 23, 1, 0, 1, 19, 1, 1, 1, 1, 1, 26, 1, 1, 1, 0, 1])
"""Two bars: D4, F#4, A4 and a rest; F4, C5 and a rest."""


@pytest.fixture(autouse=True)
def tunes(monkeypatch):
    """A tune in C, moved to the key, in the place of those that the shipped Note RNN has learned from."""
    tune = np.array([14, 1, 1, 1, 18, 1, 1, 1, 21])
    monkeypatch.setattr(melody_files, "training_tunes", lambda: [tune])


@pytest.fixture(scope="module")
def agent(small_prior) -> PPOKL:
    model = PPOKL(env=MelodyVecEnv(2, prior=small_prior, length=T), prior=small_prior, seed=0, device="cpu")
    with torch.no_grad():
        model.policy.network.head.logits.bias[18] += 1.5
    return model


def test_each_file_has_the_key_meter_tempo_and_title_of_the_melody(tmp_path):
    files = {suffix: tmp_path / f"melody{suffix}" for suffix in writable_suffixes()}
    for path in files.values():
        write_melody(MELODY, path, SLOW_WALTZ_IN_D, SLOW_WALTZ_IN_D.staff, "A waltz")
    midi = pretty_midi.PrettyMIDI(str(files[".mid"]))
    assert midi.get_tempo_changes()[1] == pytest.approx([90.0], abs=0.01)
    assert [(meter.numerator, meter.denominator) for meter in midi.time_signature_changes] == [(3, 4)]
    assert [pretty_midi.key_number_to_key_name(key.key_number) for key in midi.key_signature_changes] == ["D Major"]
    assert read_midi(files[".mid"]).tolist() == MELODY.tolist()
    abc = files[".abc"].read_text()
    assert [line for line in abc.splitlines() if line[:2] in ("T:", "M:", "Q:", "K:")] == [
        "T:A waltz",
        "M:3/4",
        "Q:1/4=90",
        "K:Dmaj",
    ]
    xml = ET.parse(files[".musicxml"])
    assert xml.findtext(".//work-title") == "A waltz"
    assert [xml.findtext(f".//{tag}") for tag in ("fifths", "beats", "beat-type", "per-minute")] == [
        "2",
        "3",
        "4",
        "90",
    ]
    with wave.open(str(files[".wav"])) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert seconds == pytest.approx(T * 60 / 90 / 4, abs=0.2)
    write_melody(MELODY, tmp_path / "in_4.png", Setting(length=T), Setting().staff, "A waltz")
    assert (tmp_path / "in_4.png").read_bytes() != files[".png"].read_bytes()


def test_sheet_music_is_left_out_where_verovio_is_not_installed(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "verovio" else found(name))
    assert writable_suffixes() == (".mid", ".musicxml", ".abc", ".wav", ".png")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert writable_suffixes() == (".mid", ".musicxml", ".svg", ".abc", ".wav", ".png")


def test_sheet_music_asked_for_by_name_says_what_brings_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(InputError, match=r'^Sheet music is engraved by Verovio: pip install "melody-rl\[sheet\]"\.$'):
        write_melody(MELODY, tmp_path / "melody.svg", SLOW_WALTZ_IN_D, SLOW_WALTZ_IN_D.staff, "A waltz")
    assert not list(tmp_path.iterdir())


def test_bar_lines_are_those_of_the_piece_also_after_a_primer(tmp_path):
    """A primer of 14 steps in 3/4 is a bar of 12 and two steps: what comes first on the page are these two."""
    tokens = np.concatenate([np.array([14, 1] * 7), MELODY])
    write_melody(tokens, tmp_path / "melody.abc", SLOW_WALTZ_IN_D, piece_staff(SLOW_WALTZ_IN_D, 14), "A waltz")
    assert (tmp_path / "melody.abc").read_text().splitlines()[-1] == (
        "=C2 | =C2=C2 =C2=C2 =C2=C2 | D4 F4 A2z2 | =F6 =c4 z2 |]"
    )
    write_melody(tokens, tmp_path / "melody.mid", SLOW_WALTZ_IN_D, piece_staff(SLOW_WALTZ_IN_D, 14), "A waltz")
    changes = pretty_midi.PrettyMIDI(str(tmp_path / "melody.mid")).time_signature_changes
    assert [(meter.numerator, meter.denominator) for meter in changes] == [(2, 16), (3, 4)]
    write_melody(tokens, tmp_path / "melody.png", SLOW_WALTZ_IN_D, piece_staff(SLOW_WALTZ_IN_D, 14), "A waltz")
    piano_roll_figure(tokens, setting=SLOW_WALTZ_IN_D, pickup=2).savefig(tmp_path / "expected.png", dpi=100)
    assert (tmp_path / "melody.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


def test_runs_are_shared_with_tunes_in_the_key_of_the_melody(monkeypatch):
    assert longest_shared_run(MELODY, SLOW_WALTZ_IN_D) == 9
    assert longest_shared_run(MELODY, Setting(length=T)) == 3  # but for the holds
    assert longest_shared_run(np.array([5, 6, 7]), SLOW_WALTZ_IN_D) == 0
    monkeypatch.setattr(melody_files, "training_tunes", lambda: None)
    assert longest_shared_run(MELODY, SLOW_WALTZ_IN_D) is None


def test_a_record_is_of_its_piece_alone(agent, small_prior):
    environment = EnvironmentSpec.of(prior=small_prior, **SLOW_WALTZ_IN_D.as_dict(), primer=[16, 1, 20])
    pieces = compose_pieces(agent_player(agent.policy), 3, 0, environment, retained=3)
    record = piece_record(pieces, 1)
    melody = pieces.melodies[1]
    assert record["tokens"] == melody.tolist()
    assert (record["primer"], record["priming_token"]) == ([16, 1, 20], 20)
    assert record["setting"] == SLOW_WALTZ_IN_D.as_dict()
    assert record["notes"] == melody_text(melody, SLOW_WALTZ_IN_D).splitlines()
    scores = score_melodies(melody[None], "paper", SLOW_WALTZ_IN_D)
    assert record["rules"] == pytest.approx({name: values.sum() for name, values in scores.rules.items()})
    assert record["music_theory"] == pytest.approx(scores.music_theory.sum())
    prior = small_prior.transposed(2)
    log_p = prior.log_probs([[16, 1, 20, *melody[:-1]]])[0, 2:].numpy()
    assert record["log_prob"] == pytest.approx(log_p[np.arange(T), melody].sum(), rel=1e-5)
    assert record["reward"] == pytest.approx(record["log_prob"] + record["music_theory"] / 0.5, rel=1e-5)
    chances = pieces.steps.probabilities[1]
    assert record["kl"] == pytest.approx((chances * (np.log(chances) - log_p)).sum(), rel=1e-4)
    assert record["kl"] > 0.5
    assert record["longest_shared_run"] == longest_shared_run(melody, SLOW_WALTZ_IN_D)
