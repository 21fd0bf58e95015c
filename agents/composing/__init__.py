"""Composing: players, composers, pieces, selection, and melodies as files."""
