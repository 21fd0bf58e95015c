"""Rules that tell human melodies from those of machines."""
