"""MIDI files in, melodies out: by hand, and equal to the reference on its whole golden set where that is at hand."""

import gzip
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from note_rnn import Extraction, MelodyFileError, extract_melodies
from note_rnn.errors import InputError
from note_rnn.extraction import melodies_of, melody_tokens, read_melodies
from note_rnn.keys import folded, major_key, transposition
from note_rnn.midi_score import parse_midi
from note_rnn.tunes import TuneError
from note_rnn.vocabulary import check_tokens

REFERENCE = Path(os.environ.get("MELODY_REFERENCE", Path(__file__).parents[3] / "shared"))
"""A folder with golden/melody_extraction.json.gz and the files it was made from, in data/midi."""

STEP = 24
SCALE = [14, 16, 18, 19, 21, 23, 25, 26, 25, 23, 21, 19, 18, 16]


def extracted(data, **extraction):
    melodies, reasons = read_melodies(data, Extraction(**extraction))
    return [tokens.tolist() for tokens in melodies], dict(+reasons)


def moved(events, ticks):
    return [(tick + ticks, event) for tick, event in events]


def test_a_scale_is_a_melody(midi):
    (melody,), reasons = extracted(midi.file(midi.track(*midi.scale())))
    assert melody == [SCALE[n % 14] for n in range(128)]
    assert reasons == {}


def test_a_melody_begins_on_a_bar_line_and_ends_with_its_last_note(midi):
    upbeat = 16 * STEP * 3 - 4 * STEP
    (melody,), _ = extracted(midi.file(midi.track(*moved(midi.scale(2), upbeat))))
    assert melody[:14] == [1] * 12 + [14, 1]
    assert len(melody) == 12 + 256


def test_rests_holds_and_the_gap_that_ends_a_melody(midi):
    ticks = [0, 4, 8, 16, 17, 60, 64, 68, 72, 76]
    events = midi.notes(*((t * STEP, t * STEP + 2 * STEP, 60 + 2 * n) for n, t in enumerate(ticks)))
    melodies, _ = extracted(midi.file(midi.track(*events)), min_bars=1, min_pitches=1, key="signature", gap_bars=2)
    first = [14, 1, 0, 1, 16, 1, 0, 1, 18, 1, 0, 1, 1, 1, 1, 1, 20, 22, 1]
    pitches = np.array(first)
    assert len(melodies[0]) == 19
    assert [t < 2 for t in melodies[0]] == [t < 2 for t in first]
    assert np.diff(np.array(melodies[0])[pitches > 1]).tolist() == [2, 2, 2, 2]
    assert len(melodies[1]) == 12 + 18  # from the bar line at 48 on


@pytest.mark.parametrize(
    ("extraction", "reason"),
    [
        ({"min_bars": 9}, "shorter than 9 bars"),
        ({"min_pitches": 8}, "fewer than 8 different notes"),
        ({"melody_track": "lead"}, None),
    ],
)
def test_what_is_no_melody_is_dropped_with_the_reason(midi, extraction, reason):
    data = midi.file(midi.track((0, midi.meta(3, b"LEAD")), *midi.scale()))
    melodies, reasons = extracted(data, **extraction)
    assert reasons == ({reason: 1} if reason else {})
    assert len(melodies) == (reason is None)


def test_tracks_by_name(midi):
    tracks = [
        midi.track((0, midi.meta(3, name)), *midi.scale(first=first)) for name, first in ((b"A", 60), (b"Melody", 72))
    ]
    data = midi.file(*tracks, midi.track(*midi.scale(channel=9)))
    assert len(extracted(data)[0]) == 2
    assert extracted(data)[1] == {"drums": 1}
    assert len(extracted(data, melody_track="MELODY")[0]) == 1
    with pytest.raises(TuneError, match="no track named bass"):
        extracted(data, melody_track="bass")


@pytest.mark.parametrize(
    ("content", "reason"), [([], "no notes"), ([(0, b"\x99\x3c\x50"), (96, b"\x89\x3c\x00")], "only drums")]
)
def test_a_file_without_melodic_notes(midi, content, reason):
    with pytest.raises(TuneError, match=reason):
        extracted(midi.file(midi.track(*content)))


def test_chords_end_a_track_or_lose_their_lower_notes(midi):
    chords = midi.scale(first=48) + midi.scale(first=60)
    data = midi.file(midi.track(*sorted(chords, key=lambda event: (event[0], event[1][0]))))
    assert extracted(data) == ([], {"notes that start together": 1})
    (melody,), _ = extracted(data, polyphony="top")
    assert melody == [SCALE[n % 14] for n in range(128)]


