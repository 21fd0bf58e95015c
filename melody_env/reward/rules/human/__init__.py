"""Rules that distinguish human melodies from machine-made ones."""
