"""Melodies as files: the options of the command compose, writers of all formats, and records."""
