"""Chord symbols, and progressions of them over the bars of a piece.

T steps of a sixteenth. Pitch classes are 0..11 with C = 0. The kinds of chords are those of pychord
(https://github.com/yuma-m/pychord).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pychord import Quality, QualityManager

from note_rnn.common.errors import InputError, check_count
from note_rnn.common.plain_text import shown
from note_rnn.notes import LETTERS

_FIFTHS = "FCGDAEB"
"""The letters along the line of fifths, from F at -1: a fifth up is one to the right."""
_SYMBOL = re.compile(r"([A-G](?:bb?|##?)?)([^/]*)(?:/([A-G](?:bb?|##?)?))?")
"""Root, kind and bass."""
_SIGNS = str.maketrans({"♯": "#", "♭": "b", "°": "o", "\N{INCREMENT}": "Δ"})
_PREFIXES = (("min", "m"), ("mi(?=[0-9]|$)", "m"), ("-", "m"), ("o(?!mit)", "dim"))
"""Further spellings of how a kind begins, as regular expressions, and those of pychord."""
_KINDS = {"+": "aug", "+7": "7#5", "aug7": "7#5", "ø": "m7b5", "ø7": "m7b5", "Δ": "maj7", "Δ7": "maj7", "M": ""}
"""Further spellings of kinds, and those of pychord."""
_RARE = "-+()M"
"""Characters of the less usual of several spellings."""


class ChordError(InputError):
    """A chord symbol or a progression that cannot be read."""


@dataclass(frozen=True)
class Chord:
    """A chord, or silence of the harmony, `NO_CHORD`."""

    symbol: str
    """Its symbol in plain letters, such as C, F#m7 or Bb/D."""
    root: int
    """Pitch class of the root; -1 in `NO_CHORD`."""
    pitch_classes: tuple[int, ...]
    """Root, third, fifth, seventh ..., without a bass of its own after a slash; empty in `NO_CHORD`."""
    bass: int
    """Pitch class of the lowest note; -1 in `NO_CHORD`."""

    def transposed(self, semitones: int) -> "Chord":
        """Return the chord `semitones` higher, with the symbol of the fewest accidentals."""
        return self._moved(_shift([self], semitones))

    def _moved(self, fifths: int) -> "Chord":
        """Return the chord moved along the line of fifths."""
        if not self.pitch_classes:
            return self
        root, kind, bass = self.parts
        return parse_chord(_moved(root, fifths) + kind + (f"/{_moved(bass, fifths)}" if bass else ""))

    @property
    def label(self) -> str:
        """The symbol as it is printed, with the signs \N{MUSIC SHARP SIGN} and \N{MUSIC FLAT SIGN}."""
        return self.symbol.replace("#", "\N{MUSIC SHARP SIGN}").replace("b", "\N{MUSIC FLAT SIGN}")

    @property
    def parts(self) -> tuple[str, str, str]:
        """The names of root, kind and bass in the symbol; the last is empty without a slash, all in `NO_CHORD`."""
        found = _SYMBOL.fullmatch(self.symbol)
        return (found[1], found[2], found[3] or "") if found else ("", "", "")

    @property
    def intervals(self) -> tuple[str, ...]:
        """The degrees of the chord above its root, as in ("1", "b3", "5", "b7")."""
        return tuple(_quality(self.parts[1]).intervals) if self.pitch_classes else ()


NO_CHORD = Chord("N.C.", -1, (), -1)
"""No chord sounds."""


class ChordStart(NamedTuple):
    """A chord, and the step that it begins at."""

    step: int
    chord: Chord


class ChordSteps(NamedTuple):
    """The chord of each step."""

    indices: npt.NDArray[np.int64]
    """[T]; indices of `chords`."""
    chords: tuple[Chord, ...]
    """The distinct chords, in the order in which they first sound."""


class Spellings(NamedTuple):
    """How chord symbols may be written, for readers in other languages."""

    signs: dict[str, str]
    """Characters, and the plain ones that they stand for."""
    prefixes: tuple[tuple[str, str], ...]
    """How a kind that is not among `kinds` may begin, as regular expressions, and what takes their place, in turn."""
    kinds: dict[str, tuple[str, tuple[int, ...]]]
    """By how a kind may be written, its plainest spelling, and semitones above the root."""


