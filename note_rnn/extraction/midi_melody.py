"""A MIDI file as one melody, as it sounds: primers, and the files that `write_midi` wrote."""

from pathlib import Path

import numpy as np

from note_rnn.common.data_files import is_file
from note_rnn.extraction.contents import read_content
from note_rnn.extraction.midi_score import Score, Track, parse_midi
from note_rnn.extraction.monophony import monophonic
from note_rnn.extraction.sections import grid_shift, to_steps
from note_rnn.extraction.tunes import UNKNOWN_BARS, Bars, TuneError, bar_steps, is_meter
from note_rnn.formats.midi import CHORD_TRACK, END_TEXT, NOTE_OFF_TEXT, MelodyFileError
from note_rnn.notes import Notes, notes_to_tokens
from note_rnn.vocabulary import MAX_PITCH, MIN_PITCH, NO_EVENT, NOTE_OFF, Tokens


def read_midi(path: str | Path) -> Tokens:
    """Return the melody [T] of the first melodic instrument in a MIDI file, quantised to sixteenths.

    A note ends at the latest where the next one starts; of notes that start together the highest is used; silence
    before the first note is preserved. The chords of a file that `write_midi` wrote are left out. Raises
    MelodyFileError for a file that is missing, not MIDI, damaged or too large, that has no notes, or notes outside
    MIDI 48..83.
    """
    score = _read_score(path)
    ends = _steps_of(score, END_TEXT)
    melodic = [track for track in score.tracks if not (track.is_drum or (ends and track.name == CHORD_TRACK))]
    if not melodic and not ends:
        raise MelodyFileError(f"{path} has no notes of a melodic instrument.")
    notes = _melody(melodic, score.resolution)
    outside = notes.pitches[(notes.pitches < MIN_PITCH) | (notes.pitches > MAX_PITCH)]
    if outside.size:
        raise MelodyFileError(
            f"{path} has a note of MIDI pitch {outside[0]}, outside {MIN_PITCH}..{MAX_PITCH}: transpose it by octaves."
        )
    tokens = notes_to_tokens(notes, max([*ends, notes.ends.max(initial=0)]))
    silent = [step for step in _steps_of(score, NOTE_OFF_TEXT) if step < len(tokens) and tokens[step] == NO_EVENT]
    tokens[silent] = NOTE_OFF
    return tokens


def declared_bars(path: str | Path) -> Bars:
    """Return the meter that a MIDI file declares, and the steps before its first bar line; unknown where it changes.

    A first bar in a meter of its own, shorter than those that follow, is a pickup. Raises MelodyFileError for a file
    that is not MIDI.
    """
    score = _read_score(path)
    starts = to_steps(score.meters.times, score.resolution).tolist()
    meters = [f"{count}/{unit}" for count, unit in score.meters.values.tolist()]
    if len(meters) == 2 and 0 < starts[1] < (bar_steps(meters[1]) or 0):
        return Bars(meters[1], starts[1])
    return Bars(meters[0], 0) if len(set(meters)) == 1 and is_meter(meters[0]) else UNKNOWN_BARS


def _read_score(path: str | Path) -> Score:
    """Return the score in a MIDI file."""
    if not is_file(Path(path)):
        raise MelodyFileError(f"There is no file {path}.")
    try:
        return parse_midi(read_content(path))
    except TuneError as error:
        raise MelodyFileError(f"{path} is not a readable MIDI file ({error}).") from error


def _melody(tracks: list[Track], resolution: int) -> Notes:
    """Return the melody of the first of the melodic `tracks`, on the grid of all of them, as the corpus reader does."""
    none = np.zeros(0, np.int64)
    if not tracks:
        return Notes(none, none, none)
    shift = grid_shift(np.concatenate([track.starts for track in tracks]), resolution)
    first = tracks[0]
    starts, ends = (to_steps(np.maximum(times - shift, 0), resolution) for times in (first.starts, first.ends))
    (melody,) = monophonic(starts, ends, first.pitches, gap=np.inf, keep_highest=True).melodies
    return melody


def _steps_of(score: Score, text: str) -> list[int]:
    """Return the steps of the text events with this `text`."""
    ticks = np.array([time for time, content in score.texts if content == text], np.int64)
    return to_steps(ticks, score.resolution).tolist()
