"""Chords as the element harmony of MusicXML 4.0
(https://www.w3.org/2021/06/musicxml40/musicxml-reference/elements/harmony/)."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from note_rnn.chords import NO_CHORD, Chord

_KINDS = {
    "major": "1 3 5",
    "minor": "1 b3 5",
    "augmented": "1 3 #5",
    "diminished": "1 b3 b5",
    "dominant": "1 3 5 b7",
    "major-seventh": "1 3 5 7",
    "minor-seventh": "1 b3 5 b7",
    "diminished-seventh": "1 b3 b5 bb7",
    "augmented-seventh": "1 3 #5 b7",
    "half-diminished": "1 b3 b5 b7",
    "major-minor": "1 b3 5 7",
    "major-sixth": "1 3 5 6",
    "minor-sixth": "1 b3 5 6",
    "dominant-ninth": "1 3 5 b7 9",
    "major-ninth": "1 3 5 7 9",
    "minor-ninth": "1 b3 5 b7 9",
    "dominant-11th": "1 3 5 b7 9 11",
    "major-11th": "1 3 5 7 9 11",
    "minor-11th": "1 b3 5 b7 9 11",
    "dominant-13th": "1 3 5 b7 9 11 13",
    "major-13th": "1 3 5 7 9 11 13",
    "minor-13th": "1 b3 5 b7 9 11 13",
    "suspended-second": "1 2 5",
    "suspended-fourth": "1 4 5",
    "power": "1 5",
}
"""Kinds of MusicXML and the intervals above the root that they stand for."""


class Degree(NamedTuple):
    """A note by which a chord differs from its kind."""

    value: int
    alteration: int
    """Semitones: of an added note from the major scale, else from the note of the kind."""
    change: str
    """add, alter or subtract."""


def add_harmony(measure: Element, chord: Chord, offset: int = 0) -> None:
    """Add a `chord` to `measure`, so many divisions after the note that follows begins."""
    harmony = SubElement(measure, "harmony")
    root, name, bass = chord.parts
    if chord == NO_CHORD:
        SubElement(SubElement(harmony, "root"), "root-step", text="").text = "C"
        SubElement(harmony, "kind", text=chord.symbol).text = "none"
        degrees: list[Degree] = []
    else:
        _add_note(harmony, "root", root)
        kind, degrees = kind_and_degrees(chord.intervals)
        SubElement(harmony, "kind", text=name).text = kind
    if bass:
        _add_note(harmony, "bass", bass)
    for degree in degrees:
        element = SubElement(harmony, "degree", {"print-object": "no"})
        SubElement(element, "degree-value").text = str(degree.value)
        SubElement(element, "degree-alter").text = str(degree.alteration)
        SubElement(element, "degree-type").text = degree.change
    if offset:
        SubElement(harmony, "offset").text = str(offset)


def kind_and_degrees(intervals: Sequence[str]) -> tuple[str, list[Degree]]:
    """Return the kind of MusicXML with the fewest differences from a chord of these `intervals`, and these.

    No seventh is added: programs disagree on whether that is a major or a minor one.
    """
    differences = {kind: _degrees(intervals, of_kind.split()) for kind, of_kind in _KINDS.items()}

    def cost(kind: str) -> tuple[bool, int]:
        degrees = differences[kind]
        return any(degree.value == 7 and degree.change == "add" for degree in degrees), len(degrees)

    kind = min(differences, key=cost)
    return kind, differences[kind]


def _degrees(intervals: Sequence[str], of_kind: Sequence[str]) -> list[Degree]:
    """Return the changes to a chord of the intervals `of_kind` that give `intervals`."""
    wanted, given = (list(map(_interval, names)) for names in (intervals, of_kind))
    missing = dict(each for each in given if each not in wanted)
    degrees = []
    for value, alteration in (each for each in wanted if each not in given):
        if value in missing:
            degrees.append(Degree(value, alteration - missing.pop(value), "alter"))
        else:
            degrees.append(Degree(value, alteration, "add"))
    return degrees + [Degree(value, 0, "subtract") for value in missing]


def _interval(name: str) -> tuple[int, int]:
    """Return the degree of an interval such as b7, and the semitones by which it is altered."""
    value = int(re.sub("[b#]", "", name))
    return value, name.count("#") - name.count("b")


def _add_note(harmony: Element, place: str, name: str) -> None:
    """Add the note `name`, such as F#, as the "root" or "bass" of a chord."""
    note = SubElement(harmony, place)
    SubElement(note, f"{place}-step").text = name[0]
    if alteration := name.count("#") - name.count("b"):
        SubElement(note, f"{place}-alter").text = str(alteration)
