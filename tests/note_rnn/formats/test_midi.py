"""MIDI files: round trips, files from elsewhere, and errors."""

import contextlib
import warnings
from itertools import accumulate

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mido import MidiFile

from note_rnn import read_midi
from note_rnn.common.errors import InputError
from note_rnn.formats.midi import MelodyFileError, write_midi
from note_rnn.formats.notation import Staff
from note_rnn.vocabulary import VocabularyError, check_tokens

MELODIES = st.lists(st.sampled_from([0, 1]) | st.integers(2, 37), max_size=70)


def written_notes(path):
    (instrument,) = pretty_midi.PrettyMIDI(str(path)).instruments
    return [(note.pitch, round(note.start, 4), round(note.end, 4)) for note in instrument.notes]


def midi_file(path, *instruments, resolution=480, bpm=120):
    """Write notes (pitch, start, end) in quarters of (program, is_drum, notes)."""
    midi = pretty_midi.PrettyMIDI(resolution=resolution, initial_tempo=bpm)
    for program, is_drum, notes in instruments:
        instrument = pretty_midi.Instrument(program, is_drum)
        for pitch, start, end in notes:
            instrument.notes.append(pretty_midi.Note(90, pitch, start * 60 / bpm, end * 60 / bpm))
        midi.instruments.append(instrument)
    midi.write(str(path))
    return path


def test_middle_c_is_token_14_is_midi_60(tmp_path):
    write_midi([14], tmp_path / "c.mid")
    assert written_notes(tmp_path / "c.mid") == [(60, 0.0, 0.125)]


def test_holds_hold_and_note_offs_rest(tmp_path):
    write_midi([14, 1, 1, 1, 0, 1, 16, 1], tmp_path / "melody.mid", bpm=60)
    assert written_notes(tmp_path / "melody.mid") == [(60, 0.0, 1.0), (62, 1.5, 2.0)]


def events_of(path) -> list[list[tuple[int, str, dict]]]:
    """Return tick, kind and values of the events of each track, notes left out."""
    tracks = []
    for track in MidiFile(path, charset="utf-8").tracks:
        ticks = accumulate(event.time for event in track)
        values = [{k: v for k, v in vars(event).items() if k not in ("type", "time")} for event in track]
        events = zip(ticks, track, values, strict=True)
        tracks.append([(tick, event.type, its) for tick, event, its in events if not event.type.startswith("note_")])
    return tracks


def test_a_sequencer_shows_meter_key_tempo_name_and_length(tmp_path):
    """A jig in D of two bars of 12 steps, 120 ticks each, at 80 dotted quarters, which are 120 quarters."""
    staff = Staff("6/8", 12, 6, 2, "major", 120.0)
    write_midi([16, *[1] * 22, 0], tmp_path / "jig.mid", staff=staff, title="Caf\u00e9 jig")
    head, melody = events_of(tmp_path / "jig.mid")
    assert head == [
        (0, "track_name", {"name": "Caf\u00e9 jig"}),
        (0, "set_tempo", {"tempo": 500_000}),
        (0, "key_signature", {"key": "D"}),
        (
            0,
            "time_signature",
            {"numerator": 6, "denominator": 8, "clocks_per_click": 36, "notated_32nd_notes_per_beat": 8},
        ),
        (24 * 120, "end_of_track", {}),
    ]
    assert [event for event in melody if event[1] != "program_change"] == [
        (0, "track_name", {"name": "Melody"}),
        (24 * 120, "text", {"text": "end of melody"}),
        (24 * 120, "end_of_track", {}),
    ]


@pytest.mark.parametrize(
    ("staff", "key", "clocks"),
    [
        (Staff(), "C", 24),
        (Staff(sharps=-7), "Cb", 24),
        (Staff(sharps=7), "C#", 24),
        (Staff("2/2", 16, 8, 0, "minor"), "Am", 48),
        (Staff(sharps=-6, mode="minor"), "Ebm", 24),
        (Staff(sharps=4, mode="minor"), "C#m", 24),
        (Staff("7/8", 14, 2, 1, "dorian"), "G", 12),
    ],
)
def test_the_signature_is_that_of_the_staff(tmp_path, staff, key, clocks):
    """MIDI has no modes: that of A dorian is written as the one sharp that it has."""
    write_midi([14], tmp_path / "melody.mid", staff=staff)
    (head, _) = events_of(tmp_path / "melody.mid")
    found = {kind: values for _, kind, values in head}
    assert found["key_signature"] == {"key": key}
    assert found["time_signature"]["clocks_per_click"] == clocks
    meter = found["time_signature"]
    assert f"{meter['numerator']}/{meter['denominator']}" == staff.meter


def test_without_a_staff_nothing_is_said_of_meter_and_key(tmp_path):
    write_midi([14], tmp_path / "melody.mid", 90)
    assert [kind for _, kind, _ in events_of(tmp_path / "melody.mid")[0]] == ["track_name", "set_tempo", "end_of_track"]


