"""Corpora of melodies: the tune books that come with music21, and those made of folders of one's own."""

from note_rnn.corpus.corpora import (
    DEFAULT_COLLECTIONS,
    EXTRACTION_VERSION,
    Corpus,
    CorpusError,
    Split,
    held_out_openings,
    known_collections,
    load_corpus,
    parse_collection,
    split,
)

__all__ = [
    "DEFAULT_COLLECTIONS",
    "EXTRACTION_VERSION",
    "Corpus",
    "CorpusError",
    "Split",
    "held_out_openings",
    "known_collections",
    "load_corpus",
    "parse_collection",
    "split",
]