@dataclass(frozen=True)
class Progression:
    """Chords over bars, repeated from the beginning where a piece is longer.

    The chords of a bar begin on beats and share them evenly, the earlier ones with what remains; where there are more
    chords than beats they begin on steps.
    """

    bars: tuple[tuple[Chord, ...], ...]
    """The chords of each bar, one or more."""

    @property
    def text(self) -> str:
        """The progression as `parse_progression` reads it: C | Am | F G | C."""
        return " | ".join(" ".join(chord.symbol for chord in bar) for bar in self.bars)

    def transposed(self, semitones: int) -> "Progression":
        """Return the progression `semitones` higher, all chords spelled in one key."""
        fifths = _shift([*chain(*self.bars)], semitones)
        return Progression(tuple(tuple(chord._moved(fifths) for chord in bar) for bar in self.bars))

    def starts(self, steps: int, steps_per_bar: int, steps_per_beat: int = 4) -> tuple[ChordStart, ...]:
        """Return the chords in the order of their entries, over the first `steps` of a piece.

        Raises ChordError if a bar has more chords than steps.
        """
        found: list[ChordStart] = []
        for bar in range(-(-steps // steps_per_bar)):
            chords = self.bars[bar % len(self.bars)]
            if len(chords) > steps_per_bar:
                raise ChordError(f"Bar {bar + 1} has {len(chords)} chords for {steps_per_bar} sixteenths: give fewer.")
            unit = steps_per_beat if len(chords) * steps_per_beat <= steps_per_bar else 1
            units = steps_per_bar // unit
            places = [bar * steps_per_bar + unit * -(-i * units // len(chords)) for i in range(len(chords))]
            found += [ChordStart(place, chord) for place, chord in zip(places, chords, strict=True) if place < steps]
        return tuple(found)

    def chords_by_step(self, steps: int, steps_per_bar: int, steps_per_beat: int = 4) -> ChordSteps:
        """Return the chord of each of `steps`; raises ChordError if a bar has more chords than steps."""
        check_count("steps", steps)
        starts = self.starts(steps, steps_per_bar, steps_per_beat)
        chords = tuple(dict.fromkeys(chord for _, chord in starts))
        lengths = np.diff([start for start, _ in starts], append=steps)
        return ChordSteps(np.repeat([chords.index(chord) for _, chord in starts], lengths), chords)


@lru_cache(maxsize=4096)
def parse_chord(symbol: str) -> Chord:
    """Return the chord with a `symbol` such as C, Am7, F#dim, Bb/D; N.C. is `NO_CHORD`.

    Raises ChordError for anything else.
    """
    plain = symbol.strip().translate(_SIGNS)
    if plain.upper() in ("N.C.", "NC"):
        return NO_CHORD
    parts = _SYMBOL.fullmatch(plain.replace("6/9", "69"))
    kind = _plain_kind(parts[2]) if parts else None
    if parts is None or kind is None:
        raise ChordError(
            f"{shown(symbol)} is no chord symbol: write a root with a kind, as in C, Am, F#m7b5 or Bb/D, or N.C. for "
            "none."
        )
    root = _pitch_class(parts[1])
    pitch_classes = tuple(dict.fromkeys((root + above) % 12 for above in _quality(kind).components))
    bass = f"/{parts[3]}" if parts[3] else ""
    return Chord(f"{parts[1]}{kind}{bass}", root, pitch_classes, _pitch_class(parts[3]) if bass else root)


def parse_progression(text: str) -> Progression:
    """Return the progression in `text`: bars between "|", their chords between blanks, and "%" for the bar before.

    Raises ChordError for a bar without chords, or with what is no chord.
    """
    bars: list[tuple[Chord, ...]] = []
    for number, bar in enumerate(text.strip().strip("|").split("|"), start=1):
        symbols = bar.split()
        if symbols == ["%"] and bars:
            bars.append(bars[-1])
            continue
        if not symbols or "%" in symbols:
            problem = "repeats a bar, and none is before it" if symbols == ["%"] else "stands alone"
            problem = f'"%" {problem}' if symbols else "it has no chord; N.C. is none"
            raise ChordError(f"Bar {number} of the chords {shown(text)} cannot be read: {problem}.")
        try:
            bars.append(tuple(parse_chord(symbol) for symbol in symbols))
        except ChordError as error:
            raise ChordError(f"Bar {number} of the chords cannot be read: {error}") from error
    return Progression(tuple(bars))


def spellings() -> Spellings:
    """Return all spellings of chord symbols that `parse_chord` reads."""
    plain = {kind: _plain_kind(kind) for kind in (*QualityManager().get_qualities(), *_KINDS)}
    kinds = {kind: (name, tuple(_quality(name).components)) for kind, name in plain.items() if name is not None}
    return Spellings({chr(sign): letter for sign, letter in _SIGNS.items()}, _PREFIXES, kinds)


def _plain_kind(kind: str) -> str | None:
    """Return the plainest spelling of a `kind` in pychord; None if it has none."""
    kind = _KINDS.get(kind, kind)
    known = QualityManager().get_qualities()
    for pattern, plain in _PREFIXES:
        if kind not in known:
            kind = re.sub(f"^{pattern}", plain, kind)
    if kind not in known:
        return None
    same = [name for name, quality in known.items() if quality.intervals == known[kind].intervals]
    return min(same, key=lambda name: sum(letter in _RARE for letter in name))


def _quality(kind: str) -> Quality:
    return QualityManager().get_quality(kind)


def _pitch_class(name: str) -> int:
    return (LETTERS[name[0]] + name.count("#") - name.count("b")) % 12


def _fifths(name: str) -> int:
    """Return the position of a note on the line of fifths: F -1, C 0, G 1."""
    return _FIFTHS.index(name[0]) - 1 + 7 * (name.count("#") - name.count("b"))


def _moved(name: str, fifths: int) -> str:
    """Return the note that lies `fifths` further on the line of fifths, of one accidental at most."""
    place = _fifths(name) + fifths
    if not -8 <= place <= 12:  # beyond Fb and B#
        place = (place + 5) % 12 - 5
    alteration, letter = divmod(place + 1, 7)
    return _FIFTHS[letter] + ("#" * alteration or "b" * -alteration)


def _shift(chords: Sequence[Chord], semitones: int) -> int:
    """Return the way along the line of fifths, `semitones` higher, that leaves `chords` the fewest accidentals.

    A minor chord counts as its relative major: C#m is plainer than Dbm.
    """
    places = [_fifths(chord.parts[0]) - 3 * ("b3" in chord.intervals) for chord in chords if chord.pitch_classes]
    up = 7 * semitones % 12
    return min((up, up - 12), key=lambda shift: sum(abs(place + shift) for place in places))