@pytest.mark.parametrize(("signature", "first"), [(None, 14), (0, 14), (1, 19), (0xFF, 21)])
def test_it_is_moved_by_the_key_signature_or_else_by_its_notes(midi, signature, first):
    """A scale of C: in G it is the fourth degree, so F of C; in F the fifth, so G."""
    said = [] if signature is None else [(0, midi.meta(0x59, [signature, 0]))]
    data = midi.file(midi.track(*said, *midi.scale()))
    (melody,), _ = extracted(data)
    assert (melody[0] - first) % 12 == 0
    assert extracted(data, key="estimate")[0] == [[SCALE[n % 14] for n in range(128)]]


def test_a_change_of_key_cuts_and_the_meter_says_how_long_a_bar_is(midi):
    changes = [(0, midi.meta(0x58, [3, 2])), (0, midi.meta(0x59, [0, 0])), (64 * STEP, midi.meta(0x59, [1, 0]))]
    data = midi.file(midi.track(*changes), midi.track(*midi.scale()))
    melodies, reasons = extracted(data, min_bars=5)
    assert [len(melody) for melody in melodies] == [64, 64]
    assert extracted(data, min_bars=6) == ([], {"shorter than 6 bars": 2})
    assert extracted(data, min_bars=4, bar_steps=16, key="estimate")[1] == reasons == {}


def test_tempi_do_not_matter_unless_they_are_to_cut(midi):
    slower = [(64 * STEP, midi.meta(0x51, [0, 0, 0])), (96 * STEP, midi.meta(0x51, [255, 255, 255]))]
    data = midi.file(midi.track(*slower), midi.track(*midi.scale()))
    assert [len(melody) for melody in extracted(data, min_bars=1)[0]] == [128]
    assert [len(melody) for melody in extracted(data, min_bars=1, cut_at_tempo=True)[0]] == [64, 32, 32]


def test_bars_of_no_whole_steps(midi):
    data = midi.file(midi.track((0, midi.meta(0x58, [3, 5])), *midi.scale()))
    assert extracted(data) == ([], {"a bar of no whole number of sixteenths": 1})
    assert len(extracted(data, bar_steps=16)[0]) == 1


def test_too_wide_is_dropped_or_folded(midi):
    events = midi.scale(number=100, first=36) + moved(midi.scale(number=28, first=84), 100 * STEP)
    data = midi.file(midi.track(*events))
    assert extracted(data) == ([], {"wider than the vocabulary": 1})
    (melody,), _ = extracted(data, wide="fold")
    check_tokens(melody, ndim=1)
    assert {(token - 2) % 12 for token in melody} == {0, 2, 4, 5, 7, 9, 11}


def test_cut_at_so_many_steps(midi):
    melodies, reasons = extracted(midi.file(midi.track(*midi.scale())), max_steps=100)
    assert melodies == [[SCALE[n % 14] for n in range(100)]]
    assert reasons == {"cut at 100 sixteenths": 1}


def test_a_song_beside_the_beats_is_moved_onto_them(midi):
    rng = np.random.default_rng(0)
    played = [(n * STEP + 11 + int(rng.integers(-4, 5)), 60 + [0, 2, 4, 5, 7][n % 5]) for n in range(0, 256, 2)]
    events = midi.notes(*((start, start + 30, pitch) for start, pitch in played))
    data = midi.file(midi.track(*events))
    (melody,), _ = extracted(data)
    onsets = np.flatnonzero(np.array(melody) > 1)
    assert (np.diff(onsets) == 2).all()
    (beside,), _ = extracted(data, align=False)
    assert not (np.diff(np.flatnonzero(np.array(beside) > 1)) == 2).all()


def test_from_a_path(midi, tmp_path):
    (tmp_path / "tune.mid").write_bytes(midi.file(midi.track(*midi.scale())))
    (melody,) = extract_melodies(tmp_path / "tune.mid")
    assert melody.dtype == np.int64
    assert len(extract_melodies(tmp_path / "tune.mid", Extraction(min_bars=9))) == 0
    (tmp_path / "text.mid").write_text("no music")
    with pytest.raises(MelodyFileError, match=r"text\.mid has no melody that can be read: not a MIDI file\.$"):
        extract_melodies(tmp_path / "text.mid")
    with pytest.raises(MelodyFileError, match="There is no file"):
        extract_melodies(tmp_path / "none.mid")


@pytest.mark.parametrize("wrong", [{"bar_steps": 0}, {"min_bars": 0}, {"max_steps": -1}, {"gap_bars": 0.0}])
def test_impossible_settings(wrong):
    with pytest.raises(InputError, match="at least 1"):
        Extraction(**wrong)


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
        pytest.skip("the reference is not at hand")
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


def test_a_melody_keeps_the_pitches_of_the_file_until_it_is_tokens(midi):
    score = parse_midi(midi.file(midi.track(*midi.scale(first=90))))
    ((melody,), _) = melodies_of(score, Extraction())
    assert melody.notes.pitches.min() == 90
    assert melody_tokens(melody).tolist() == [SCALE[n % 14] for n in range(128)]
