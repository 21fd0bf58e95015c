"""Melodies as MIDI files, written and read: one token is a sixteenth, so T steps last T / 4 quarter notes.

The end of the melody is stored as a text event, since a final rest leaves no trace in MIDI.
"""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pretty_midi

from note_rnn.common.atomic_files import replacing
from note_rnn.common.errors import InputError
from note_rnn.notes import Notes, notes_to_tokens, tokens_to_notes
from note_rnn.vocabulary import MAX_PITCH, MIN_PITCH, STEPS_PER_QUARTER, Tokens

TICKS_PER_STEP = 120
MIN_BPM, MAX_BPM = 4.0, 1000.0
_END = "end of melody"


class MelodyFileError(InputError):
    """A file without a readable melody."""


def write_midi(
    tokens: npt.ArrayLike, path: str | Path, bpm: float = 120.0, velocity: int = 100, program: int = 0
) -> None:
    """Write `tokens` [T] as a MIDI file with one instrument.

    :param bpm: quarter notes per minute, 4..1000.
    :param velocity: MIDI velocity of every note, 1..127.
    :param program: General MIDI instrument, 0..127; 0 is a piano.

    Raises VocabularyError for tokens outside 0..37, InputError for an argument out of range, OSError if `path` cannot
    be written.
    """
    check_bpm(bpm)
    _check_range("velocity", velocity, 1, 127)
    _check_range("program", program, 0, 127)
    notes = tokens_to_notes(tokens)
    seconds_per_step = 60 / bpm / STEPS_PER_QUARTER
    instrument = pretty_midi.Instrument(int(program))
    instrument.notes = [
        pretty_midi.Note(int(velocity), int(pitch), start * seconds_per_step, end * seconds_per_step)
        for start, end, pitch in zip(*notes, strict=True)
    ]
    midi = pretty_midi.PrettyMIDI(resolution=TICKS_PER_STEP * STEPS_PER_QUARTER, initial_tempo=float(bpm))
    midi.instruments.append(instrument)
    midi.text_events.append(pretty_midi.Text(_END, np.size(tokens) * seconds_per_step))
    with replacing(path) as temporary:
        midi.write(str(temporary))


def read_midi(path: str | Path) -> Tokens:
    """Return the melody [T] of the first melodic instrument in a MIDI file, quantised to sixteenths.

    A note ends at the latest where the next one starts; of notes that start together the highest is used; silence
    before the first note is preserved. Raises MelodyFileError for a file that is missing, not MIDI or damaged, that
    has no notes, or notes outside MIDI 48..83.
    """
    midi = _open(Path(path))
    ticks_per_step = midi.resolution / STEPS_PER_QUARTER

    def step(seconds: float) -> int:
        return round(midi.time_to_tick(seconds) / ticks_per_step)

    ends = [step(text.time) for text in midi.text_events if text.text == _END]
    melodic = [instrument.notes for instrument in midi.instruments if instrument.notes and not instrument.is_drum]
    if not melodic and not ends:
        raise MelodyFileError(f"{path} has no notes of a melodic instrument.")
    notes = _monophonic([(step(note.start), step(note.end), note.pitch) for note in (melodic or [[]])[0]])
    outside = notes.pitches[(notes.pitches < MIN_PITCH) | (notes.pitches > MAX_PITCH)]
    if outside.size:
        raise MelodyFileError(
            f"{path} has a note of MIDI pitch {outside[0]}, outside {MIN_PITCH}..{MAX_PITCH}: transpose it by octaves."
        )
    return notes_to_tokens(notes, max([*ends, notes.ends.max(initial=0)]))


def check_bpm(bpm: float) -> None:
    """Raise InputError for a tempo outside 4..1000 quarter notes per minute."""
    _check_range("bpm", bpm, MIN_BPM, MAX_BPM)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} must be within {low:g}..{high:g}, got {value}.")


def _open(path: Path) -> pretty_midi.PrettyMIDI:
    if not path.is_file():
        raise MelodyFileError(f"There is no file {path}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pretty_midi.PrettyMIDI(str(path))
    except Exception as error:  # on a damaged file the parser may raise anything
        reason = str(error) or type(error).__name__
        raise MelodyFileError(f"{path} is not a readable MIDI file ({reason}).") from error


def _monophonic(notes: list[tuple[int, int, int]]) -> Notes:
    """Return the highest of `notes` (start, end, pitch) at each start, at least a step long, cut at the next one."""
    starts, ends, pitches = np.array(sorted(notes, key=lambda note: (note[0], note[2])), np.int64).reshape(-1, 3).T
    highest = np.append(np.diff(starts) > 0, np.ones(min(len(starts), 1), bool))
    starts, ends, pitches = starts[highest], ends[highest], pitches[highest]
    limits = np.append(starts[1:], np.iinfo(np.int64).max)[: len(starts)]
    return Notes(starts, np.minimum(np.maximum(ends, starts + 1), limits), pitches)
