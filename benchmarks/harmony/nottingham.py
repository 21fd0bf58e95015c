"""Tunes with chords in MIDI files of two tracks, melody and block chords, such as the Nottingham Music Database's.

T steps of a sixteenth, from a bar line on. Only tunes of one meter and one key, as declared, are read.
"""

import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pretty_midi

from melody_env import Setting
from note_rnn import Tokens
from note_rnn.chords import NO_CHORD, Chord, Progression, parse_chord
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MAX_PITCH, MIN_PITCH, NO_EVENT, NOTE_OFF

_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_KINDS = ("", "m", "7", "dim", "aug", "m7", "maj7", "dim7", "m7b5", "6", "sus4", "sus2", "5")
_STEPS_PER_QUARTER = 4


class HarmonisedTune(NamedTuple):
    """A human tune and its chords."""

    name: str
    melody: Tokens
    """[T]"""
    progression: Progression
    """A chord for each beat."""
    setting: Setting
    """Key, mode, meter, and T as its length; without chords."""


def read_tunes(folder: Path) -> Iterator[HarmonisedTune]:
    """Yield the tunes of the files in `folder` that can be read, in the order of their names."""
    for path in sorted(folder.glob("*.mid")):
        tune = read_tune(path)
        if tune is not None:
            yield tune


def read_tune(path: Path) -> HarmonisedTune | None:
    """Return the tune in the file `path`; None if it has not one key, one meter and two tracks, or is too wide."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of meters in the track of the melody
        midi = pretty_midi.PrettyMIDI(str(path))
    meters = {(each.numerator, each.denominator) for each in midi.time_signature_changes}
    keys = {each.key_number for each in midi.key_signature_changes}
    if len(midi.instruments) != 2 or len(meters) != 1 or len(keys) != 1:
        return None
    if not all(track.notes for track in midi.instruments):
        return None
    melody, chords = (_notes(track, midi) for track in midi.instruments)
    mode, tonic = divmod(keys.pop(), 12)
    setting = Setting(_NAMES[tonic], ("major", "minor")[mode], "{}/{}".format(*meters.pop()))
    bar = setting.steps_per_bar
    length = max(end for _, end, _ in melody) // bar * bar
    pitches = [pitch for *_, pitch in melody]
    octaves = (MAX_PITCH - max(pitches)) // 12 * 12
    if min(pitches) + octaves < MIN_PITCH or not length:
        return None
    kept = [(start, min(end, length), pitch + octaves) for start, end, pitch in melody if start < min(end, length)]
    beats = range(0, length, setting.steps_per_beat)
    sounding = [frozenset(pitch for start, end, pitch in chords if start <= beat < end) for beat in beats]
    named = [chord_of(tuple(sorted(notes))) for notes in sounding]
    per_bar = bar // setting.steps_per_beat
    bars = tuple(tuple(named[first : first + per_bar]) for first in range(0, len(named), per_bar))
    return HarmonisedTune(path.stem, _tokens(kept, length), Progression(bars), setting.changed(length=length))


def chord_of(pitches: tuple[int, ...]) -> Chord:
    """Return the chord of MIDI `pitches` in ascending order, its root the lowest if it can be; N.C. if unknown."""
    classes = {pitch % 12 for pitch in pitches}
    roots = dict.fromkeys(pitch % 12 for pitch in pitches)
    for kind, root in ((kind, root) for root in roots for kind in _KINDS):
        chord = parse_chord(_NAMES[root] + kind)
        if {*chord.pitch_classes} == classes:
            return chord
    return NO_CHORD


def chords_of(progression: Progression) -> list[Chord]:
    """Return the chords of a `progression` in order."""
    return [*chain(*progression.bars)]


def _notes(track: pretty_midi.Instrument, midi: pretty_midi.PrettyMIDI) -> list[tuple[int, int, int]]:
    """Return start, end and pitch of each note, in steps, in order; of several that begin together the highest last."""
    unit = midi.resolution / _STEPS_PER_QUARTER

    def step(seconds: float) -> int:
        return round(midi.time_to_tick(seconds) / unit)

    return sorted((step(note.start), max(step(note.end), step(note.start) + 1), note.pitch) for note in track.notes)


def _tokens(notes: list[tuple[int, int, int]], length: int) -> Tokens:
    """Return the tokens [T] of `notes`; a note ends where the next one begins, the highest of a chord stays."""
    by_start = {start: (end, pitch) for start, end, pitch in notes}
    tokens = np.full(length, NO_EVENT, np.int64)
    silent = -1
    for start, (end, pitch) in sorted(by_start.items()):
        if 0 <= silent < start:
            tokens[silent] = NOTE_OFF
        tokens[start] = pitch - MIN_PITCH + FIRST_PITCH_TOKEN
        silent = end
    if 0 <= silent < length:
        tokens[silent] = NOTE_OFF
    return tokens
