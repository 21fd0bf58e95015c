"""Melodies as MusicXML for notation programs, written by music21."""

import re
from pathlib import Path

import numpy.typing as npt

from note_rnn.common.atomic_files import write_text
from note_rnn.common.errors import InputError
from note_rnn.formats.notation import C_MAJOR, Staff, note_values, spelled
from note_rnn.vocabulary import STEPS_PER_QUARTER


def write_musicxml(tokens: npt.ArrayLike, path: str | Path, staff: Staff = C_MAJOR, title: str = "Melody") -> None:
    """Write `tokens` [T] as a MusicXML file; the same melody always gives the same file.

    Raises VocabularyError for tokens outside 0..37, InputError if music21 is not installed, OSError if `path` cannot
    be written.
    """
    write_text(path, musicxml_text(tokens, staff, title))


def musicxml_text(tokens: npt.ArrayLike, staff: Staff = C_MAJOR, title: str = "Melody") -> str:
    """Return `tokens` [T] as MusicXML."""
    try:
        from music21 import duration, key, metadata, meter, note, pitch, stream, tempo, tie
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError as error:
        raise InputError('MusicXML is written by music21: pip install "melody-rl[corpus]".') from error
    part = stream.Part()
    part.append([key.KeySignature(staff.sharps), meter.TimeSignature(staff.meter)])
    part.append(tempo.MetronomeMark(number=staff.bpm, referent=duration.Duration(1.0)))
    continues = False
    for value in note_values(tokens, staff.steps_per_bar):
        length = duration.Duration(value.steps / STEPS_PER_QUARTER)
        if value.pitch is None:
            part.append(note.Rest(duration=length))
            continue
        letter, alteration, octave = spelled(value.pitch, staff.sharps)
        head = note.Note(pitch.Pitch(f"{letter}{'#' * alteration or '-' * -alteration}{octave}"), duration=length)
        if value.tied or continues:
            head.tie = tie.Tie({(True, True): "continue", (True, False): "start"}.get((value.tied, continues), "stop"))
        continues = value.tied
        part.append(head)
    score = stream.Score([part])
    score.metadata = metadata.Metadata(title=title)
    text = GeneralObjectExporter(score).parse().decode("utf-8")
    return re.sub(r'id="P[0-9a-f]{32}"', 'id="P1"', re.sub(r"\s*<encoding-date>.*?</encoding-date>", "", text))
