"""The first staff of the first part of a MusicXML score, as a part.

MusicXML 4.0 (https://www.w3.org/2021/06/musicxml40/), partwise or timewise. Of voices on the staff each bar gives its
upper one. Grace and cue notes are left out.
"""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from note_rnn.extraction.scores.parts import Mark, MarkKind, Part, PartBuilder, jump_of, meter_name, sharps_within
from note_rnn.extraction.tunes import Event, TuneError
from note_rnn.notes import LETTERS
from note_rnn.vocabulary import STEPS_PER_QUARTER

_MAX_DEPTH = 100
_STAFF = "1"
_SOUNDS: dict[str, MarkKind] = {
    "dacapo": "dc", "dalsegno": "ds", "fine": "fine", "segno": "segno", "coda": "coda", "tocoda": "to_coda"
}  # fmt: skip
"""The attributes of a sound that change the order in which measures are played."""


def parse_xml(content: bytes) -> Element:
    """Return the root of an XML document; raises TuneError if it is damaged or defines entities.

    Nothing outside of the document is read, and no entity can make it larger.
    """
    builder, parser = TreeBuilder(), expat.ParserCreate()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise TuneError("XML nested too deeply")
        builder.start(tag.rpartition(":")[2], attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag.rpartition(":")[2])

    def refuse(*_: object) -> None:
        raise TuneError("XML that defines entities")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError) as error:  # LookupError for an unknown encoding
        raise TuneError("damaged XML") from error
    return builder.close()


def musicxml_part(content: bytes) -> Part:
    """Return the melody part of a MusicXML document; raises TuneError with the reason if it cannot be read."""
    root = parse_xml(content)
    if root.tag not in ("score-partwise", "score-timewise"):
        raise TuneError("not a MusicXML score")
    try:
        return _Reader().read(_measures(root), _title(root))
    except (KeyError, ZeroDivisionError) as error:  # a step that is no letter, zero divisions
        raise TuneError("damaged MusicXML") from error


def _measures(root: Element) -> Iterator[Element]:
    """Yield the measures of the first part."""
    if root.tag == "score-partwise":
        part = root.find("part")
        yield from [] if part is None else part.findall("measure")
    else:
        yield from (part for measure in root.findall("measure") for part in measure.findall("part")[:1])


def _title(root: Element) -> str:
    return (root.findtext("work/work-title") or root.findtext("movement-title") or "").strip()


