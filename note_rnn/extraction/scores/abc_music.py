"""The music of a tune in ABC, as a part.

ABC 2.1, section 4 (https://abcnotation.com/wiki/abc:standard:v2.1). What is not understood, or can be read in more ways
than one, drops the tune with that reason.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from note_rnn.extraction.scores.abc_accidentals import Accidentals, Name, midi_pitch, name_of
from note_rnn.extraction.scores.abc_book import AbcTune
from note_rnn.extraction.scores.abc_fields import NO_KEY, parse_key, parse_meter, parse_order, parse_unit
from note_rnn.extraction.scores.abc_rhythm import Rhythm, length_factor
from note_rnn.extraction.scores.abc_tokens import Sign, marks_of, signs
from note_rnn.extraction.scores.abc_voices import first_voice
from note_rnn.extraction.scores.parts import MAX_CHARACTERS, Mark, Part, PartBuilder, jump_of
from note_rnn.extraction.tunes import Event, TuneError

_IN_CHORDS = frozenset(("note", "rest", "tie", "annotation", "skipped", "symbol", "decoration", "grace", "chord_end"))


def abc_part(tune: AbcTune) -> Part:
    """Return the first voice of `tune`, of its overlays the upper one; raises TuneError, the reason, if it cannot."""
    if not any(name == "K" for name, _ in tune.header):
        raise TuneError("no key, K:")
    reader = _Reader()
    for name, value in tune.header:
        reader.obey(name, value)
    reader.builder.order = parse_order(next((value for name, value in tune.header if name == "P"), ""))
    return reader.read(first_voice(tune), tune.title)


class _Sound(NamedTuple):
    """A note or rest of a chord that is still open."""

    duration: Fraction
    pitch: int | None
    names: dict[Name, int]
    tied: bool = False


class _Reader:
    """The state of reading: time, key, meter and unit, and what the bar contains so far."""

    def __init__(self) -> None:
        self.meter, self.unit = parse_meter("none"), Fraction(0)
        self.symbols: set[str] = set()
        self.bang_breaks_lines = False
        self.accidentals, self.rhythm = Accidentals(NO_KEY), Rhythm()
        self.builder = PartBuilder()
        self.now = Fraction(0)
        self.voices: list[list[Event]] = [[]]
        self.names: dict[Name, int] = {}
        """The notes that sounded last, and their alterations."""
        self.tied_from_first: dict[Name, int] | None = None
        """The notes tied over the bar line in the first of overlaid voices."""
        self.chord: list[_Sound] | None = None
        self.previous = ""
        """The kind of the sign before."""

    def read(self, music: str, title: str) -> Part:
        """Return the part that `music` is, under the fields obeyed so far."""
        if len(music) > MAX_CHARACTERS:
            raise TuneError(f"longer than {MAX_CHARACTERS:,} characters")
        self.unit = self.unit or self.meter.unit
        for sign in signs(music, self.bang_breaks_lines):
            if self.chord is not None and sign.kind not in _IN_CHORDS:
                raise TuneError("chord without an end")
            if handler := getattr(self, f"_{sign.kind}", None):
                handler(sign)
            self.previous = sign.kind
        if self.chord is not None:
            raise TuneError("chord without an end")
        self._end_bar()
        return self.builder.part(title)

    def obey(self, name: str, value: str) -> None:
        """Obey a field of the header or the body."""
        if name == "K":
            self.accidentals.key = parse_key(value) or self.accidentals.key
        elif name == "M":
            self.meter = parse_meter(value)
        elif name == "L":
            self.unit = parse_unit(value)
        elif name == "U":
            self.symbols.add(value[:1])
        elif name == "m":
            raise TuneError("macros, m:")
        elif name == "I" and (scope := re.match(r"propagate-accidentals\s+(not|octave|pitch)", value)):
            self.accidentals.scope = scope[1]
        elif name == "I" and re.match(r"linebreak\s.*!|decoration\s+\+", value):
            self.bang_breaks_lines = True

    def _field(self, sign: Sign) -> None:
        if sign.groups[0] == "P":
            self.builder.marks.append(Mark(self.now, "label", sign.groups[1].strip()))
        self.obey(sign.groups[0], sign.groups[1])

    def _annotation(self, sign: Sign) -> None:
        self.builder.mark_jump(self.now, jump_of(sign.groups[0]))

    def _decoration(self, sign: Sign) -> None:
        self.builder.mark_jump(self.now, jump_of(sign.groups[0] or sign.groups[1]))

    def _note(self, sign: Sign) -> None:
        accidental, letter, marks, *length = sign.groups
        name = name_of(letter, marks)
        alteration = self.accidentals.alteration(name, accidental or None)
        pitch = midi_pitch(name, alteration)
        self._sound(_Sound(self.unit * length_factor(*length), pitch, {name: alteration}))

    def _rest(self, sign: Sign) -> None:
        symbol, *length = sign.groups
        unit = self.meter.bar if symbol in "ZX" else self.unit
        self._sound(_Sound(unit * length_factor(*length), None, {}))

    def _sound(self, sound: _Sound) -> None:
        """Add a note or rest to the chord that is open, or to the voice."""
        if self.chord is not None:
            self.chord.append(sound)
            return
        duration = self.rhythm.lengthen(sound.duration)
        self.voices[-1].append(Event(self.now, duration, sound.pitch, self.accidentals.key.sharps, sound.tied))
        self.now += duration
        self.names, self.accidentals.tied = sound.names, {}
        self.builder.meters.add(self.meter.name)

    def _chord(self, sign: Sign) -> None:
        self.chord = []

    def _chord_end(self, sign: Sign) -> None:
        """Add the top note of a chord, with the length of the first."""
        if not self.chord:
            raise TuneError("chord without a beginning or without notes")
        chord, self.chord = self.chord, None
        top = max(chord, key=lambda sound: sound.pitch or 0)
        names = {name: alteration for sound in chord for name, alteration in sound.names.items()}
        self._sound(_Sound(chord[0].duration * length_factor(*sign.groups), top.pitch, names, top.tied))
        self.accidentals.tied = {name: names[name] for sound in chord if sound.tied for name in sound.names}

    def _tie(self, sign: Sign) -> None:
        """Tie the last note, one before the bar line too; a tie from a grace note ties nothing."""
        if self.previous == "grace":
            return
        if self.chord:
            self.chord[-1] = self.chord[-1]._replace(tied=True)
        elif voice := self.voices[-1] or self.builder.notes:
            voice[-1] = voice[-1]._replace(tied=True)
            self.accidentals.tied = self.names

    def _broken(self, sign: Sign) -> None:
        if not self.voices[-1]:
            raise TuneError("broken rhythm without a note on each side")
        before = self.voices[-1][-1]
        duration = before.duration * self.rhythm.begin_broken(sign.text)
        self.voices[-1][-1] = before._replace(duration=duration)
        self.now = before.start + duration

    def _tuplet(self, sign: Sign) -> None:
        notes, time, count = (int(number or 0) for number in sign.groups)
        self.rhythm.begin_tuplet(notes, time, count, self.meter.is_compound)

    def _grace(self, sign: Sign) -> None:
        """Leave out grace notes, but let their accidentals hold for the bar."""
        for inner in signs(sign.text[1:-1].lstrip("/")):
            if inner.kind == "note":
                self.accidentals.alteration(name_of(inner.groups[1], inner.groups[2]), inner.groups[0] or None)

    def _text(self, sign: Sign) -> None:
        if not self.symbols.issuperset(sign.text):
            raise TuneError("text among the music")

    def _overlay(self, sign: Sign) -> None:
        """Begin another voice at the beginning of the bar."""
        if sign.text != "&":
            raise TuneError("voices overlaid for several bars")
        self._end_voice()
        if self.tied_from_first is None:
            self.tied_from_first = dict(self.accidentals.tied)
        self.accidentals.tied = {}
        self.voices.append([])
        self.now = self.builder.bar_start

    def _end_voice(self) -> None:
        self.rhythm.end_bar()
        self.accidentals.end_bar()

    def _bar(self, sign: Sign) -> None:
        self._end_bar()
        if set(re.split(r"[\s\\]+", sign.groups[0])) != {"|"}:
            self.builder.end_ending(self.now)
            self.builder.marks += marks_of(sign.groups[0], self.now)
        if sign.groups[1]:
            self.builder.begin_ending(self.now, sign.groups[1])

    def _ending(self, sign: Sign) -> None:
        self.builder.begin_ending(self.now, sign.groups[0])

    def _end_bar(self) -> None:
        self._end_voice()
        last = [voice[-1] for voice in self.voices if voice]
        self.now = max((event.start + event.duration for event in last), default=self.builder.bar_start)
        self.builder.end_bar(self.voices, self.now)
        self.voices = [[]]
        if self.tied_from_first is not None:
            self.accidentals.tied, self.tied_from_first = self.tied_from_first, None
