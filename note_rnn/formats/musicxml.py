"""Melodies as MusicXML 4.0 (https://www.w3.org/2021/06/musicxml40/) for notation programs.

T steps of a sixteenth, the divisions of the file.
"""

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy.typing as npt

from note_rnn.common.atomic_files import write_text
from note_rnn.formats.harmony import add_harmony
from note_rnn.formats.notation import C_MAJOR, Staff, Value, bars_of, beamed, note_values, one_line, spelled
from note_rnn.vocabulary import STEPS_PER_QUARTER

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_TYPES = {16: "whole", 8: "half", 4: "quarter", 2: "eighth", 1: "16th"}
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_LOWEST_IN_TREBLE = 57
"""Melodies that lie on average below this MIDI pitch are written in the bass clef."""


def write_musicxml(tokens: npt.ArrayLike, path: str | Path, staff: Staff = C_MAJOR, title: str = "Melody") -> None:
    """Write `tokens` [T] as a MusicXML file; the same melody always gives the same file.

    Raises VocabularyError for tokens outside 0..37, OSError if `path` cannot be written.
    """
    write_text(path, musicxml_text(tokens, staff, title))


def musicxml_text(tokens: npt.ArrayLike, staff: Staff = C_MAJOR, title: str = "Melody") -> str:
    """Return `tokens` [T] as MusicXML: one part of one voice, beamed, with every accidental that a reader needs."""
    values = note_values(tokens, staff)
    score = Element("score-partwise", version="4.0")
    SubElement(SubElement(score, "work"), "work-title").text = one_line(title)
    SubElement(SubElement(SubElement(score, "identification"), "encoding"), "software").text = "melody-rl"
    listed = SubElement(SubElement(score, "part-list"), "score-part", id="P1")
    SubElement(listed, "part-name", {"print-object": "no"}).text = "Melody"
    part = SubElement(score, "part", id="P1")
    bars = bars_of(values, staff) or [[]]
    ties = _tied_to_before(values)
    for number, bar in enumerate(bars, start=0 if staff.pickup else 1):
        measure = SubElement(part, "measure", number=str(number))
        if number == 0:
            measure.set("implicit", "yes")
        if bar is bars[0]:
            _add_attributes(measure, staff, _clef(values))
            _add_tempo(measure, staff)
        for text in (text for step, text in staff.marks if bar and step == bar[0].start):
            _add_mark(measure, text)
        _add_bar(measure, bar, staff, ties)
    barline = SubElement(part[-1], "barline", location="right")
    SubElement(barline, "bar-style").text = "light-heavy"
    indent(score)
    return f"{_HEAD}{tostring(score, 'unicode')}\n"


def _clef(values: list[Value]) -> tuple[str, int]:
    """Return the sign and the line of the clef that needs the fewest ledger lines."""
    pitches = [value.pitch for value in values if value.pitch is not None]
    return ("F", 4) if pitches and sum(pitches) / len(pitches) < _LOWEST_IN_TREBLE else ("G", 2)


def _tied_to_before(values: list[Value]) -> set[int]:
    """Return the starts of the values that continue a tied note."""
    return {value.start + value.steps for value in values if value.tied}


def _add_attributes(measure: Element, staff: Staff, clef: tuple[str, int]) -> None:
    attributes = SubElement(measure, "attributes")
    SubElement(attributes, "divisions").text = str(STEPS_PER_QUARTER)
    key = SubElement(attributes, "key")
    SubElement(key, "fifths").text = str(staff.sharps)
    SubElement(key, "mode").text = staff.mode
    time = SubElement(attributes, "time")
    for name, number in zip(("beats", "beat-type"), staff.meter.split("/"), strict=True):
        SubElement(time, name).text = number
    sign = SubElement(attributes, "clef")
    SubElement(sign, "sign").text, SubElement(sign, "line").text = clef[0], str(clef[1])


def _add_tempo(measure: Element, staff: Staff) -> None:
    """Add the tempo mark, in beats per minute: in 6/8 those of a dotted quarter."""
    direction = SubElement(measure, "direction", placement="above")
    mark = SubElement(SubElement(direction, "direction-type"), "metronome")
    _add_type(mark, staff.steps_per_beat, "beat-unit", "beat-unit-dot")
    SubElement(mark, "per-minute").text = f"{staff.beats_per_minute:g}"
    SubElement(direction, "sound", tempo=f"{staff.bpm:.10g}")


