"""MIDI bytes to notes in ticks: irregular files read as other readers do, damaged ones refused with the reason."""

import contextlib
import io
import warnings

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from note_rnn.extraction.midi_score import parse_midi
from note_rnn.extraction.tunes import TuneError


def notes_of(score):
    """The notes (start, end, pitch) of each track."""
    return [list(zip(t.starts.tolist(), t.ends.tolist(), t.pitches.tolist(), strict=True)) for t in score.tracks]


def changes_of(changes):
    return [(time, *value) for time, value in zip(changes.times.tolist(), changes.values.tolist(), strict=True)]


def test_notes_of_a_file(midi):
    score = parse_midi(midi.file(midi.track(*midi.notes((0, 96, 60), (96, 150, 64)))))
    assert score.resolution == 96
    assert notes_of(score) == [[(0, 96, 60), (96, 150, 64)]]
    assert not score.tracks[0].is_drum


def test_times_of_any_length(midi):
    late = 200_000  # three bytes
    assert notes_of(parse_midi(midi.file(midi.track(*midi.notes((late, late + 1, 60)))))) == [[(late, late + 1, 60)]]


def test_a_running_status_applies_until_the_next_status(midi):
    events = midi.track((0, b"\x90\x3c\x50"), (1, b"\x40\x50"), (2, b"\x3c\x00"), (3, b"\x80\x40\x00"))
    assert notes_of(parse_midi(midi.file(events))) == [[(0, 2, 60), (1, 3, 64)]]


def test_the_running_status_is_the_newest(midi):
    """The last message is a note off, as is the one before it, though the first were notes on."""
    events = midi.track((0, b"\x90\x3c\x50"), (1, b"\x40\x50"), (2, b"\x80\x3c\x40"), (3, b"\x40\x40"))
    assert notes_of(parse_midi(midi.file(events))) == [[(0, 2, 60), (1, 3, 64)]]


def test_a_running_status_applies_after_a_meta_event(midi):
    """The format forbids it, and files do it."""
    events = midi.track((0, b"\x90\x3c\x50"), (1, midi.meta(1, b"la")), (2, b"\x3c\x00"))
    assert notes_of(parse_midi(midi.file(events))) == [[(0, 2, 60)]]


def test_other_messages_are_passed_over(midi):
    events = midi.track(
        (0, b"\xb0\x07\x64"),
        (0, b"\xe0\x00\x40"),
        (0, b"\xd0\x11"),
        (1, b"\x12"),
        (1, b"\xf0\x03\x01\x02\xf7"),
        (2, b"\x90\x3c\x50"),
        (3, b"\xa0\x3c\x10"),
        (4, b"\x80\x3c\x00"),
    )
    assert notes_of(parse_midi(midi.file(events))) == [[(2, 4, 60)]]


def test_an_instrument_is_a_program_on_a_channel_of_a_track(midi):
    first = midi.track(
        (0, midi.meta(3, b"Lead")),
        (0, b"\xc0\x05"),
        *midi.notes((0, 10, 60)),
        *[(tick + 20, event) for tick, event in midi.notes((0, 10, 62), channel=9)],
        (40, b"\xc0\x06"),
        *[(tick + 50, event) for tick, event in midi.notes((0, 10, 64))],
    )
    second = midi.track(*midi.notes((0, 10, 72)))
    score = parse_midi(midi.file(first, second))
    assert notes_of(score) == [[(0, 10, 60)], [(20, 30, 62)], [(50, 60, 64)], [(0, 10, 72)]]
    assert [track.is_drum for track in score.tracks] == [False, True, False, False]
    assert [track.name for track in score.tracks] == ["Lead", "Lead", "Lead", ""]


def test_a_program_is_that_of_its_own_channel(midi):
    """Piano until channel 2 changes to program 6, whatever channel 1 has had before."""
    flute = midi.notes((50, 60, 64), channel=2)
    content = midi.track((0, b"\xc1\x06"), *midi.notes((0, 10, 60), channel=2), (20, b"\xc2\x06"), *flute)
    assert notes_of(parse_midi(midi.file(content))) == [[(0, 10, 60)], [(50, 60, 64)]]