def test_the_tempo_is_the_staffs_unless_another_is_given(tmp_path):
    for bpm, expected in ((None, 1_000_000), (120, 500_000)):
        write_midi([14], tmp_path / "melody.mid", bpm, staff=Staff(bpm=60))
        assert events_of(tmp_path / "melody.mid")[0][1][2] == {"tempo": expected}


def test_a_pickup_is_a_short_bar_before_the_first(tmp_path):
    write_midi([14, 1, 1, 16, *[1] * 15], tmp_path / "melody.mid", staff=Staff(pickup=3))
    (head, _) = events_of(tmp_path / "melody.mid")
    meters = [(tick, values) for tick, kind, values in head if kind == "time_signature"]
    assert [(tick, values["numerator"], values["denominator"]) for tick, values in meters] == [(0, 3, 16), (360, 4, 4)]
    assert read_midi(tmp_path / "melody.mid").tolist() == [14, 1, 1, 16, *[1] * 15]


def test_tempo_velocity_and_instrument_are_in_the_file(tmp_path):
    write_midi([14, 1], tmp_path / "melody.mid", bpm=90, velocity=33, program=40)
    midi = pretty_midi.PrettyMIDI(str(tmp_path / "melody.mid"))
    assert midi.get_tempo_changes()[1] == pytest.approx([90], abs=1e-3)
    assert midi.instruments[0].program == 40
    assert midi.instruments[0].notes[0].velocity == 33


@settings(deadline=None)
@given(MELODIES, st.floats(4, 1000))
def test_every_token_array_survives_its_file(tmp_path_factory, tokens, bpm):
    """Note offs in silence included, which make no sound."""
    path = tmp_path_factory.getbasetemp() / "round_trip.mid"
    write_midi(tokens, path, bpm=bpm)
    read = read_midi(path)
    assert read.dtype == np.int64
    assert read.tolist() == tokens


@pytest.mark.parametrize(
    ("notes", "tokens"),
    [
        ([(60, 0, 1), (62, 1, 1.5)], [14, 1, 1, 1, 16, 1]),
        ([(60, 0.5, 1)], [1, 1, 14, 1]),
        ([(60, 0, 0.25), (62, 0.75, 1)], [14, 0, 1, 16]),
        ([(60, 0, 1), (62, 0.5, 0.75)], [14, 1, 16]),
        ([(60, 0, 1), (67, 0, 0.5), (64, 0, 1)], [21, 1]),
        ([(60, 0.02, 0.27), (62, 0.26, 0.49)], [14, 16]),
        ([(60, 0, 0.05), (62, 0.5, 0.6)], [14, 0, 16]),
        ([(60, 1 / 3, 2 / 3)], [1, 14, 1]),
    ],
    ids=["legato", "silence first", "rest", "overlap", "chord", "played", "staccato", "triplet"],
)
@pytest.mark.parametrize(("resolution", "bpm"), [(480, 120), (96, 73)])
def test_reading_what_others_wrote(tmp_path, notes, tokens, resolution, bpm):
    path = midi_file(tmp_path / "other.mid", (0, False, notes), resolution=resolution, bpm=bpm)
    assert read_midi(path).tolist() == tokens


def test_the_grid_follows_changes_of_tempo(tmp_path):
    midi = pretty_midi.PrettyMIDI(initial_tempo=120, resolution=480)
    midi._tick_scales = [(0, 60 / (120 * 480)), (480, 60 / (30 * 480))]
    midi._update_tick_to_time(4000)
    instrument = pretty_midi.Instrument(0)
    instrument.notes = [pretty_midi.Note(90, 60, 0.0, 0.5), pretty_midi.Note(90, 62, 0.5, 2.5)]
    midi.instruments.append(instrument)
    midi.write(str(tmp_path / "slower.mid"))
    assert read_midi(tmp_path / "slower.mid").tolist() == [14, 1, 1, 1, 16, 1, 1, 1]


def test_drums_are_no_melody(tmp_path):
    drums, flute = (0, True, [(40, 0, 4)]), (73, False, [(72, 0, 0.5)])
    assert read_midi(midi_file(tmp_path / "band.mid", drums, flute)).tolist() == [26, 1]


def test_of_several_instruments_the_first_that_is_melodic_is_read(tmp_path):
    """Whatever is higher, longer or busier."""
    drums, flute, bass = (0, True, [(40, 0, 4)]), (73, False, [(72, 0, 0.5)]), (32, False, [(48, 0, 1), (83, 1, 4)])
    assert read_midi(midi_file(tmp_path / "band.mid", drums, flute, bass)).tolist() == [26, 1]
    assert read_midi(midi_file(tmp_path / "band.mid", bass, flute)).tolist() == [2, 1, 1, 1, 37, *[1] * 11]


