"""Melodies as MIDI files: one token is a sixteenth, so T steps last T / 4 quarter notes.

Two things leave no trace in notes, and are text events: the end of the melody, which may be a rest, and note offs in
silence. So `note_rnn.read_midi` returns the tokens that were written.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from mido import Message, MetaMessage, MidiFile, MidiTrack, bpm2tempo

from note_rnn.common.atomic_files import replacing
from note_rnn.common.errors import InputError
from note_rnn.formats.notation import Staff
from note_rnn.notes import tokens_to_notes, without_redundant_note_offs
from note_rnn.vocabulary import STEPS_PER_QUARTER, check_tokens

TICKS_PER_STEP = 120
MIN_BPM, MAX_BPM = 4.0, 1000.0
END_TEXT = "end of melody"
NOTE_OFF_TEXT = "note off"
_CLOCKS_PER_STEP = 6
"""MIDI clocks, 24 per quarter note."""
_MAJOR_KEYS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR_KEYS = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m")
"""Names of the key signatures of -7 to 7 sharps."""

Events = list[tuple[int, Message | MetaMessage]]
"""Events and their steps."""


class MelodyFileError(InputError):
    """A file without a readable melody."""


def write_midi(
    tokens: npt.ArrayLike,
    path: str | Path,
    bpm: float | None = None,
    velocity: int = 100,
    program: int = 0,
    staff: Staff | None = None,
    title: str = "Melody",
) -> None:
    """Write `tokens` [T] as a MIDI file with one instrument.

    :param bpm: quarter notes per minute, 4..1000; by default those of the `staff`, or 120.
    :param velocity: MIDI velocity of every note, 1..127.
    :param program: General MIDI instrument, 0..127; 0 is a piano.
    :param staff: meter, key signature and pickup; without it the file has none. MIDI knows major and minor keys alone:
        of other modes the signature is right, and is called major.
    :param title: name of the sequence.

    Raises VocabularyError for tokens outside 0..37, InputError for an argument out of range, OSError if `path` cannot
    be written.
    """
    bpm = (120.0 if staff is None else staff.bpm) if bpm is None else bpm
    check_bpm(bpm)
    _check_range("velocity", velocity, 1, 127)
    _check_range("program", program, 0, 127)
    length = np.size(check_tokens(tokens, ndim=1))
    head: Events = [(0, MetaMessage("track_name", name=title)), (0, MetaMessage("set_tempo", tempo=bpm2tempo(bpm)))]
    midi = MidiFile(type=1, ticks_per_beat=TICKS_PER_STEP * STEPS_PER_QUARTER, charset="utf-8")
    midi.tracks = [
        _track(head + ([] if staff is None else _signatures(staff)), length),
        _track(_melody(tokens, int(velocity), int(program)), length),
    ]
    with replacing(path) as temporary, temporary.open("wb") as file:
        midi.save(file=file)


def check_bpm(bpm: float) -> None:
    """Raise InputError for a tempo outside 4..1000 quarter notes per minute."""
    _check_range("bpm", bpm, MIN_BPM, MAX_BPM)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} must be within {low:g}..{high:g}, got {value}.")


def _signatures(staff: Staff) -> Events:
    """Return key signature and meter; a pickup is a bar of its own length before the first of the meter."""
    keys = _MINOR_KEYS if staff.mode == "minor" else _MAJOR_KEYS
    events: Events = [(0, MetaMessage("key_signature", key=keys[staff.sharps + 7]))]
    count, unit = map(int, staff.meter.split("/"))
    if staff.pickup:
        events.append((0, _meter(staff.pickup, 4 * STEPS_PER_QUARTER, staff)))
    return [*events, (staff.pickup, _meter(count, unit, staff))]


def _meter(count: int, unit: int, staff: Staff) -> MetaMessage:
    """Return the meter of `count` notes of a `unit`-th; the metronome clicks at each beat, in 6/8 a dotted quarter."""
    clocks = staff.steps_per_beat * _CLOCKS_PER_STEP
    return MetaMessage("time_signature", numerator=count, denominator=unit, clocks_per_click=clocks)


def _melody(tokens: npt.ArrayLike, velocity: int, program: int) -> Events:
    events: Events = [(0, MetaMessage("track_name", name="Melody")), (0, Message("program_change", program=program))]
    for start, end, pitch in zip(*(column.tolist() for column in tokens_to_notes(tokens)), strict=True):
        events.append((start, Message("note_on", note=pitch, velocity=velocity)))
        events.append((end, Message("note_off", note=pitch)))
    redundant = np.flatnonzero(np.asarray(tokens) != without_redundant_note_offs(tokens))
    events += [(int(step), MetaMessage("text", text=NOTE_OFF_TEXT)) for step in redundant]
    return [*events, (np.size(tokens), MetaMessage("text", text=END_TEXT))]


def _track(events: Events, length: int) -> MidiTrack:
    """Return the track of `events`, which lasts `length` steps; at each step notes end before others start."""
    ordered = sorted(events, key=lambda event: (event[0], event[1].type == "note_on"))
    ordered.append((length, MetaMessage("end_of_track")))
    steps = pairwise([0, *(step for step, _ in ordered)])
    pairs = zip(steps, ordered, strict=True)
    return MidiTrack([event.copy(time=(now - before) * TICKS_PER_STEP) for (before, now), (_, event) in pairs])
