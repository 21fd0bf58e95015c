"""Values of the ABC fields that decide which notes sound, and in which order: `K:`, `M:`, `L:` and `P:`.

ABC 2.1, section 3.1 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from note_rnn.extraction.scores.parts import meter_name, sharps_within
from note_rnn.extraction.tunes import TuneError, bar_length
from note_rnn.formats.notation import FIFTHS

_SHARPS_OF_MODES = {"maj": 0, "ion": 0, "lyd": 1, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "phr": -4, "loc": -5}
ALTERATIONS = {"^": 1, "^^": 2, "=": 0, "_": -1, "__": -2}
"""Semitones of the accidentals."""
_TONIC = re.compile(r"([A-G])([#b]?)(?![A-Za-z]*=)")
_WORD = re.compile(
    r"""\s*(?:
    (?P<setting>[A-Za-z]+=(?:"[^"]*"|\S+)
      |(?:treble|alto|tenor|bass|soprano|mezzosoprano|baritone|perc|none|auto)[1-5]?(?:[-+^_](?:8|15))?(?=\s|$))
    |(?P<accidental>(?:\^\^|\^|__|_|=)[A-Ga-g])
    |(?P<explicit>exp)(?![\w=])
    |(?P<mode>m|M|(?i:maj|ion|lyd|mix|dor|min|aeo|phr|loc)[A-Za-z]*)(?![\w=])
    )""",
    re.VERBOSE,
)
"""A clef or another setting, which changes no note that is written; an accidental; `exp`; a mode."""


class Key(NamedTuple):
    """A key signature: its `sharps` (negative: flats), and the semitones by which each letter is altered."""

    sharps: int
    alterations: Mapping[str, int]


NO_KEY = Key(0, {})
"""No sharps or flats, as without a key."""


def parse_key(text: str) -> Key | None:
    """Return the key of a field `K:`, None if it names only a clef; raises TuneError for what is no key.

    With `exp` the accidentals that follow are the whole signature, otherwise they are added to that of the mode.
    """
    text = text.strip()
    if text.startswith(("HP", "Hp")):
        return Key(2, _signature(2))
    if re.match(r"none\b", text) or not text:
        return NO_KEY
    tonic = _TONIC.match(text)
    words = _words(text[tonic.end() :] if tonic else text)
    if tonic is None:
        if any(kind != "setting" for kind, _ in words):
            raise TuneError("key not understood")
        return None
    extra = {word[-1].upper(): ALTERATIONS[word[:-1]] for kind, word in words if kind == "accidental"}
    if any(kind == "explicit" for kind, _ in words):
        return Key(sharps_within(extra), extra)
    modes = ["min" if word in "mM" else word[:3].lower() for kind, word in words if kind == "mode"]
    sharps = (
        FIFTHS.index(tonic[1]) - 1 + {"": 0, "#": 7, "b": -7}[tonic[2]] + sum(map(_SHARPS_OF_MODES.__getitem__, modes))
    )
    return Key(sharps, _signature(sharps) | extra)


def _words(text: str) -> list[tuple[str, str]]:
    """Return the kind and the text of each word in `text`; raises TuneError for what is none of a key's."""
    words = []
    place, text = 0, text.rstrip()
    while place < len(text):
        found = _WORD.match(text, place)
        if found is None or found.lastgroup is None:
            raise TuneError("key not understood")
        words.append((found.lastgroup, found[found.lastgroup]))
        place = found.end()
    return words


def _signature(sharps: int) -> dict[str, int]:
    return {letter: -((place - sharps) // 7) for place, letter in enumerate(FIFTHS)}


class Meter(NamedTuple):
    """A meter by its `name`, such as "6/8", "" if it is free or not understood; `understood` tells which."""

    name: str
    understood: bool = True

    @property
    def bar(self) -> Fraction:
        """The sixteenths in a bar; raises TuneError without a meter."""
        if not self.name:
            raise TuneError("a rest of whole bars without a meter")
        return bar_length(self.name)

    @property
    def is_compound(self) -> bool:
        """Whether beats are of three: 6/8, 9/8, 12/8."""
        return self.name in ("6/8", "9/8", "12/8")

    @property
    def unit(self) -> Fraction:
        """The sixteenths of a note without a length where no `L:` says so: 1/16 in meters below 3/4, else 1/8."""
        if not self.understood:
            raise TuneError("meter not understood, and no unit note length")
        return Fraction(1 if self.name and bar_length(self.name) < 12 else 2)


def parse_meter(text: str) -> Meter:
    """Return the meter of a field `M:`."""
    text = text.strip()
    if text in ("", "none", "C", "C|"):
        return Meter({"C": "4/4", "C|": "2/2"}.get(text, ""))
    beats, _, unit = text.partition("/")
    name = meter_name(beats, unit)
    return Meter(name, bool(name))


def parse_unit(text: str) -> Fraction:
    """Return the sixteenths of the unit note length in a field `L:`; raises TuneError for anything else."""
    unit = re.fullmatch(r"\s*(\d{1,3})\s*(?:/\s*(\d{1,4})\s*)?", text)
    if unit is None or not int(unit[1]) or not int(unit[2] or 1):
        raise TuneError("unit note length not understood")
    return Fraction(16 * int(unit[1]), int(unit[2] or 1))


def parse_order(text: str) -> list[str]:
    """Return the labels of parts in a field `P:` of the header, in the order in which they are played.

    What is not understood, such as brackets, is one label, that of no part.
    """
    if not re.fullmatch(r"(?:[A-Za-z]\d?[\s.]*)*", text.strip()):
        return [text]
    return [label for label, times in re.findall(r"([A-Za-z])(\d?)", text) for _ in range(int(times or 1))]
