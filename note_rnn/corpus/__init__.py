"""Corpora of melodies: the tune books that come with music21, and those built from your own folders."""

from note_rnn.corpus.collections import (
    DEFAULT_COLLECTIONS,
    EXTRACTION_VERSION,
    cached_corpus,
    held_out_openings,
    known_collections,
    load_corpus,
    parse_collection,
    tune_books_command,
)
from note_rnn.corpus.corpus import Corpus, CorpusError, Split, split
from note_rnn.corpus.corpus_files import read_corpus, write_corpus
from note_rnn.extraction.tune_files import Origin, Reading

__all__ = [
    "DEFAULT_COLLECTIONS",
    "EXTRACTION_VERSION",
    "Corpus",
    "CorpusError",
    "Origin",
    "Reading",
    "Split",
    "cached_corpus",
    "held_out_openings",
    "known_collections",
    "load_corpus",
    "parse_collection",
    "read_corpus",
    "split",
    "tune_books_command",
    "write_corpus",
]
