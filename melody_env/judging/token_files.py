"""Token files: arrays of melodies (`.npy`), and the records that `compose` writes (`.json`), read within limits.

Melodies in them begin on a bar line. They are moved to C major or A minor as those of other files are: a record by the
key that it names, an array by its notes. Shapes: n melodies, T steps.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from melody_env.setting import Setting
from note_rnn.common.array_files import read_array
from note_rnn.common.data_files import DataError, is_file, read_json
from note_rnn.common.errors import InputError
from note_rnn.corpus.reading import FileResult, reasons_for_errors
from note_rnn.extraction.keys import transposition
from note_rnn.extraction.tune_files import Tune
from note_rnn.extraction.tunes import Bars, TuneError
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MAX_PITCH, MIN_PITCH, Tokens, check_tokens

TOKEN_SUFFIXES = frozenset({".npy", ".json"})
MAX_BYTES = 1 << 26


class _Melodies(NamedTuple):
    """The melodies of a file: tokens [n, T], meter, and the sharps of the key signature (None: not named)."""

    tokens: Tokens
    meter: str
    sharps: int | None


@dataclass(frozen=True)
class _Record:
    """The part of a record of `compose` that says what the melody is."""

    tokens: list[int]
    setting: dict[str, Any] | None = None


def read_token_file(path: str, name: str, meter: str) -> FileResult:
    """Return the melodies of a token file as tunes, with `name` in their sources; those of arrays are in `meter`.

    Never raises: what cannot be used has a reason.
    """
    try:
        with reasons_for_errors(0):
            melodies = _read(Path(path), meter)
    except (TuneError, InputError) as error:
        return FileResult([], {str(error).removesuffix("."): 1})
    tunes: list[Tune] = []
    reasons: Counter[str] = Counter()
    for number, tokens in enumerate(melodies.tokens, 1):
        try:
            moved = _in_c(tokens, melodies.sharps)
        except TuneError as error:
            reasons[str(error)] += 1
        else:
            tunes.append(Tune("", f"{name}#{number}", [moved], "", [_bars(moved, melodies.meter)], [()]))
    return FileResult(tunes, dict(reasons))


def _read(path: Path, meter: str) -> _Melodies:
    """Return the melodies of a token file; raises TuneError or InputError if it has none."""
    if not is_file(path):
        raise TuneError("not a regular file")
    if path.stat().st_size > MAX_BYTES:
        raise TuneError(f"larger than {MAX_BYTES >> 20} MiB")
    try:
        if path.suffix.lower() == ".npy":
            return _Melodies(check_tokens(np.atleast_2d(read_array(path)), ndim=2), meter, None)
        record: _Record = read_json(path, _Record)
    except DataError as error:
        raise TuneError(f"no tokens in it ({error})") from error
    named = {name: value for name, value in (record.setting or {}).items() if name in ("key", "mode", "meter")}
    staff = Setting(**{"meter": meter, **named}).staff
    return _Melodies(check_tokens(record.tokens, ndim=1)[None], staff.meter, staff.sharps if named else None)


def _in_c(tokens: Tokens, sharps: int | None) -> Tokens:
    """Return `tokens` [T] in C major or A minor; raises TuneError without notes, or if they are too wide."""
    is_note = tokens >= FIRST_PITCH_TOKEN
    pitches = tokens[is_note] - FIRST_PITCH_TOKEN + MIN_PITCH
    if not len(pitches):
        raise TuneError("no notes")
    semitones = transposition(pitches, sharps)
    if pitches.min() + semitones < MIN_PITCH or pitches.max() + semitones > MAX_PITCH:
        raise TuneError("wider than the vocabulary")
    return np.where(is_note, tokens + semitones, tokens)


def _bars(tokens: Tokens, meter: str) -> Bars:
    """Return the bars of `tokens` [T], the first of which is on a bar line, from the first note on."""
    bar = Setting(meter=meter).steps_per_bar
    first = int((tokens >= FIRST_PITCH_TOKEN).argmax())
    return Bars(meter, -(-first // bar) * bar)
