"""Composing: players, composers, pieces, selection, and in `files` melodies as files."""
