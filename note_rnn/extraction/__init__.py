"""Extraction of melodies, as tokens, from files of any music."""
