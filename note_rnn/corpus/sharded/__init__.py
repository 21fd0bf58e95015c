"""Corpora that may be larger than memory: shards and their index, variants found across shards, splits."""
