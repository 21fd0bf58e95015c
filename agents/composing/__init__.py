"""Composing: players, composers, pieces, and melodies as files."""
