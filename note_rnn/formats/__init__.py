"""Melody file formats: MIDI, ABC, MusicXML and WAV, and the notation they share."""
