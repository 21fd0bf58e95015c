"""Corpora of melodies: the tune books that come with music21, and those made of folders of one's own."""

from note_rnn.corpus.corpora import (
    DEFAULT_COLLECTIONS,
    EXTRACTION_VERSION,
    held_out_openings,
    is_own_music,
    known_collections,
    load_corpus,
    parse_collection,
    parse_folder,
    split,
)
from note_rnn.corpus.files import read_corpus, write_corpus
from note_rnn.corpus.types import Corpus, CorpusError, Split

__all__ = [
    "DEFAULT_COLLECTIONS",
    "EXTRACTION_VERSION",
    "Corpus",
    "CorpusError",
    "Split",
    "held_out_openings",
    "is_own_music",
    "known_collections",
    "load_corpus",
    "parse_collection",
    "parse_folder",
    "read_corpus",
    "split",
    "write_corpus",
]
