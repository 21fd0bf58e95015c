"""File formats of melodies: MIDI, ABC, MusicXML and WAV, and the notation that they share."""
