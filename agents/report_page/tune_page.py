"""A page of given melodies, to send to friends: sheet music, a piano roll that plays, and files to download.

Shapes: T steps.
"""

import base64
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from agents.composing.pieces import piece_staff
from agents.report_page.layout import pitch_range, staff_data, tempo_range
from agents.report_page.rendering import write_page
from melody_env import Setting
from note_rnn import Tokens, check_tokens, read_tune, write_abc, write_midi, write_musicxml
from note_rnn.chords import parse_progression
from note_rnn.common.data_files import DataError, converted, read_json
from note_rnn.common.errors import InputError, reason
from note_rnn.extraction.tunes import bar_steps
from note_rnn.formats.notation import Staff
from note_rnn.formats.svg import can_engrave, svg_text

_SCORE_WIDTH = 1900
"""Width of a line of sheet music: four bars or so."""
_WRITERS: dict[str, Callable[[Tokens, Path, Staff, str], Any]] = {
    "MIDI": lambda tokens, path, staff, title: write_midi(tokens, path, staff=staff, title=title),
    "MusicXML": write_musicxml,
    "ABC": write_abc,
}
_SUFFIXES = {"MIDI": ".mid", "MusicXML": ".musicxml", "ABC": ".abc"}
_TYPES = {"MIDI": "audio/midi", "MusicXML": "application/vnd.recordare.musicxml+xml", "ABC": "text/vnd.abc"}


@dataclass(frozen=True)
class MelodyRecord:
    """The part of a composed melody's record that the page shows."""

    setting: dict[str, Any]
    tokens: list[int]
    config: dict[str, Any]
    primer: list[int] = field(default_factory=list)
    form: str = ""
    chords: str = ""
    changed_steps: list[tuple[int, int]] = field(default_factory=list)
    """First and last steps of what was changed, counted without the primer."""


class ShownTune(NamedTuple):
    """A melody on the page."""

    name: str
    """Name of its files."""
    title: str
    about: str
    """How it was made, in a sentence; empty if that is not known."""
    tokens: Tokens
    """[T]"""
    staff: Staff
    changed: list[tuple[int, int]]
    """First and last steps of what was changed."""


def write_tune_page(path: Path, files: Sequence[Path]) -> Path:
    """Write the page of melodies to the file `path`, which is returned.

    `files` are records of composed melodies (.json), or files of music. Raises InputError for a file that is neither,
    OSError if the page cannot be written.
    """
    if not files:
        raise InputError("There is nothing to show: give files of melodies.")
    return write_shown_tunes(path, [_of_record(file) if file.suffix == ".json" else _of_music(file) for file in files])


def write_shown_tunes(path: Path, tunes: Sequence[ShownTune]) -> Path:
    """Write the page of `tunes` to the file `path`, which is returned; raises OSError if it cannot be written."""
    write_page(
        path,
        "report/tunes.html",
        title=tunes[0].title if len(tunes) == 1 else f"{len(tunes)} melodies",
        tunes=[_item(tune, number) for number, tune in enumerate(tunes, 1)],
        tempo=tempo_range([tune.staff for tune in tunes]),
        data={"cards": [_card(tune) for tune in tunes], "pitchRange": pitch_range([tune.tokens for tune in tunes])},
    )
    return path


def tune_title(setting: Setting, steps: int, form: str = "") -> str:
    """Return the title of a piece of so many `steps`: its key, meter, form and bars."""
    mode = setting.mode if isinstance(setting.mode, str) else "in a scale of its own"
    bars = -(-steps // setting.steps_per_bar)
    words = [f"{setting.key} {mode.replace('_', ' ')}", setting.staff.meter, form, f"{bars} bar{'s' * (bars != 1)}"]
    return ", ".join(filter(None, words))


def _of_record(path: Path) -> ShownTune:
    try:
        record: MelodyRecord = converted(read_json(path, dict[str, Any]), MelodyRecord)
        bare = {"length": max(len(record.tokens), 1), "form": "", "chords": ""}
        setting = Setting(**{**record.setting, **bare})
        melody, primer = check_tokens(record.tokens, ndim=1), check_tokens(np.array(record.primer, np.int64), ndim=1)
        form = Setting(**{**record.setting, "form": record.form}).forms
        progression = parse_progression(record.chords) if record.chords else None
    except (OSError, TypeError, InputError) as error:
        raise InputError(f"{path} is not the record of a composed melody: {reason(error)}") from error
    if not len(melody):
        raise DataError(f"{path} has no tokens: give the record of a melody.")
    config = record.config
    shown = len(primer) if config.get("keep_primer") is True else min(_number(config.get("pickup")), len(primer))
    staff = piece_staff(setting, shown, form[0].marks(shown) if form else {}, progression)
    tokens = np.concatenate([primer[len(primer) - shown :], melody])
    changed = [(first + shown, last + shown) for first, last in record.changed_steps]
    return ShownTune(path.stem, tune_title(setting, len(melody), record.form), made_by(config), tokens, staff, changed)


def _of_music(path: Path) -> ShownTune:
    tokens, bars = read_tune(path)
    meter = bars.meter if bar_steps(bars.meter) is not None else Setting().meter
    setting = Setting(length=len(tokens), meter=meter)
    staff = setting.staff._replace(pickup=bars.pickup)
    return ShownTune(path.stem, tune_title(setting, len(tokens) - bars.pickup), "", tokens, staff, [])


def made_by(config: dict[str, Any]) -> str:
    """Return how a melody was made by the `config` in its record, in a sentence."""
    model = Path(str(config.get("model"))).name
    if config.get("vary") is not None:
        how = {"pitch": " in pitch", "rhythm": " in rhythm", "section": " in one section"}
        share, where = _percent(config.get("change")), how.get(str(config.get("by")), "")
        return f"A variation by {model}: {share} of the notes of a given tune changed{where}."
    if config.get("fill") is not None:
        fill = str(config["fill"])
        gaps = re.sub(r"^(?=\d)", "bar " if fill.isdigit() else "bars ", fill).replace("-", "\N{EN DASH}")
        return f"{gaps[:1].upper()}{gaps[1:]} filled in by {model}; the rest is a given tune."
    return f"Composed by {model}."


def _percent(share: Any) -> str:
    return f"{100 * share:g} %" if isinstance(share, int | float) else "some"


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _item(tune: ShownTune, number: int) -> dict[str, Any]:
    """Return what the template needs of a `tune` with this `number` on the page."""
    score = None
    if can_engrave():
        text = svg_text(tune.tokens, tune.staff, f"Sheet music of {tune.title}", f"sign{number}-", _SCORE_WIDTH)
        score = Markup(text)
    return {"tune": tune, "score": score, "downloads": [_download(tune, kind) for kind in _WRITERS]}


def _download(tune: ShownTune, kind: str) -> dict[str, str]:
    """Return the name and address (a data URI) of the file of a `tune` in the format `kind`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"melody{_SUFFIXES[kind]}"
        _WRITERS[kind](tune.tokens, path, tune.staff, tune.title)
        content = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"kind": kind, "name": f"{tune.name}{_SUFFIXES[kind]}", "address": f"data:{_TYPES[kind]};base64,{content}"}


def _card(tune: ShownTune) -> dict[str, Any]:
    """Return what the page's script needs of a `tune`."""
    return {"tokens": tune.tokens.tolist(), "changed": tune.changed, **staff_data(tune.staff, len(tune.tokens))}
