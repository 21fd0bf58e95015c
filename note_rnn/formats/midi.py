"""Melodies as MIDI files: one token is a sixteenth, so T steps last T / 4 quarter notes.

Two things leave no trace in notes, and are text events: the end of the melody, which may be a rest, and note offs in
silence. So `note_rnn.read_midi` returns the tokens that were written.
"""

from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pretty_midi
from mido import MetaMessage, MidiFile, MidiTrack, bpm2tempo

from note_rnn.common.atomic_files import replacing
from note_rnn.common.errors import InputError
from note_rnn.formats.notation import Staff
from note_rnn.notes import tokens_to_notes, without_redundant_note_offs
from note_rnn.vocabulary import STEPS_PER_QUARTER, Tokens, check_tokens
from note_rnn.voicings import VoicedChord, accompaniment

TICKS_PER_STEP = 120
MIN_BPM, MAX_BPM = 4.0, 1000.0
END_TEXT = "end of melody"
NOTE_OFF_TEXT = "note off"
CHORD_TRACK = "Chords"
"""Name of the track of the accompaniment."""
_CHORD_LEVEL = 0.6
"""Velocity of chords as a part of the melody's."""
_CLOCKS_PER_STEP = 6
"""MIDI clocks, 24 per quarter note."""
_MAJOR_KEYS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR_KEYS = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m")
"""Names of the key signatures of -7 to 7 sharps."""

Events = list[tuple[int, MetaMessage]]
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
    """Write `tokens` [T] as a MIDI file with one instrument, and a second that plays the chords of the `staff`.

    :param bpm: quarter notes per minute, 4..1000; by default those of the `staff`, or 120.
    :param velocity: MIDI velocity of every note of the melody, 1..127; chords are softer.
    :param program: General MIDI instrument, 0..127; 0 is a piano.
    :param staff: meter, key signature, pickup and chords; without it the file has none. MIDI knows major and minor keys
        alone: of other modes the signature is right, and is called major.
    :param title: name of the sequence.

    Raises VocabularyError for tokens outside 0..37, InputError for an argument out of range, OSError if `path` cannot
    be written.
    """
    bpm = (120.0 if staff is None else staff.bpm) if bpm is None else bpm
    check_bpm(bpm)
    _check_range("velocity", velocity, 1, 127)
    _check_range("program", program, 0, 127)
    tokens = check_tokens(tokens, ndim=1)
    content = BytesIO()
    midi = pretty_midi.PrettyMIDI(resolution=TICKS_PER_STEP * STEPS_PER_QUARTER, initial_tempo=float(bpm))
    midi.instruments.append(_instrument(tokens, bpm, int(velocity), int(program)))
    chords = () if staff is None else staff.chords
    if chords:
        played = accompaniment(chords, len(tokens))
        midi.instruments.append(_accompanist(played, bpm, max(round(_CHORD_LEVEL * velocity), 1), int(program)))
    midi.write(content)
    content.seek(0)
    file = MidiFile(file=content, charset="utf-8")
    head: Events = [(0, MetaMessage("track_name", name=title)), (0, MetaMessage("set_tempo", tempo=bpm2tempo(bpm)))]
    file.tracks[0] = _track([*head, *([] if staff is None else _signatures(staff)), *_note_offs(tokens)], len(tokens))
    _extend(file.tracks[1], len(tokens))
    with replacing(path) as temporary:
        file.save(temporary)


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


def _instrument(tokens: Tokens, bpm: float, velocity: int, program: int) -> pretty_midi.Instrument:
    """Return the instrument that plays the notes of `tokens`."""
    seconds = 60 / bpm / STEPS_PER_QUARTER
    instrument = pretty_midi.Instrument(program, name="Melody")
    instrument.notes = [
        pretty_midi.Note(velocity, int(pitch), start * seconds, end * seconds)
        for start, end, pitch in zip(*tokens_to_notes(tokens), strict=True)
    ]
    return instrument


def _accompanist(chords: Sequence[VoicedChord], bpm: float, velocity: int, program: int) -> pretty_midi.Instrument:
    """Return the instrument that plays `chords`."""
    seconds = 60 / bpm / STEPS_PER_QUARTER
    instrument = pretty_midi.Instrument(program, name=CHORD_TRACK)
    instrument.notes = [
        pretty_midi.Note(velocity, pitch, chord.start * seconds, chord.end * seconds)
        for chord in chords
        for pitch in chord.pitches
    ]
    return instrument


def _note_offs(tokens: Tokens) -> Events:
    """Return the text events of note offs in silence."""
    redundant = np.flatnonzero(tokens != without_redundant_note_offs(tokens))
    return [(int(step), MetaMessage("text", text=NOTE_OFF_TEXT)) for step in redundant]


def _extend(track: MidiTrack, length: int) -> None:
    """Let the `track` of the melody last `length` steps, where it says that the melody ends."""
    last_note = sum(event.time for event in track[:-1])
    end = MetaMessage("text", text=END_TEXT, time=length * TICKS_PER_STEP - last_note)
    track[-1:] = [end, MetaMessage("end_of_track")]


def _track(events: Events, length: int) -> MidiTrack:
    """Return the track of `events`, which lasts `length` steps.

    It replaces the first track of `pretty_midi`, which has no clicks of a metronome, names of the sequence, nor
    signatures of more than six sharps or flats.
    """
    ordered = [*sorted(events, key=lambda event: event[0]), (length, MetaMessage("end_of_track"))]
    steps = pairwise([0, *(step for step, _ in ordered)])
    pairs = zip(steps, ordered, strict=True)
    return MidiTrack([event.copy(time=(now - before) * TICKS_PER_STEP) for (before, now), (_, event) in pairs])
