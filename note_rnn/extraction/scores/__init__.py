"""Scores in ABC, MusicXML and kern, read as parts: one melody with its bar lines, endings and meters."""
