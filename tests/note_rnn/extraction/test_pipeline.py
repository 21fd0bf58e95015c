"""Melodies extracted from MIDI files, checked by hand."""

import numpy as np
import pytest

from note_rnn import Extraction, MelodyFileError, extract_melodies
from note_rnn.common.errors import InputError
from note_rnn.extraction.midi_score import parse_midi
from note_rnn.extraction.pipeline import melodies_of, melody_tokens, read_melodies
from note_rnn.extraction.tunes import TuneError
from note_rnn.vocabulary import check_tokens

STEP = 24
SCALE = [14, 16, 18, 19, 21, 23, 25, 26, 25, 23, 21, 19, 18, 16]


def extracted(data, **extraction):
    melodies, reasons = read_melodies(data, Extraction(**extraction))
    return [melody.tokens.tolist() for melody in melodies], dict(+reasons)


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
    data = midi.file(*tracks, *[midi.track(*midi.scale(channel=9))] * 2)
    assert len(extracted(data)[0]) == 2
    assert extracted(data)[1] == {"drums": 2}
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


def test_a_key_change_cuts_and_the_meter_determines_the_bar(midi):
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
    assert extracted(data) == ([], {"a bar is not a whole number of sixteenths": 1})
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


@pytest.mark.parametrize(
    ("extraction", "reason"),
    [
        ({}, None),
        ({"min_bars": 8}, None),
        ({"min_bars": 9}, "shorter than 9 bars"),
        ({"min_pitches": 7}, None),
        ({"min_pitches": 8}, "fewer than 8 different notes"),
        ({"max_steps": 128}, None),
        ({"max_steps": 127}, "cut at 127 sixteenths"),
    ],
)
def test_limits_are_what_a_melody_may_just_have(midi, extraction, reason):
    """A scale of 7 different notes that lasts 128 sixteenths, 8 bars."""
    _, reasons = extracted(midi.file(midi.track(*midi.scale())), **extraction)
    assert reasons == ({reason: 1} if reason else {})


@pytest.mark.parametrize(
    ("steps", "pitches", "reason"),
    [
        (112, 5, None),
        (111, 5, "shorter than 7 bars"),
        (112, 4, "fewer than 5 different notes"),
    ],
)
def test_by_default_a_melody_is_what_is_one_to_magenta(midi, steps, pitches, reason):
    """Seven bars, five different notes."""
    scale = (60, 62, 64, 65, 67)[:pitches]
    events = midi.notes(*((n * STEP, (n + 1) * STEP, scale[n % pitches]) for n in range(steps)))
    assert extracted(midi.file(midi.track(*events)))[1] == ({reason: 1} if reason else {})


@pytest.mark.parametrize(("steps", "parts"), [(15, 1), (16, 2)])
def test_by_default_a_bar_of_silence_ends_a_melody(midi, steps, parts):
    data = midi.file(midi.track(*midi.scale(number=128), *moved(midi.scale(number=128), (128 + steps) * STEP)))
    assert len(extracted(data)[0]) == parts


@pytest.mark.parametrize(("bars", "steps", "parts"), [(1, 11, 1), (1, 12, 2), (2, 23, 1), (2, 24, 2), (0.5, 6, 2)])
def test_a_gap_is_counted_in_bars_of_the_meter(midi, bars, steps, parts):
    """In 3/4 a bar is 12 sixteenths; silence of exactly as many bars as `gap_bars` ends a melody."""
    second = moved(midi.scale(number=14), (14 + steps) * STEP)
    data = midi.file(midi.track((0, midi.meta(0x58, [3, 2]))), midi.track(*midi.scale(number=14), *second))
    assert len(extracted(data, min_bars=1, gap_bars=bars)[0]) == parts


def test_a_melody_begins_on_a_bar_line_of_its_meter(midi):
    """In 3/4 the last bar line before step 20 is at 12; after a change of meter at 30 bars count from there."""
    meters = midi.track((0, midi.meta(0x58, [3, 2])), (30 * STEP, midi.meta(0x58, [2, 2])))
    data = midi.file(meters, midi.track(*moved(midi.scale(number=10), 20 * STEP)))
    assert extracted(data, min_bars=1)[0] == [[1] * 8 + SCALE[:10]]
    data = midi.file(meters, midi.track(*moved(midi.scale(number=10), 41 * STEP)))
    assert extracted(data, min_bars=1)[0] == [[1] * 3 + SCALE[:10]]


def test_changes_cut_only_where_they_are_used(midi):
    """Meters count unless `bar_steps` stands for them, key signatures unless the key is estimated."""
    changes = [(64 * STEP, midi.meta(0x58, [3, 2])), (96 * STEP, midi.meta(0x59, [0, 0]))]
    data = midi.file(midi.track(*changes), midi.track(*midi.scale()))
    lengths = {
        (bar_steps, key): [len(melody) for melody in extracted(data, min_bars=1, bar_steps=bar_steps, key=key)[0]]
        for bar_steps in (None, 16)
        for key in ("signature", "estimate")
    }
    assert lengths == {
        (None, "signature"): [64, 32, 32],
        (None, "estimate"): [64, 64],
        (16, "signature"): [96, 32],
        (16, "estimate"): [128],
    }


