"""A MIDI file of any number of tracks as arrays in ticks, read by symusic and checked for what symusic lets pass.

N notes, C changes. All times are ticks, `resolution` to the quarter note: exact, and the same whatever the tempo is.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import symusic

from note_rnn.tunes import TuneError

Integers = npt.NDArray[np.int64]

LONGEST_QUARTERS = 250_000
"""A piece that ends later is taken for damaged: at 120 quarters a minute it would last 35 hours."""

_REFUSALS = {
    "File size is less than 14": "not a MIDI file",
    "File header is not MThd": "not a MIDI file",
    "Division type is not ticks per quarter": "timed by film frames (SMPTE), not by beats",
    "Invalid chunk length": "truncated",
    "EOF": "truncated",
}


class Track(NamedTuple):
    """The notes [N] of one instrument in order of their starts; they may overlap, and each lasts at least a tick."""

    name: str
    is_drum: bool
    starts: Integers
    ends: Integers
    pitches: Integers


class Changes(NamedTuple):
    """What is in force from `times` [C] on: `values` [C, ...]. Of several at one tick the last counts."""

    times: Integers
    values: Integers


class Score(NamedTuple):
    """The tracks of a file, and its changes of meter (numerator, denominator), tempo (us a quarter) and key (sharps).

    Meters with a part of zero are left out.
    """

    resolution: int
    tracks: list[Track]
    meters: Changes
    tempos: Changes
    keys: Changes


def parse_midi(data: bytes) -> Score:
    """Return the score in `data`, the bytes of a Standard MIDI File.

    Raises TuneError with the reason for what is no MIDI, damaged, timed by frames, or longer than `LONGEST_QUARTERS`.
    """
    try:
        score = symusic.Score.from_midi(data)
    except (RuntimeError, ValueError, MemoryError) as error:
        reason = next((told for sign, told in _REFUSALS.items() if sign in str(error)), "damaged MIDI")
        raise TuneError(reason) from error
    if score.tpq < 1:
        raise TuneError("damaged MIDI: a quarter note of zero ticks")
    tracks = [_track(track) for track in score.tracks if len(track.notes)]
    _check_times(tracks, LONGEST_QUARTERS * score.tpq)
    meters, tempos, keys = (
        changes.numpy() for changes in (score.time_signatures, score.tempos, score.key_signatures)
    )
    meter = _changes(meters["time"], meters["numerator"], meters["denominator"])
    return Score(
        score.tpq,
        tracks,
        Changes(meter.times[meter.values.all(axis=1)], meter.values[meter.values.all(axis=1)]),
        _changes(tempos["time"], tempos["mspq"]),
        _changes(keys["time"], keys["key"]),
    )


def first_ends(starts: Integers, ends: Integers, pitches: Integers) -> Integers:
    """Return the ends [N] of notes of which each ends at the first of all `ends` of its pitch after its start.

    So it is in MIDI, where a note off ends a pitch, however often that pitch has been struck before. A note without
    such an end has length 0.
    """
    span = int(max(starts.max(initial=0), ends.max(initial=0))) + 1
    offs = np.sort(pitches * span + ends)
    following = np.append(offs, -1)[np.searchsorted(offs, pitches * span + starts, side="right")]
    return np.where(following // span == pitches, following % span, starts)


def _track(track: symusic.types.Track) -> Track:
    notes = {name: array.astype(np.int64) for name, array in track.notes.numpy().items()}
    starts, pitches = notes["time"], notes["pitch"]
    ends = first_ends(starts, starts + notes["duration"], pitches)
    order = np.argsort(starts, kind="stable")
    order = order[ends[order] > starts[order]]
    return Track(track.name, track.is_drum, starts[order], ends[order], pitches[order])


def _check_times(tracks: list[Track], last: int) -> None:
    for track in tracks:
        if track.starts.min(initial=0) < 0 or track.ends.max(initial=0) > last:
            raise TuneError(f"damaged MIDI: it would last more than {LONGEST_QUARTERS:,} quarter notes")


def _changes(times: npt.NDArray[np.integer], *values: npt.NDArray[np.integer]) -> Changes:
    columns = values[0] if len(values) == 1 else np.stack(values, axis=1)
    order = np.argsort(times, kind="stable")
    return Changes(times[order].astype(np.int64), columns[order].astype(np.int64))
