"""Primers read from files, tunes of the corpus, tokens and text."""

import re
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from melody_env import melody_text
from note_rnn import PrimerError, VocabularyError, parse_token, read_primer, transposed, write_midi
from note_rnn import primers as primers_module
from note_rnn.common.errors import InputError
from note_rnn.corpus import Corpus, reading
from note_rnn.notes import without_redundant_note_offs
from note_rnn.primers import PHRASE, parse_notes

KINDS = Path(__file__).parent / "primer_kinds"
MELODY = [14, 1, 1, 0, 16, 1, 18, 1]
ABC = "X:1\nT:A scale\nM:4/4\nL:1/4\nK:D\nDEFG|ABcd|dcBA|GFED|\n"


@pytest.mark.parametrize("source", [MELODY, np.array(MELODY), "14 1 1 0 16 1 18 1", "14,1,1,0,16,1,18,1"])
def test_tokens_are_taken_as_they_are(source):
    assert read_primer(source, semitones=5).tolist() == MELODY
    assert read_primer(source, length=3).tolist() == MELODY[:3]


def test_notes_are_read_as_they_are_written():
    assert read_primer("C4 - - . D4 - E4 -").tolist() == MELODY
    assert parse_notes("  1 | .  .  C4 - | . . F#4 Bb3 |").tolist() == [1, 1, 14, 1, 0, 1, 20, 12]
    assert parse_notes("- . C4 . - . D4").tolist() == [1, 1, 14, 0, 1, 1, 16]  # a silence that goes on begins once


@given(arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 37)))
def test_what_melody_text_writes_is_read_again(tokens):
    np.testing.assert_array_equal(parse_notes(melody_text(tokens)), without_redundant_note_offs(tokens))


def test_a_midi_file_sounds_as_it_is(tmp_path):
    write_midi(MELODY, tmp_path / "melody.mid")
    assert read_primer(tmp_path / "melody.mid", semitones=5).tolist() == MELODY
    assert read_primer(str(tmp_path / "melody.mid"), length=5).tolist() == MELODY[:5]


