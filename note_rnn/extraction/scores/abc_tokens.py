"""The signs of ABC music: notes, bar lines, decorations ..., found by one regular expression; what bar lines mean.

ABC 2.1, section 4 (https://abcnotation.com/wiki/abc:standard:v2.1). Also old line breaks, `!` and `*`.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from note_rnn.extraction.scores.parts import Mark
from note_rnn.extraction.tunes import TuneError

LENGTH = r"(\d{0,4})(?:(/{1,5})(\d{0,4}))?(?!\d)"
"""Numerator, slashes and denominator of a length."""
NUMBERS = r"\d+(?:\s?[,-]\s?\d+)*"
"""Numbers of an ending."""
_BAR = r"(?:[:|]|\[(?=\|)|(?<=[|:])\])"
_PATTERNS = {
    "annotation": r'"([^"\n]*)"',
    "skipped": r"[\s`\\*#;?@$]+|y[\d/]*|\.?\([,\']?(?![\d&])|\)",
    "note": rf"(\^\^|\^|__|_|=)?([A-Ga-g])([,']{{0,9}}){LENGTH}",
    "bar": rf"\.?({_BAR}(?:[\s\\]*{_BAR})*)(?:[\s\\]*({NUMBERS}))?",
    "field": r"\[([A-Za-z]):([^\[\]\n]*)\]",
    "ending": rf'\[\s*({NUMBERS}|"[^"\n]*"(?=[^\]\n]*\|))',
    "broken": r"<{1,3}|>{1,3}",
    "tie": r"\.?-",
    "rest": rf"([zxZX]){LENGTH}",
    "chord": r"\[(?![|\]])",
    "chord_end": rf"\]{LENGTH}",
    "tuplet": r"\(([2-9])(?!\d)(?::(\d{0,2}))?(?::(\d{0,2}))?",
    "grace": r"\{[^{}\n]*\}",
    "decoration": r"!([^!\s|]+)!|\+([^+\s|]+)\+",
    "line_break": r"!",
    "overlay": r"\(&|&+\)?",
    "text": r"[IJKNQRUVWh-tw]{2}",
    "symbol": r"[H-Wh-w~]|\.(?=\s*[\[\"()<>{.~=^_A-Za-z!])",
}
_SIGN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()))
_KINDS = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}

_DECORATIONS = frozenset(
    """accent arpeggio breath coda crescendo( crescendo) D.C. D.S. dacapo dacoda diminuendo( diminuendo) downbow
    emphasis f fermata ff fff ffff fine invertedfermata invertedturn invertedturnx lowermordent mf mordent mp open p
    plus pp ppp pppp pralltriller roll segno sfz shortphrase mediumphrase longphrase slide snap tenuto thumb trill
    trill( trill) turn turnx upbow uppermordent wedge""".split()  # noqa: SIM905
)
"""Decorations of the standard; some of these names could also be notes."""
_LIKE_MUSIC = re.compile(r"[A-Ga-gxyzZ^_=,'/\d<>()\[\]{}.~:&-]*[A-Ga-gxzZ][A-Ga-gxyzZ^_=,'/\d<>()\[\]{}.~:&-]*")


class Sign(NamedTuple):
    """A sign: its kind, a key of the table above, its text, and what the groups of the kind's pattern match in it."""

    kind: str
    text: str
    groups: tuple[str, ...]


def signs(music: str, bang_breaks_lines: bool = False) -> Iterator[Sign]:
    """Yield the signs in `music`; raises TuneError for what is none.

    With `bang_breaks_lines` each `!` is a line break. Otherwise text between two of them is a decoration, unless it
    could be notes between two line breaks: that raises TuneError.
    """
    place = 0
    while place < len(music):
        found = _SIGN.match(music, place)
        if found is None or found.lastgroup is None:
            raise TuneError(f"not understood in ABC: {music[place]!a}")
        kind = found.lastgroup
        if kind == "decoration" and bang_breaks_lines and found[0][0] == "!":
            place += 1
            continue
        place = found.end()
        if kind == "decoration" and found[0][1:-1] not in _DECORATIONS and _LIKE_MUSIC.fullmatch(found[0][1:-1]):
            raise TuneError("notes between signs that may be decorations, line breaks or old chords")
        exact = _KINDS[kind].match(music, found.start())
        yield Sign(kind, found[0], exact.groups("") if exact else ())


def marks_of(lines: str, place: Fraction) -> Iterator[Mark]:
    """Yield the marks of the bar lines in a sign such as `:|`, `::`, `|:` or `||`; a colon more is a repeat more."""
    pieces = re.split(r"[\s\\]+", lines)
    for piece in ["".join(pieces)] if ":" in pieces else pieces:
        found = re.fullmatch(r"(:*)([^:]+)(:*)", {"::": ":|:"}.get(piece, piece))
        before, line, after = found.groups() if found else ("", "", "")
        if found is None:
            yield Mark(place, "other")
        if before:
            yield Mark(place, "end", times=len(before) + 1)
        if len(line) > 1:
            yield Mark(place, "double")
        if after:
            yield Mark(place, "start")