def _add_mark(measure: Element, text: str) -> None:
    """Add a rehearsal mark, such as the name of a section."""
    direction = SubElement(measure, "direction", placement="above")
    SubElement(SubElement(direction, "direction-type"), "rehearsal").text = one_line(text)


def _add_type(parent: Element, steps: int, name: str, dot: str) -> None:
    """Add the note value of so many `steps`, and its dot if it has one."""
    SubElement(parent, name).text = _TYPES.get(steps) or _TYPES[steps * 2 // 3]
    if steps not in _TYPES:
        SubElement(parent, dot)


def _add_bar(measure: Element, bar: list[Value], staff: Staff, ties: set[int]) -> None:
    """Add the notes and rests of a `bar`; `ties` are the starts of those that continue a note."""
    if sum(value.steps for value in bar if value.pitch is None) == staff.steps_per_bar:
        _add_chords(measure, bar[0].start, staff.steps_per_bar, staff)
        rest = SubElement(measure, "note")
        SubElement(rest, "rest", measure="yes")
        SubElement(rest, "duration").text = str(staff.steps_per_bar)
        return
    altered: dict[tuple[str, int], int] = {}
    for group in beamed(bar, staff):
        for value, beams in zip(group, _beams(group), strict=True):
            _add_chords(measure, value.start, value.steps, staff)
            note = SubElement(measure, "note")
            if value.pitch is None:
                SubElement(note, "rest")
                SubElement(note, "duration").text = str(value.steps)
                _add_type(note, value.steps, "type", "dot")
            else:
                _add_pitch(note, value.pitch, staff)
                _add_value(note, value, value.start in ties, beams, _accidental(value, staff, ties, altered))


def _add_chords(measure: Element, start: int, steps: int, staff: Staff) -> None:
    """Add the chords that begin with the note that follows, which lasts `steps` from `start` on, or within it."""
    for step, chord in staff.chords_within(start, start + steps):
        add_harmony(measure, chord, step - start)


def _add_pitch(note: Element, midi_pitch: int, staff: Staff) -> None:
    letter, alteration, octave = spelled(midi_pitch, staff.sharps)
    pitch = SubElement(note, "pitch")
    SubElement(pitch, "step").text = letter
    if alteration:
        SubElement(pitch, "alter").text = str(alteration)
    SubElement(pitch, "octave").text = str(octave)


def _accidental(value: Value, staff: Staff, ties: set[int], altered: dict[tuple[str, int], int]) -> str | None:
    """Return the accidental printed before a note, if any; `altered` are those in force in its bar, and updated."""
    assert value.pitch is not None
    letter, alteration, octave = spelled(value.pitch, staff.sharps)
    if value.start in ties or alteration == altered.get((letter, octave), staff.alteration(letter)):
        return None
    altered[letter, octave] = alteration
    return _ACCIDENTALS[alteration]


def _add_value(note: Element, value: Value, continues: bool, beams: list[str], accidental: str | None) -> None:
    """Add all but the pitch to a `note`, which `continues` the one before or not, in the order of the format."""
    ties = ["stop"] * continues + ["start"] * value.tied
    SubElement(note, "duration").text = str(value.steps)
    for kind in ties:
        SubElement(note, "tie", type=kind)
    _add_type(note, value.steps, "type", "dot")
    if accidental:
        SubElement(note, "accidental").text = accidental
    for number, beam in enumerate(beams, start=1):
        SubElement(note, "beam", number=str(number)).text = beam
    if ties:
        notations = SubElement(note, "notations")
        for kind in ties:
            SubElement(notations, "tied", type=kind)


def _beams(group: list[Value]) -> list[list[str]]:
    """Return the beams of each value of a `group`, the longest first, in MusicXML's words."""
    counts = [0 if value.pitch is None else 2 if value.steps < 2 else 1 if value.steps < 4 else 0 for value in group]
    beams = []
    for i, count in enumerate(counts):
        before, after = (counts[i - 1] if i else 0), (counts[i + 1] if i + 1 < len(counts) else 0)
        of_note = []
        for number in range(1, count + 1):
            joins = before >= number, after >= number
            of_note.append({(True, True): "continue", (True, False): "end", (False, True): "begin"}.get(joins, ""))
        if of_note == ["", ""] or of_note == [""]:  # flags: nothing to connect
            of_note = []
        elif of_note[-1:] == [""]:
            of_note[-1] = "backward hook" if before else "forward hook"
        beams.append(of_note)
    return beams