def test_words_do_not_lengthen_a_melody(tmp_path):
    """Only the text that `write_midi` leaves says where silence ends."""
    path = midi_file(tmp_path / "song.mid", (0, False, [(60, 0, 1)]))
    midi = pretty_midi.PrettyMIDI(str(path))
    midi.text_events.append(pretty_midi.Text("Copyright 1903", 4.0))
    midi.write(str(path))
    assert read_midi(path).tolist() == [14, 1, 1, 1]


@pytest.mark.parametrize("instruments", [[], [(0, True, [(60, 0, 1)])]])
def test_a_file_without_a_melody(tmp_path, instruments):
    with pytest.raises(MelodyFileError, match=r"empty\.mid has no notes of a melodic instrument"):
        read_midi(midi_file(tmp_path / "empty.mid", *instruments))


@pytest.mark.parametrize("pitch", [47, 84])
def test_a_file_with_notes_out_of_range(tmp_path, pitch):
    with pytest.raises(MelodyFileError, match=rf"MIDI pitch {pitch}, outside 48\.\.83"):
        read_midi(midi_file(tmp_path / "low.mid", (0, False, [(60, 0, 1), (pitch, 1, 2)])))


@pytest.mark.parametrize("content", [b"", b"not MIDI at all", b"MThd", b"RIFF" + bytes(100), bytes(1000)])
def test_a_file_that_is_not_midi(tmp_path, content):
    (tmp_path / "bad.mid").write_bytes(content)
    with pytest.raises(MelodyFileError, match=r"bad\.mid is not a readable MIDI file \(.+\)\.$"):
        read_midi(tmp_path / "bad.mid")


def test_a_file_cut_short_anywhere(tmp_path):
    write_midi([14, 1, 0, 16, 1, 1, 0, 1], tmp_path / "whole.mid")
    content = (tmp_path / "whole.mid").read_bytes()
    for length in range(len(content)):
        (tmp_path / "cut.mid").write_bytes(content[:length])
        with pytest.raises(MelodyFileError):
            read_midi(tmp_path / "cut.mid")


@settings(deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_in_a_sentence(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.mid"
    write_midi([14, 1, 0, 16, 1, 1, 0, 1], path)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(MelodyFileError):
            check_tokens(read_midi(path), ndim=1)


def test_a_song_beside_its_grid_is_put_on_it(tmp_path):
    """As the corpus reader does: all notes a third of a sixteenth late."""
    late = [(60 + n, n / 4 + 1 / 12, (n + 1) / 4 + 1 / 12) for n in range(9)]
    assert read_midi(midi_file(tmp_path / "late.mid", (0, False, late))).tolist() == [14 + n for n in range(9)]


def test_a_huge_rest_is_refused(midi, tmp_path):
    """37 bytes that would be 40 million tokens, were they read."""
    (tmp_path / "bomb.mid").write_bytes(midi.file(b"\xff\xff\xff\x7f\x90\x3c\x50\x01\x3c\x00", resolution=1))
    with pytest.raises(MelodyFileError, match="would last more than 250,000 quarter notes"):
        read_midi(tmp_path / "bomb.mid")


def test_a_large_file_is_refused(tmp_path):
    (tmp_path / "large.mid").write_bytes(bytes((16 << 20) + 1))
    with pytest.raises(MelodyFileError, match="larger than 16 MiB"):
        read_midi(tmp_path / "large.mid")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MelodyFileError, match=r"There is no file .*none\.mid"):
        read_midi(tmp_path / "none.mid")
    with pytest.raises(MelodyFileError, match="There is no file"):
        read_midi(tmp_path)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("bpm", 0),
        ("bpm", 3.9),
        ("bpm", 1000.1),
        ("bpm", -120),
        ("bpm", 2000),
        ("bpm", float("nan")),
        ("velocity", 0),
        ("velocity", 128),
        ("program", -1),
        ("program", 128),
    ],
)
def test_arguments_out_of_range_leave_no_file(tmp_path, argument, value):
    with pytest.raises(InputError, match=rf"^{argument} must be within .*, got {value}\.$"):
        write_midi([14, 1], tmp_path / "melody.mid", **{argument: value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [{"bpm": 4}, {"bpm": 1000}, {"velocity": 1}, {"velocity": 127}, {"program": 127}])
def test_arguments_may_be_as_low_and_as_high_as_is_said(tmp_path, arguments):
    write_midi([14, 1], tmp_path / "melody.mid", **arguments)
    assert read_midi(tmp_path / "melody.mid").tolist() == [14, 1]


@pytest.mark.parametrize("tokens", [[38], [[14, 1]], [14.5]])
def test_what_is_no_melody_leaves_no_file(tmp_path, tokens):
    with pytest.raises(VocabularyError):
        write_midi(tokens, tmp_path / "melody.mid")
    assert not list(tmp_path.iterdir())
