"""Melodies extracted from files of any music, as tokens."""
