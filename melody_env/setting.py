"""The musical setting of a piece: key, mode, meter, length, range, tempo, form and chords.

A step is a sixteenth. Shapes: A = 38 tokens. Pitches are MIDI numbers, pitch classes 0..11 with C = 0.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
import tyro

from melody_env.chord_steps import HarmonySteps, chord_steps
from melody_env.form import Form, bars_in, parse_forms
from melody_env.form_steps import FormSteps, form_steps
from note_rnn.chords import ChordError, Progression, parse_progression
from note_rnn.common.errors import InputError, is_number
from note_rnn.common.plain_text import shown
from note_rnn.formats.notation import FIFTHS, SIGNATURE_MODES, Staff
from note_rnn.notes import ACCIDENTALS, LETTERS
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MAX_PITCH, MIN_PITCH, VOCABULARY_SIZE, pitch_to_token

if TYPE_CHECKING:  # importing it takes seconds, which a setting does without
    from note_rnn.network.model import NoteRNN

Flags = npt.NDArray[np.bool_]

MODES: Mapping[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic_minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic_minor": (0, 2, 3, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "major_pentatonic": (0, 2, 4, 7, 9),
    "minor_pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
}
"""Named scales, in semitones above the tonic."""

_ALIASES = {"natural_minor": "minor", "aeolian": "minor", "ionian": "major"}
MAX_STEPS = 1 << 16
"""The longest piece: more than two hours at the default tempo."""
MAX_PROGRESSIONS = 256
_STEPS_PER_WHOLE = 16
_MIDDLE_C = 60
_HOME_TONICS = (0, 9, 2, 7, 5, 4, 11, 1, 3, 6, 8, 10)
"""Pitch classes of the tonic for a scale placed among the notes of C major, the most common first."""


class SettingError(InputError):
    """An invalid key, mode, meter, length, range, tempo, form or progression of chords."""


@dataclass(frozen=True)
class Setting:
    """The musical decisions made before the first note; the default is the paper's setting.

    Raises SettingError for an invalid value.
    """

    key: str = "C"
    """The tonic: C, F#, Bb ..."""
    mode: str | tuple[int, ...] = "major"
    """A name in `MODES`, or a scale in semitones above the tonic, such as (0, 2, 4, 7, 9)."""
    meter: str = "4/4"
    """The time signature: 4/4, 3/4, 6/8, 2/4 ..."""
    length: int | str = 32
    """Length of a piece in steps (sixteenths), or in bars: "4 bars"."""
    pitch_range: tuple[int, int] = (MIN_PITCH, MAX_PITCH)
    """Lowest and highest MIDI pitch, within 48..83."""
    tempo: float = 120.0
    """Quarter notes per minute."""
    form: str = ""
    """Sections of equal length, AABA or "A A' B A", or with bars, "A4 B4 A4 C2"; empty for none. A dash is a varied
    repeat. Of several, "AABA | ABAC", each piece has one."""
    chords: str = ""
    """Chords as they sound, by bars, "C | Am | F G | C", repeated to the end of a piece; empty for none. Of several,
    "C | Am | F | G; Am | F | C | G", each piece has one."""

    def __post_init__(self) -> None:
        for name in ("mode", "pitch_range"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if not is_number(self.tempo) or not 4 <= self.tempo <= 1000:
            raise SettingError(
                f"tempo must be a number within 4..1000 quarter notes per minute, not {shown(self.tempo)}."
            )
        _check_range(self.pitch_range)
        _ = self.steps, self.scale, self.tonic_pitch, self.steps_per_bar  # raise SettingError if invalid
        _ = self.forms, self.progressions

    def changed(self, **changes: Any) -> "Setting":
        """Return this setting with `changes` to its fields; None leaves a field unchanged.

        Without a length, a form that gives its sections their bars determines it. Without chords, those of this setting
        move to the new key and mode, as a Note RNN does (`transposition`).
        """
        given = {name: value for name, value in changes.items() if value is not None}
        bars = bars_in(given.get("form", ""))
        if bars and "length" not in given:
            given["length"] = f"{bars} bars"
        changed = replace(self, **given)
        semitones = (changed.transposition - self.transposition) % 12
        if "chords" in given or not semitones:
            return changed
        moved = (progression.transposed(semitones).text for progression in self.progressions)
        return replace(changed, chords="; ".join(moved))

    def differs_only_in_tempo(self, other: "Setting") -> bool:
        """Return whether tonic, scale, bars, length and range are those of `other`, however they are named."""
        names = ("tonic", "scale", "steps", "steps_per_bar", "steps_per_beat", "pitch_range")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def adapted(self, prior: "NoteRNN") -> "NoteRNN":
        """Return `prior`, a Note RNN of C major, for pieces in this setting: transposed to its key, in its meter."""
        return prior.transposed(self.transposition).in_meter(self.staff.meter)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as keyword arguments of the environment."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def steps(self) -> int:
        """Length of a piece in steps."""
        bars = re.fullmatch(r"\s*([0-9]{1,9})\s*(bars?)?\s*", self.length) if isinstance(self.length, str) else None
        steps = self.length
        if bars:
            steps = int(bars[1]) * (self.steps_per_bar if bars[2] else 1)
        if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or not 0 < steps <= MAX_STEPS:
            raise SettingError(
                f"length must be a whole number above 0, of at most {MAX_STEPS:,} steps, or of bars ('4 bars'), not "
                f"{shown(self.length)}."
            )
        return int(steps)

    @cached_property
    def _meter(self) -> tuple[int, int]:
        parts = re.fullmatch(r"\s*(\d{1,2})\s*/\s*(2|4|8|16)\s*", str(self.meter))
        if not parts or not 1 <= int(parts[1]) <= 16:
            raise SettingError(f"meter must be a time signature such as 4/4, 3/4, 6/8 or 2/4, not {shown(self.meter)}.")
        return int(parts[1]), int(parts[2])

    @cached_property
    def steps_per_bar(self) -> int:
        """Steps in a bar."""
        count, unit = self._meter
        return count * _STEPS_PER_WHOLE // unit

    @cached_property
    def steps_per_beat(self) -> int:
        """Steps in a beat: a quarter in 4/4 and 3/4, a dotted quarter in 6/8."""
        count, unit = self._meter
        is_compound = unit >= 8 and count % 3 == 0
        return _STEPS_PER_WHOLE // unit * (3 if is_compound else 1)

    @cached_property
    def tonic(self) -> int:
        """The pitch class of the tonic."""
        letter, accidental = str(self.key)[:1].upper(), str(self.key)[1:]
        if letter not in LETTERS or accidental not in ACCIDENTALS:
            raise SettingError(f"key must be a letter A..G, optionally followed by # or b, not {shown(self.key)}.")
        return (LETTERS[letter] + ACCIDENTALS[accidental]) % 12

    @cached_property
    def scale(self) -> tuple[int, ...]:
        """The scale in ascending semitones above the tonic, from 0."""
        scale: Any = self.mode
        if isinstance(scale, str):
            name = re.sub("[ -]", "_", scale.strip().lower())
            scale = MODES.get(_ALIASES.get(name, name)) or _parse_scale(scale)
        if not isinstance(scale, tuple) or not _is_scale(scale):
            raise SettingError(
                f"mode must be one of {', '.join(MODES)}, or ascending semitones above the tonic from 0 to at most 11, "
                f"not {shown(self.mode)}."
            )
        return scale

    @cached_property
    def third(self) -> int:
        """The pitch class of the third above the tonic: minor if that is the scale's only third."""
        return (self.tonic + (3 if 3 in self.scale and 4 not in self.scale else 4)) % 12

    @cached_property
    def fifth(self) -> int:
        """The pitch class of the fifth above the tonic: diminished if that is the scale's only fifth."""
        return (self.tonic + (6 if 6 in self.scale and 7 not in self.scale else 7)) % 12

    @cached_property
    def tonic_pitch(self) -> int:
        """The tonic that pieces start from: the one nearest to middle C, shifted with the middle of the range."""
        low, high = self.pitch_range
        tonics = [pitch for pitch in range(low, high + 1) if pitch % 12 == self.tonic]
        if not tonics:
            raise SettingError(f"pitch_range {low}..{high} does not contain the tonic {self.key}: make it wider.")
        return min(tonics, key=lambda pitch: abs(pitch - _MIDDLE_C - self._middle))

    @property
    def _middle(self) -> float:
        """Semitones from the middle of the vocabulary to the middle of the range."""
        return (sum(self.pitch_range) - MIN_PITCH - MAX_PITCH) / 2

    @cached_property
    def tonic_token(self) -> int:
        """The token of `tonic_pitch`."""
        return pitch_to_token(self.tonic_pitch)

    @cached_property
    def semitones_from_c(self) -> int:
        """Semitones by which a piece in this key lies above the same piece in C."""
        return self.tonic_pitch - _MIDDLE_C

    @cached_property
    def transposition(self) -> int:
        """Semitones from the notes of C major, in which a Note RNN is trained, to those of this key and mode.

        Minor keys are transposed from A minor, dorian ones from D dorian, and a scale that is not a mode of C major
        from the tonic with which most of its notes are in C major. The octave is the one that brings the middle of the
        vocabulary nearest to the middle of the range.
        """
        up = (self.tonic - self._home_tonic) % 12
        return up + 12 * math.ceil((self._middle - up) / 12 - 0.5)

    @cached_property
    def _home_tonic(self) -> int:
        """The pitch class of the tonic with which most notes of the scale are in C major."""
        c_major = MODES["major"]
        return max(_HOME_TONICS, key=lambda tonic: len({(tonic + step) % 12 for step in self.scale} & {*c_major}))

    @cached_property
    def staff(self) -> Staff:
        """The notation of pieces; the key signature is that of the mode of C major nearest to the scale."""
        above_c = (7 * self._home_tonic + 1) % 12 - 1
        mode = SIGNATURE_MODES[above_c + 1] if above_c + 1 < len(SIGNATURE_MODES) else "major"
        letter, accidental = str(self.key)[:1].upper(), str(self.key)[1:]
        sharps = FIFTHS.index(letter) - 1 + 7 * ACCIDENTALS[accidental] - above_c
        sharps -= 12 * round(sharps / 12) if abs(sharps) > 7 else 0
        return Staff("{}/{}".format(*self._meter), self.steps_per_bar, self.steps_per_beat, sharps, mode, self.tempo)

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """The forms [F] of which each piece has one; empty without form."""
        if self.form == "":
            return ()
        try:
            return parse_forms(self.form, self.steps, self.steps_per_bar)
        except InputError as error:
            raise SettingError(str(error)) from error

    @cached_property
    def form_steps(self) -> FormSteps:
        """What the forms say of each step; the setting must have one."""
        return form_steps(self.forms, self.steps)

    @cached_property
    def progressions(self) -> tuple[Progression, ...]:
        """The progressions [P] of which each piece has one; empty without chords."""
        if self.chords == "":
            return ()
        texts = self.chords.split(";") if isinstance(self.chords, str) else []
        if not 1 <= len(texts) <= MAX_PROGRESSIONS:
            raise SettingError(
                f"chords must be text of one to {MAX_PROGRESSIONS} progressions separated by ; such as C | Am | F G | "
                f"C, not {shown(self.chords)}."
            )
        try:
            progressions = tuple(map(parse_progression, texts))
            for progression in progressions:
                progression.starts(self.steps, self.steps_per_bar, self.steps_per_beat)
        except ChordError as error:
            raise SettingError(str(error)) from error
        return progressions

    @cached_property
    def harmony_steps(self) -> HarmonySteps:
        """What the progressions say of each step; the setting must have one."""
        return chord_steps(self.progressions, self.steps, self.steps_per_bar, self.steps_per_beat)

    @cached_property
    def in_scale(self) -> Flags:
        """[A]; whether a token is a note of the scale, a note off or a hold."""
        return _token_flags(lambda pitch: (pitch - self.tonic) % 12 in self.scale)

    @cached_property
    def degrees(self) -> npt.NDArray[np.int64]:
        """[A]; the scale degree of each note, 1 for the tonic; 0 outside the scale, for note off and for hold."""
        above = (np.arange(VOCABULARY_SIZE) - FIRST_PITCH_TOKEN + MIN_PITCH - self.tonic) % 12
        degrees = sum(number * (above == step) for number, step in enumerate(self.scale, start=1))
        return np.where(np.arange(VOCABULARY_SIZE) >= FIRST_PITCH_TOKEN, degrees, 0)

    @cached_property
    def in_range(self) -> Flags:
        """[A]; whether a token is a note within the range, a note off or a hold."""
        return _token_flags(lambda pitch: self.pitch_range[0] <= pitch <= self.pitch_range[1])

    def __getstate__(self) -> dict[str, Any]:
        return self.as_dict()


@dataclass(frozen=True, kw_only=True)
class SettingOptions:
    """Options of the musical setting; the reward profile's values are the defaults."""

    key: str | None = None
    """Tonic: C, F#, Bb ... (default: that of the run or the reward profile, as for the options below; else C)."""
    mode: str | None = None
    """major, minor, harmonic_minor, dorian ..., or a scale in semitones above the tonic: 0,2,4,7,9 (else major)."""
    meter: str | None = None
    """Time signature: 4/4, 3/4, 6/8, 2/4 ... (else 4/4)."""
    length: int | str | None = None
    """Length of a piece in steps (sixteenths), or in bars: "4 bars" (else 32)."""
    pitch_range: tuple[int, int] | None = None
    """Lowest and highest MIDI pitch, within 48..83 (else all)."""
    tempo: Annotated[float | None, tyro.conf.arg(aliases=["--bpm"])] = None
    """Quarter notes per minute (else 120)."""
    form: str | None = None
    """Sections: AABA, "A A' B A" (' for a varied repeat), with bars "A4 B4 A4 C2"; or several, one of them for each
    piece: "AABA | ABAC" (else none)."""
    chords: str | None = None
    """Chords as they sound, by bars: "C | Am | F G | C", repeated to the end; or several progressions, one of them for
    each piece: "C | Am | F | G; Am | F | C | G" (else none; those of a run move to another key)."""

    def setting_changes(self) -> dict[str, Any]:
        """Return the given options as keyword arguments of the environment."""
        names = [field.name for field in fields(SettingOptions)]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _check_range(pitch_range: Any) -> None:
    is_pair = isinstance(pitch_range, tuple) and len(pitch_range) == 2
    whole = is_pair and all(isinstance(pitch, int) and not isinstance(pitch, bool) for pitch in pitch_range)
    if not whole or not MIN_PITCH <= pitch_range[0] <= pitch_range[1] <= MAX_PITCH:
        raise SettingError(
            f"pitch_range must be two MIDI pitches within {MIN_PITCH}..{MAX_PITCH}, the lower first, "
            f"not {shown(pitch_range)}."
        )


def _is_scale(scale: Sequence[object]) -> bool:
    whole = [step for step in scale if isinstance(step, int) and not isinstance(step, bool)]
    return whole == list(scale) and whole == sorted({0, *whole}) and whole[-1] <= 11


def _parse_scale(text: str) -> tuple[int, ...] | None:
    try:
        return tuple(int(part) for part in re.split(r"[\s,]+", text.strip("[]() ")))
    except ValueError:
        return None


def _token_flags(predicate: Callable[[int], bool]) -> Flags:
    """Return `predicate` of each token's MIDI pitch [A]; True for note off and hold."""
    pitches = np.arange(VOCABULARY_SIZE) - FIRST_PITCH_TOKEN + MIN_PITCH
    return np.array([token < FIRST_PITCH_TOKEN or predicate(int(pitch)) for token, pitch in enumerate(pitches)])


PAPER_SETTING = Setting()
"""C major, 4/4, two bars, the whole vocabulary."""
