"""The benchmarks of chords, at small size: their output follows from their measurements."""

import csv

import numpy as np
import pretty_midi
import pytest

from agents import PPOKL
from agents.evaluation.metrics import chord_metrics
from melody_env import EnvironmentSpec, MelodyVecEnv, Setting


def harmonised_file(folder, name: str, chords: list[list[int]], melody: list[int], meter=(4, 4), key=0) -> None:
    """A MIDI file of two tracks: `chords`, MIDI pitches a bar each, and `melody`, quarters."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=120)
    midi.time_signature_changes.append(pretty_midi.TimeSignature(*meter, 0))
    midi.key_signature_changes.append(pretty_midi.KeySignature(key, 0))
    bar = meter[0] * 2 / meter[1]
    tracks = [pretty_midi.Instrument(0), pretty_midi.Instrument(0)]
    tracks[0].notes = [pretty_midi.Note(90, pitch, 0.5 * i, 0.5 * (i + 1)) for i, pitch in enumerate(melody) if pitch]
    for number, pitches in enumerate(chords):
        tracks[1].notes += [pretty_midi.Note(60, pitch, bar * number, bar * (number + 1)) for pitch in pitches]
    midi.instruments.extend(tracks)
    midi.write(str(folder / f"{name}.mid"))


C_CHORD, G_SEVENTH, A_MINOR = [48, 52, 55], [43, 47, 50, 53], [45, 48, 52]


def test_tunes_with_chords_are_read_in_their_key_and_meter(tmp_path):
    import nottingham

    harmonised_file(tmp_path, "a", [C_CHORD, [], G_SEVENTH], [96, 0, 88, 86, *[84] * 4, 79, 83, 86, 83])
    harmonised_file(tmp_path, "b", [C_CHORD], [60, 62, 64, 65], key=21)
    harmonised_file(tmp_path, "too wide", [C_CHORD], [40, 62, 64, 96])
    tunes = list(nottingham.read_tunes(tmp_path))
    assert [tune.name for tune in tunes] == ["a", "b"]
    first, second = tunes
    assert first.progression.text == "C C C C | N.C. N.C. N.C. N.C. | G7 G7 G7 G7"
    assert (first.setting.key, first.setting.mode, first.setting.meter, first.setting.steps) == (
        "C",
        "major",
        "4/4",
        48,
    )
    assert (second.setting.key, second.setting.mode) == ("A", "minor")
    assert first.melody[:17].tolist() == [26, 1, 1, 1, 0, 1, 1, 1, 18, 1, 1, 1, 16, 1, 1, 1, 14]  # an octave lower
    assert nottingham.chord_of((45, 48, 52)).symbol == "Am"
    assert nottingham.chord_of((52, 57, 60)).symbol == "Am"  # over its fifth
    assert nottingham.chord_of((48, 49, 50)).symbol == "N.C."


def test_figures_of_agents_over_chords_are_those_of_their_pieces(output_of, monkeypatch, tmp_path, small_prior):
    import chords_of_agents

    from agents.composing.composers import Agent

    spec = EnvironmentSpec.of(prior=small_prior, chords="C | F; Am | G | N.C.", length="2 bars", reward="chords")
    env = MelodyVecEnv(2, **spec.arguments)
    agent = Agent(PPOKL(env=env, prior=env.engine.prior, seed=0, device="cpu").policy, spec)
    monkeypatch.setattr(chords_of_agents, "load_run", lambda path: agent)
    harmonised_file(tmp_path, "a", [C_CHORD, A_MINOR], [72, 76, 79, 76, 69, 71, 76, 72])
    harmonised_file(tmp_path, "b", [G_SEVENTH, C_CHORD], [79, 83, 86, 83, 72, 76, 79, 76])
    arguments = ["runs/chords", "--pieces", 20, "--chords", "E7 | A", "Dm | Bb", "--tunes", tmp_path]
    lines = output_of(chords_of_agents, [*arguments, "--csv", tmp_path / "c.csv"]).splitlines()
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    parts = ["trained", "held out", "held out, in Eb", "held out, in A", "Note RNN", "4/4"]
    assert [row["part"] for row in rows] == parts
    assert len(lines) == 6
    environment = spec.changed(chords="E7 | A; Dm | Bb")
    pieces = chords_of_agents.compose_pieces(agent.player(environment), 20, 0, environment)
    assert float(rows[1]["chord_tones"]) == pytest.approx(chord_metrics(pieces)["chord_tones"])
    assert float(rows[1]["log_prob"]) == pytest.approx(pieces.finished.log_prob.mean() / 32)
    human = {name: value for name, value in rows[-1].items() if value}
    assert human["run"] == "2 human tunes"
    assert float(human["chord_tones"]) == 1
    assert float(human["auc"]) == 1
    assert float(human["of_others"]) == 4 / 8  # G over G7, E over C; G over C, C over Am


def test_counts_of_what_chords_ask_for_by_hand():
    import chords_of_agents

    steps = Setting(meter="4/16", length=8, chords="C | G").harmony_steps
    melody = np.array([[18, 16, 14, 15, 25, 1, 14, 16]])  # E D C C# | B . C D
    counts = chords_of_agents.harmony_counts(melody, steps)
    assert [int(each[0]) for each in counts] == [3, 4, 2, 3, 2, 2]  # D - C and C - D by step, C# - B not


def test_chords_found_are_compared_with_those_of_tunes(output_of, tmp_path):
    import harmonising

    harmonised_file(tmp_path, "a", [C_CHORD, A_MINOR, G_SEVENTH, C_CHORD], [72, 76, 79, 76] * 4)
    lines = output_of(harmonising, [tmp_path, "--csv", tmp_path / "h.csv"]).splitlines()
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert len(lines) == 2
    assert (rows[0]["mode"], rows[0]["tunes"], rows[0]["per_bar"]) == ("major", "1", "1")
    assert float(rows[0]["roots"]) == float(rows[0]["roots_of_tonic"]) == 0.5
    assert float(rows[0]["tones_of_found"]) == 1
