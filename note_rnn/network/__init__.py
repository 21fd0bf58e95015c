"""The Note RNN: its layers, its file, and melodies drawn from it."""
