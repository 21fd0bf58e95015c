"""Sweeps: many runs over settings of the training, chosen by a grid or a search, with their table and page."""