@pytest.mark.parametrize(("name", "text"), [(b"Gesang\xc3\xa4", "Gesangä"), (b"Gesang\xe4 \0", "Gesangä"), (b"", "")])
def test_names_in_any_encoding(midi, name, text):
    content = midi.track((0, midi.meta(3, name)), *midi.notes((0, 9, 60)))
    assert parse_midi(midi.file(content)).tracks[0].name == text


def test_changes_of_meter_tempo_and_key(midi):
    score = parse_midi(
        midi.file(
            midi.track(
                (0, midi.meta(0x58, [6, 3, 24, 8])),
                (0, midi.meta(0x51, (500_000).to_bytes(3, "big"))),
                (0, midi.meta(0x59, [0xFD, 1])),
                (96, midi.meta(0x58, [0, 2, 24, 8])),
                (96, midi.meta(0x58, [4, 200, 24, 8])),
                (96, midi.meta(0x58, [4])),
                (96, midi.meta(0x59, [99, 0])),
                (96, midi.meta(0x51, b"\x01")),
                (192, midi.meta(0x51, b"\0\0\0")),
                (192, midi.meta(0x58, [3, 2, 24, 8])),
            )
        )
    )
    assert changes_of(score.meters) == [(0, 6, 8), (192, 3, 4)]
    assert changes_of(score.tempos) == [(0, 500_000), (192, 0)]
    assert changes_of(score.keys) == [(0, -3)]


@pytest.mark.parametrize(("byte", "keys"), [(7, [(0, 7)]), (0, [(0, 0)]), (256 - 7, [(0, -7)]), (8, []), (256 - 8, [])])
def test_a_key_has_up_to_seven_sharps_or_flats(midi, byte, keys):
    assert changes_of(parse_midi(midi.file(midi.track((0, midi.meta(0x59, [byte, 0]))))).keys) == keys


def test_notes_that_overlap_are_in_order_of_their_starts(midi):
    content = midi.track(*midi.notes((0, 96, 60), (10, 20, 64), (30, 200, 67), (40, 50, 72)))
    assert notes_of(parse_midi(midi.file(content))) == [[(0, 96, 60), (10, 20, 64), (30, 200, 67), (40, 50, 72)]]


def test_a_pedal_lengthens_no_note(midi):
    """A note ends where its key is let go, whatever the pedal does."""
    pedal = midi.track((0, b"\xb0\x40\x7f"), (0, b"\x90\x3c\x50"), (24, b"\x80\x3c\x00"), (96, b"\xb0\x40\x00"))
    assert notes_of(parse_midi(midi.file(pedal))) == [[(0, 24, 60)]]


def test_the_meter_is_that_of_the_first_track_with_one(midi):
    tracks = [midi.track(), midi.track((0, midi.meta(0x58, [9, 2]))), midi.track((0, midi.meta(0x58, [4, 2])))]
    assert changes_of(parse_midi(midi.file(*tracks)).meters) == [(0, 9, 4)]


def test_every_track_starts_at_tick_0(midi):
    first = midi.track((0, midi.meta(1, b"la")), *midi.notes((0, 96, 60)), (200, midi.meta(1, b"la")))
    second = midi.track((10, midi.meta(0x58, [3, 2])), *midi.notes((20, 40, 62)), (50, midi.meta(0x59, [2, 0])))
    score = parse_midi(midi.file(first, second, second))
    assert notes_of(score) == [[(0, 96, 60)], [(20, 40, 62)], [(20, 40, 62)]]
    assert (changes_of(score.meters), changes_of(score.keys)) == ([(10, 3, 4)], [(50, 2)])


def test_wrapped_chunks_of_other_kinds_and_long_headers(midi):
    content = midi.track(*midi.notes((0, 96, 60)))
    header = b"\0\x01\0\x01\0\x60with more"
    data = midi.chunk(b"MThd", header) + midi.chunk(b"XFIH", b"other") + midi.chunk(b"MTrk", content) + b"rest"
    assert notes_of(parse_midi(data)) == [[(0, 96, 60)]]
    assert notes_of(parse_midi(midi.chunk(b"RIFF", b"RMIDdata" + bytes(4) + data))) == [[(0, 96, 60)]]


