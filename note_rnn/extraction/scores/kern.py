"""The first part of a Humdrum kern score (https://www.humdrum.org/rep/kern/), parsed by music21, as a part."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from note_rnn.extraction.scores.parts import Mark, Part, PartBuilder, meter_name
from note_rnn.extraction.tunes import Event, TuneError
from note_rnn.vocabulary import STEPS_PER_QUARTER

if TYPE_CHECKING:
    from music21.stream import Measure, Stream


def kern_part(content: bytes) -> Part:
    """Return the melody part of a kern document; raises TuneError with the reason, such as that music21 is missing.

    The text is parsed as it is: music21 neither looks for a file nor uses its cache.
    """
    try:
        from music21 import converter, stream
    except ImportError as error:
        raise TuneError('kern is read by music21: pip install "melody-rl[corpus]"') from error
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            score = converter.parseData(_numbered(content.decode("utf-8", errors="replace")), format="humdrum")
        except Exception as error:  # music21 fails in many ways
            raise TuneError(f"not readable ({type(error).__name__})") from error
    title = (score.metadata and score.metadata.bestTitle) or ""
    return _Reader().read(next(iter(score[stream.Part]), score), title)


def _numbered(text: str) -> str:
    """Return `text` with a number in bar lines such as `=:|!`, in which music21 sees the beginning of a repeat too."""
    return re.sub(r"(?m)(^|\t)=(?=:)", r"\g<1>=0", text)


class _Reader:
    """The state of reading: key and meter."""

    def __init__(self) -> None:
        self.builder = PartBuilder()
        self.sharps, self.meter = 0, ""

    def read(self, part: "Stream[Any]", title: str) -> Part:
        """Return the part that music21 parsed as `part`."""
        from music21 import stream

        for measure in part[stream.Measure]:
            start = _sixteenths(measure.offset)
            voices = self._voices(measure, start)
            self.builder.end_bar(voices, start + _sixteenths(measure.duration.quarterLength))
            self._mark(measure.leftBarline, start)
            self._mark(measure.rightBarline, self.builder.bar_start)
        self._read_endings(part)
        return self.builder.part(title)

    def _read_endings(self, part: "Stream[Any]") -> None:
        """Read the labels of sections, and their order in an expansion, which repeat signs only say again.

        A1, A2 ... are endings in an expansion such as [A,A1,A,A2].
        """
        from music21.humdrum.spineParser import MiscTandem

        labels = [(_sixteenths(each.getOffsetInHierarchy(part)), each.tandem) for each in part[MiscTandem]]
        expansions = [found[1].split(",") for _, text in labels if (found := re.fullmatch(r"\*>\[(.*)\]", text))]
        pairs = {pair for names in expansions for pair in pairwise(names)}
        if expansions:
            self.builder.order = [name for name in expansions[0] if name]
            self.builder.marks = [mark for mark in self.builder.marks if mark.kind == "section"]
        for place, text in labels:
            if label := re.fullmatch(r"\*>(\w*?)(\d{0,2})", text):
                self.builder.marks.append(Mark(place, "label", label[1] + label[2]))
                self.builder.end_ending(place)
                if (label[1], label[1] + label[2]) in pairs:
                    self.builder.begin_ending(place, label[2])

    def _mark(self, line: Any, place: Fraction) -> None:
        """Mark a bar line that is a repeat or begins a section."""
        from music21 import bar

        if isinstance(line, bar.Repeat):
            times = line.times or 2
            self.builder.marks.append(Mark(place, "end" if line.direction == "end" else "start", times=times))
        elif line is not None and line.type in ("double", "final"):
            self.builder.marks.append(Mark(place, "section"))

    def _voices(self, measure: "Measure", start: Fraction) -> list[list[Event]]:
        """Return the voices of a measure, each with the notes of the measure outside of voices."""
        from music21 import key, meter, note, stream

        common: list[Event] = []
        voices: list[list[Event]] = []
        for element in measure:
            place = start + _sixteenths(element.offset)
            if isinstance(element, key.KeySignature):
                self.sharps = element.sharps
            elif isinstance(element, meter.TimeSignature):
                self.meter = meter_name(str(element.numerator), str(element.denominator))
            elif isinstance(element, stream.Voice):
                voices.append([event for inner in element.notes for event in self._event(inner, place)])
            elif isinstance(element, note.NotRest):
                common += self._event(element, start)
        return [common + voice for voice in voices or [[]]]

    def _event(self, element: Any, start: Fraction) -> Iterator[Event]:
        """Yield the top note of a note or chord that is not a grace note."""
        duration = _sixteenths(element.quarterLength)
        if duration > 0 and element.pitches:
            self.builder.meters.add(self.meter)
            top = max(element.notes if element.isChord else [element], key=lambda each: each.pitch.ps)
            is_tied = top.tie is not None and top.tie.type in ("start", "continue")
            yield Event(start + _sixteenths(element.offset), duration, top.pitch.midi, self.sharps, is_tied)


def _sixteenths(quarters: float | Fraction) -> Fraction:
    """Return music21's `quarters` (fractions, or floats where these are exact) in sixteenths."""
    return Fraction(quarters).limit_denominator(1 << 10) * STEPS_PER_QUARTER
