"""Primers, from which melodies start: a file of music, a tune of the corpus, tokens, or notes written as text.

P steps.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from note_rnn.common.data_files import is_file, user_path
from note_rnn.common.errors import InputError
from note_rnn.common.plain_text import shown
from note_rnn.corpus import load_corpus
from note_rnn.corpus.reading import ALL_SUFFIXES, FileMelody, read_melody
from note_rnn.extraction.tunes import UNKNOWN_BARS, Bars, TuneError
from note_rnn.notes import ACCIDENTALS, LETTERS
from note_rnn.vocabulary import (
    NO_EVENT,
    NOTE_OFF,
    Tokens,
    VocabularyError,
    check_tokens,
    pitch_to_token,
    transposed,
)

PHRASE = 32
"""Steps taken at most from a tune if no length is given: two bars of 4/4."""

_CORPUS = "corpus:"
_NOTE = re.compile(r"([A-G])([#b]?)(\d)")
_WORD = re.compile(rf"{_NOTE.pattern.replace('(', '(?:')}|-|\.|\S+")
"""Between sharp notes there may be no spaces."""


class PrimerError(InputError):
    """A primer that cannot be read."""


def read_primer(source: str | Path | npt.ArrayLike, length: int | None = None, semitones: int = 0) -> Tokens:
    """Return the primer [P] in `source`, or its first `length` steps.

    :param source: tokens, as an array or as text ("14 1 1 1 16 1"); notes as `melody_text` writes them
        ("C4 - - - D4 -", a dot for silence); a MIDI file, taken as it sounds; the first tune of an ABC, MusicXML or
        kern file; "corpus:TITLE", a tune of the default collections.
    :param semitones: transposition of tunes from files of notation and the corpus, which are in C major or A minor. If
        no `length` is given, at most their first 32 steps are taken.

    Files are read as those of a corpus, within the same limits of size, time and memory, but however short.

    Raises PrimerError, MelodyFileError or CorpusError if there is no melody, VocabularyError for an invalid token,
    InputError for a path that no file can have.
    """
    if length is not None and length < 1:
        raise PrimerError(f"The length of a primer must be at least 1 step, not {length}.")
    tokens, _, is_tune = _read(source)
    if is_tune:
        tokens = transposed(tokens, semitones)
        length = min(PHRASE, len(tokens)) if length is None else length
    if not len(tokens):
        raise PrimerError(f"Primer {shown(source)} is empty: give at least one token, or leave it out.")
    if length is not None and length > len(tokens):
        raise PrimerError(f"Primer {shown(source)} has {len(tokens)} steps: it cannot give {length}.")
    return tokens[:length]


def read_tune(source: str | Path | npt.ArrayLike, semitones: int = 0) -> tuple[Tokens, Bars]:
    """Return the whole tune [T] in `source`, and its bars as far as the source says.

    Source, transposition by `semitones`, and errors are those of `read_primer`.
    """
    tokens, bars, is_tune = _read(source)
    if not len(tokens):
        raise PrimerError(f"Tune {shown(source)} is empty: give at least one token.")
    return transposed(tokens, semitones) if is_tune else tokens, bars


def check_primer_options(primer: str | None, length: int | None, keep: bool, has_priming: bool) -> None:
    """Raise PrimerError for --primer-length or --keep-primer without the --primer that they belong to.

    With one, `has_priming`, whether a kind of priming is chosen, must be false.
    """
    if has_priming and primer is not None:
        raise PrimerError("--priming is what precedes pieces without a primer: leave out --priming or --primer.")
    for option, is_given in (("--primer-length", length is not None), ("--keep-primer", keep)):
        if is_given and primer is None:
            raise PrimerError(f"{option} needs a primer: add --primer, or leave it out.")


def parse_notes(text: str) -> Tokens:
    """Return the tokens [P] of notes written as `melody_text` writes them, ignoring bar lines and bar numbers.

    A name starts a note, `-` continues it, `.` is silence. Raises VocabularyError for anything else.
    """
    tokens: list[int] = []
    silent = True
    for word in _WORD.findall(re.sub(r"(?m)^\s*\d+\s*\||\|", " ", text)):
        tokens.append(NO_EVENT if word == "-" or (word == "." and silent) else parse_token(word))
        silent = word == "." or (word == "-" and silent)
    return np.array(tokens, np.int64)


def parse_token(word: str) -> int:
    """Return the token of a number (0..37), a note (C4, F#4, Bb3), `-` (no event) or `.` (note off).

    Raises VocabularyError for anything else.
    """
    if word in ("-", "."):
        return NO_EVENT if word == "-" else NOTE_OFF
    if re.fullmatch("-?[0-9]{1,9}", word):
        return int(check_tokens([int(word)])[0])
    note = _NOTE.fullmatch(word)
    if note is None:
        raise VocabularyError(
            f"{shown(word)} is not a token: give a number 0..37, a note such as C4 or F#4, - or a dot."
        )
    letter, accidental, octave = note.groups()
    return pitch_to_token(12 * (int(octave) + 1) + LETTERS[letter] + ACCIDENTALS[accidental])


def _read(source: str | Path | npt.ArrayLike) -> FileMelody:
    """Return the melody in `source`."""
    if not isinstance(source, str | Path):
        return FileMelody(check_tokens(source, ndim=1), UNKNOWN_BARS, False)
    text = str(source)
    if text.startswith(_CORPUS):
        return _tune_of_corpus(text.removeprefix(_CORPUS))
    path = user_path(source)
    if path.suffix.lower() in ALL_SUFFIXES:
        return _melody_of_file(path)
    if re.search(r"\.[A-Za-z]\w*$", text):
        known = ", ".join(sorted(ALL_SUFFIXES))
        raise PrimerError(f"{path} is not a file of music that can be read: it must end in one of {known}.")
    if re.fullmatch(r"[0-9\s,]+", text):
        tokens = np.array([parse_token(number) for number in re.findall("[0-9]+", text)], np.int64)
        return FileMelody(tokens, UNKNOWN_BARS, False)
    return FileMelody(parse_notes(text), UNKNOWN_BARS, False)


def _melody_of_file(path: Path) -> FileMelody:
    if not is_file(path):
        raise PrimerError(f"There is no file {path} to start from.")
    try:
        return read_melody(path)
    except TuneError as error:
        raise PrimerError(f"{path} has no tune to start from: {error}.") from error


def _tune_of_corpus(title: str) -> FileMelody:
    """Return the first segment of the first tune whose title contains `title`, ignoring case."""
    corpus = load_corpus()
    found = [tune for tune, name in enumerate(corpus.titles) if title.strip().lower() in name.lower()]
    if not found:
        raise PrimerError(f"No tune of the corpus is called {title!r}; a part of the title is enough.")
    segment = int(np.flatnonzero(corpus.tune_of_segment == found[0])[0])
    return FileMelody(corpus.segments[segment], corpus.all_bars[segment], True)