@pytest.mark.parametrize("end", [b"", b"\0\xff\x2f\0\x90\x3c"], ids=["none", "and more behind it"])
def test_the_end_of_a_track_need_not_be_its_end(midi, end):
    assert notes_of(parse_midi(midi.file(midi.track(*midi.notes((0, 96, 60)), end=end)))) == [[(0, 96, 60)]]


def test_what_is_no_midi_or_damaged_is_refused_with_the_reason(midi):
    whole = midi.file(midi.track(*midi.notes((0, 96, 60))))
    for data, reason in (
        (b"", "empty file"),
        (b"X: 1\nT: no MIDI", "not a MIDI file"),
        (b"RIFF" + bytes(100), "not a MIDI file"),
        (b"MThd\0\0\0\x06\0\x01", "truncated"),
        (whole[:-5], "truncated"),
        (midi.file(midi.track(*midi.notes((0, 9, 60))), resolution=0xE728), "timed by film frames"),
        (midi.file(midi.track(*midi.notes((0, 9, 60))), resolution=0), "zero ticks per quarter note"),
        (midi.file(b"\x00\x3c\x50\x00"), "data where an event should be"),
        (midi.file(b"\x00\x90\x3c\xf0\x00"), "data where an event should be"),
        (midi.file(b"\x00\xf4\x3c\x10\x00"), "data where an event should be"),
        (midi.file(b"\x00\x90\x3c"), "truncated"),
        (midi.file(b"\x00\xff\x01\x09la"), "truncated"),
        (midi.file(b"\x00\xff"), "truncated"),
        (midi.file(b"\xff\xff\xff\xff\x7f\x90\x3c\x50"), "a time that does not end"),
        (midi.file(b"\xff\xff\xff\x7f\x90\x3c\x50\xff\xff\xff\x7f\x80\x3c\x50", resolution=1), "more than 250,000 qu"),
        (midi.file(midi.track((250_001, midi.meta(0x58, [3, 2]))), resolution=1), "more than 250,000 quarter notes"),
    ):
        with pytest.raises(TuneError, match=reason):
            parse_midi(data)


def test_a_file_cut_anywhere_is_refused_or_has_fewer_tracks(midi):
    whole = midi.file(midi.track(*midi.scale()), midi.track(*midi.notes((0, 96, 60))))
    for length in range(len(whole)):
        with contextlib.suppress(TuneError):
            assert len(parse_midi(whole[:length]).tracks) < 2


def test_a_piece_may_last_250_000_quarter_notes_at_any_resolution(midi):
    longest = 250_000 * 96
    content = midi.track(*midi.notes((longest - 9, longest, 60)))
    assert notes_of(parse_midi(midi.file(content))) == [[(longest - 9, longest, 60)]]
    with pytest.raises(TuneError, match="more than 250,000 quarter notes"):
        parse_midi(midi.file(midi.track(*midi.notes((longest - 9, longest + 1, 60)))))


@pytest.mark.parametrize("number", [0, 1])
def test_files_without_notes(midi, number):
    assert parse_midi(midi.file(*[midi.track()] * number)).tracks == []


def test_many_notes_are_no_matter(midi):
    message = b"\x01\x3c\x50\x01\x3c\x00"
    score = parse_midi(midi.file(b"\x00\x90\x3c\x00" + message * 100_000))
    assert len(score.tracks[0].starts) == 100_000


EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0x80, 0x90, 0x90, 0xC0]), st.integers(0, 1), st.integers(60, 62)),
    max_size=40,
)


@settings(deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=3))
def test_the_same_notes_as_pretty_midi(midi, tracks):
    contents = []
    for events in tracks:
        ticks = np.cumsum([delta for delta, *_ in events]).tolist()
        messages = [bytes([kind | channel, data] + [64] * (kind < 0xC0)) for _, kind, channel, data in events]
        contents.append(midi.track(*zip(ticks, messages, strict=True)))
    data = midi.file(*contents)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = pretty_midi.PrettyMIDI(io.BytesIO(data))
    expected = [
        sorted((reference.time_to_tick(n.start), reference.time_to_tick(n.end), n.pitch) for n in instrument.notes)
        for instrument in reference.instruments
    ]
    assert [sorted(notes) for notes in notes_of(parse_midi(data))] == [notes for notes in expected if notes]
