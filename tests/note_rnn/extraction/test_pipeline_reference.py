"""Melodies of MIDI files, equal to those of the reference on its golden set, if available."""

import gzip
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from note_rnn import Extraction
from note_rnn.extraction.keys import folded, major_key, transposition
from note_rnn.extraction.midi_score import parse_midi
from note_rnn.extraction.pipeline import melodies_of

REFERENCE = Path(os.environ.get("MELODY_REFERENCE", Path(__file__).parents[4] / "shared"))
"""A folder with golden/melody_extraction.json.gz and the files it was made from, in data/midi."""


def golden_extraction(config, bar_steps):
    return Extraction(
        bar_steps=bar_steps,
        min_bars=config["min_bars"],
        max_steps=config["max_steps_truncate"],
        polyphony="top" if config["ignore_polyphonic_notes"] else "skip",
        key="estimate",
        align=False,
        cut_at_tempo=True,
    )


def golden_events(melody):
    """A melody as the reference writes it: -2 no event, -1 note off, else the pitch."""
    events = np.full(melody.num_steps, -2)
    events[melody.notes.ends[melody.notes.ends < melody.num_steps]] = -1
    events[melody.notes.starts] = melody.notes.pitches
    return events.tolist()


def reference_files():
    path = REFERENCE / "golden" / "melody_extraction.json.gz"
    if not path.is_file():
        pytest.skip("the reference is not available")
    with gzip.open(path) as file:
        return json.load(file)


def wrong_segments(file, configs):
    """How many exact entries of the reference `file` are there, and which come out otherwise."""
    data = (REFERENCE / "data" / "midi" / file["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == file["sha256"]
    score = parse_midi(data)
    number, wrong = 0, []
    for part, bar_steps in (("segments", None), ("segments_as_4_4", 16)):
        for name, config in configs.items():
            found, reasons = melodies_of(score, golden_extraction(config, bar_steps))
            entries = [segment.get("configs", {}).get(name) for segment in file[part]]
            for section, entry in enumerate(entries):
                if entry is None or not entry["exact"]:
                    continue
                expected = [file["melodies"][melody] for melody in entry["melodies"]]
                keys = ("instrument", "start_step", "end_step", "steps_per_bar", "events")
                own = [
                    [
                        melody.track,
                        melody.start,
                        melody.start + melody.num_steps,
                        melody.bar_steps,
                        golden_events(melody),
                    ]
                    for melody in found
                    if melody.section == section
                ]
                number += 1
                if own != [[melody[key] for key in keys] for melody in expected]:
                    wrong.append((part, name, section))
            if all(entries) and not any(segment["half_step_ties"] for segment in file[part]):
                stats = sum((Counter(entry["stats"]) for entry in entries), Counter())
                assert reasons["notes that start together"] == stats["polyphonic_tracks_discarded"]
                assert reasons[f"shorter than {config['min_bars']} bars"] == stats["melodies_discarded_too_short"]
                assert reasons["fewer than 5 different notes"] == stats["melodies_discarded_too_few_pitches"]
                assert reasons[f"cut at {config['max_steps_truncate']} sixteenths"] == stats["melodies_truncated"]
    return number, wrong


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_the_reference_finds_the_same_melodies(every):
    reference = reference_files()
    results = [wrong_segments(file, reference["configs"]) for file in reference["files"][::every]]
    assert [wrong for _, wrong in results] == [[]] * len(results)
    assert every > 1 or sum(number for number, _ in results) == 2183


def test_the_reference_transposes_alike():
    for file in reference_files()["files"]:
        for melody in file["melodies"]:
            pitches = np.array([event for event in melody["events"] if event >= 0])
            assert (major_key(pitches), transposition(pitches)) == (melody["major_key"], melody["transpose"])
            squashed = [event for event in melody["squashed"] if event >= 0]
            assert folded(pitches + melody["transpose"]).tolist() == squashed
