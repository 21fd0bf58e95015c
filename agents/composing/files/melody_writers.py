"""Writers of melodies by suffix: MIDI, MusicXML, sheet music, ABC, sound and picture; and the record of a piece."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.composing.pieces import Pieces
from melody_env import Setting, melody_text, piano_roll_figure
from melody_env.measures.populations import training_tunes
from note_rnn import (
    Tokens,
    longest_shared_runs,
    replacing,
    transposed,
    write_abc,
    write_midi,
    write_musicxml,
    write_svg,
    write_wav,
)
from note_rnn.formats.notation import Staff
from note_rnn.formats.svg import can_engrave


def _write_png(melody: Tokens, path: Path, setting: Setting, staff: Staff) -> None:
    with replacing(path) as temporary:
        marks = dict(staff.marks)
        figure = piano_roll_figure(melody, setting=setting, pickup=staff.pickup, marks=marks, chords=staff.chords)
        figure.savefig(temporary, dpi=100)


_WRITERS: dict[str, Callable[[Tokens, Path, Setting, Staff, str], None]] = {
    ".mid": lambda melody, path, setting, staff, title: write_midi(melody, path, staff=staff, title=title),
    ".musicxml": lambda melody, path, setting, staff, title: write_musicxml(melody, path, staff, title),
    ".svg": lambda melody, path, setting, staff, title: write_svg(melody, path, staff, title),
    ".abc": lambda melody, path, setting, staff, title: write_abc(melody, path, staff, title),
    ".wav": lambda melody, path, setting, staff, title: write_wav(melody, path, staff.bpm, chords=staff.chords),
    ".png": lambda melody, path, setting, staff, title: _write_png(melody, path, setting, staff),
}

SUFFIXES = tuple(_WRITERS)
"""Suffixes of all formats that a melody can be written in."""


def writable_suffixes() -> tuple[str, ...]:
    """Return `SUFFIXES`, without that of sheet music if Verovio, which engraves it, is not installed."""
    without = () if can_engrave() else (".svg",)
    return tuple(suffix for suffix in SUFFIXES if suffix not in without)


def write_melody(melody: Tokens, path: Path, setting: Setting, staff: Staff, title: str) -> None:
    """Write `melody` [T] on its `staff` to the file `path` in the format of its suffix.

    Raises InputError if the format needs a package that is not installed, OSError if the file cannot be written.
    """
    _WRITERS[path.suffix](melody, path, setting, staff, title)


def longest_shared_run(melody: Tokens, setting: Setting) -> int | None:
    """Return the most consecutive tokens that `melody` [T] shares with the shipped Note RNN's training tunes.

    None where these are not available.
    """
    tunes = training_tunes()
    if tunes is None:
        return None
    return int(longest_shared_runs(transposed(melody[None], -setting.transposition), tunes)[0])


def piece_record(pieces: Pieces, row: int) -> dict[str, Any]:
    """Return the record of one of `pieces`, as JSON: tokens, notes, and sums of rewards over its steps.

    log p and KL are in nats; the rules are unscaled. `form` and `chords` are those of this piece, if it has any.
    """
    finished, setting = pieces.finished, pieces.setting
    melody = finished.melodies[row]
    return {
        "setting": setting.as_dict(),
        **({"form": finished.forms[row]} if finished.forms else {}),
        **({"chords": finished.chords[row]} if finished.chords else {}),
        "primer": pieces.primer.tolist(),
        "priming_token": int(pieces.priming_tokens[row]),
        "tokens": melody.tolist(),
        "notes": melody_text(melody, setting).splitlines(),
        "reward": float(finished.returns[row]),
        "rules": {name: float(sums[row]) for name, sums in finished.rules.items()},
        "music_theory": float(finished.music_theory[row]),
        "log_prob": float(finished.log_prob[row]),
        "kl": float(pieces.kl[row]),
        "longest_shared_run": longest_shared_run(melody, setting),
    }
