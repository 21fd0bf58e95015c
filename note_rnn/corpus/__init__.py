"""Corpora of melodies: the tune books that come with music21, and those built from your own folders."""

from note_rnn.corpus.collections import (
    DEFAULT_COLLECTIONS,
    EXTRACTION_VERSION,
    cached_corpus,
    held_out_openings,
    known_collections,
    load_corpus,
    open_corpus,
    parse_collection,
    tune_books_command,
)
from note_rnn.corpus.corpus import Corpus, CorpusError
from note_rnn.corpus.corpus_files import write_corpus
from note_rnn.corpus.sharded.shards import Shards, read_corpus, read_shards
from note_rnn.corpus.sharded.splits import Split, split
from note_rnn.extraction.tune_files import Origin, Reading

__all__ = [
    "DEFAULT_COLLECTIONS",
    "EXTRACTION_VERSION",
    "Corpus",
    "CorpusError",
    "Origin",
    "Reading",
    "Shards",
    "Split",
    "cached_corpus",
    "held_out_openings",
    "known_collections",
    "load_corpus",
    "open_corpus",
    "parse_collection",
    "read_corpus",
    "read_shards",
    "split",
    "tune_books_command",
    "write_corpus",
]
