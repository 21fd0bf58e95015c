"""Lengths of notes in ABC: as written, in tuplets and in broken rhythm.

ABC 2.1, sections 4.3, 4.4 and 4.13 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

from fractions import Fraction
from functools import cache

from note_rnn.extraction.tunes import TuneError

_USUAL = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""In the time of how many notes a tuplet of so many is played; of others it depends on the meter."""


@cache
def length_factor(numerator: str, slashes: str, denominator: str) -> Fraction:
    """Return the factor of a written length such as 2, /, //, /4 or 3/2; raises TuneError for 0."""
    divisor = int(denominator) if denominator else 1 << len(slashes)
    factor = int(numerator or 1)
    if not factor or not divisor:
        raise TuneError("note of length 0")
    return Fraction(factor, divisor)


class Rhythm:
    """What tuplets and broken rhythm do to the next notes."""

    def __init__(self) -> None:
        self._broken: Fraction | None = None
        self._tuplet, self._left = Fraction(1), 0

    def lengthen(self, duration: Fraction) -> Fraction:
        """Return the `duration` of the next note, written as such, in its tuplet and after `<` or `>`."""
        if self._left:
            self._left -= 1
            duration *= self._tuplet
        if self._broken:
            duration *= self._broken
            self._broken = None
        return duration

    def begin_tuplet(self, notes: int, time: int, count: int, is_compound: bool) -> None:
        """Begin a tuplet `(p:q:r`: the next r notes last q/p of their length; 0 for what is not written."""
        self._tuplet = Fraction(time or _USUAL.get(notes, 3 if is_compound else 2), notes)
        self._left = count or notes

    def begin_broken(self, sign: str) -> Fraction:
        """Return the factor of the note before `sign`, one or more `<` or `>`; the next note takes up the rest."""
        if self._broken:
            raise TuneError("broken rhythm without a note on each side")
        short = Fraction(1, 1 << len(sign))
        before, self._broken = (short, 2 - short) if sign.startswith("<") else (2 - short, short)
        return before

    def end_bar(self) -> None:
        """Raise TuneError if a note is missing after `<` or `>`; tuplets may cross the bar line."""
        if self._broken:
            raise TuneError("broken rhythm without a note on each side")