def test_a_note_ends_with_its_section(midi):
    events = midi.scale(number=15) + midi.notes((15 * STEP, 40 * STEP, 74))
    change = midi.track((20 * STEP, midi.meta(0x59, [0, 0])))
    (melody,), reasons = extracted(midi.file(change, midi.track(*events)), min_bars=1, key="signature")
    assert melody == [*SCALE, 14, 28, 1, 1, 1, 1]
    assert reasons == {}


def test_steps_are_counted_from_where_a_section_starts_on_the_grid_or_not(midi):
    """A key said at tick 34; notes 10 ticks after it and every 24: less than half a sixteenth late."""
    data = midi.file(midi.track((34, midi.meta(0x59, [0, 0]))), midi.track(*moved(midi.scale(), 44)))
    assert extracted(data, align=False)[0] == [[SCALE[n % 14] for n in range(128)]]


@pytest.mark.parametrize("resolution", [96, 192])
def test_notes_of_a_song_beside_the_grid_are_moved_whole(midi, resolution):
    """Sixteenths with rests of three between, 11 and 13 twenty-fourths of a sixteenth late by turns."""
    step = resolution // 4
    starts = [4 * step * n + (11 if n % 2 else 13) * step // 24 for n in range(32)]
    events = midi.notes(*((start, start + step, 60 + (0, 2, 4, 5, 7)[n % 5]) for n, start in enumerate(starts)))
    (melody,), _ = extracted(midi.file(midi.track(*events), resolution=resolution))
    assert melody[:13] == [14, 0, 1, 1, 16, 0, 1, 1, 18, 0, 1, 1, 19]


def test_a_file_gives_no_more_steps_than_it_may(midi, monkeypatch):
    monkeypatch.setattr("note_rnn.extraction.pipeline.MAX_STEPS_PER_FILE", 256)
    melodies, reasons = extracted(midi.file(*[midi.track(*midi.scale())] * 3))
    assert [len(melody) for melody in melodies] == [128, 128]
    assert reasons == {"beyond 256 sixteenths in one file": 1}


def test_any_resolution_gives_the_same_melody(midi):
    """Twice the ticks to the quarter note, twice the ticks to each note; half a sixteenth late goes to the next."""
    late = [(2 * tick + 24, event) for tick, event in midi.scale()]
    (melody,), _ = extracted(midi.file(midi.track(*late), resolution=192), align=False)
    assert melody == [1] + [SCALE[n % 14] for n in range(128)]
    (melody,), _ = extracted(midi.file(midi.track(*[(tick - 1, event) for tick, event in late]), resolution=192))
    assert melody == [SCALE[n % 14] for n in range(128)]


def test_tracks_of_a_song_beside_the_grid_move_together(midi):
    """A melody on the grid over three tracks half a sixteenth later: most onsets are late, so all move earlier."""
    late = [midi.track(*moved(midi.scale(2, number=64), 2 * STEP + 12)) for _ in range(3)]
    data = midi.file(midi.track(*moved(midi.scale(2, number=64), 2 * STEP)), *late)
    shifted, _ = extracted(data)
    assert [melody[:3] for melody in shifted[1:]] == [[1, 1, 14]] * 3
    assert shifted[0][:3] == [1, 1, 14]


def test_from_a_path(midi, tmp_path):
    (tmp_path / "tune.mid").write_bytes(midi.file(midi.track(*midi.scale())))
    (melody,) = extract_melodies(tmp_path / "tune.mid")
    assert melody.dtype == np.int64
    assert len(extract_melodies(tmp_path / "tune.mid", Extraction(min_bars=9))) == 0
    (tmp_path / "text.mid").write_text("no music")
    with pytest.raises(MelodyFileError, match=r"text\.mid has no readable melody: not a MIDI file\.$"):
        extract_melodies(tmp_path / "text.mid")
    with pytest.raises(MelodyFileError, match="There is no file"):
        extract_melodies(tmp_path / "none.mid")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"bar_steps": 0}, "bar_steps must be at least 1, not 0."),
        ({"min_bars": 0}, "min_bars must be at least 1, not 0."),
        ({"min_pitches": 0}, "min_pitches must be at least 1, not 0."),
        ({"max_steps": -1}, "max_steps must be at least 1, not -1."),
        ({"gap_bars": 0.0}, "gap_bars must be a number above 0, not 0.0."),
    ],
)
def test_impossible_settings(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        Extraction(**wrong)


def test_a_melody_keeps_the_pitches_of_the_file_until_it_is_tokens(midi):
    score = parse_midi(midi.file(midi.track(*midi.scale(first=90))))
    ((melody,), _) = melodies_of(score, Extraction())
    assert melody.notes.pitches.min() == 90
    assert melody_tokens(melody).tolist() == [SCALE[n % 14] for n in range(128)]


def test_a_melody_has_the_numbers_of_its_track_and_section_its_bars_and_its_key(midi):
    key = midi.track((64 * STEP, midi.meta(0x59, [1, 0])))
    late = midi.track(*moved(midi.scale(number=104), 24 * STEP))
    data = midi.file(key, midi.track(*midi.scale(channel=9)), midi.track(*midi.scale()), late)
    melodies, _ = melodies_of(parse_midi(data), Extraction(min_bars=3))
    assert [(m.track, m.section, m.start, m.bar_steps, m.sharps, m.num_steps) for m in melodies] == [
        (1, 0, 0, 16, None, 64),
        (2, 0, 16, 16, None, 48),
        (1, 1, 0, 16, 1, 64),
        (2, 1, 0, 16, 1, 64),
    ]