class _Reader:
    """The state of reading: time, key, meter and divisions, and what the measure contains so far."""

    def __init__(self) -> None:
        self.builder = PartBuilder()
        self.meter, self.sharps, self.divisions = "", 0, Fraction(1)
        self.now = self.end = Fraction(0)
        self.voices: dict[str, list[Event]] = {}
        self.lines: list[tuple[Element, Fraction]] = []
        """The bar lines in the measure, each with where it is."""

    def read(self, measures: Iterator[Element], title: str) -> Part:
        """Return the part that consists of `measures`."""
        handlers: dict[str, Callable[[Element], None]] = {
            "attributes": self._attributes,
            "note": self._note,
            "backup": lambda element: self._move(-self._duration(element)),
            "forward": lambda element: self._move(self._duration(element)),
            "barline": lambda element: self.lines.append((element, self.now)),
            "direction": self._direction,
            "sound": self._direction,
        }
        for measure in measures:
            for element in measure:
                if element.tag in handlers:
                    handlers[element.tag](element)
            self._end_measure()
        return self.builder.part(title)

    def _attributes(self, element: Element) -> None:
        self.divisions = _number(element.findtext("divisions"), self.divisions)
        if (key := element.find("key")) is not None:
            self.sharps = _sharps(key)
        if (time := element.find("time")) is not None:
            beats, units = time.findall("beats"), time.findall("beat-type")
            self.meter = meter_name(beats[0].text or "", units[0].text or "") if len(beats) == len(units) == 1 else ""

    def _note(self, element: Element) -> None:
        if element.find("grace") is not None or element.find("cue") is not None:
            return
        duration = self._duration(element)
        is_chord = element.find("chord") is not None
        pitch = element.find("pitch")
        if pitch is not None and element.findtext("staff", _STAFF) == _STAFF:
            is_tied = any(tie.get("type") == "start" for tie in (*element.iter("tie"), *element.iter("tied")))
            voice = self.voices.setdefault(element.findtext("voice", ""), [])
            note = Event(self.now, duration, _midi(pitch), self.sharps, is_tied)
            if not (is_chord and voice):
                voice.append(note)
            elif (note.pitch or 0) > (voice[-1].pitch or 0):
                voice[-1] = voice[-1]._replace(pitch=note.pitch, tied=note.tied)
            self.builder.meters.add(self.meter)
        if not is_chord:
            self._move(duration)

    def _direction(self, element: Element) -> None:
        """Mark what a direction, or a sound alone, says of the order of music: by its sound, else in signs or words."""
        for rehearsal in element.iter("rehearsal"):
            self.builder.marks.append(Mark(self.now, "label", (rehearsal.text or "").strip()))
        sounds = list(element.iter("sound"))
        kinds = [kind for name, kind in _SOUNDS.items() if any(sound.get(name, "no") != "no" for sound in sounds)]
        shown = [*element.iter("segno"), *element.iter("coda"), *element.iter("words")]
        words = [each.text or "" if each.tag == "words" else each.tag for each in shown]
        for kind in kinds or map(jump_of, words):
            self.builder.mark_jump(self.builder.bar_start, kind)

    def _duration(self, element: Element) -> Fraction:
        return STEPS_PER_QUARTER * _number(element.findtext("duration")) / self.divisions

    def _move(self, steps: Fraction) -> None:
        self.now += steps
        self.end = max(self.end, self.now)
        if self.now < self.builder.bar_start:
            raise TuneError("damaged MusicXML")

    def _end_measure(self) -> None:
        start = self.builder.bar_start
        self.builder.end_bar(list(self.voices.values()), self.end)
        for barline, now in self.lines:
            place = {"left": start, "middle": now}.get(barline.get("location", ""), self.end)
            self.builder.marks += _mark(barline, place)
            for ending in barline.iter("ending"):
                if ending.get("type") == "start":
                    self.builder.begin_ending(place, ending.get("number", ""))
                else:
                    self.builder.end_ending(place)
        self.voices = {}
        self.lines.clear()
        self.now = self.end


def _mark(barline: Element, place: Fraction) -> Iterator[Mark]:
    """Yield the mark of a bar line that is a repeat or begins a section."""
    if (repeat := barline.find("repeat")) is not None:
        is_end = repeat.get("direction") == "backward"
        times = max(int(_number(repeat.get("times"), Fraction(2))), 1)
        yield Mark(place, "end" if is_end else "start", times=times)
    elif barline.findtext("bar-style") in ("light-light", "light-heavy", "heavy-light", "heavy-heavy"):
        yield Mark(place, "section")


def _sharps(key: Element) -> int:
    """Return the sharps of a key, or of the largest key signature within one of other accidentals."""
    if key.find("fifths") is not None:
        return int(_number(key.findtext("fifths")))
    steps = [step.text or "" for step in key.findall("key-step")]
    alterations = [int(_number(alter.text)) for alter in key.findall("key-alter")]
    return sharps_within(dict(zip(steps, alterations, strict=False)))


def _midi(pitch: Element) -> int:
    alteration = _number(pitch.findtext("alter"), Fraction(0))
    if alteration.denominator != 1:
        raise TuneError("notes between the semitones")
    return 12 * (int(_number(pitch.findtext("octave"))) + 1) + LETTERS[pitch.findtext("step", "")] + int(alteration)


def _number(text: str | None, default: Fraction | None = None) -> Fraction:
    """Return a decimal number; raises TuneError for anything else, or if there is none and no `default`."""
    if text is None and default is not None:
        return default
    if not re.fullmatch(r"\s*[-+]?\d{1,9}(\.\d{1,9})?\s*", text or "", re.ASCII):
        raise TuneError("damaged MusicXML")
    return Fraction(text or "")