@pytest.mark.parametrize("name", ["melody.MID", "melody.midi"])
def test_a_midi_file_is_known_by_its_suffix_and_found_in_the_home_folder(name, tmp_path, monkeypatch):
    write_midi(MELODY, tmp_path / name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_primer(f"~/{name}").tolist() == MELODY


def test_the_first_part_of_the_first_tune_of_a_file_counts(tmp_path):
    """The second part is in another key, the second tune is another one."""
    path = tmp_path / "two.abc"
    path.write_text(f"{ABC}K:C\ncBAG|FEDC|CDEF|GABc|\n\n{ABC.replace('X:1', 'X:2').replace('DEFG', 'AAAA')}")
    assert read_primer(path)[::4].tolist() == [14, 16, 18, 19, 21, 23, 25, 26]


def test_a_tune_is_moved_to_the_key(tmp_path):
    path = tmp_path / "scale.abc"
    path.write_text(ABC)
    in_c = read_primer(path)
    assert len(in_c) == PHRASE
    assert in_c[::4].tolist() == [14, 16, 18, 19, 21, 23, 25, 26]  # the tune is in D
    np.testing.assert_array_equal(read_primer(path, semitones=-5), transposed(in_c, -5))
    assert len(read_primer(path, length=64)) == 64


def test_a_tune_of_the_corpus_is_found_by_a_part_of_its_title(monkeypatch):
    segments = [np.arange(2, 38), np.full(40, 14), np.full(40, 16), np.full(40, 20)]
    titles = ["The Hag", "Drowsy Maggie", "Maggie in the Wood"]
    corpus = Corpus(segments, np.array([0, 1, 1, 2]), titles, [""] * 3)
    monkeypatch.setattr(primers_module, "load_corpus", lambda: corpus)
    assert read_primer("corpus:maggie", semitones=2).tolist() == [16] * 32
    assert read_primer("corpus: WOOD ", length=3).tolist() == [20] * 3
    with pytest.raises(PrimerError, match="No tune of the corpus is called 'Dancing'"):
        read_primer("corpus:Dancing")


@pytest.mark.parametrize(
    ("source", "length", "error", "sentence"),
    [
        ([], None, PrimerError, "is empty"),
        ("", None, PrimerError, "is empty"),
        (MELODY, 9, PrimerError, "has 8 steps: it cannot give 9"),
        (MELODY, 0, PrimerError, "must be at least 1 step, not 0"),
        ([38], None, VocabularyError, "Token 38"),
        ("14 99", None, VocabularyError, "Token 99"),
        ("C4 X", None, VocabularyError, "'X' is not a token: give a number 0..37, a note such as C4"),
        ("C9", None, VocabularyError, "MIDI pitch 120 is outside 48..83"),
        ("nowhere.mid", None, PrimerError, "There is no file nowhere.mid to start from"),
        ("9" * 5000, None, VocabularyError, "^'9+[.9]+' is not a token: give a number 0..37"),
        ("14 " + "9" * 5000, None, VocabularyError, "is not a token: give a number 0..37"),
        ("a\0b.mid", None, InputError, "cannot be a path: it contains the character NUL"),
        ("~nobody_of_that_name/a.mid", None, InputError, "names the home folder of an unknown user"),
        ("nowhere.abc", None, PrimerError, "There is no file nowhere.abc to start from"),
    ],
)
def test_an_invalid_primer_is_refused(source, length, error, sentence):
    with pytest.raises(error, match=sentence):
        read_primer(source, length)


SCALE = [14, 1, 16, 1, 18, 1, 19, 1, 21, 1, 23, 1, 25, 1, 26, 1]


@pytest.mark.parametrize("name", ["plain.mid", "riff.mid", "riff.rmi", "song.kar"])
def test_every_kind_of_midi_is_a_primer(name):
    """Also wrapped in RIFF, whatever its suffix; it is twenty notes of an eighth up and down a scale."""
    assert read_primer(KINDS / name, 16).tolist() == SCALE
    assert read_primer(KINDS / name).tolist() == read_primer(KINDS / "plain.mid").tolist()


def test_a_tune_may_be_as_short_as_a_bar():
    """A corpus asks for two bars; a primer gives what it has, and not more."""
    pytest.importorskip("music21")
    chord = [14, 1, 1, 1, 18, 1, 1, 1, 21, 1, 1, 1, 26, 1, 1, 1]
    assert read_primer(KINDS / "one_bar.abc").tolist() == chord
    assert read_primer(KINDS / "one_bar.abc", 5).tolist() == chord[:5]
    with pytest.raises(PrimerError, match="has 16 steps: it cannot give 17"):
        read_primer(KINDS / "one_bar.abc", 17)


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(PrimerError, match=r"tune\.txt is not a file of music .* in one of \.abc, \.kar, .*\.xml\."):
        read_primer("tune.txt")


@pytest.mark.parametrize("path", ["~nobody_of_that_name/tune.mid", "a\0.abc", f"{'x' * 300}.xml"])
def test_a_path_that_no_file_can_have_is_one_sentence(path):
    with pytest.raises(InputError, match=r"unknown user|character NUL|There is no file x"):
        read_primer(path)


def test_a_bomb_is_unpacked_no_further_than_the_limit(tmp_path):
    """A few kilobytes that unpack to 17 MiB."""
    with zipfile.ZipFile(tmp_path / "bomb.mxl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", bytes(17 << 20))
    assert (tmp_path / "bomb.mxl").stat().st_size < 1 << 16
    with pytest.raises(PrimerError, match=r"bomb\.mxl has no tune to start from: unpacks to more than 16 MiB"):
        read_primer(tmp_path / "bomb.mxl")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "takes too much memory to read"),
        (RecursionError(), "not readable (RecursionError)"),
    ],
)
def test_whatever_a_reader_raises_is_one_sentence(monkeypatch, error, reason):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(reading, "read_tunes", fail)
    with pytest.raises(PrimerError, match=f"one_bar.abc has no tune to start from: {re.escape(reason)}.$"):
        read_primer(KINDS / "one_bar.abc")


@pytest.mark.skipif(not hasattr(reading.signal, "setitimer"), reason="no timers here")
def test_a_tune_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(reading, "SECONDS_PER_FILE", 0.05)
    monkeypatch.setattr(reading, "read_tunes", lambda *_, **__: time.sleep(9))
    with pytest.raises(PrimerError, match=r"takes more than 0\.05 seconds to read"):
        read_primer(KINDS / "one_bar.abc")


def test_a_file_without_a_tune_is_refused(tmp_path):
    (tmp_path / "empty.abc").write_text("no tune here")
    with pytest.raises(PrimerError, match=r"empty.abc has no tune to start from"):
        read_primer(tmp_path / "empty.abc")


def test_single_tokens():
    assert [parse_token(word) for word in ("C4", "Bb3", "F#4", "-", ".", "37", "0")] == [14, 12, 20, 1, 0, 37, 0]
